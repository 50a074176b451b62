/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing byte buffer with a mandatory maximum, fixed when it is made. A failed append leaves
 * what was there, and is remembered: check once at the end with buf_failed().
 */
#ifndef CTR_BASE_BUF_H
#define CTR_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

struct buf {
	char *data; /* NUL-terminated whenever non-NULL */
	size_t len, cap, max;
	int failed; /* 0, or the -errno of the first failed append: -ENOMEM, -E2BIG (max) */
};

#define BUF_INIT(max_)                                                                             \
	{                                                                                          \
		.max = (max_)                                                                      \
	}
void buf_done(struct buf *b); /* free the bytes; the buffer may be used again */
#define AUTO_BUF AUTO(buf_done) struct buf

int buf_append(struct buf *b, const void *data, size_t n);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/*
 * Room for n more bytes at data + len; then buf_commit() what was written. NULL when it cannot
 * grow.
 */
void *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);  /* n <= reserved bytes now belong to the buffer */
void buf_consume(struct buf *b, size_t n); /* drop n bytes from the front */
static inline int buf_failed(const struct buf *b)
{
	return b->failed;
}
/* Hand the bytes over (caller frees); NULL if an append had failed. Empty gives "". */
char *buf_take(struct buf *b, size_t *ret_n);

#endif
