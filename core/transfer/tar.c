/* SPDX-License-Identifier: Apache-2.0
 *
 * Tar headers. Times, owners and order are the same for the same image, so that two exports of it
 * are equal.
 */
#include "core/transfer/tar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

/* POSIX.1-1988 ustar, all text. */
struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100],
		magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155],
		pad[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a tar block");

#define SIZE_OCTAL_MAX INT64_C(077777777777)

static void octal(char *field, size_t n, uint64_t value)
{
	field[n - 1] = '\0';
	for (size_t i = n - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

int tar_fill(unsigned char block[TAR_BLOCK], const char *name, int64_t size, unsigned mode,
	     char type)
{
	struct ustar h = { .type = type };
	unsigned sum = 0;
	size_t n = strlen(name);

	if (n > sizeof(h.name) || size > SIZE_OCTAL_MAX)
		return -E2BIG;
	memcpy(h.name, name, n);
	octal(h.mode, sizeof(h.mode), mode);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), (uint64_t)size);
	octal(h.mtime, sizeof(h.mtime), 0);
	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	memset(h.checksum, ' ', sizeof(h.checksum));
	memcpy(block, &h, TAR_BLOCK);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	octal(h.checksum, 7, sum);
	memcpy(block, &h, TAR_BLOCK);
	return 0;
}

static size_t digits(size_t v)
{
	size_t n = 1;

	while (v >= 10) {
		v /= 10;
		n++;
	}
	return n;
}

/* "<length> <key>=<value>\n", where length counts itself: its digits may make it a digit longer. */
static void pax_record(struct buf *b, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, total = rest;

	for (int i = 0; i < 3; i++)
		total = rest + digits(total);
	buf_printf(b, "%zu %s=%s\n", total, key, value);
}

static ctr_code pax_header(struct stream_writer *w, const char *name, int64_t size,
			   struct ctr_error *err)
{
	AUTO_BUF b = BUF_INIT(4096);
	unsigned char block[TAR_BLOCK];
	char number[24];
	ctr_code code;

	snprintf(number, sizeof(number), "%" PRId64, size);
	pax_record(&b, "path", name);
	pax_record(&b, "size", number);
	if (buf_failed(&b) || tar_fill(block, "pax", (int64_t)b.len, 0644, 'x') < 0)
		return ctr_fail_errno(err, ENOMEM, "export '%s'", name);
	code = stream_write(w, block, sizeof(block), err);
	if (code == CTR_OK)
		code = stream_write(w, b.data, b.len, err);
	return code == CTR_OK ? tar_pad(w, (int64_t)b.len, err) : code;
}

ctr_code tar_header(struct stream_writer *w, const char *name, int64_t size, unsigned mode,
		    char type, struct ctr_error *err)
{
	unsigned char block[TAR_BLOCK];
	char cut[100 + 1];

	if (tar_fill(block, name, size, mode, type) < 0) {
		ctr_code code = pax_header(w, name, size, err);

		if (code != CTR_OK)
			return code;
		snprintf(cut, sizeof(cut), "%s", name);
		(void)tar_fill(block, cut, size > SIZE_OCTAL_MAX ? 0 : size, mode, type);
	}
	return stream_write(w, block, sizeof(block), err);
}

ctr_code tar_pad(struct stream_writer *w, int64_t size, struct ctr_error *err)
{
	static const unsigned char zeros[TAR_BLOCK];
	size_t over = (size_t)(size % TAR_BLOCK);

	return over ? stream_write(w, zeros, TAR_BLOCK - over, err) : CTR_OK;
}

ctr_code tar_end(struct stream_writer *w, struct ctr_error *err)
{
	static const unsigned char zeros[2 * TAR_BLOCK];

	return stream_write(w, zeros, sizeof(zeros), err);
}

ctr_code tar_file(struct stream_writer *w, const char *name, const void *data, size_t n,
		  struct ctr_error *err)
{
	ctr_code code = tar_header(w, name, (int64_t)n, 0444, '0', err);

	if (code == CTR_OK)
		code = stream_write(w, data, n, err);
	return code == CTR_OK ? tar_pad(w, (int64_t)n, err) : code;
}
