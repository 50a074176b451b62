/* SPDX-License-Identifier: Apache-2.0
 *
 * A pull-style decoder: compressed bytes from a source in, blocks of the decoded stream out, hashed on the
 * way (the SHA-256 of the whole decoded stream is a layer's diff id). gzip by ISA-L or zlib, zstd, plain.
 * One owner, one thread.
 */
#ifndef CTR_WORKER_CODEC_H
#define CTR_WORKER_CODEC_H

#include "worker/codec/source.h"

enum codec_kind {
	CODEC_AUTO, /* by the first bytes: gzip, zstd, else plain */
	CODEC_PLAIN,
	CODEC_GZIP,
	CODEC_ZSTD,
};

#define CODEC_WINDOW_LOG_MAX 27             /* zstd: 128 MiB, what its own tool accepts unasked */
#define CODEC_RATIO_FROM     (256ULL << 20) /* decoded bytes before the ratio is looked at */
#define CODEC_IN_BYTES       (128U << 10)
#define CODEC_OUT_BYTES      (512U << 10)

struct codec_options {
	enum codec_kind kind;
	bool use_zlib;      /* gzip by zlib even where ISA-L is there */
	uint64_t max_bytes; /* of the decoded stream; 0: no limit */
	uint64_t max_ratio; /* decoded to compressed, beyond CODEC_RATIO_FROM; 0: no limit */
	size_t in_bytes, out_bytes; /* buffer sizes; 0: the above */
};

struct codec;

/* Reads the first bytes. The source stays the caller's and must outlive the codec; nobody else reads it. */
ctr_code codec_open(struct source *src, const struct codec_options *opt, struct codec **ret,
		    struct ctr_error *err);
void codec_close(struct codec *c); /* NULL allowed */
static inline void codec_closep(struct codec **c)
{
	codec_close(*c);
}
#define AUTO_CODEC AUTO(codec_closep) struct codec

/*
 * The next block, valid until the next call; *ret_n == 0 at the end of a well-formed stream.
 * CTR_DATA_LOSS: damaged or truncated. CTR_INVALID_ARGUMENT: a limit. After an error only codec_close().
 */
ctr_code codec_read(struct codec *c, const void **ret, size_t *ret_n, struct ctr_error *err);
/* Read and hash what is left. */
ctr_code codec_drain(struct codec *c, struct ctr_error *err);

enum codec_kind codec_kind(const struct codec *c); /* never CODEC_AUTO */
const char *codec_name(enum codec_kind kind);      /* "gzip" */
uint64_t codec_in(const struct codec *c);          /* compressed bytes taken so far */
uint64_t codec_out(const struct codec *c);         /* decoded bytes given so far */

#define CODEC_DIGEST_ROOM 72 /* "sha256:" and 64 digits, with NUL */
/* Of the decoded stream; only after its end, and once. */
ctr_code codec_digest(struct codec *c, char ret[CODEC_DIGEST_ROOM], struct ctr_error *err);

#endif
