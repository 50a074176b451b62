/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoders promise: every legal shape decodes to the same bytes wherever the input is cut, and
 * everything that is damaged, truncated or followed by something else is an error, never a short result.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "worker/codec/codec.h"

#define STREAM_MAX (64U << 20)

static void fill_text(struct buf *b, size_t n)
{
	for (unsigned int i = 0; b->len < n; i++)
		assert_int_equal(buf_printf(b, "line %u of a text, %u\n", i, i * 2654435761U), 0);
	b->len = n;
}

static void fill_noise(struct buf *b, size_t n)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525U + 1013904223U;
		assert_int_equal(buf_putc(b, (char)(x >> 24)), 0);
	}
}

struct shape {
	int level;
	bool name, comment, extra, hcrc;
};

/* Append one gzip member holding data. */
static void member(struct buf *to, const void *data, size_t n, const struct shape *s)
{
	z_stream z = { .next_in = data, .avail_in = (uInt)n };
	gz_header h = { .os = 3 };
	Bytef name[] = "a-file-name", comment[] = "a comment", extra[300];

	memset(extra, 0xab, sizeof(extra));
	assert_int_equal(deflateInit2(&z, s->level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	h.name = s->name ? name : NULL;
	h.comment = s->comment ? comment : NULL;
	h.extra = s->extra ? extra : NULL;
	h.extra_len = s->extra ? sizeof(extra) : 0;
	h.hcrc = s->hcrc;
	assert_int_equal(deflateSetHeader(&z, &h), Z_OK);

	size_t room = deflateBound(&z, (uLong)n) + 1024;
	z.next_out = buf_reserve(to, room);
	assert_non_null(z.next_out);
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	to->len += room - z.avail_out;
	deflateEnd(&z);
}

static void zframe(struct buf *to, const void *data, size_t n)
{
	size_t room = ZSTD_compressBound(n);
	void *p = buf_reserve(to, room);

	assert_non_null(p);
	size_t r = ZSTD_compress(p, room, data, n, 3);
	assert_false(ZSTD_isError(r));
	to->len += r;
}

/* A source that is cut in two (or into steps), as a download would be. */
struct drip {
	size_t total, step;
	int waits;
};

static ctr_code grow(void *ud, struct source *s, struct ctr_error *err)
{
	struct drip *d = ud;
	uint64_t size = d->step ? MIN(s->size + d->step, (uint64_t)d->total) : d->total;

	d->waits++;
	return source_grow(s, size, size == d->total, err);
}

static int memory_file(const void *data, size_t n)
{
	int fd = memfd_create("source", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), (ssize_t)n);
	return fd;
}

struct result {
	ctr_code code;
	struct buf out;
	char digest[CODEC_DIGEST_ROOM];
	char message[256];
};

static void run_codec(struct source *src, const struct codec_options *opt, struct result *r)
{
	AUTO_ERROR err = ERROR_INIT;
	AUTO_CODEC *c = NULL;
	const void *data;
	size_t n;

	r->out = (struct buf)BUF_INIT(STREAM_MAX);
	r->message[0] = 0;
	r->code = codec_open(src, opt, &c, &err);
	while (r->code == CTR_OK) {
		r->code = codec_read(c, &data, &n, &err);
		if (r->code != CTR_OK || !n)
			break;
		assert_int_equal(buf_append(&r->out, data, n), 0);
	}
	if (r->code == CTR_OK)
		assert_int_equal(codec_digest(c, r->digest, &err), CTR_OK);
	else
		snprintf(r->message, sizeof(r->message), "%s", error_text(&err));
}

/* Decode b, of which first bytes are there at the start, then step by step (0: all at once). */
static void decode(const struct buf *b, size_t first, size_t step, struct codec_options opt,
		   struct result *r)
{
	int fd = memory_file(b->data, b->len);
	struct drip d = { .total = b->len, .step = step };
	struct source src;

	source_growing(&src, fd, first, first == b->len, grow, &d);
	run_codec(&src, &opt, r);
	fd_close(&fd);
}

static void expect_same(const struct result *r, const struct buf *want)
{
	unsigned char sum[32];
	char digest[CODEC_DIGEST_ROOM] = "sha256:";

	if (r->code != CTR_OK)
		fail_msg("%s", r->message);
	assert_int_equal(r->out.len, want->len);
	if (want->len)
		assert_memory_equal(r->out.data, want->data, want->len);
	assert_int_equal(
		EVP_Digest(want->len ? want->data : "", want->len, sum, NULL, EVP_sha256(), NULL),
		1);
	hex_encode(sum, 32, digest + 7);
	assert_string_equal(r->digest, digest);
}

static void decodes_to(const struct buf *b, size_t first, size_t step, struct codec_options opt,
		       const struct buf *want)
{
	struct result r;

	decode(b, first, step, opt, &r);
	expect_same(&r, want);
	buf_done(&r.out);
}

static void fails(const struct buf *b, size_t first, struct codec_options opt, const char *part)
{
	struct result r;

	decode(b, first, 0, opt, &r);
	buf_done(&r.out);
	if (r.code == CTR_OK)
		fail_msg("decoded, but '%s' was expected (cut at %zu of %zu)", part, first, b->len);
	if (!strstr(r.message, part))
		fail_msg("'%s' says nothing of '%s'", r.message, part);
}

/* Cut in two at every offset, by every byte, and through tiny buffers: always the same bytes. */
static void everywhere(const struct buf *b, struct codec_options opt, const struct buf *want)
{
	for (size_t i = 0; i <= b->len; i++)
		decodes_to(b, i, 0, opt, want);
	decodes_to(b, 0, 1, opt, want);
	decodes_to(b, 0, 7, opt, want);
	opt.out_bytes = 1;
	decodes_to(b, b->len, 0, opt, want);
	opt.in_bytes = 1;
	decodes_to(b, b->len, 0, opt, want);
	opt.in_bytes = 5;
	opt.out_bytes = 113;
	decodes_to(b, b->len, 0, opt, want);
}

static const bool by_zlib[] = { false, true };

static struct codec_options gzip_options(bool use_zlib)
{
	return (struct codec_options){ .kind = CODEC_GZIP, .use_zlib = use_zlib };
}

static void gzip_single_member_any_header(void **state)
{
	static const struct shape shapes[] = {
		{ 6, false, false, false, false }, { 6, true, false, false, false },
		{ 6, false, true, false, false },  { 6, false, false, true, false },
		{ 6, false, false, false, true },  { 6, true, true, true, true },
		{ 0, true, false, false, true },   { 1, false, false, true, true },
		{ 9, false, true, true, false },
	};
	AUTO_BUF text = BUF_INIT(STREAM_MAX);

	(void)state;
	fill_text(&text, 1500);
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		AUTO_BUF gz = BUF_INIT(STREAM_MAX);

		member(&gz, text.data, text.len, &shapes[i]);
		for (size_t k = 0; k < 2; k++)
			everywhere(&gz, gzip_options(by_zlib[k]), &text);
	}
}

