/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.containers.v0": the records of containers (not their processes:
 * ctr/unstable/tasks.h), in the call's namespace. Functions may block on the database; any thread
 * but the loop's, except where "inline" stands.
 */
#ifndef CTR_UNSTABLE_CONTAINERS_H
#define CTR_UNSTABLE_CONTAINERS_H

#include <ctr/plugin.h>
#include <ctr/unstable/record.h>

#define CTR_SERVICE_CONTAINERS "ctr.containers.v0"

struct ctr_extension {
	const char *key;
	struct ctr_any value;
};

struct ctr_container {
	uint32_t size, reserved;
	const char *id, *image, *runtime, *snapshotter, *snapshot_key,
		*sandbox;             /* "" when not set */
	struct ctr_any options, spec; /* options: of the runtime */
	struct ctr_labels labels;
	const struct ctr_extension *extensions;
	uint64_t n_extensions;
	int64_t created_ns, updated_ns; /* set by the core */
};
/* Borrowed while it runs. */
typedef ctr_code (*ctr_container_sink)(void *ud, const struct ctr_container *c);

struct ctr_containers_ops {
	uint32_t size, reserved;
	/* Inline. CTR_NOT_FOUND. */
	ctr_code (*get)(const struct ctr_host *h, const struct ctr_call *call, const char *id,
			ctr_container_sink sink, void *ud, struct ctr_error *err);
	/* In the order of ids. Fields: id, runtime.name, image, labels.*. CTR_INVALID_ARGUMENT. */
	ctr_code (*list)(const struct ctr_host *h, const struct ctr_call *call,
			 struct ctr_filters filters, ctr_container_sink sink, void *ud,
			 struct ctr_error *err);
	/* CTR_ALREADY_EXISTS, CTR_INVALID_ARGUMENT. sink may be NULL, here and in update. */
	ctr_code (*create)(const struct ctr_host *h, const struct ctr_call *call,
			   const struct ctr_container *c, ctr_container_sink sink, void *ud,
			   struct ctr_error *err);
	/*
	 * mask: labels, labels.<k>, spec, extensions, extensions.<k>, image, snapshotkey; none:
	 * these five, and a different snapshotter or runtime is CTR_INVALID_ARGUMENT.
	 */
	ctr_code (*update)(const struct ctr_host *h, const struct ctr_call *call,
			   const struct ctr_container *c, struct ctr_mask mask,
			   ctr_container_sink sink, void *ud, struct ctr_error *err);
	ctr_code (*remove)(const struct ctr_host *h, const struct ctr_call *call, const char *id,
			   struct ctr_error *err);
};

#endif
