/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbered directories, <root_dir>/snapshots/<id>, for snapshotters whose rows are kept by ctr.snapgraph.v1. The
 * directory is made before its row and discarded after it, so what a crash leaves is a directory without a row: the
 * reaper removes those at start. Functions are thread-safe: they share descriptors that never change.
 */
#ifndef CTR_PLUGINS_TREEDIR_H
#define CTR_PLUGINS_TREEDIR_H

#include <ctr/plugin.h>
#include <ctr/snapgraph.h>

#include "base/macros.h"

struct treedir {
	const struct ctr_host *host;
	const struct ctr_snapgraph_ops *graph;
	int root_fd; /* opened before the first write: syncfs() on it reports every writeback error since */
	int fd;        /* snapshots/ */
	uint64_t born; /* numbers from here on were given out in this run: never an orphan */
};

#define TREEDIR_NAME_ROOM 24

/* init(): open or make the directories, look the graph up. treedir_close() accepts a half-open one. */
ctr_code treedir_open(struct treedir *t, const struct ctr_host *h, struct ctr_error *err);
void treedir_close(struct treedir *t);
/* Make snapshots/<id> (0700) and give its descriptor; an orphan of that number is replaced. -errno. */
int treedir_make(const struct treedir *t, uint64_t id);
/* Remove snapshots/<id>; what cannot be removed is logged and left to the reaper. */
void treedir_discard(const struct treedir *t, uint64_t id);
/* A snapshot of that number was not made: release it, and remove its directory unless a row stands all the same. */
void treedir_undo(const struct treedir *t, uint64_t id);
/* Remove every directory of an earlier run that has no row. First called in start(). */
ctr_code treedir_reap(struct treedir *t, struct ctr_error *err);
/* All that was written below the root is durable. */
ctr_code treedir_sync(const struct treedir *t, struct ctr_error *err);
/* Inodes and bytes on disk of the tree below dir_fd; a file with several links counts once. Borrows dir_fd. */
ctr_code treedir_usage(const struct treedir *t, const struct ctr_call *call, int dir_fd,
		       struct ctr_usage *ret, struct ctr_error *err);
void treedir_name(uint64_t id, char ret[TREEDIR_NAME_ROOM]);
/* CTR_INVALID_ARGUMENT when flags holds one that is not in known: it asks for something that would not be done. */
ctr_code treedir_flags(const struct treedir *t, const char *key, uint32_t flags, uint32_t known,
		       struct ctr_error *err);

/* The snapshotter methods that only ask the graph. self is a struct treedir. */
ctr_code treedir_stat(void *self, const struct ctr_call *call, const char *key,
		      ctr_snapshot_sink sink, void *ud, struct ctr_error *err);
ctr_code treedir_update(void *self, const struct ctr_call *call, const char *key,
			struct ctr_labels labels, struct ctr_error *err);
ctr_code treedir_walk(void *self, const struct ctr_call *call, ctr_snapshot_sink sink, void *ud,
		      struct ctr_error *err);
ctr_code treedir_remove(void *self, const struct ctr_call *call, const char *key,
			struct ctr_error *err);
ctr_code treedir_cleanup(void *self, const struct ctr_call *call, struct ctr_error *err);
ctr_code treedir_commit(void *self, const struct ctr_call *call,
			const struct ctr_snapshot_commit *args, struct ctr_error *err);
ctr_code treedir_sync_keys(void *self, const struct ctr_call *call, const char *const *keys,
			   uint64_t n, struct ctr_error *err);

#endif
