/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop around a compressor: hash what comes in, compress it block by block, hash and write what comes out.
 */
#include "worker/codec/encoder.h"

#include <errno.h>
#include <stdlib.h>

#include "base/io.h"
#include "worker/codec/compressor.h"
#include "worker/codec/hash.h"

#define OUT_BYTES (256U << 10)

struct encoder {
	int fd;
	struct compressor *comp; /* NULL: plain */
	struct hash *in_hash, *out_hash;
	uint8_t *out;
	uint64_t in_total, out_total;
};

static ctr_code open_all(struct encoder *e, const struct encoder_options *opt,
			 struct ctr_error *err)
{
	ctr_code code = hash_new(&e->in_hash, err);

	if (code == CTR_OK)
		code = hash_new(&e->out_hash, err);
	if (code != CTR_OK)
		return code;

	e->out = malloc(OUT_BYTES);
	if (!e->out)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	switch (opt->kind) {
	case CODEC_AUTO:
	case CODEC_PLAIN:
		return CTR_OK;
	case CODEC_GZIP:
#ifdef CTR_HAVE_ISAL
		if (!opt->use_zlib)
			return compressor_isal(&e->comp, err);
#endif
		return compressor_zlib(&e->comp, err);
	case CODEC_ZSTD:
		break;
	}
	return compressor_zstd(&e->comp, err);
}

ctr_code encoder_open(int fd, const struct encoder_options *opt, struct encoder **ret,
		      struct ctr_error *err)
{
	AUTO_ENCODER *e = calloc(1, sizeof(*e));
	ctr_code code;

	if (!e)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	e->fd = fd;
	code = open_all(e, opt, err);
	if (code != CTR_OK)
		return code;

	*ret = take_ptr(&e);
	return CTR_OK;
}

void encoder_close(struct encoder *e)
{
	if (!e)
		return;

	if (e->comp)
		e->comp->ops->free(e->comp);
	hash_free(e->in_hash);
	hash_free(e->out_hash);
	free(e->out);
	free(e);
}

static ctr_code put(struct encoder *e, const void *data, size_t n, struct ctr_error *err)
{
	ctr_code code;
	int r;

	if (!n)
		return CTR_OK;
	code = hash_add(e->out_hash, data, n, err);
	if (code != CTR_OK)
		return code;
	r = io_write_full(e->fd, data, n);
	if (r < 0)
		return ctr_fail_errno(err, r, "write layer");
	e->out_total += n;
	return CTR_OK;
}

/* Compress all of data; last ends the stream. */
static ctr_code compress_all(struct encoder *e, const void *data, size_t n, bool last,
			     struct ctr_error *err)
{
	struct compressor_input in = { .data = data, .n = n, .last = last };
	bool done = false;

	while (!done) {
		size_t got = 0;
		ctr_code code =
			e->comp->ops->step(e->comp, &in, e->out, OUT_BYTES, &got, &done, err);

		if (code == CTR_OK)
			code = put(e, e->out, got, err);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

ctr_code encoder_write(struct encoder *e, const void *data, size_t n, struct ctr_error *err)
{
	ctr_code code = hash_add(e->in_hash, data, n, err);

	if (code != CTR_OK)
		return code;
	e->in_total += n;
	return e->comp ? compress_all(e, data, n, false, err) : put(e, data, n, err);
}

uint64_t encoder_size(const struct encoder *e)
{
	return e->out_total;
}

ctr_code encoder_finish(struct encoder *e, struct encoded *ret, struct ctr_error *err)
{
	struct encoded res = { .in_size = e->in_total };
	ctr_code code = e->comp ? compress_all(e, "", 0, true, err) : CTR_OK;

	if (code == CTR_OK)
		code = hash_end(e->in_hash, res.diff_id, err);
	if (code == CTR_OK)
		code = hash_end(e->out_hash, res.digest, err);
	if (code != CTR_OK)
		return code;

	res.size = e->out_total;
	*ret = res;
	return CTR_OK;
}
