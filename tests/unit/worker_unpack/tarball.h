/* SPDX-License-Identifier: Apache-2.0
 *
 * Tar streams for tests, byte by byte, so that what no tool would write can be written too. Pax records and
 * long names are given by hand. Fails the running test when out of memory.
 */
#ifndef CTR_TEST_TARBALL_H
#define CTR_TEST_TARBALL_H

#include <stdint.h>

#include "base/buf.h"

struct tb_entry {
	const char *name;
	char type;         /* 0: '0' */
	unsigned int mode; /* 0: 0644, 0755 for directories */
	unsigned int uid, gid;
	int64_t mtime; /* 0: TB_MTIME */
	const char *link;
	const char *data;
	size_t size; /* 0: strlen(data) */
	unsigned int major, minor;
};

#define TB_MTIME 1700000000
#define TB_MAX   (64U << 20)

#define tb_add(b, ...) tb_put((b), &(struct tb_entry){ __VA_ARGS__ })
void tb_put(struct buf *b, const struct tb_entry *e);
/* Records collected, then written as the extended header of the next entry. */
void tb_record(struct buf *records, const char *key, const void *value, size_t n);
void tb_pax(struct buf *b, const struct buf *records);
/* One record. */
void tb_pax1(struct buf *b, const char *key, const void *value, size_t n);
void tb_end(struct buf *b); /* two zero blocks */
/* Fix the checksum of the header at offset. */
void tb_checksum(struct buf *b, size_t at);

#endif
