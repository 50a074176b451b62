/* SPDX-License-Identifier: Apache-2.0
 *
 * The way out: bytes in, encoded bytes to a descriptor, both hashed on the way (diff id and digest). The same input gives
 * the same output with the same libraries. One owner, one thread.
 */
#ifndef CTR_WORKER_ENCODER_H
#define CTR_WORKER_ENCODER_H

#include "worker/codec/codec.h"

struct encoder;

/* kind is CODEC_PLAIN, CODEC_GZIP (ISA-L's best level, or zlib where it is not there or use_zlib) or CODEC_ZSTD. */
struct encoder_options {
	enum codec_kind kind;
	bool use_zlib;
};

/* fd stays the caller's and is written from its current offset. */
ctr_code encoder_open(int fd, const struct encoder_options *opt, struct encoder **ret,
		      struct ctr_error *err);
void encoder_close(struct encoder *e); /* NULL allowed */
static inline void encoder_closep(struct encoder **e)
{
	encoder_close(*e);
}
#define AUTO_ENCODER AUTO(encoder_closep) struct encoder

/* After an error only encoder_close(). */
ctr_code encoder_write(struct encoder *e, const void *data, size_t n, struct ctr_error *err);

uint64_t encoder_size(const struct encoder *e); /* bytes written so far */

struct encoded {
	char digest[CODEC_DIGEST_ROOM];  /* of what was written */
	char diff_id[CODEC_DIGEST_ROOM]; /* of what came in */
	uint64_t size, in_size;
};
/* The end of the stream; nothing may be written after it. */
ctr_code encoder_finish(struct encoder *e, struct encoded *ret, struct ctr_error *err);

#endif
