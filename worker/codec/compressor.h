/* SPDX-License-Identifier: Apache-2.0
 *
 * Between encoder.c and the compressors. Private to this folder.
 */
#ifndef CTR_WORKER_COMPRESSOR_H
#define CTR_WORKER_COMPRESSOR_H

#include "status/status.h"

#include <stdbool.h>

struct compressor_input {
	const uint8_t *data;
	size_t n;
	bool last; /* the stream ends with these bytes */
};

struct compressor {
	const struct compressor_ops *ops;
};

struct compressor_ops {
	/*
	 * Take bytes from in and give up to room bytes. *ret_done: all of in is taken and, when it was the
	 * last, all output is given.
	 */
	ctr_code (*step)(struct compressor *c, struct compressor_input *in, uint8_t *out,
			 size_t room, size_t *ret_n, bool *ret_done, struct ctr_error *err);
	void (*free)(struct compressor *c);
};

ctr_code compressor_isal(struct compressor **ret, struct ctr_error *err);
ctr_code compressor_zlib(struct compressor **ret, struct ctr_error *err);
ctr_code compressor_zstd(struct compressor **ret, struct ctr_error *err);

#endif
