/* SPDX-License-Identifier: Apache-2.0
 *
 * What this layer has put into a tree that also holds its parent's files, so that a whiteout or an opaque
 * marker removes only the latter. A set of 64-bit keyed hashes of (directory inode, name).
 */
#ifndef CTR_WORKER_SEEN_H
#define CTR_WORKER_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seen {
	uint64_t *slot; /* 0: free */
	size_t n, room; /* room is a power of two */
	uint64_t key[2];
};

void seen_init(struct seen *s); /* takes a random key */
void seen_done(struct seen *s);
int seen_add(struct seen *s, uint64_t dir_ino, const char *name); /* 0 or -ENOMEM */
bool seen_has(const struct seen *s, uint64_t dir_ino, const char *name);
/* A directory in which, or below which, something was put: name "" never stands for a file. */
static inline int seen_add_dir(struct seen *s, uint64_t ino)
{
	return seen_add(s, ino, "");
}
static inline bool seen_has_dir(const struct seen *s, uint64_t ino)
{
	return seen_has(s, ino, "");
}

#endif
