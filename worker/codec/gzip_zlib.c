/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip by zlib: where ISA-L is not to be had, and as the second opinion of the tests.
 */
#include <limits.h>
#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/str.h"
#include "worker/codec/decoder.h"

#define GZIP_ONLY (15 + 16) /* inflateInit2: 32 kB window, gzip wrapper */

struct zdec {
	struct decoder base;
	bool between, padding;
	z_stream z;
};

static ctr_code step_between(struct zdec *d, struct decoder_input *in, struct ctr_error *err)
{
	bool member;
	ctr_code code = gzip_between(&d->base, in, &d->padding, &member, err);

	if (code != CTR_OK || !member)
		return code;
	if (inflateReset(&d->z) != Z_OK)
		return ctr_fail(err, CTR_INTERNAL, "reset gzip decoder");

	d->between = false;
	return CTR_OK;
}

static ctr_code step(struct decoder *base, struct decoder_input *in, uint8_t *out, size_t room,
		     size_t *ret_n, struct ctr_error *err)
{
	struct zdec *d = container_of(base, struct zdec, base);
	size_t n_in = MIN(in->n, (size_t)INT_MAX), n_out = MIN(room, (size_t)INT_MAX);
	int r;

	*ret_n = 0;
	if (d->between)
		return step_between(d, in, err);

	d->z.next_in = in->data;
	d->z.avail_in = (uInt)n_in;
	d->z.next_out = out;
	d->z.avail_out = (uInt)n_out;
	r = inflate(&d->z, Z_NO_FLUSH);
	n_in -= d->z.avail_in;
	in->data += n_in;
	in->n -= n_in;
	*ret_n = n_out - d->z.avail_out;
	if (r == Z_STREAM_END)
		d->between = true;
	else if (r == Z_BUF_ERROR && !in->n)
		return in->last ? ctr_fail(err, CTR_DATA_LOSS, "gzip stream is truncated") : CTR_OK;
	else if (r == Z_MEM_ERROR)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	else if (r != Z_OK)
		return ctr_fail(err, CTR_DATA_LOSS, "gzip stream: %s", str_or(d->z.msg, "damaged"));
	return CTR_OK;
}

static void zdec_free(struct decoder *base)
{
	struct zdec *d = container_of(base, struct zdec, base);

	inflateEnd(&d->z);
	free(d);
}

ctr_code decoder_zlib(struct decoder **ret, struct ctr_error *err)
{
	static const struct decoder_ops ops = { .step = step, .free = zdec_free };
	struct zdec *d = calloc(1, sizeof(*d));

	if (!d || inflateInit2(&d->z, GZIP_ONLY) != Z_OK) {
		free(d);
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "start gzip decoder");
	}

	d->base.ops = &ops;
	*ret = &d->base;
	return CTR_OK;
}
