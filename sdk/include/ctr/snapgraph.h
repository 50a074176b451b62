/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.snapgraph.v1": the rows of a snapshotter, kept by the host, so that its author writes only what happens
 * to the bytes. Each function is one durable transaction (or one consistent read), and the core's own rows of the
 * same operation are written in that transaction. Rules of containerd's snapshots are checked here.
 */
#ifndef CTR_SNAPGRAPH_H
#define CTR_SNAPGRAPH_H

#include <ctr/plugin.h>
#include <ctr/snapshotter.h>

#define CTR_SERVICE_SNAPGRAPH "ctr.snapgraph.v1"

/* A row: the number names the bytes on disk and never changes. */
struct ctr_graph_node {
	uint32_t size, kind;
	uint64_t id;
	const char *key, *parent;
	const uint64_t *chain; /* ids of the parents, nearest first */
	uint64_t n_chain;
	struct ctr_labels labels;
	int64_t inodes, bytes; /* as committed; zero while active */
	int64_t created_ns, updated_ns;
};
/* Borrowed while it runs. */
typedef ctr_code (*ctr_graph_sink)(void *ud, const struct ctr_graph_node *node);

/* Functions are thread-safe and may block; not from the loop's thread. h names whose rows they are. */
struct ctr_snapgraph_ops {
	uint32_t size, reserved;
	/* A number that no row has and that was not given out before in this run of the daemon: make the bytes under
	 * it, then create(). */
	ctr_code (*reserve)(const struct ctr_host *h, uint64_t *ret_id, struct ctr_error *err);
	/* kind is active or view. sink (may be NULL) gets the new row. Errors as snapshotter prepare. */
	ctr_code (*create)(const struct ctr_host *h, const struct ctr_call *call, uint64_t id,
			   uint32_t kind, const struct ctr_snapshot_new *args, ctr_graph_sink sink,
			   void *ud, struct ctr_error *err);
	/* chain is filled. CTR_NOT_FOUND. */
	ctr_code (*get)(const struct ctr_host *h, const struct ctr_call *call, const char *key,
			ctr_graph_sink sink, void *ud, struct ctr_error *err);
	ctr_code (*update)(const struct ctr_host *h, const struct ctr_call *call, const char *key,
			   struct ctr_labels labels, struct ctr_error *err);
	ctr_code (*commit)(const struct ctr_host *h, const struct ctr_call *call,
			   const struct ctr_snapshot_commit *args, const struct ctr_usage *usage,
			   struct ctr_error *err);
	/* The row goes; then the caller discards the bytes of *ret_id. */
	ctr_code (*remove)(const struct ctr_host *h, const struct ctr_call *call, const char *key,
			   uint64_t *ret_id, struct ctr_error *err);
	ctr_code (*walk)(const struct ctr_host *h, const struct ctr_call *call, ctr_graph_sink sink,
			 void *ud, struct ctr_error *err);
	/* *ret is 1 if a row has this id, or if it is reserved and not yet created or released: what a reaper asks. */
	ctr_code (*has)(const struct ctr_host *h, uint64_t id, int32_t *ret, struct ctr_error *err);
	/* A reserved number that will not be created after all; one that create() has seen is ignored. Never blocks. */
	void (*release)(const struct ctr_host *h, uint64_t id);
};

#endif
