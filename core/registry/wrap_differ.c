/* SPDX-License-Identifier: Apache-2.0
 *
 * The one wrapper a method of differs: core components and dependent plugins call these, never a
 * plugin's own table. CTR_HAS is used here only. Any thread.
 */
#include "core/registry/internal.h"

#include <ctr/differ.h>

static ctr_code differ_apply(void *self, const struct ctr_call *call, const struct ctr_apply *args,
			     struct ctr_applied *ret, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_differ_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "apply", ops->apply(g->self, call, args, ret, err), err);
}

static ctr_code differ_compare(void *self, const struct ctr_call *call,
			       const struct ctr_compare *args, struct ctr_compared *ret,
			       struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_differ_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "compare", ops->compare(g->self, call, args, ret, err), err);
}

static const struct ctr_differ_ops wrapped = {
	.size = sizeof(wrapped),
	.apply = differ_apply,
	.compare = differ_compare,
};

static const char *const mandatory[] = {
	"apply",
	"compare",
	NULL,
};

const struct kind kind_differ = {
	.name = CTR_KIND_DIFFER,
	.wrapped = &wrapped,
	.mandatory = mandatory,
};
