/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.namespaces.v0": namespaces and their labels. A namespace comes to exist by create,
 * or by the first write of anything in it. Functions may block on the database; any thread but the
 * loop's, except where "inline" stands.
 */
#ifndef CTR_UNSTABLE_NAMESPACES_H
#define CTR_UNSTABLE_NAMESPACES_H

#include <ctr/plugin.h>
#include <ctr/unstable/record.h>

#define CTR_SERVICE_NAMESPACES "ctr.namespaces.v0"

struct ctr_namespace {
	uint32_t size, reserved;
	const char *name;
	struct ctr_labels labels;
};
/* Borrowed while it runs. */
typedef ctr_code (*ctr_namespace_sink)(void *ud, const struct ctr_namespace *ns);

struct ctr_namespaces_ops {
	uint32_t size, reserved;
	/*
	 * Inline. A namespace that is not there has no labels: clients ask before the first write.
	 */
	ctr_code (*get)(const struct ctr_host *h, const struct ctr_call *call, const char *name,
			ctr_namespace_sink sink, void *ud, struct ctr_error *err);
	/* Inline, in the order of names. */
	ctr_code (*list)(const struct ctr_host *h, const struct ctr_call *call,
			 ctr_namespace_sink sink, void *ud, struct ctr_error *err);
	/* CTR_ALREADY_EXISTS, CTR_INVALID_ARGUMENT. sink may be NULL, here and in update. */
	ctr_code (*create)(const struct ctr_host *h, const struct ctr_call *call,
			   const struct ctr_namespace *ns, ctr_namespace_sink sink, void *ud,
			   struct ctr_error *err);
	/* mask: "labels.<key>" only; none: all labels. */
	ctr_code (*update)(const struct ctr_host *h, const struct ctr_call *call,
			   const struct ctr_namespace *ns, struct ctr_mask mask,
			   ctr_namespace_sink sink, void *ud, struct ctr_error *err);
	/* CTR_NOT_FOUND, CTR_FAILED_PRECONDITION: something is in it. */
	ctr_code (*remove)(const struct ctr_host *h, const struct ctr_call *call, const char *name,
			   struct ctr_error *err);
};

#endif
