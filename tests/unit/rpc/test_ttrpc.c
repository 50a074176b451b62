/* SPDX-License-Identifier: Apache-2.0
 *
 * ttrpc server and client over socket pairs in one loop: answers, streams, deadlines, wrong frames,
 * lost peers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "ttrpc/request.pb-c.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "rpc/pb.h"
#include "rpc/ttrpc_client.h"
#include "rpc/ttrpc_server.h"

#define GUARD_NS (20 * NS_PER_SEC)

struct fixture {
	struct loop *loop;
	struct ttrpc_server *server;
	struct ttrpc_client *client;
	struct loop_timer *guard;
	struct ttrpc_call *parked[64];
	size_t n_parked;
	unsigned cancels, opens, closed;
	/* what the client saw last */
	unsigned n_done, n_messages, want;
	ctr_code code;
	char text[256];
	char data[256];
	size_t n;
};

static struct fixture *fx(struct ttrpc_call *call)
{
	return ttrpc_call_ud(call);
}

static void echo(struct ttrpc_call *call, const void *data, size_t n)
{
	ttrpc_call_reply(call, data, n);
}

static void park(struct ttrpc_call *call, const void *data, size_t n)
{
	(void)data;
	(void)n;
	fx(call)->parked[fx(call)->n_parked++] = call;
}

static void cancelled(struct ttrpc_call *call)
{
	struct fixture *f = fx(call);

	f->cancels++;
	for (size_t i = 0; i < f->n_parked; i++) {
		if (f->parked[i] == call)
			f->parked[i] = f->parked[--f->n_parked];
	}
	assert_true(ttrpc_call_over(call));
	ttrpc_call_finish(call, CTR_CANCELLED, NULL);
	if (f->want && f->cancels == f->want)
		loop_stop(f->loop);
}

static void refuse(struct ttrpc_call *call, const void *data, size_t n)
{
	(void)data;
	(void)n;
	ttrpc_call_finish(call, CTR_CONFLICT, "thing 'x' is busy");
}

static void meta(struct ttrpc_call *call, const void *data, size_t n)
{
	const char *ns = ttrpc_call_metadata(call, "containerd-namespace-ttrpc");

	(void)data;
	(void)n;
	assert_null(ttrpc_call_metadata(call, "other"));
	assert_true(ttrpc_call_deadline_ns(call) < NO_DEADLINE);
	assert_int_equal(ttrpc_call_peer(call)->pid, getpid());
	ttrpc_call_reply(call, ns, strlen(ns));
}

static void big(struct ttrpc_call *call, const void *data, size_t n)
{
	size_t want = 4u << 20;
	char *p = calloc(1, want);

	(void)data;
	ttrpc_call_reply(call, p, want - (n > 0 ? 0 : 16));
	free(p);
}

static void count_up(struct ttrpc_call *call, const void *data, size_t n)
{
	assert_int_equal(n, 1);
	for (char c = 0; c < *(const char *)data; c++)
		assert_int_equal(ttrpc_call_send(call, &c, 1), 0);
	ttrpc_call_finish(call, CTR_OK, NULL);
}

static void bidi_start(struct ttrpc_call *call, const void *data, size_t n)
{
	assert_null(data);
	assert_int_equal(n, 0);
	fx(call)->opens++;
}

static void bidi_message(struct ttrpc_call *call, const void *data, size_t n)
{
	assert_int_equal(ttrpc_call_send(call, data, n), 0);
}

static void bidi_half_close(struct ttrpc_call *call)
{
	ttrpc_call_finish(call, CTR_OK, NULL);
}

static void sum_message(struct ttrpc_call *call, const void *data, size_t n)
{
	size_t *sum = ttrpc_call_data(call);

	(void)data;
	*sum += n;
}

static void sum_start(struct ttrpc_call *call, const void *data, size_t n)
{
	ttrpc_call_set_data(call, calloc(1, sizeof(size_t)));
	if (data)
		sum_message(call, data, n);
}

static void sum_half_close(struct ttrpc_call *call)
{
	size_t *sum = ttrpc_call_data(call);
	char text[2] = { (char)('0' + *sum), '\0' };

	free(sum);
	ttrpc_call_reply(call, text, 1);
}

