/* SPDX-License-Identifier: Apache-2.0
 *
 * The growing buffer: doubles up to its maximum, keeps a NUL behind its bytes, and refuses every
 * append after the first that failed, so that no hole can appear in the middle.
 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_ROOM 64

void buf_done(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
	b->failed = 0;
}

/* Room for n bytes and a NUL behind them. */
static int make_room(struct buf *b, size_t n)
{
	size_t need, cap;

	if (b->failed)
		return b->failed;
	if (n > b->max || b->len > b->max - n || add_ok(b->len + n, (size_t)1, &need) < 0)
		return b->failed = -E2BIG;
	if (need <= b->cap)
		return 0;

	cap = b->cap > SIZE_MAX / 2 ? need : MAX(b->cap * 2, (size_t)FIRST_ROOM);
	if (cap - 1 > b->max)
		cap = b->max + 1; /* need fits, so this does not overflow */
	cap = MAX(cap, need);

	char *p = realloc(b->data, cap);

	if (!p)
		return b->failed = -ENOMEM;
	b->data = p;
	b->cap = cap;
	b->data[b->len] = '\0';
	return 0;
}

void buf_commit(struct buf *b, size_t n)
{
	b->len += n;
	b->data[b->len] = '\0';
}

int buf_append(struct buf *b, const void *data, size_t n)
{
	int r = make_room(b, n);

	if (r < 0)
		return r;
	if (n > 0)
		memcpy(b->data + b->len, data, n);
	buf_commit(b, n);
	return 0;
}

int buf_puts(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

int buf_putc(struct buf *b, char c)
{
	return buf_append(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (b->failed)
		return b->failed;
	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return b->failed = -EINVAL;

	int r = make_room(b, (size_t)n);

	if (r < 0)
		return r;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void *buf_reserve(struct buf *b, size_t n)
{
	if (make_room(b, n) < 0)
		return NULL;
	b->data[b->len + n] = '\0';
	return b->data + b->len;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n == 0 || !b->data)
		return;
	n = MIN(n, b->len);
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

char *buf_take(struct buf *b, size_t *ret_n)
{
	char *data;

	if (make_room(b, 0) < 0)
		return NULL;
	b->data[b->len] = '\0';
	if (ret_n)
		*ret_n = b->len;
	data = take_ptr(&b->data);
	b->len = b->cap = 0;
	return data;
}
