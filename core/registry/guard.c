/* SPDX-License-Identifier: Apache-2.0
 *
 * What every wrapper does around a plugin's method: the mutex of plugins that want one call at a
 * time, the counters, and the check of what came back. Any thread.
 */
#include "core/registry/internal.h"

#include "base/str.h"

void guard_enter(struct guard *g)
{
	atomic_fetch_add_explicit(&g->calls, 1, memory_order_relaxed);
	if (g->serialized)
		pthread_mutex_lock(&g->lock);
}

static int is_legal(ctr_code code)
{
	return (code >= CTR_CANCELLED && code <= CTR_UNAUTHENTICATED) || code == CTR_CONFLICT ||
	       code == CTR_NOT_MODIFIED;
}

ctr_code guard_leave(struct guard *g, const char *method, ctr_code code, struct ctr_error *err)
{
	if (g->serialized)
		pthread_mutex_unlock(&g->lock);
	if (code == CTR_OK)
		return CTR_OK;

	atomic_fetch_add_explicit(&g->failures, 1, memory_order_relaxed);
	if (!is_legal(code))
		return ctr_fail(err, CTR_INTERNAL, "plugin %s: %s returned the unknown code %d",
				g->uri, method, code);
	if (err && (!err->message || err->code == CTR_OK))
		return ctr_fail(err, code, "plugin %s: %s failed without a message", g->uri,
				method);
	if (err)
		err->code = code;
	return code;
}

ctr_code guard_absent(struct guard *g, const char *method, struct ctr_error *err)
{
	return ctr_fail(err, CTR_UNIMPLEMENTED, "plugin %s offers no %s", g->uri, method);
}

const struct kind *kind_find(const char *name)
{
	static const struct kind *const kinds[] = { &kind_snapshotter, &kind_content,
						    &kind_differ };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (str_eq(kinds[i]->name, name))
			return kinds[i];
	}
	return NULL;
}
