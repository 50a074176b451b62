/* SPDX-License-Identifier: Apache-2.0
 *
 * ustar headers and pax extended headers.
 */
#include "tarball.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#include "base/macros.h"

static void octal(char *at, size_t n, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*llo", (int)n - 1, (unsigned long long)v);
	memcpy(at, text, MIN(strlen(text) + 1, n));
}

void tb_checksum(struct buf *b, size_t at)
{
	unsigned int sum = 0;
	char *h = b->data + at;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	octal(h + 148, 7, sum);
	h[155] = ' ';
}

static void pad(struct buf *b, size_t n)
{
	static const char zeros[512];

	assert_int_equal(buf_append(b, zeros, n), 0);
}

void tb_put(struct buf *b, const struct tb_entry *e)
{
	size_t at = b->len, name_n = strlen(e->name), size = e->size;
	char type = e->type ? e->type : '0';
	char *h;

	if (!size && e->data)
		size = strlen(e->data);
	pad(b, 512);
	h = b->data + at;
	memcpy(h, e->name, MIN(name_n, (size_t)100));
	octal(h + 100, 8, e->mode ? e->mode : type == '5' ? 0755 : 0644);
	octal(h + 108, 8, e->uid);
	octal(h + 116, 8, e->gid);
	octal(h + 124, 12, size);
	octal(h + 136, 12, (uint64_t)(e->mtime ? e->mtime : TB_MTIME));
	h[156] = type;
	if (e->link)
		memcpy(h + 157, e->link, MIN(strlen(e->link), (size_t)100));
	memcpy(h + 257, "ustar\00000", 8);
	octal(h + 329, 8, e->major);
	octal(h + 337, 8, e->minor);
	tb_checksum(b, at);
	if (e->data) {
		assert_int_equal(buf_append(b, e->data, size), 0);
		pad(b, (512 - size % 512) % 512);
	}
}

void tb_record(struct buf *records, const char *key, const void *value, size_t n)
{
	size_t body = strlen(key) + n + 3, total = body;

	/* The length counts its own digits. */
	for (size_t digits = 1, limit = 10; total != body + digits; limit *= 10) {
		total = body + digits;
		digits += total >= limit;
	}
	assert_int_equal(buf_printf(records, "%zu %s=", total, key), 0);
	assert_int_equal(buf_append(records, value, n), 0);
	assert_int_equal(buf_putc(records, '\n'), 0);
}

void tb_pax(struct buf *b, const struct buf *records)
{
	tb_add(b, .name = "PaxHeaders/x", .type = 'x', .data = records->data, .size = records->len);
}

void tb_pax1(struct buf *b, const char *key, const void *value, size_t n)
{
	AUTO_BUF records = BUF_INIT(TB_MAX);

	tb_record(&records, key, value, n);
	tb_pax(b, &records);
}

void tb_end(struct buf *b)
{
	pad(b, 512);
	pad(b, 512);
}
