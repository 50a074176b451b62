/* SPDX-License-Identifier: Apache-2.0
 *
 * The snapshotter methods that need nothing but the graph and the numbered directory.
 */
#include "plugins/common/treedir.h"

struct info_sink {
	ctr_snapshot_sink sink;
	void *ud;
};

static ctr_code to_info(void *ud, const struct ctr_graph_node *node)
{
	struct info_sink *s = ud;
	struct ctr_snapshot_info info = {
		.size = sizeof(info),
		.kind = node->kind,
		.name = node->key,
		.parent = node->parent,
		.labels = node->labels,
		.created_ns = node->created_ns,
		.updated_ns = node->updated_ns,
	};

	return s->sink(s->ud, &info);
}

ctr_code treedir_flags(const struct treedir *t, const char *key, uint32_t flags, uint32_t known,
		       struct ctr_error *err)
{
	if (!(flags & ~known))
		return CTR_OK;
	return t->host->fail(err, CTR_INVALID_ARGUMENT, "snapshot '%s': unknown flags 0x%x", key,
			     flags & ~known);
}

ctr_code treedir_stat(void *self, const struct ctr_call *call, const char *key,
		      ctr_snapshot_sink sink, void *ud, struct ctr_error *err)
{
	struct treedir *t = self;
	struct info_sink s = { sink, ud };

	return t->graph->get(t->host, call, key, to_info, &s, err);
}

ctr_code treedir_update(void *self, const struct ctr_call *call, const char *key,
			struct ctr_labels labels, struct ctr_error *err)
{
	struct treedir *t = self;

	return t->graph->update(t->host, call, key, labels, err);
}

ctr_code treedir_walk(void *self, const struct ctr_call *call, ctr_snapshot_sink sink, void *ud,
		      struct ctr_error *err)
{
	struct treedir *t = self;
	struct info_sink s = { sink, ud };

	return t->graph->walk(t->host, call, to_info, &s, err);
}

ctr_code treedir_remove(void *self, const struct ctr_call *call, const char *key,
			struct ctr_error *err)
{
	struct treedir *t = self;
	uint64_t id;

	ctr_code code = t->graph->remove(t->host, call, key, &id, err);
	if (code == CTR_OK)
		treedir_discard(t, id);
	return code;
}

ctr_code treedir_cleanup(void *self, const struct ctr_call *call, struct ctr_error *err)
{
	(void)call;
	return treedir_reap(self, err);
}

ctr_code treedir_commit(void *self, const struct ctr_call *call,
			const struct ctr_snapshot_commit *args, struct ctr_error *err)
{
	struct treedir *t = self;
	/* A committed tree never changes: usage() measures it when somebody asks, instead of every commit. */
	const struct ctr_usage usage = { .size = sizeof(usage) };
	ctr_code code = treedir_flags(t, args->key, args->flags, CTR_SNAPSHOT_SYNCED, err);

	if (code != CTR_OK)
		return code;
	if (!(args->flags & CTR_SNAPSHOT_SYNCED)) {
		code = treedir_sync(t, err);
		if (code != CTR_OK)
			return code;
	}
	return t->graph->commit(t->host, call, args, &usage, err);
}

ctr_code treedir_sync_keys(void *self, const struct ctr_call *call, const char *const *keys,
			   uint64_t n, struct ctr_error *err)
{
	(void)call;
	(void)keys;
	return n > 0 ? treedir_sync(self, err) : CTR_OK;
}
