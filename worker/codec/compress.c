/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip by ISA-L or zlib, zstd by libzstd. Headers carry no time and no name.
 */
#include <limits.h>
#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>
#ifdef CTR_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

#include "worker/codec/compressor.h"

#define ZLIB_LEVEL 6
#define ZSTD_LEVEL 3

struct zlib_comp {
	struct compressor base;
	z_stream z;
};

static ctr_code zlib_step(struct compressor *base, struct compressor_input *in, uint8_t *out,
			  size_t room, size_t *ret_n, bool *ret_done, struct ctr_error *err)
{
	struct zlib_comp *c = container_of(base, struct zlib_comp, base);
	size_t n = MIN(in->n, (size_t)INT_MAX);
	bool last = in->last && n == in->n;
	int r;

	c->z.next_in = in->data;
	c->z.avail_in = (uInt)n;
	c->z.next_out = out;
	c->z.avail_out = (uInt)room;
	r = deflate(&c->z, last ? Z_FINISH : Z_NO_FLUSH);
	if (r == Z_STREAM_ERROR)
		return ctr_fail(err, CTR_INTERNAL, "compress gzip");

	n -= c->z.avail_in;
	in->data += n;
	in->n -= n;
	*ret_n = room - c->z.avail_out;
	*ret_done = last ? r == Z_STREAM_END : !in->n && c->z.avail_out;
	return CTR_OK;
}

static void zlib_free(struct compressor *base)
{
	struct zlib_comp *c = container_of(base, struct zlib_comp, base);

	deflateEnd(&c->z);
	free(c);
}

ctr_code compressor_zlib(struct compressor **ret, struct ctr_error *err)
{
	static const struct compressor_ops ops = { .step = zlib_step, .free = zlib_free };
	struct zlib_comp *c = calloc(1, sizeof(*c));

	if (!c ||
	    deflateInit2(&c->z, ZLIB_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(c);
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "start gzip compressor");
	}
	c->base.ops = &ops;
	*ret = &c->base;
	return CTR_OK;
}

struct zstd_comp {
	struct compressor base;
	ZSTD_CCtx *ctx;
};

static ctr_code zstd_step(struct compressor *base, struct compressor_input *in, uint8_t *out,
			  size_t room, size_t *ret_n, bool *ret_done, struct ctr_error *err)
{
	struct zstd_comp *c = container_of(base, struct zstd_comp, base);
	ZSTD_inBuffer zin = { .src = in->data, .size = in->n };
	ZSTD_outBuffer zout = { .dst = out, .size = room };
	size_t r =
		ZSTD_compressStream2(c->ctx, &zout, &zin, in->last ? ZSTD_e_end : ZSTD_e_continue);

	if (ZSTD_isError(r))
		return ctr_fail(err, CTR_INTERNAL, "compress zstd: %s", ZSTD_getErrorName(r));

	in->data += zin.pos;
	in->n -= zin.pos;
	*ret_n = zout.pos;
	*ret_done = !in->n && (!in->last || r == 0);
	return CTR_OK;
}

static void zstd_free(struct compressor *base)
{
	struct zstd_comp *c = container_of(base, struct zstd_comp, base);

	ZSTD_freeCCtx(c->ctx);
	free(c);
}

ctr_code compressor_zstd(struct compressor **ret, struct ctr_error *err)
{
	static const struct compressor_ops ops = { .step = zstd_step, .free = zstd_free };
	struct zstd_comp *c = calloc(1, sizeof(*c));

	if (!c)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	c->base.ops = &ops;
	c->ctx = ZSTD_createCCtx();
	if (!c->ctx ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_compressionLevel, ZSTD_LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_checksumFlag, 1))) {
		zstd_free(&c->base);
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "start zstd compressor");
	}
	*ret = &c->base;
	return CTR_OK;
}

#ifdef CTR_HAVE_ISAL
struct isal_comp {
	struct compressor base;
	struct isal_zstream z;
	uint8_t level_buf[ISAL_DEF_LVL3_DEFAULT];
};

static ctr_code isal_step(struct compressor *base, struct compressor_input *in, uint8_t *out,
			  size_t room, size_t *ret_n, bool *ret_done, struct ctr_error *err)
{
	struct isal_comp *c = container_of(base, struct isal_comp, base);
	size_t n = MIN(in->n, (size_t)INT_MAX);
	bool last = in->last && n == in->n;
	int r;

	c->z.next_in = (uint8_t *)(uintptr_t)in->data;
	c->z.avail_in = (uint32_t)n;
	c->z.next_out = out;
	c->z.avail_out = (uint32_t)room;
	c->z.end_of_stream = last;
	r = isal_deflate(&c->z);
	if (r != COMP_OK)
		return ctr_fail(err, CTR_INTERNAL, "compress gzip: code %d", r);

	n -= c->z.avail_in;
	in->data += n;
	in->n -= n;
	*ret_n = room - c->z.avail_out;
	*ret_done = last ? c->z.internal_state.state == ZSTATE_END : !in->n && c->z.avail_out;
	return CTR_OK;
}

static void isal_comp_free(struct compressor *base)
{
	free(container_of(base, struct isal_comp, base));
}

ctr_code compressor_isal(struct compressor **ret, struct ctr_error *err)
{
	static const struct compressor_ops ops = { .step = isal_step, .free = isal_comp_free };
	struct isal_comp *c = calloc(1, sizeof(*c));

	if (!c)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	c->base.ops = &ops;
	isal_deflate_init(&c->z);
	c->z.level = ISAL_DEF_MAX_LEVEL;
	c->z.level_buf = c->level_buf;
	c->z.level_buf_size = sizeof(c->level_buf);
	c->z.gzip_flag = IGZIP_GZIP;
	c->z.flush = NO_FLUSH;
	*ret = &c->base;
	return CTR_OK;
}
#endif