static const struct ttrpc_method methods[] = {
	{ .name = "Echo", .start = echo },
	{ .name = "Park", .start = park, .cancel = cancelled },
	{ .name = "Refuse", .start = refuse },
	{ .name = "Meta", .start = meta },
	{ .name = "Big", .start = big },
	{ .name = "Count", .flags = TTRPC_SERVER_STREAM, .start = count_up },
	{ .name = "Bidi",
	  .flags = TTRPC_SERVER_STREAM | TTRPC_CLIENT_STREAM,
	  .start = bidi_start,
	  .message = bidi_message,
	  .half_close = bidi_half_close,
	  .cancel = cancelled },
	{ .name = "Sum",
	  .flags = TTRPC_CLIENT_STREAM,
	  .start = sum_start,
	  .message = sum_message,
	  .half_close = sum_half_close },
};

static struct ttrpc_service service = { .name = "t.S", .methods = methods, .n_methods = 8 };

static void too_long(void *ud)
{
	(void)ud;
	fail_msg("the test hangs");
}

static void on_client_closed(void *ud)
{
	struct fixture *f = ud;

	f->closed++;
	loop_stop(f->loop);
}

static struct ucred self_cred(void)
{
	return (struct ucred){ .pid = getpid(), .uid = geteuid(), .gid = getegid() };
}

static int serve_pair(struct fixture *f)
{
	const struct ucred me = self_cred();
	int fds[2];

	assert_int_equal(fd_socketpair(SOCK_STREAM, fds), 0);
	assert_int_equal(ttrpc_server_serve(f->server, fds[0], &me), 0);
	return fds[1];
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(loop_add_timer(f->loop, clock_now_ns() + GUARD_NS, too_long, f, &f->guard),
			 0);
	assert_int_equal(ttrpc_server_new(f->loop, TTRPC_SAME_USER, &f->server), 0);
	service.ud = f;
	assert_int_equal(ttrpc_server_register(f->server, &service), 0);
	assert_int_equal(ttrpc_server_register(f->server, &service), -EEXIST);
	assert_int_equal(ttrpc_client_new(f->loop, serve_pair(f), on_client_closed, f, &f->client),
			 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ttrpc_client_free(f->client);
	ttrpc_server_free(f->server);
	loop_del_timer(f->guard);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void keep(struct fixture *f, ctr_code code, const char *message, const void *data, size_t n)
{
	f->code = code;
	snprintf(f->text, sizeof(f->text), "%s", message);
	f->n = n;
	if (n > 0)
		memcpy(f->data, data, MIN(n, sizeof(f->data)));
}

static void done(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	struct fixture *f = ud;

	keep(f, code, message, data, n);
	f->n_done++;
	loop_stop(f->loop);
}

static void call(struct fixture *f, const char *method, const void *data, size_t n)
{
	const struct ttrpc_request rq = {
		.service = "t.S", .method = method, .data = data, .n = n
	};

	assert_int_equal(ttrpc_client_call(f->client, &rq, done, f, NULL), 0);
	loop_run(f->loop);
}

static void test_unary(void **state)
{
	struct fixture *f = *state;

	call(f, "Echo", "hello", 5);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n, 5);
	assert_memory_equal(f->data, "hello", 5);

	call(f, "Echo", NULL, 0);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n, 0);
	assert_int_equal(ttrpc_server_calls(f->server), 0);
}

static void test_errors_keep_class_and_lose_the_suffix(void **state)
{
	struct fixture *f = *state;

	call(f, "Refuse", NULL, 0);
	assert_int_equal(f->code, CTR_CONFLICT);
	assert_string_equal(f->text, "thing 'x' is busy");

	call(f, "Nope", NULL, 0);
	assert_int_equal(f->code, CTR_UNIMPLEMENTED);
	assert_string_equal(f->text, "method Nope");
}

static void test_metadata_and_deadline_travel(void **state)
{
	struct fixture *f = *state;
	const struct ttrpc_pair pairs[] = { { "containerd-namespace-ttrpc", "moby" },
					    { "containerd-namespace-ttrpc", "second" } };
	const struct ttrpc_request rq = { .service = "t.S",
					  .method = "Meta",
					  .metadata = pairs,
					  .n_metadata = 2,
					  .deadline_ns = clock_now_ns() + 10 * NS_PER_SEC };

	assert_int_equal(ttrpc_client_call(f->client, &rq, done, f, NULL), 0);
	loop_run(f->loop);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n, 4);
	assert_memory_equal(f->data, "moby", 4);
}

