/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk's state and its parts. Private to this folder.
 */
#ifndef CTR_WORKER_COMPARE_WALK_H
#define CTR_WORKER_COMPARE_WALK_H

#include <sys/stat.h>

#include "base/buf.h"
#include "base/map.h"
#include "worker/compare/compare.h"
#include "worker/tar/name.h"
#include "worker/tar/writer.h"

/* One name in one of the trees. */
struct node {
	int dir_fd;
	const char *name;
	struct stat st;
};

struct walk {
	const struct compare_options *opt;
	struct tar_writer *out;
	struct encoder *enc;
	char path[NAME_PATH_MAX]; /* of the node at hand, no '/' at either end */
	size_t path_n;
	size_t emitted_n; /* directories of path up to this length have been written */
	int depth;
	uint64_t entries, max_entries, told;
	struct map *links; /* "dev:ino" of files with several names: struct links, see emit.c */
	uint8_t *data;     /* for content */
	int upper_stack[COMPARE_MAX_DEPTH]; /* of the directories on the way: the root is 0 */
};

#define WALK_DATA_BYTES (256U << 10)

/* dir.c: the names in a directory, sorted, without "." and ".."; *ret ends with NULL. */
ctr_code dir_names(int fd, const char *path, char ***ret, struct ctr_error *err);

/* same.c: is the node unchanged? */
ctr_code node_same(struct walk *w, const struct node *a, const struct node *b, bool *ret,
		   struct ctr_error *err);
/* Attributes that are part of an image, in the order of their names. */
ctr_code node_xattrs(struct walk *w, const struct node *n,
		     ctr_code (*sink)(void *ud, const char *name, const void *value, size_t size,
				      struct ctr_error *err),
		     void *ud, struct ctr_error *err);
/* A regular file or directory for reading, never a fifo or device; -1 and CTR_OK for other types. */
ctr_code node_open(const struct walk *w, const struct node *n, int *ret_fd, struct ctr_error *err);

/* emit.c: w->path names the node. */
ctr_code emit_node(struct walk *w, const struct node *n, struct ctr_error *err);
ctr_code emit_whiteout(struct walk *w, const char *name, struct ctr_error *err);
/* An unchanged file with several names: written as a link if, and only if, another of its names is in the layer. */
ctr_code emit_unchanged_link(struct walk *w, const struct node *n, struct ctr_error *err);
void emit_done(struct walk *w);

ctr_code walk_fail(const struct walk *w, int errnum, const char *what, struct ctr_error *err);

#endif
