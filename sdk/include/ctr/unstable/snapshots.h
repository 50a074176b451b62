/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.snapshots.v0": the snapshots of every snapshotter as a namespace sees them. snapshotter "" is an error,
 * not the default: clients name one. Functions may block; any thread but the loop's, except where "inline" stands.
 */
#ifndef CTR_UNSTABLE_SNAPSHOTS_H
#define CTR_UNSTABLE_SNAPSHOTS_H

#include <ctr/plugin.h>
#include <ctr/snapshotter.h>
#include <ctr/unstable/record.h>

#define CTR_SERVICE_SNAPSHOTS "ctr.snapshots.v0"

struct ctr_snapshots_ops {
	uint32_t size, reserved;
	/* Inline. CTR_NOT_FOUND. */
	ctr_code (*stat)(const struct ctr_host *h, const struct ctr_call *call,
			 const char *snapshotter, const char *key, ctr_snapshot_sink sink, void *ud,
			 struct ctr_error *err);
	/* mask: labels, labels.<k>; none: all labels. */
	ctr_code (*update)(const struct ctr_host *h, const struct ctr_call *call,
			   const char *snapshotter, const char *key, struct ctr_labels labels,
			   struct ctr_mask mask, ctr_snapshot_sink sink, void *ud,
			   struct ctr_error *err);
	/* In the order of keys. Fields: kind, name, parent, labels.*. */
	ctr_code (*list)(const struct ctr_host *h, const struct ctr_call *call,
			 const char *snapshotter, struct ctr_filters filters,
			 ctr_snapshot_sink sink, void *ud, struct ctr_error *err);
	ctr_code (*usage)(const struct ctr_host *h, const struct ctr_call *call,
			  const char *snapshotter, const char *key, struct ctr_usage *ret,
			  struct ctr_error *err);
	ctr_code (*mounts)(const struct ctr_host *h, const struct ctr_call *call,
			   const char *snapshotter, const char *key, ctr_mounts_sink sink, void *ud,
			   struct ctr_error *err);
	/* kind is CTR_SNAPSHOT_ACTIVE or CTR_SNAPSHOT_VIEW. CTR_ALREADY_EXISTS: the key, or the target that label
	 * containerd.io/snapshot.ref names. */
	ctr_code (*prepare)(const struct ctr_host *h, const struct ctr_call *call,
			    const char *snapshotter, uint32_t kind,
			    const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			    struct ctr_error *err);
	ctr_code (*commit)(const struct ctr_host *h, const struct ctr_call *call,
			   const char *snapshotter, const struct ctr_snapshot_commit *args,
			   struct ctr_error *err);
	ctr_code (*remove)(const struct ctr_host *h, const struct ctr_call *call,
			   const char *snapshotter, const char *key, struct ctr_error *err);
	ctr_code (*cleanup)(const struct ctr_host *h, const struct ctr_call *call,
			    const char *snapshotter, struct ctr_error *err);
	ctr_code (*open_tree)(const struct ctr_host *h, const struct ctr_call *call,
			      const char *snapshotter, const char *key, struct ctr_tree *ret,
			      struct ctr_error *err);
	ctr_code (*sync)(const struct ctr_host *h, const struct ctr_call *call,
			 const char *snapshotter, const char *const *keys, uint64_t n,
			 struct ctr_error *err);
};

#endif