static void test_deadline_ends_both_sides(void **state)
{
	struct fixture *f = *state;
	const struct ttrpc_request rq = { .service = "t.S",
					  .method = "Park",
					  .deadline_ns = clock_now_ns() + 20 * NS_PER_MSEC };

	assert_int_equal(ttrpc_client_call(f->client, &rq, done, f, NULL), 0);
	loop_run(f->loop);
	assert_int_equal(f->code, CTR_DEADLINE_EXCEEDED);
	f->want = 1;
	if (f->cancels == 0)
		loop_run(f->loop);
	assert_int_equal(f->cancels, 1);
	assert_int_equal(f->n_parked, 0);

	/* The connection is as good as before. */
	call(f, "Echo", "a", 1);
	assert_int_equal(f->code, CTR_OK);
}

static void test_limit(void **state)
{
	struct fixture *f = *state;
	const struct ttrpc_request rq = {
		.service = "t.S", .method = "Echo", .data = f, .n = 5u << 20
	};

	assert_int_equal(ttrpc_client_call(f->client, &rq, done, f, NULL), -EMSGSIZE);

	call(f, "Big", NULL, 0);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n, (4u << 20) - 16);

	call(f, "Big", "x", 1);
	assert_int_equal(f->code, CTR_RESOURCE_EXHAUSTED);
	assert_string_equal(f->text,
			    "message length 4194309 exceed maximum message size of 4194304");
}

static void stream_message(void *ud, const void *data, size_t n)
{
	struct fixture *f = ud;

	f->n_messages++;
	keep(f, CTR_OK, "", data, n);
}

static void stream_end(void *ud, ctr_code code, const char *message)
{
	struct fixture *f = ud;

	f->code = code;
	snprintf(f->text, sizeof(f->text), "%s", message);
	f->n_done++;
	loop_stop(f->loop);
}

static const struct ttrpc_stream_ops stream_ops = { .message = stream_message, .end = stream_end };

static struct ttrpc_pending *open_stream(struct fixture *f, const char *method, unsigned flags,
					 const void *data, size_t n)
{
	const struct ttrpc_request rq = {
		.service = "t.S", .method = method, .data = data, .n = n
	};
	struct ttrpc_pending *p;

	assert_int_equal(ttrpc_client_open(f->client, &rq, flags, &stream_ops, f, &p), 0);
	return p;
}

static void test_server_stream(void **state)
{
	struct fixture *f = *state;

	open_stream(f, "Count", TTRPC_SERVER_STREAM, "\x07", 1);
	loop_run(f->loop);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n_messages, 7);
}

static void test_bidi_stream(void **state)
{
	struct fixture *f = *state;
	struct ttrpc_pending *p =
		open_stream(f, "Bidi", TTRPC_SERVER_STREAM | TTRPC_CLIENT_STREAM, NULL, 0);

	for (int i = 0; i < 5; i++)
		assert_int_equal(ttrpc_pending_send(p, "abc", 3), 0);
	assert_int_equal(ttrpc_pending_send(p, NULL, 0), 0);
	assert_int_equal(ttrpc_pending_half_close(p), 0);
	assert_int_equal(ttrpc_pending_send(p, "x", 1), -EPIPE);
	loop_run(f->loop);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n_messages, 6);
	assert_int_equal(f->n, 0);
}

static void test_client_stream(void **state)
{
	struct fixture *f = *state;
	struct ttrpc_pending *p = open_stream(f, "Sum", TTRPC_CLIENT_STREAM, "ab", 2);

	assert_int_equal(ttrpc_pending_send(p, "abc", 3), 0);
	assert_int_equal(ttrpc_pending_half_close(p), 0);
	loop_run(f->loop);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n_messages, 1);
	assert_int_equal(f->data[0], '5');
}

static void stop(void *ud)
{
	loop_stop(ud);
}

static void spin(struct fixture *f)
{
	struct loop_timer *t;

	assert_int_equal(
		loop_add_timer(f->loop, clock_now_ns() + 10 * NS_PER_MSEC, stop, f->loop, &t), 0);
	loop_run(f->loop);
}