static void gzip_members_cut_everywhere(void **state)
{
	static const struct shape plain = { .level = 6 }, full = { 6, true, true, true, true };
	AUTO_BUF want = BUF_INIT(STREAM_MAX), gz = BUF_INIT(STREAM_MAX);

	(void)state;
	fill_text(&want, 700);
	member(&gz, NULL, 0, &plain);
	member(&gz, want.data, 300, &full);
	member(&gz, NULL, 0, &full);
	member(&gz, NULL, 0, &plain);
	member(&gz, want.data + 300, 1, &plain);
	member(&gz, want.data + 301, want.len - 301, &plain);
	member(&gz, NULL, 0, &plain);
	for (size_t k = 0; k < 2; k++)
		everywhere(&gz, gzip_options(by_zlib[k]), &want);
}

static void gzip_only_empty_member(void **state)
{
	static const struct shape plain = { .level = 6 };
	AUTO_BUF want = BUF_INIT(STREAM_MAX), gz = BUF_INIT(STREAM_MAX);

	(void)state;
	member(&gz, NULL, 0, &plain);
	for (size_t k = 0; k < 2; k++)
		everywhere(&gz, gzip_options(by_zlib[k]), &want);
}

static void gzip_trailing_zeros_are_padding(void **state)
{
	static const struct shape plain = { .level = 6 };
	static const size_t lengths[] = { 1, 2, 7, 8, 9, 511, 1000 };
	AUTO_BUF want = BUF_INIT(STREAM_MAX);

	(void)state;
	fill_text(&want, 400);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		AUTO_BUF gz = BUF_INIT(STREAM_MAX);

		member(&gz, want.data, want.len, &plain);
		for (size_t j = 0; j < lengths[i]; j++)
			buf_putc(&gz, 0);
		for (size_t k = 0; k < 2; k++)
			everywhere(&gz, gzip_options(by_zlib[k]), &want);
	}
}

