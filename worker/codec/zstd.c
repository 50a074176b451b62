/* SPDX-License-Identifier: Apache-2.0
 *
 * zstd by libzstd: frames one after the other, skippable frames among them, and a limit on the window
 * (the memory that a frame may ask for).
 */
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "worker/codec/decoder.h"

struct zstd_dec {
	struct decoder base;
	ZSTD_DCtx *ctx;
	bool boundary, any; /* at the end of a frame; of at least one */
};

static ctr_code failed(size_t r, struct ctr_error *err)
{
	switch (ZSTD_getErrorCode(r)) {
	case ZSTD_error_frameParameter_windowTooLarge:
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"zstd window is larger than the limit of 2^%d bytes",
				CODEC_WINDOW_LOG_MAX);
	case ZSTD_error_memory_allocation:
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	case ZSTD_error_prefix_unknown:
		return ctr_fail(err, CTR_DATA_LOSS, "zstd stream holds no frame where one must be");
	default:
		return ctr_fail(err, CTR_DATA_LOSS, "zstd stream: %s", ZSTD_getErrorName(r));
	}
}

static ctr_code step(struct decoder *base, struct decoder_input *in, uint8_t *out, size_t room,
		     size_t *ret_n, struct ctr_error *err)
{
	struct zstd_dec *d = container_of(base, struct zstd_dec, base);
	ZSTD_inBuffer zin = { .src = in->data, .size = in->n };
	ZSTD_outBuffer zout = { .dst = out, .size = room };
	size_t r;

	*ret_n = 0;
	if (!in->n && d->boundary) {
		base->ended = in->last && d->any;
		if (in->last && !d->any)
			return ctr_fail(err, CTR_DATA_LOSS, "zstd stream is empty");
		return CTR_OK;
	}

	r = ZSTD_decompressStream(d->ctx, &zout, &zin);
	if (ZSTD_isError(r))
		return failed(r, err);

	in->data += zin.pos;
	in->n -= zin.pos;
	*ret_n = zout.pos;
	if (zin.pos || zout.pos) {
		d->boundary = r == 0;
		d->any = d->any || d->boundary;
	} else if (in->last && !in->n) {
		return ctr_fail(err, CTR_DATA_LOSS, "zstd stream is truncated");
	}
	return CTR_OK;
}

static void zstd_free(struct decoder *base)
{
	struct zstd_dec *d = container_of(base, struct zstd_dec, base);

	ZSTD_freeDCtx(d->ctx);
	free(d);
}

ctr_code decoder_zstd(struct decoder **ret, struct ctr_error *err)
{
	static const struct decoder_ops ops = { .step = step, .free = zstd_free };
	struct zstd_dec *d = calloc(1, sizeof(*d));

	if (!d)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	d->base.ops = &ops;
	d->boundary = true;
	d->ctx = ZSTD_createDCtx();
	if (!d->ctx || ZSTD_isError(ZSTD_DCtx_setParameter(d->ctx, ZSTD_d_windowLogMax,
							   CODEC_WINDOW_LOG_MAX))) {
		zstd_free(&d->base);
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "start zstd decoder");
	}

	*ret = &d->base;
	return CTR_OK;
}