static void test_lost_server_fails_all_calls(void **state)
{
	struct fixture *f = *state;
	const struct ttrpc_request rq = { .service = "t.S", .method = "Park" };

	for (int i = 0; i < 20; i++)
		assert_int_equal(ttrpc_client_call(f->client, &rq, done, f, NULL), 0);
	spin(f);
	assert_int_equal(f->n_parked, 20);
	assert_int_equal(ttrpc_server_calls(f->server), 20);

	ttrpc_server_free(f->server);
	f->server = NULL;
	assert_int_equal(f->cancels, 20);
	while (f->closed == 0)
		loop_run(f->loop);
	assert_int_equal(f->n_done, 20);
	assert_int_equal(f->closed, 1);
	assert_int_equal(f->code, CTR_UNAVAILABLE);
	assert_string_equal(f->text, "ttrpc: closed");
	assert_false(ttrpc_client_is_open(f->client));
	assert_int_equal(ttrpc_client_call(f->client, &rq, done, f, NULL), -EPIPE);
}

static void test_lost_client_cancels_calls(void **state)
{
	struct fixture *f = *state;
	const struct ttrpc_request rq = { .service = "t.S", .method = "Park" };

	assert_int_equal(ttrpc_client_call(f->client, &rq, done, f, NULL), 0);
	open_stream(f, "Bidi", TTRPC_SERVER_STREAM | TTRPC_CLIENT_STREAM, NULL, 0);
	spin(f);
	assert_int_equal(f->opens, 1);
	ttrpc_client_free(f->client);
	f->client = NULL;
	assert_int_equal(f->n_done, 2);
	assert_int_equal(f->closed, 0);
	f->want = 2;
	while (f->cancels < 2)
		loop_run(f->loop);
	assert_int_equal(ttrpc_server_calls(f->server), 0);
}

static void test_cancelled_call_stays_silent(void **state)
{
	struct fixture *f = *state;
	const struct ttrpc_request rq = { .service = "t.S", .method = "Echo" };
	struct ttrpc_pending *p;

	assert_int_equal(ttrpc_client_call(f->client, &rq, done, f, &p), 0);
	ttrpc_pending_cancel(p);
	spin(f);
	assert_int_equal(f->n_done, 0);
	call(f, "Echo", "z", 1);
	assert_int_equal(f->n_done, 1);
}

static void test_foreign_user_is_refused(void **state)
{
	struct fixture *f = *state;
	struct ucred other = self_cred();
	int fds[2];

	other.uid++;
	assert_int_equal(fd_socketpair(SOCK_STREAM, fds), 0);
	assert_int_equal(ttrpc_server_serve(f->server, fds[0], &other), -EPERM);
	close(fds[0]);
	close(fds[1]);
}

/* Send raw bytes, give the loop a moment, and read one frame. */
static size_t raw(struct fixture *f, int fd, const void *out, size_t n_out, uint8_t *in,
		  size_t room)
{
	ssize_t n;

	assert_int_equal(io_write_full(fd, out, n_out), 0);
	spin(f);
	n = recv(fd, in, room, MSG_DONTWAIT);
	return n < 0 ? 0 : (size_t)n;
}

static void expect_status(const uint8_t *in, size_t n, uint8_t stream, int code, const char *text)
{
	AUTO_PB Ttrpc__Response *resp = NULL;

	assert_true(n > 10);
	assert_int_equal(in[7], stream);
	assert_int_equal(in[8], 2);
	assert_int_equal(in[9], 0);
	resp = pb_unpack(&ttrpc__response__descriptor, in + 10, n - 10, 4096);
	assert_non_null(resp);
	assert_non_null(resp->status);
	assert_int_equal(resp->status->code, code);
	assert_string_equal(resp->status->message, text);
}

static void test_wrong_frames(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *bytes;
		size_t n;
		uint8_t stream;
		int code;
		const char *text;
	} cases[] = {
		/* unknown service, and the id is used up */
		{ "\0\0\0\6\0\0\0\5\1\0\12\1Q\22\1M", 16, 5, 12, "service Q" },
		{ "\0\0\0\0\0\0\0\5\1\0", 10, 5, 3,
		  "StreamID cannot be re-used and must increment" },
		{ "\0\0\0\0\0\0\0\4\1\0", 10, 4, 3,
		  "StreamID must be odd for client initiated streams" },
		{ "\0\0\0\1\0\0\0\7\3\0x", 11, 7, 3, "StreamID is no longer active" },
		{ "\0\0\0\1\0\0\0\7\1\0x", 11, 7, 3,
		  "unmarshal request error: the bytes are no ttrpc.Request" },
		{ "\0\0\0\0\0\0\0\11\1\0", 10, 9, 12, "service " },
	};
	uint8_t in[4096];
	int fd = serve_pair(f);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = raw(f, fd, cases[i].bytes, cases[i].n, in, sizeof(in));

		expect_status(in, n, cases[i].stream, cases[i].code, cases[i].text);
	}

	/* An unknown type is ignored, byte by byte too. */
	assert_int_equal(raw(f, fd, "\0\0\0\0\0\0\0\13\11\0", 10, in, sizeof(in)), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(raw(f, fd, &"\0\0\0\0\0\0\0\13\11\0"[i], 1, in, sizeof(in)), 0);
	close(fd);
}

