/* SPDX-License-Identifier: Apache-2.0
 *
 * Between codec.c and the decoders of each format: the input window, and the one function that a
 * format implements. Private to this folder.
 */
#ifndef CTR_WORKER_DECODER_H
#define CTR_WORKER_DECODER_H

#include "worker/codec/codec.h"

struct decoder_input {
	const uint8_t *data;
	size_t n;
	bool last; /* nothing follows these bytes */
};

struct decoder {
	const struct decoder_ops *ops;
	bool ended; /* set by step() at the end of a well-formed stream */
};

struct decoder_ops {
	/*
	 * Take bytes from in (advancing data, n) and write up to room bytes of output. Makes progress
	 * or needs input; with in->last and n == 0 it sets ended or fails with CTR_DATA_LOSS.
	 */
	ctr_code (*step)(struct decoder *d, struct decoder_input *in, uint8_t *out, size_t room,
			 size_t *ret_n, struct ctr_error *err);
	void (*free)(struct decoder *d);
};

/* CTR_RESOURCE_EXHAUSTED: no memory. */
ctr_code decoder_plain(struct decoder **ret, struct ctr_error *err);
ctr_code decoder_isal(struct decoder **ret, struct ctr_error *err);
ctr_code decoder_zlib(struct decoder **ret, struct ctr_error *err);
ctr_code decoder_zstd(struct decoder **ret, struct ctr_error *err);

/*
 * Between gzip members: 1 when in starts another member, 0 when more input is needed or all is over
 * (then d->ended is set). *padding remembers that zero padding has begun; after it only zeros may follow.
 */
ctr_code gzip_between(struct decoder *d, struct decoder_input *in, bool *padding, bool *ret_member,
		      struct ctr_error *err);

#endif