static void gzip_trailing_garbage_fails(void **state)
{
	static const struct shape plain = { .level = 6 };
	static const struct {
		const char *tail;
		size_t n;
		const char *part;
	} cases[] = {
		{ "x", 1, "garbage" },
		{ "garbage that is long enough", 27, "garbage" },
		{ "\0\0\0x", 4, "garbage" },
		{ "\0\x1f\x8b\x08", 4, "garbage" },
		{ "\x1f", 1, "truncated" },
		{ "\x1f\x8b\x08\0", 4, "truncated" },
		{ "\x1f\x8c\x08\0\0\0\0\0\0\0\0\0\0", 13, "gzip" },
		{ "\x1f\x8b\x07\0\0\0\0\0\0\0\0\0\0", 13, "method" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUF gz = BUF_INIT(STREAM_MAX);

		member(&gz, "hello", 5, &plain);
		buf_append(&gz, cases[i].tail, cases[i].n);
		for (size_t k = 0; k < 2; k++)
			for (size_t cut = 0; cut <= gz.len; cut++)
				fails(&gz, cut, gzip_options(by_zlib[k]), cases[i].part);
	}
}

static void gzip_truncated_anywhere_fails(void **state)
{
	static const struct shape full = { 6, true, true, true, true }, stored = { .level = 0 };
	AUTO_BUF text = BUF_INIT(STREAM_MAX), gz = BUF_INIT(STREAM_MAX),
		 noise = BUF_INIT(STREAM_MAX);

	(void)state;
	fill_text(&text, 900);
	fill_noise(&noise, 300);
	member(&gz, text.data, text.len, &full);
	size_t boundary = gz.len;
	member(&gz, noise.data, noise.len, &stored);
	for (size_t n = 0; n < gz.len; n++) {
		struct buf cut = gz;

		cut.len = n;
		if (n == boundary)
			continue; /* the first member alone is a stream of its own */
		for (size_t k = 0; k < 2; k++) {
			fails(&cut, n, gzip_options(by_zlib[k]), "truncated");
			fails(&cut, n / 2, gzip_options(by_zlib[k]), "truncated");
		}
	}
}

static void gzip_wrong_sums_fail(void **state)
{
	static const struct shape plain = { .level = 6 }, hcrc = { 6, true, false, false, true };
	AUTO_BUF text = BUF_INIT(STREAM_MAX), tail = BUF_INIT(STREAM_MAX);

	(void)state;
	fill_text(&text, 900);
	member(&tail, text.data, 10, &plain);
	for (size_t back = 1; back <= 8; back++) { /* 1-4: length, 5-8: CRC */
		AUTO_BUF gz = BUF_INIT(STREAM_MAX);

		member(&gz, text.data, text.len, &plain);
		gz.data[gz.len - back] = (char)(gz.data[gz.len - back] ^ 0x10);
		for (size_t more = 0; more < 2; more++) {
			if (more)
				buf_append(&gz, tail.data, tail.len);
			for (size_t k = 0; k < 2; k++)
				for (size_t cut = 0; cut <= gz.len; cut += 3)
					fails(&gz, cut, gzip_options(by_zlib[k]), "gzip stream");
		}
	}

	AUTO_BUF gz = BUF_INIT(STREAM_MAX);
	member(&gz, text.data, text.len, &hcrc);
	gz.data[10] = 'A'; /* the first byte of the name, which the header's own sum covers */
	for (size_t k = 0; k < 2; k++)
		fails(&gz, gz.len, gzip_options(by_zlib[k]), "gzip");
}

static void gzip_large_and_incompressible(void **state)
{
	AUTO_BUF text = BUF_INIT(STREAM_MAX), noise = BUF_INIT(STREAM_MAX);

	(void)state;
	fill_text(&text, 5U << 20);
	fill_noise(&noise, 3U << 20);
	for (int level = 0; level <= 9; level += 3) {
		struct shape s = { .level = level };
		AUTO_BUF gz = BUF_INIT(STREAM_MAX), want = BUF_INIT(STREAM_MAX);

		member(&gz, text.data, text.len, &s);
		member(&gz, noise.data, noise.len, &s);
		buf_append(&want, text.data, text.len);
		buf_append(&want, noise.data, noise.len);
		for (size_t k = 0; k < 2; k++) {
			decodes_to(&gz, gz.len, 0, gzip_options(by_zlib[k]), &want);
			decodes_to(&gz, 1000, 99991, gzip_options(by_zlib[k]), &want);
		}
	}
}

static void zstd_frames_and_skippable(void **state)
{
	static const char skip[] = "\x53\x2a\x4d\x18\x05\0\0\0abcde";
	struct codec_options opt = { .kind = CODEC_ZSTD };
	AUTO_BUF want = BUF_INIT(STREAM_MAX), z = BUF_INIT(STREAM_MAX);

	(void)state;
	fill_text(&want, 800);
	buf_append(&z, skip, sizeof(skip) - 1);
	zframe(&z, want.data, 500);
	zframe(&z, NULL, 0);
	buf_append(&z, skip, sizeof(skip) - 1);
	zframe(&z, want.data + 500, want.len - 500);
	everywhere(&z, opt, &want);
	opt.kind = CODEC_AUTO;
	decodes_to(&z, z.len, 0, opt, &want);
}

static void zstd_damage_fails(void **state)
{
	struct codec_options opt = { .kind = CODEC_ZSTD };
	AUTO_BUF text = BUF_INIT(STREAM_MAX), z = BUF_INIT(STREAM_MAX);

	(void)state;
	fill_text(&text, 800);
	zframe(&z, text.data, text.len);
	for (size_t n = 1; n < z.len; n++) {
		struct buf cut = z;

		cut.len = n;
		fails(&cut, n / 2, opt, "truncated");
	}
	struct buf none = { .data = z.data };
	fails(&none, 0, opt, "empty");

	buf_append(&z, "garbage", 7);
	for (size_t cut = 0; cut <= z.len; cut++)
		fails(&z, cut, opt, "zstd stream");
}

static void zstd_window_is_limited(void **state)
{
	/* A frame that asks for a window of 2^31 bytes: magic, descriptor, window byte 0xa8. */
	static const char frame[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
	struct codec_options opt = { .kind = CODEC_AUTO };
	AUTO_BUF z = BUF_INIT(STREAM_MAX);

	(void)state;
	buf_append(&z, frame, sizeof(frame) - 1);
	fails(&z, z.len, opt, "window");
}

static void detects_the_kind(void **state)
{
	static const struct shape plain = { .level = 6 };
	struct codec_options opt = { .kind = CODEC_AUTO };
	AUTO_BUF text = BUF_INIT(STREAM_MAX), gz = BUF_INIT(STREAM_MAX), z = BUF_INIT(STREAM_MAX);

	(void)state;
	fill_text(&text, 600);
	member(&gz, text.data, text.len, &plain);
	zframe(&z, text.data, text.len);
	everywhere(&text, opt, &text);
	decodes_to(&gz, 0, 1, opt, &text);
	decodes_to(&z, 0, 1, opt, &text);

	struct buf empty = { .data = text.data };
	decodes_to(&empty, 0, 0, opt, &empty);
	struct buf one = { .data = gz.data, .len = 1 };
	decodes_to(&one, 0, 0, opt, &one);
}

static void limits_name_themselves(void **state)
{
	static const struct shape plain = { .level = 9 };
	AUTO_BUF zeros = BUF_INIT(STREAM_MAX), gz = BUF_INIT(STREAM_MAX);
	struct codec_options opt = { .kind = CODEC_GZIP, .max_bytes = 1U << 20 };

	(void)state;
	memset(buf_reserve(&zeros, 32U << 20), 0, 32U << 20);
	zeros.len = 32U << 20;
	member(&gz, zeros.data, zeros.len, &plain);
	fails(&gz, gz.len, opt, "limit of 1048576 bytes");
	opt.max_bytes = zeros.len;
	decodes_to(&gz, gz.len, 0, opt, &zeros);

	for (int i = 0; i < 3; i++)
		buf_append(&gz, gz.data, gz.len); /* 256 MiB of zeros in 250 kB */
	member(&gz, "x", 1, &plain);
	int fd = memory_file(gz.data, gz.len);
	AUTO_ERROR err = ERROR_INIT;
	AUTO_CODEC *c = NULL;
	struct source src;

	opt = (struct codec_options){ .kind = CODEC_GZIP, .max_ratio = 100 };
	assert_int_equal(source_file(&src, fd, &err), CTR_OK);
	assert_int_equal(codec_open(&src, &opt, &c, &err), CTR_OK);
	assert_int_equal(codec_drain(c, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), "100 times"));
	fd_close(&fd);
}

static void source_that_shrinks_is_an_error(void **state)
{
	struct codec_options opt = { .kind = CODEC_AUTO };
	int fd = memory_file("0123456789", 10);
	struct source src;
	struct result r;

	(void)state;
	source_growing(&src, fd, 20, true, NULL, NULL);
	run_codec(&src, &opt, &r);
	assert_int_equal(r.code, CTR_DATA_LOSS);
	assert_non_null(strstr(r.message, "10 of 20"));
	buf_done(&r.out);

	AUTO_ERROR err = ERROR_INIT;
	source_growing(&src, fd, 5, false, NULL, NULL);
	assert_int_equal(source_grow(&src, 4, false, &err), CTR_INVALID_ARGUMENT);
	assert_int_equal(source_grow(&src, 10, true, &err), CTR_OK);
	assert_int_equal(source_grow(&src, 11, true, &err), CTR_INVALID_ARGUMENT);
	fd_close(&fd);
}

static void streams_are_read_to_their_end(void **state)
{
	struct codec_options opt = { .kind = CODEC_AUTO };
	AUTO_BUF text = BUF_INIT(STREAM_MAX);
	struct source src;
	struct result r;
	int fds[2];

	(void)state;
	fill_text(&text, 3000);
	assert_int_equal(fd_pipe(fds, 0), 0);
	assert_int_equal(write(fds[1], text.data, text.len), (ssize_t)text.len);
	fd_close(&fds[1]);
	source_stream(&src, fds[0]);
	run_codec(&src, &opt, &r);
	expect_same(&r, &text);
	buf_done(&r.out);
	fd_close(&fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip_single_member_any_header),
		cmocka_unit_test(gzip_members_cut_everywhere),
		cmocka_unit_test(gzip_only_empty_member),
		cmocka_unit_test(gzip_trailing_zeros_are_padding),
		cmocka_unit_test(gzip_trailing_garbage_fails),
		cmocka_unit_test(gzip_truncated_anywhere_fails),
		cmocka_unit_test(gzip_wrong_sums_fail),
		cmocka_unit_test(gzip_large_and_incompressible),
		cmocka_unit_test(zstd_frames_and_skippable),
		cmocka_unit_test(zstd_damage_fails),
		cmocka_unit_test(zstd_window_is_limited),
		cmocka_unit_test(detects_the_kind),
		cmocka_unit_test(limits_name_themselves),
		cmocka_unit_test(source_that_shrinks_is_an_error),
		cmocka_unit_test(streams_are_read_to_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
