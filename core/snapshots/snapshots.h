/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots as namespaces see them: rows over the snapshotter plugins', whose keys are "<namespace>/<number>/<key>". The
 * row of one operation is written in the plugin's own transaction when it has one. See docs/snapshots.md.
 */
#ifndef CTR_CORE_SNAPSHOTS_H
#define CTR_CORE_SNAPSHOTS_H

#include <ctr/unstable/snapshots.h>

#include "core/call/call.h"
#include "core/meta/meta.h"

struct daemon;

int snapshots_provide(struct daemon *d); /* the service; 0 or -ENOMEM */

#define SNAPSHOT_KEY_MAX     1024 /* bytes of a client's key or name */
#define SNAPSHOT_BACKEND_MAX (SNAPSHOT_KEY_MAX + 128)

/* What the files of this folder share: one operation on one snapshotter. */
struct snapshot_op {
	struct daemon *daemon;
	const struct ctr_call *call;
	const char *snapshotter; /* id */
	const struct ctr_snapshotter_ops *ops;
	void *self;
};
ctr_code snapshot_op(const struct ctr_host *h, const struct ctr_call *call, const char *snapshotter,
		     struct snapshot_op *ret, struct ctr_error *err);

/* A row, copied out of a closure. */
struct snapshot_row {
	int64_t ns, node;
	uint32_t kind;
	char backend[SNAPSHOT_BACKEND_MAX];
};
/* In a closure. CTR_NOT_FOUND. */
ctr_code snapshot_row(struct ctr_txn *txn, const struct snapshot_op *op, const char *key,
		      struct snapshot_row *ret, struct ctr_error *err);
/* The key of a snapshot's parent, "" at the bottom. In a closure. */
ctr_code snapshot_parent_key(struct ctr_txn *txn, int64_t node, char ret[SNAPSHOT_KEY_MAX + 1],
			     struct ctr_error *err);
/* snapshot_row() in a view of its own. */
ctr_code snapshot_find(const struct snapshot_op *op, const char *key, struct snapshot_row *ret,
		       struct ctr_error *err);
/*
 * Give the plugin's call a child call whose transaction also runs fn; after it, run fn alone if the plugin had no
 * transaction of ours. Use: snapshot_with_rows(op, fn, ud, plugin_part, err).
 */
typedef ctr_code (*snapshot_part)(void *ud, const struct ctr_call *call, struct ctr_error *err);
ctr_code snapshot_with_rows(const struct snapshot_op *op, ctr_txn_fn rows, snapshot_part part,
			    void *ud, struct ctr_error *err);
ctr_code snapshot_key_check(const char *what, const char *key, struct ctr_error *err);

/* read.c */
ctr_code snapshots_stat(const struct ctr_host *h, const struct ctr_call *call,
			const char *snapshotter, const char *key, ctr_snapshot_sink sink, void *ud,
			struct ctr_error *err);
ctr_code snapshots_update(const struct ctr_host *h, const struct ctr_call *call,
			  const char *snapshotter, const char *key, struct ctr_labels labels,
			  struct ctr_mask mask, ctr_snapshot_sink sink, void *ud,
			  struct ctr_error *err);
ctr_code snapshots_list(const struct ctr_host *h, const struct ctr_call *call,
			const char *snapshotter, struct ctr_filters filters, ctr_snapshot_sink sink,
			void *ud, struct ctr_error *err);

/* prepare.c */
ctr_code snapshots_prepare(const struct ctr_host *h, const struct ctr_call *call,
			   const char *snapshotter, uint32_t kind,
			   const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			   struct ctr_error *err);
/* change.c */
ctr_code snapshots_commit(const struct ctr_host *h, const struct ctr_call *call,
			  const char *snapshotter, const struct ctr_snapshot_commit *args,
			  struct ctr_error *err);
ctr_code snapshots_remove(const struct ctr_host *h, const struct ctr_call *call,
			  const char *snapshotter, const char *key, struct ctr_error *err);

#endif
