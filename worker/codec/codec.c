/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop around a decoder: fill the input window, decode one block, count it against the limits and
 * hash it. At most one window is decoded per block, so what has arrived is handed on before waiting.
 */
#include "worker/codec/codec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "worker/codec/decoder.h"
#include "worker/codec/hash.h"

struct codec {
	struct source *src;
	struct codec_options opt;
	struct decoder *dec;
	struct hash *md;
	uint8_t *in_buf, *out_buf;
	struct decoder_input in;
	uint64_t in_total, out_total;
};

struct plain {
	struct decoder base;
};

static ctr_code plain_step(struct decoder *d, struct decoder_input *in, uint8_t *out, size_t room,
			   size_t *ret_n, struct ctr_error *err)
{
	size_t n = MIN(in->n, room);

	(void)err;
	if (n)
		memcpy(out, in->data, n);
	in->data += n;
	in->n -= n;
	if (!in->n && in->last)
		d->ended = true;
	*ret_n = n;
	return CTR_OK;
}

static void plain_free(struct decoder *d)
{
	free(container_of(d, struct plain, base));
}

ctr_code decoder_plain(struct decoder **ret, struct ctr_error *err)
{
	static const struct decoder_ops ops = { .step = plain_step, .free = plain_free };
	struct plain *p = calloc(1, sizeof(*p));

	if (!p)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	p->base.ops = &ops;
	*ret = &p->base;
	return CTR_OK;
}

/* Top the window up. The first fill asks for several bytes, so that a magic number is seen whole. */
static ctr_code fill(struct codec *c, size_t at_least, struct ctr_error *err)
{
	size_t have = c->in.n, n;
	ctr_code code;

	if (have && c->in.data != c->in_buf)
		memmove(c->in_buf, c->in.data, have);

	c->in.data = c->in_buf;
	while (have < at_least && !c->in.last) {
		code = source_read(c->src, c->in_buf + have, c->opt.in_bytes - have, &n, err);
		if (code != CTR_OK)
			return code;
		if (!n)
			c->in.last = true;
		have += n;
		c->in.n = have;
	}
	return CTR_OK;
}

static enum codec_kind detect(const uint8_t *p, size_t n)
{
	if (n >= 2 && p[0] == 0x1f && p[1] == 0x8b)
		return CODEC_GZIP;
	if (n >= 4 && p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd)
		return CODEC_ZSTD;
	if (n >= 4 && (p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18)
		return CODEC_ZSTD; /* a skippable frame */
	return CODEC_PLAIN;
}

static ctr_code open_decoder(struct codec *c, struct ctr_error *err)
{
	switch (c->opt.kind) {
	case CODEC_GZIP:
#ifdef CTR_HAVE_ISAL
		if (!c->opt.use_zlib)
			return decoder_isal(&c->dec, err);
#endif
		return decoder_zlib(&c->dec, err);
	case CODEC_ZSTD:
		return decoder_zstd(&c->dec, err);
	case CODEC_AUTO:
	case CODEC_PLAIN:
		break;
	}
	return decoder_plain(&c->dec, err);
}

static ctr_code open_all(struct codec *c, struct ctr_error *err)
{
	ctr_code code;

	c->in_buf = malloc(c->opt.in_bytes);
	c->out_buf = malloc(c->opt.out_bytes);
	if (!c->in_buf || !c->out_buf)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	code = hash_new(&c->md, err);
	if (code != CTR_OK)
		return code;

	if (c->opt.kind == CODEC_AUTO) {
		code = fill(c, MIN((size_t)4, c->opt.in_bytes), err);
		if (code != CTR_OK)
			return code;
		c->opt.kind = detect(c->in.data, c->in.n);
	}
	return open_decoder(c, err);
}

ctr_code codec_open(struct source *src, const struct codec_options *opt, struct codec **ret,
		    struct ctr_error *err)
{
	AUTO_CODEC *c = calloc(1, sizeof(*c));
	ctr_code code;

