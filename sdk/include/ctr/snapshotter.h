/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshotters: directory trees that are prepared from a parent, written, and committed. Keys are unique within one
 * snapshotter (the core puts namespaces before them). Methods run on pool threads, may block, and poll call.
 * Frozen since SDK 1.0.
 */
#ifndef CTR_SNAPSHOTTER_H
#define CTR_SNAPSHOTTER_H

#include <ctr/call.h>
#include <ctr/types.h>

#define CTR_KIND_SNAPSHOTTER "io.containerd.snapshotter.v1"

#define CTR_SNAPSHOT_VIEW      1u /* read-only, on top of a committed parent */
#define CTR_SNAPSHOT_ACTIVE    2u /* writable */
#define CTR_SNAPSHOT_COMMITTED 3u /* may be a parent */

struct ctr_snapshot_info {
	uint32_t size, kind;
	const char *name, *parent; /* parent "" at the bottom */
	struct ctr_labels labels;
	int64_t created_ns, updated_ns; /* since 1970, UTC */
};
typedef ctr_code (*ctr_snapshot_sink)(void *ud, const struct ctr_snapshot_info *info);

struct ctr_usage {
	uint32_t size, reserved;
	int64_t inodes, bytes; /* of this snapshot alone, without its parents */
};

/* Arguments of prepare and view. */
struct ctr_snapshot_new {
	uint32_t size, flags;     /* flags 0 */
	const char *key, *parent; /* parent "" for an empty tree */
	struct ctr_labels
		labels; /* those with the prefix containerd.io/snapshot/, and containerd.io/snapshot.ref */
};

#define CTR_SNAPSHOT_SYNCED                                                                        \
	1u /* the caller has called sync since the last write to this snapshot */

/* Arguments of commit. Without CTR_SNAPSHOT_SYNCED the bytes are made durable before the row. */
struct ctr_snapshot_commit {
	uint32_t size, flags;
	const char *name, *key;
	const char *
		parent; /* "" or, with capability "rebase", the parent of a snapshot prepared without one */
	struct ctr_labels labels;
};

/* Character device 0/0; opaque directories by xattr trusted.overlay.opaque. A directory that a layer needed but did not
 * name has xattr user.ctr.implied, and the tree's root then has it too: commit gives such directories the metadata of
 * the nearest parent's and takes the marks away (docs/unpack.md). */
#define CTR_WHITEOUT_OVERLAY 1u
#define CTR_WHITEOUT_REMOVE  2u /* the tree holds the parent's copy: remove in place */

/* The directory of an active snapshot, for writers that need no mount. */
struct ctr_tree {
	uint32_t size, whiteouts;
	int32_t fd, reserved; /* a directory; the caller closes it */
};

struct ctr_snapshotter_ops {
	uint32_t size, reserved;
	/* Information by key or name. CTR_NOT_FOUND. */
	ctr_code (*stat)(void *self, const struct ctr_call *call, const char *key,
			 ctr_snapshot_sink sink, void *ud, struct ctr_error *err);
	/* Replace the labels (the core has applied field masks). CTR_NOT_FOUND. */
	ctr_code (*update)(void *self, const struct ctr_call *call, const char *key,
			   struct ctr_labels labels, struct ctr_error *err);
	ctr_code (*usage)(void *self, const struct ctr_call *call, const char *key,
			  struct ctr_usage *ret, struct ctr_error *err);
	/* What to mount to see an active snapshot or a view. */
	ctr_code (*mounts)(void *self, const struct ctr_call *call, const char *key,
			   ctr_mounts_sink sink, void *ud, struct ctr_error *err);
	/* CTR_ALREADY_EXISTS: key taken. CTR_NOT_FOUND: no such parent. CTR_INVALID_ARGUMENT: parent not committed.
	 * sink may be NULL. */
	ctr_code (*prepare)(void *self, const struct ctr_call *call,
			    const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			    struct ctr_error *err);
	ctr_code (*view)(void *self, const struct ctr_call *call,
			 const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			 struct ctr_error *err);
	/* The key is gone and the name committed, in one step. CTR_NOT_FOUND, CTR_ALREADY_EXISTS,
	 * CTR_FAILED_PRECONDITION: not active. */
	ctr_code (*commit)(void *self, const struct ctr_call *call,
			   const struct ctr_snapshot_commit *args, struct ctr_error *err);
	/* CTR_FAILED_PRECONDITION: it has children. CTR_NOT_FOUND. */
	ctr_code (*remove)(void *self, const struct ctr_call *call, const char *key,
			   struct ctr_error *err);
	/* Every snapshot once, in any order; ends early with the sink's result when that is not CTR_OK. */
	ctr_code (*walk)(void *self, const struct ctr_call *call, ctr_snapshot_sink sink, void *ud,
			 struct ctr_error *err);
	/* Optional from here on. Remove what no row refers to. */
	ctr_code (*cleanup)(void *self, const struct ctr_call *call, struct ctr_error *err);
	/* The tree of an active snapshot itself. Only while the snapshot has not been mounted. */
	ctr_code (*open_tree)(void *self, const struct ctr_call *call, const char *key,
			      struct ctr_tree *ret, struct ctr_error *err);
	/* All that was written to these active snapshots is durable when it returns. */
	ctr_code (*sync)(void *self, const struct ctr_call *call, const char *const *keys,
			 uint64_t n, struct ctr_error *err);
};

#endif
