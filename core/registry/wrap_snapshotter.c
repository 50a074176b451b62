/* SPDX-License-Identifier: Apache-2.0
 *
 * The one wrapper a method of snapshotters: core components and dependent plugins call these, never
 * a plugin's own table. CTR_HAS is used here only. Any thread.
 */
#include "core/registry/internal.h"

#include <ctr/snapshotter.h>

static ctr_code snapshotter_stat(void *self, const struct ctr_call *call, const char *key,
				 ctr_snapshot_sink sink, void *ud, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "stat", ops->stat(g->self, call, key, sink, ud, err), err);
}

static ctr_code snapshotter_update(void *self, const struct ctr_call *call, const char *key,
				   struct ctr_labels labels, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "update", ops->update(g->self, call, key, labels, err), err);
}

static ctr_code snapshotter_usage(void *self, const struct ctr_call *call, const char *key,
				  struct ctr_usage *ret, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "usage", ops->usage(g->self, call, key, ret, err), err);
}

static ctr_code snapshotter_mounts(void *self, const struct ctr_call *call, const char *key,
				   ctr_mounts_sink sink, void *ud, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "mounts", ops->mounts(g->self, call, key, sink, ud, err), err);
}

static ctr_code snapshotter_prepare(void *self, const struct ctr_call *call,
				    const struct ctr_snapshot_new *args, ctr_mounts_sink sink,
				    void *ud, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "prepare", ops->prepare(g->self, call, args, sink, ud, err), err);
}

static ctr_code snapshotter_view(void *self, const struct ctr_call *call,
				 const struct ctr_snapshot_new *args, ctr_mounts_sink sink,
				 void *ud, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "view", ops->view(g->self, call, args, sink, ud, err), err);
}

static ctr_code snapshotter_commit(void *self, const struct ctr_call *call,
				   const struct ctr_snapshot_commit *args, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "commit", ops->commit(g->self, call, args, err), err);
}

static ctr_code snapshotter_remove(void *self, const struct ctr_call *call, const char *key,
				   struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "remove", ops->remove(g->self, call, key, err), err);
}

static ctr_code snapshotter_walk(void *self, const struct ctr_call *call, ctr_snapshot_sink sink,
				 void *ud, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "walk", ops->walk(g->self, call, sink, ud, err), err);
}

static ctr_code snapshotter_cleanup(void *self, const struct ctr_call *call, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	if (!CTR_HAS(ops, cleanup))
		return guard_absent(g, "cleanup", err);
	guard_enter(g);
	return guard_leave(g, "cleanup", ops->cleanup(g->self, call, err), err);
}

static ctr_code snapshotter_open_tree(void *self, const struct ctr_call *call, const char *key,
				      struct ctr_tree *ret, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	if (!CTR_HAS(ops, open_tree))
		return guard_absent(g, "open_tree", err);
	guard_enter(g);
	return guard_leave(g, "open_tree", ops->open_tree(g->self, call, key, ret, err), err);
}

static ctr_code snapshotter_sync(void *self, const struct ctr_call *call, const char *const *keys,
				 uint64_t n, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_snapshotter_ops *ops = g->ops;

	if (!CTR_HAS(ops, sync))
		return guard_absent(g, "sync", err);
	guard_enter(g);
	return guard_leave(g, "sync", ops->sync(g->self, call, keys, n, err), err);
}

static const struct ctr_snapshotter_ops wrapped = {
	.size = sizeof(wrapped),
	.stat = snapshotter_stat,
	.update = snapshotter_update,
	.usage = snapshotter_usage,
	.mounts = snapshotter_mounts,
	.prepare = snapshotter_prepare,
	.view = snapshotter_view,
	.commit = snapshotter_commit,
	.remove = snapshotter_remove,
	.walk = snapshotter_walk,
	.cleanup = snapshotter_cleanup,
	.open_tree = snapshotter_open_tree,
	.sync = snapshotter_sync,
};

static const char *const mandatory[] = {
	"stat", "update", "usage", "mounts", "prepare", "view", "commit", "remove", "walk", NULL,
};

const struct kind kind_snapshotter = {
	.name = CTR_KIND_SNAPSHOTTER,
	.wrapped = &wrapped,
	.mandatory = mandatory,
	.config_default = "default_snapshotter",
};
