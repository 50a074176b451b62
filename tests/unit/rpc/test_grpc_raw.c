/* SPDX-License-Identifier: Apache-2.0
 *
 * The gRPC server given bytes by hand: what no well-behaved client sends, and what only some send.
 */
#include "grpc_fixture.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/macros.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

#define END_STREAM  1
#define END_HEADERS 4

struct raw {
	struct fixture *f;
	int fd;
	struct buf out;
	nghttp2_hd_inflater *inflater;
	char answer
		/* "name: value\n" of all HEADERS, "RST n\n", "PING\n", "GOAWAY n\n", "DATA n\n" */
		[4096];
	int gone;
};

static void frame(struct raw *r, uint8_t type, uint8_t flags, uint8_t stream, const void *data,
		  size_t n)
{
	const uint8_t head[9] = { 0, (uint8_t)(n >> 8), (uint8_t)n, type, flags, 0, 0, 0, stream };

	buf_append(&r->out, head, sizeof(head));
	buf_append(&r->out, data, n);
}

/* One header as a literal without indexing. */
static void header(struct buf *b, const char *name, const char *value)
{
	buf_putc(b, 0);
	buf_putc(b, (char)strlen(name));
	buf_puts(b, name);
	buf_putc(b, (char)strlen(value));
	buf_puts(b, value);
}

/* "name=value" pairs over good defaults; "name=-" leaves one out. */
static void headers(struct raw *r, uint8_t stream, uint8_t flags, const char *const *changes)
{
	static const char *const defaults[][2] = {
		{ ":method", "POST" },
		{ ":scheme", "http" },
		{ ":path", "/t.S/Echo" },
		{ ":authority", "localhost" },
		{ "content-type", "application/grpc" },
		{ "te", "trailers" },
	};
	AUTO_BUF block = BUF_INIT(4096);
	int used[16] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		const char *value = defaults[i][1];

		for (size_t c = 0; changes[c]; c++) {
			size_t n = strlen(defaults[i][0]);

			if (strncmp(changes[c], defaults[i][0], n) != 0 || changes[c][n] != '=')
				continue;
			value = changes[c] + n + 1;
			used[c] = 1;
		}
		if (strcmp(value, "-") != 0)
			header(&block, defaults[i][0], value);
	}
	for (size_t c = 0; changes[c]; c++) {
		char name[64];
		size_t n = strcspn(changes[c], "=");

		if (used[c])
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)n, changes[c]);
		header(&block, name, changes[c] + n + 1);
	}

	frame(r, 1, (uint8_t)(flags | END_HEADERS), stream, block.data, block.len);
}

static void note(struct raw *r, const char *what)
{
	size_t at = strlen(r->answer);

	snprintf(r->answer + at, sizeof(r->answer) - at, "%s\n", what);
}

static void note_number(struct raw *r, const char *what, size_t n)
{
	size_t at = strlen(r->answer);

	snprintf(r->answer + at, sizeof(r->answer) - at, "%s %zu\n", what, n);
}

static void note_headers(struct raw *r, const uint8_t *p, size_t n)
{
	while (1) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t took = nghttp2_hd_inflate_hd2(r->inflater, &nv, &flags, p, n, 1);
		size_t at = strlen(r->answer);

		assert_true(took >= 0);
		p += took;
		n -= (size_t)took;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			snprintf(r->answer + at, sizeof(r->answer) - at, "%s: %s\n",
				 (char *)nv.name, (char *)nv.value);
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	nghttp2_hd_inflate_end_headers(r->inflater);
}

static void note_frame(struct raw *r, const uint8_t *p, size_t n)
{
	const uint8_t *data = p + 9;
	unsigned word = n >= 4 ? (unsigned)data[n - 4] << 24 | (unsigned)data[n - 3] << 16 |
					 (unsigned)data[n - 2] << 8 | data[n - 1]
			       : 0;

	switch (p[3]) {
	case NGHTTP2_DATA:
		note_number(r, "DATA", n);
		break;
	case NGHTTP2_HEADERS:
		note_headers(r, data, n);
		if (p[4] & END_STREAM)
			note(r, "END");
		break;
	case NGHTTP2_RST_STREAM:
		note_number(r, "RST", word);
		break;
	case NGHTTP2_PING:
		note(r, "PING");
		break;
	case NGHTTP2_GOAWAY:
		note_number(r, "GOAWAY", word);
		break;
	default:
		break;
	}
}

/* Send what was built, give the server a moment, and note what it says. */
static const char *talk(struct raw *r)
{
	uint8_t in[8192];
	size_t n = 0;

	r->answer[0] = '\0';
	assert_int_equal(io_write_full(r->fd, r->out.data, r->out.len), 0);
	buf_done(&r->out);
	for (int i = 0; i < 3; i++) {
		ssize_t got;

		fixture_spin(r->f, 2);
		got = recv(r->fd, in + n, sizeof(in) - n, MSG_DONTWAIT);
		if (got > 0)
			n += (size_t)got;
		r->gone = got == 0;
	}

	for (size_t at = 0; at + 9 <= n;) {
		size_t len = (size_t)in[at] << 16 | (size_t)in[at + 1] << 8 | in[at + 2];

		assert_true(at + 9 + len <= n);
		note_frame(r, in + at, len);
		at += 9 + len;
	}
	return r->answer;
}

