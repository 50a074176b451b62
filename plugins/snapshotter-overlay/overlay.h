/* SPDX-License-Identifier: Apache-2.0
 *
 * The overlayfs snapshotter: snapshots/<id>/fs holds what one snapshot adds to its parents, work/ is the kernel's.
 * A committed fs is a lower directory; it never depends on its parent, so a parent may be given as late as at commit.
 */
#ifndef CTR_SNAPSHOTTER_OVERLAY_H
#define CTR_SNAPSHOTTER_OVERLAY_H

#include <ctr/plugin.h>
#include <ctr/snapshotter.h>

#include "plugins/common/treedir.h"

struct overlay {
	struct treedir dirs;      /* first: the methods of treedir.h take it as their self */
	const char *const *extra; /* mount options from the configuration */
	uint64_t n_extra;
	int index_off; /* the kernel knows the option */
};

/* mounts.c: what to mount for a row. */
ctr_code overlay_mounts_of(struct overlay *o, const struct ctr_graph_node *node,
			   ctr_mounts_sink sink, void *ud, struct ctr_error *err);

/* snapshots.c */
ctr_code overlay_prepare(void *self, const struct ctr_call *call,
			 const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			 struct ctr_error *err);
ctr_code overlay_view(void *self, const struct ctr_call *call, const struct ctr_snapshot_new *args,
		      ctr_mounts_sink sink, void *ud, struct ctr_error *err);
ctr_code overlay_mounts(void *self, const struct ctr_call *call, const char *key,
			ctr_mounts_sink sink, void *ud, struct ctr_error *err);
ctr_code overlay_usage(void *self, const struct ctr_call *call, const char *key,
		       struct ctr_usage *ret, struct ctr_error *err);
ctr_code overlay_open_tree(void *self, const struct ctr_call *call, const char *key,
			   struct ctr_tree *ret, struct ctr_error *err);

int overlay_open_fs(const struct overlay *o, uint64_t id); /* snapshots/<id>/fs, or -errno */

/* implied.c: commit, after directories that a layer did not name have got their parents' metadata. */
ctr_code overlay_commit(void *self, const struct ctr_call *call,
			const struct ctr_snapshot_commit *args, struct ctr_error *err);

/* probe.c: can this kernel, on this directory? CTR_SKIP with the reason when not. */
ctr_code overlay_probe(struct overlay *o, struct ctr_error *err);

#endif