	if (!c)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	c->src = src;
	c->opt = *opt;
	if (!c->opt.in_bytes)
		c->opt.in_bytes = CODEC_IN_BYTES;
	if (!c->opt.out_bytes)
		c->opt.out_bytes = CODEC_OUT_BYTES;

	code = open_all(c, err);
	if (code != CTR_OK)
		return code;

	*ret = take_ptr(&c);
	return CTR_OK;
}

void codec_close(struct codec *c)
{
	if (!c)
		return;

	if (c->dec)
		c->dec->ops->free(c->dec);
	hash_free(c->md);
	free(c->in_buf);
	free(c->out_buf);
	free(c);
}

static ctr_code check_limits(const struct codec *c, struct ctr_error *err)
{
	uint64_t max;

	if (c->opt.max_bytes && c->out_total > c->opt.max_bytes)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"stream expands to more than the limit of %" PRIu64 " bytes",
				c->opt.max_bytes);
	if (!c->opt.max_ratio || c->opt.kind == CODEC_PLAIN || c->out_total <= CODEC_RATIO_FROM)
		return CTR_OK;
	if (mul_ok(c->in_total, c->opt.max_ratio, &max) == 0 && c->out_total > max)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"stream expands to more than %" PRIu64
				" times its compressed size (%" PRIu64 " bytes from %" PRIu64 ")",
				c->opt.max_ratio, c->out_total, c->in_total);
	return CTR_OK;
}

/* Decode until the block is full, the stream ends, or the window is used up and something came out. */
static ctr_code decode_block(struct codec *c, size_t *ret_n, struct ctr_error *err)
{
	size_t n = 0, got, before;
	ctr_code code;

	while (n < c->opt.out_bytes && !c->dec->ended) {
		if (!c->in.n && !c->in.last) {
			if (n)
				break;
			code = fill(c, 1, err);
			if (code != CTR_OK)
				return code;
		}
		before = c->in.n;
		got = 0;
		code = c->dec->ops->step(c->dec, &c->in, c->out_buf + n, c->opt.out_bytes - n, &got,
					 err);
		if (code != CTR_OK)
			return code;
		c->in_total += before - c->in.n;
		n += got;
	}
	*ret_n = n;
	return CTR_OK;
}

ctr_code codec_read(struct codec *c, const void **ret, size_t *ret_n, struct ctr_error *err)
{
	size_t n = 0;
	ctr_code code = decode_block(c, &n, err);

	if (code != CTR_OK)
		return code;

	c->out_total += n;
	code = check_limits(c, err);
	if (code != CTR_OK)
		return code;

	code = hash_add(c->md, c->out_buf, n, err);
	if (code != CTR_OK)
		return code;

	*ret = c->out_buf;
	*ret_n = n;
	return CTR_OK;
}

ctr_code codec_drain(struct codec *c, struct ctr_error *err)
{
	const void *data;
	ctr_code code;
	size_t n;

	do {
		code = codec_read(c, &data, &n, err);
		if (code != CTR_OK)
			return code;
	} while (n);
	return CTR_OK;
}

enum codec_kind codec_kind(const struct codec *c)
{
	return c->opt.kind;
}

const char *codec_name(enum codec_kind kind)
{
	switch (kind) {
	case CODEC_AUTO:
		return "auto";
	case CODEC_PLAIN:
		return "plain";
	case CODEC_GZIP:
		return "gzip";
	case CODEC_ZSTD:
		return "zstd";
	}
	return "?";
}

uint64_t codec_in(const struct codec *c)
{
	return c->in_total;
}

uint64_t codec_out(const struct codec *c)
{
	return c->out_total;
}

ctr_code codec_digest(struct codec *c, char ret[CODEC_DIGEST_ROOM], struct ctr_error *err)
{
	if (!c->dec->ended)
		return ctr_fail(err, CTR_FAILED_PRECONDITION,
				"stream has not been read to its end");
	return hash_end(c->md, ret, err);
}