struct oversize {
	int fd;
	struct loop *loop;
	size_t left;
};

static void push_zeros(void *ud, uint32_t events)
{
	static const char zeros[65536];
	struct oversize *o = ud;
	ssize_t n;

	(void)events;
	n = send(o->fd, zeros, MIN(sizeof(zeros), o->left), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		o->left -= (size_t)n;
	if (o->left == 0)
		loop_stop(o->loop);
}

static void test_oversized_frame_is_skipped(void **state)
{
	struct fixture *f = *state;
	struct oversize o = { .fd = serve_pair(f), .loop = f->loop, .left = (4u << 20) + 1 };
	struct loop_fd *watch;
	uint8_t in[4096];
	size_t n = raw(f, o.fd, "\0\x40\0\1\0\0\0\1\1\0", 10, in, sizeof(in));

	expect_status(in, n, 1, 8, "message length 4194305 exceed maximum message size of 4194304");
	assert_int_equal(loop_add_fd(f->loop, o.fd, 4 /* EPOLLOUT */, push_zeros, &o, &watch), 0);
	loop_run(f->loop);
	loop_del_fd(watch);
	n = raw(f, o.fd, "\0\0\0\12\0\0\0\1\1\0\12\3t.S\22\3Foo", 20, in, sizeof(in));
	expect_status(in, n, 1, 12, "method Foo");
	close(o.fd);
}

static void test_data_after_close_is_an_error(void **state)
{
	struct fixture *f = *state;
	uint8_t in[4096];
	int fd = serve_pair(f);
	size_t n;

	n = raw(f, fd, "\0\0\0\13\0\0\0\1\1\2\12\3t.S\22\4Bidi", 21, in, sizeof(in));
	assert_int_equal(n, 0);
	/* A closing frame with data: the message arrives, then the stream ends as the handler
	 * says. */
	n = raw(f, fd, "\0\0\0\1\0\0\0\1\3\1x", 11, in, sizeof(in));
	assert_int_equal(n, 11 + 10);
	assert_int_equal(in[9], 0);
	assert_int_equal(in[10], 'x');
	assert_int_equal(in[11 + 9], 5);

	/* Parked is unary: data for it is refused and ends it. */
	n = raw(f, fd, "\0\0\0\13\0\0\0\3\1\0\12\3t.S\22\4Park", 21, in, sizeof(in));
	assert_int_equal(n, 0);
	n = raw(f, fd, "\0\0\0\1\0\0\0\3\3\0x", 11, in, sizeof(in));
	expect_status(in, n, 3, 3, "data handling error: ttrpc: stream closed");
	assert_int_equal(f->cancels, 1);
	close(fd);
}

static void test_peer_that_never_reads_is_cut(void **state)
{
	struct fixture *f = *state;
	/* 24 MiB of answers while the client has no turn on the loop. */
	const size_t n = 3u << 20;
	char *data = calloc(1, n);
	const struct ttrpc_request rq = { .service = "t.S", .method = "Park" };
	struct ttrpc_call *parked;

	for (int i = 0; i < 8; i++)
		assert_int_equal(ttrpc_client_call(f->client, &rq, done, f, NULL), 0);
	spin(f);
	assert_int_equal(f->n_parked, 8);
	for (int i = 0; i < 8; i++) {
		parked = f->parked[--f->n_parked];
		ttrpc_call_reply(parked, data, n);
	}
	free(data);
	while (f->closed == 0)
		loop_run(f->loop);
	assert_int_equal(f->n_done, 8);
	assert_int_equal(f->code, CTR_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unary, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors_keep_class_and_lose_the_suffix, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_metadata_and_deadline_travel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadline_ends_both_sides, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bidi_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_server_fails_all_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_client_cancels_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled_call_stays_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_user_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oversized_frame_is_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_data_after_close_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(test_peer_that_never_reads_is_cut, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
