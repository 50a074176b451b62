/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip by ISA-L, at several times zlib's speed. ISA-L stops after one member and calls a truncated stream
 * fine, so members, the trailer and the end are watched here. The header is read apart from isal_inflate(),
 * which forgets half a header between two calls.
 */
#ifdef CTR_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#include <limits.h>
#include <stdlib.h>

#include "worker/codec/decoder.h"

enum phase { PHASE_HEADER, PHASE_BODY, PHASE_BETWEEN };

struct isal {
	struct decoder base;
	enum phase phase;
	bool padding;
	struct isal_gzip_header header;
	struct inflate_state state;
};

static void start_member(struct isal *z)
{
	isal_inflate_reset(&z->state);
	z->state.crc_flag = ISAL_GZIP_NO_HDR_VER;
	isal_gzip_header_init(&z->header);
	z->phase = PHASE_HEADER;
}

static const char *why(int r)
{
	switch (r) {
	case ISAL_INVALID_WRAPPER:
		return "not a gzip header";
	case ISAL_UNSUPPORTED_METHOD:
		return "unknown compression method";
	case ISAL_INCORRECT_CHECKSUM:
		return "checksum or length is wrong";
	case ISAL_INVALID_BLOCK:
		return "invalid block";
	case ISAL_INVALID_SYMBOL:
		return "invalid symbol";
	case ISAL_INVALID_LOOKBACK:
		return "distance too far back";
	default:
		return "damaged";
	}
}

/* Run one ISA-L function over the window; returns its result. */
static int run(struct isal *z, struct decoder_input *in)
{
	uint32_t n = (uint32_t)MIN(in->n, (size_t)INT_MAX);
	int r;

	z->state.next_in = (uint8_t *)(uintptr_t)in->data;
	z->state.avail_in = n;
	if (z->phase == PHASE_HEADER)
		r = isal_read_gzip_header(&z->state, &z->header);
	else
		r = isal_inflate(&z->state);
	n -= z->state.avail_in;
	in->data += n;
	in->n -= n;
	return r;
}

static ctr_code truncated(struct ctr_error *err)
{
	return ctr_fail(err, CTR_DATA_LOSS, "gzip stream is truncated");
}

static ctr_code step_header(struct isal *z, struct decoder_input *in, struct ctr_error *err)
{
	int r;

	if (!in->n)
		return in->last ? truncated(err) : CTR_OK;

	r = run(z, in);
	if (r < 0)
		return ctr_fail(err, CTR_DATA_LOSS, "gzip header: %s", why(r));
	if (r == ISAL_DECOMP_OK)
		z->phase = PHASE_BODY;
	else if (in->n)
		return ctr_fail(err, CTR_INTERNAL, "gzip header: code %d", r);
	return CTR_OK;
}

static ctr_code step_body(struct isal *z, struct decoder_input *in, uint8_t *out, size_t room,
			  size_t *ret_n, struct ctr_error *err)
{
	size_t before = in->n;
	uint32_t n = (uint32_t)MIN(room, (size_t)INT_MAX);
	int r;

	z->state.next_out = out;
	z->state.avail_out = n;
	r = run(z, in);
	n -= z->state.avail_out;
	if (r < 0)
		return ctr_fail(err, CTR_DATA_LOSS, "gzip stream: %s", why(r));
	if (r != ISAL_DECOMP_OK)
		return ctr_fail(err, CTR_DATA_LOSS, "gzip stream: code %d", r);

	*ret_n = n;
	if (z->state.block_state == ISAL_BLOCK_FINISH) {
		z->phase = PHASE_BETWEEN;
		return CTR_OK;
	}
	if (!n && before == in->n && (before || in->last))
		return in->n ? ctr_fail(err, CTR_DATA_LOSS, "gzip stream: no progress")
			     : truncated(err);
	return CTR_OK;
}

static ctr_code step(struct decoder *d, struct decoder_input *in, uint8_t *out, size_t room,
		     size_t *ret_n, struct ctr_error *err)
{
	struct isal *z = container_of(d, struct isal, base);
	bool member;
	ctr_code code;

	*ret_n = 0;
	switch (z->phase) {
	case PHASE_HEADER:
		return step_header(z, in, err);
	case PHASE_BODY:
		return step_body(z, in, out, room, ret_n, err);
	case PHASE_BETWEEN:
		break;
	}
	code = gzip_between(d, in, &z->padding, &member, err);
	if (code == CTR_OK && member)
		start_member(z);
	return code;
}

static void isal_free(struct decoder *d)
{
	free(container_of(d, struct isal, base));
}

ctr_code decoder_isal(struct decoder **ret, struct ctr_error *err)
{
	static const struct decoder_ops ops = { .step = step, .free = isal_free };
	struct isal *z = malloc(sizeof(*z)); /* 100 kB: not cleared for nothing */

	if (!z)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	z->base = (struct decoder){ .ops = &ops };
	z->padding = false;
	isal_inflate_init(&z->state);
	start_member(z);
	*ret = &z->base;
	return CTR_OK;
}
#else
typedef int gzip_isal_absent; /* a translation unit is never empty */
#endif