static void start(struct raw *r, struct fixture *f)
{
	memset(r, 0, sizeof(*r));
	r->f = f;
	r->out.max = 1u << 20;
	r->fd = fixture_serve(f);
	assert_int_equal(nghttp2_hd_inflate_new(&r->inflater), 0);
	buf_append(&r->out, PREFACE, sizeof(PREFACE) - 1);
}

static void finish(struct raw *r)
{
	buf_done(&r->out);
	nghttp2_hd_inflate_del(r->inflater);
	close(r->fd);
}

#define OK_ECHO      ":status: 200\ncontent-type: application/grpc\nDATA 6\ngrpc-status: 0\nEND\n"
#define ECHO_MESSAGE "\0\0\0\0\1x"

static void test_request_heads(void **state)
{
	static const struct {
		const char *changes[4];
		const char *want;
	} cases[] = {
		{ { NULL }, OK_ECHO },
		{ { ":authority=/run/ctr/ctrd.sock" }, OK_ECHO },
		{ { ":authority=" }, OK_ECHO },
		{ { ":authority=a b" }, OK_ECHO },
		{ { ":authority=-" }, OK_ECHO },
		{ { ":scheme=-", "te=-" }, OK_ECHO },
		{ { "content-type=application/grpc+proto" }, OK_ECHO },
		{ { "content-type=text/plain" },
		  ":status: 415\ncontent-type: application/grpc\ngrpc-status: 3\n"
		  "grpc-message: invalid gRPC request content-type \"text/plain\"\nEND\nRST 0\n" },
		{ { "content-type=-" },
		  ":status: 415\ncontent-type: application/grpc\ngrpc-status: 3\n"
		  "grpc-message: invalid gRPC request content-type \"\"\nEND\nRST 0\n" },
		{ { ":method=GET" },
		  ":status: 405\ncontent-type: application/grpc\ngrpc-status: 13\n"
		  "grpc-message: received a HEADERS frame whose :method is not POST\nEND\nRST "
		  "0\n" },
		{ { "grpc-timeout=5x" },
		  ":status: 400\ncontent-type: application/grpc\ngrpc-status: 13\n"
		  "grpc-message: malformed grpc-timeout\nEND\nRST 0\n" },
		{ { ":path=-" }, "RST 1\n" },
		{ { ":path=" },
		  ":status: 200\ncontent-type: application/grpc\ngrpc-status: 12\n"
		  "grpc-message: malformed method name: \"\"\nEND\nRST 0\n" },
		{ { ":path=/x.Y/Z" },
		  ":status: 200\ncontent-type: application/grpc\ngrpc-status: 12\n"
		  "grpc-message: unknown service x.Y\nEND\nRST 0\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct raw r;

		start(&r, f);
		headers(&r, 1, 0, cases[i].changes);
		talk(&r);
		if (cases[i].want[0] == ':' && strstr(cases[i].want, "DATA")) {
			assert_string_equal(r.answer, "");
			frame(&r, 0, END_STREAM, 1, ECHO_MESSAGE, 6);
			talk(&r);
		}
		assert_string_equal(r.answer, cases[i].want);

		/* The connection is as good as before. */
		headers(&r, 3, 0, (const char *const[]){ NULL });
		frame(&r, 0, END_STREAM, 3, ECHO_MESSAGE, 6);
		assert_string_equal(talk(&r), OK_ECHO);
		finish(&r);
	}
}

static void test_bodies(void **state)
{
	static const struct {
		const char *encoding;
		const char *bytes;
		size_t n;
		const char *want;
	} cases[] = {
		{ "grpc-encoding=gzip", "\1\0\0\0\1x", 6,
		  "grpc-status: 12\ngrpc-message: grpc: Decompressor is not installed for "
		  "grpc-encoding \"gzip\"\n" },
		{ NULL, "\1\0\0\0\1x", 6,
		  "grpc-status: 12\ngrpc-message: grpc: Decompressor is not installed for "
		  "grpc-encoding \"\"\n" },
		{ NULL, "\7\0\0\0\1x", 6,
		  "grpc-status: 13\ngrpc-message: grpc: received unexpected payload format 7\n" },
		{ NULL, "\0\1\0\0\1x", 6,
		  "grpc-status: 8\ngrpc-message: grpc: received message larger than max (16777217 "
		  "vs. 16777216)\n" },
		{ NULL, "\0\0\0\0\1x\0\0\0\0\1x", 12,
		  "grpc-status: 13\ngrpc-message: more than one message for a call that takes "
		  "one\n" },
		{ NULL, "\0\0\0\0\1x\0", 7,
		  "grpc-status: 13\ngrpc-message: more than one message for a call that takes "
		  "one\n" },
		{ NULL, "", 0,
		  "grpc-status: 13\ngrpc-message: the call ended without a message\n" },
		{ NULL, "\0\0\0\0\2x", 6,
		  "grpc-status: 13\ngrpc-message: the stream ended inside a message\n" },
		{ NULL, "\0\0\0", 3,
		  "grpc-status: 13\ngrpc-message: the stream ended inside a message\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *changes[] = { cases[i].encoding, NULL };
		struct raw r;

		start(&r, f);
		headers(&r, 1, 0, changes);
		frame(&r, 0, END_STREAM, 1, cases[i].bytes, cases[i].n);
		assert_non_null(strstr(talk(&r), cases[i].want));
		/* No handler ever heard of it. */
		assert_int_equal(f->cancels + f->closes, 0);
		finish(&r);
	}
}

static void test_message_in_many_frames(void **state)
{
	struct fixture *f = *state;
	struct raw r;

	start(&r, f);
	headers(&r, 1, 0, (const char *const[]){ NULL });
	for (size_t i = 0; i < 6; i++) {
		frame(&r, 0, 0, 1, &ECHO_MESSAGE[i], 1);
		assert_string_equal(talk(&r), "");
	}
	/* The request lay in a read buffer that has been used again since. */
	frame(&r, 6, 0, 0, "12345678", 8);
	assert_string_equal(talk(&r), "PING\n");
	frame(&r, 0, END_STREAM, 1, "", 0);
	assert_string_equal(talk(&r), OK_ECHO);
	assert_int_equal(f->cancels, 0);
	finish(&r);
}

static void test_trailers_may_end_a_request(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF block = BUF_INIT(100);
	struct raw r;

	start(&r, f);
	headers(&r, 1, 0, (const char *const[]){ NULL });
	frame(&r, 0, 0, 1, ECHO_MESSAGE, 6);
	header(&block, "x", "y");
	frame(&r, 1, END_STREAM | END_HEADERS, 1, block.data, block.len);
	assert_string_equal(talk(&r), OK_ECHO);
	finish(&r);
}

static void test_deadline_is_the_servers_too(void **state)
{
	struct fixture *f = *state;
	struct raw r;

	start(&r, f);
	headers(&r, 1, 0, (const char *const[]){ ":path=/t.S/Park", "grpc-timeout=2m", NULL });
	frame(&r, 0, END_STREAM, 1, ECHO_MESSAGE, 6);
	assert_string_equal(talk(&r),
			    ":status: 200\ncontent-type: application/grpc\ngrpc-status: 4\n"
			    "grpc-message: context deadline exceeded\nEND\n");
	assert_int_equal(f->cancels, 1);
	assert_int_equal(f->closes, 1);
	finish(&r);
}

static void test_reset_cancels(void **state)
{
	struct fixture *f = *state;
	struct raw r;

	start(&r, f);
	headers(&r, 1, 0, (const char *const[]){ ":path=/t.S/Bidi", NULL });
	talk(&r);
	assert_int_equal(f->opens, 1);
	frame(&r, 3, 0, 1, "\0\0\0\10", 4);
	talk(&r);
	assert_int_equal(f->cancels, 1);
	assert_int_equal(f->closes, 1);
	finish(&r);
}

static void test_half_message_at_the_end_of_a_stream(void **state)
{
	struct fixture *f = *state;
	struct raw r;

	start(&r, f);
	headers(&r, 1, 0, (const char *const[]){ ":path=/t.S/Bidi", NULL });
	frame(&r, 0, END_STREAM, 1, "\0\0\0\0\5abc", 8);
	assert_non_null(strstr(
		talk(&r), "grpc-status: 13\ngrpc-message: the stream ended inside a message\n"));
	assert_int_equal(f->cancels, 1);
	assert_int_equal(f->half_closes, 0);
	finish(&r);
}

static void test_garbage_ends_the_connection(void **state)
{
	static const char *const cases[] = {
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct raw r;

		start(&r, f);
		buf_done(&r.out);
		buf_append(&r.out, cases[i], 28);
		talk(&r);
		assert_true(r.gone);
		finish(&r);
	}
	assert_int_equal(grpc_server_conns(f->server), 1);
}

static void test_frame_that_breaks_http2(void **state)
{
	struct fixture *f = *state;
	struct raw r;

	start(&r, f);
	headers(&r, 1, 0, (const char *const[]){ ":path=/t.S/Bidi", NULL });
	talk(&r);
	/* Headers that do not decode. */
	frame(&r, 1, END_HEADERS, 3, "\377\377\377\377\377\377", 6);
	talk(&r);
	assert_non_null(strstr(r.answer, "GOAWAY"));
	assert_true(r.gone);
	assert_int_equal(f->cancels, 1);
	assert_int_equal(f->closes, 1);
	finish(&r);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_request_heads),
		T(test_bodies),
		T(test_message_in_many_frames),
		T(test_trailers_may_end_a_request),
		T(test_deadline_is_the_servers_too),
		T(test_reset_cancels),
		T(test_half_message_at_the_end_of_a_stream),
		T(test_garbage_ends_the_connection),
		T(test_frame_that_breaks_http2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
