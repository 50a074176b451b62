/* SPDX-License-Identifier: Apache-2.0
 *
 * Ingests of a namespace: the plugin's refs that begin with "<namespace>/", seen without it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "core/call/call.h"
#include "core/content/content.h"
#include "core/daemon.h"
#include "core/meta/filter.h"
#include "core/meta/meta.h"

ctr_code content_backend_ref(const struct ctr_call *call, const char *ref,
			     char ret[CONTENT_REF_MAX + 1], struct ctr_error *err)
{
	ctr_code code = meta_namespace_check(call, err);

	if (code != CTR_OK)
		return code;
	if (!*ref)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "ref must not be empty");
	if (snprintf(ret, CONTENT_REF_MAX + 1, "%s/%s", call_ns(call), ref) > CONTENT_REF_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "ref is longer than %zu bytes",
				CONTENT_REF_MAX - strlen(call_ns(call)) - 1);
	return CTR_OK;
}

struct scan {
	const char *ns;
	const char *ref; /* this one only, or NULL */
	struct filter *filter;
	ctr_ingest_sink sink;
	void *ud;
	int found;
};

static int field(const void *obj, const char *const *path, size_t n, const char **ret)
{
	const struct ctr_ingest_status *s = obj;

	if (!str_eq(path[0], "ref"))
		return 0;
	*ret = s->ref;
	return filter_string(s->ref, n, ret);
}

static ctr_code on_ingest(void *ud, const struct ctr_ingest_status *status)
{
	struct scan *s = ud;
	struct ctr_ingest_status own = *status;
	size_t n = strlen(s->ns);

	if (strncmp(status->ref, s->ns, n) != 0 || status->ref[n] != '/')
		return CTR_OK;
	own.ref = status->ref + n + 1;
	if ((s->ref && strcmp(own.ref, s->ref) != 0) || !filter_match(s->filter, field, &own))
		return CTR_OK;
	s->found = 1;
	return s->sink(s->ud, &own);
}

ctr_code content_statuses(const struct ctr_host *h, const struct ctr_call *call,
			  struct ctr_filters filters, ctr_ingest_sink sink, void *ud,
			  struct ctr_error *err)
{
	struct scan s = { .ns = call_ns(call), .sink = sink, .ud = ud };
	struct content_store store;

	ctr_code code = meta_namespace_check(call, err);
	if (code == CTR_OK)
		code = content_store(host_daemon(h), &store, err);
	if (code == CTR_OK)
		code = filter_parse(filters.items, filters.n, &s.filter, err);
	if (code == CTR_OK)
		code = store.ops->statuses(store.self, call, on_ingest, &s, err);
	filter_free(s.filter);
	return code;
}

ctr_code content_status(const struct ctr_host *h, const struct ctr_call *call, const char *ref,
			ctr_ingest_sink sink, void *ud, struct ctr_error *err)
{
	struct scan s = { .ns = call_ns(call), .ref = ref, .sink = sink, .ud = ud };
	struct content_store store;

	ctr_code code = meta_namespace_check(call, err);
	if (code == CTR_OK)
		code = content_store(host_daemon(h), &store, err);
	if (code == CTR_OK)
		code = store.ops->statuses(store.self, call, on_ingest, &s, err);
	if (code == CTR_OK && !s.found)
		return ctr_fail(err, CTR_NOT_FOUND, "ingest ref %s", ref);
	return code;
}

ctr_code content_abort(const struct ctr_host *h, const struct ctr_call *call, const char *ref,
		       struct ctr_error *err)
{
	char backend[CONTENT_REF_MAX + 1];
	struct content_store store;

	ctr_code code = content_backend_ref(call, ref, backend, err);
	if (code == CTR_OK)
		code = content_store(host_daemon(h), &store, err);
	return code == CTR_OK ? store.ops->abort(store.self, call, backend, err) : code;
}

/* ---- expiry ---- */

struct old {
	char **refs;
	int64_t before_ns;
};

static ctr_code on_old(void *ud, const struct ctr_ingest_status *status)
{
	struct old *old = ud;

	if (status->updated_ns < old->before_ns && strv_push(&old->refs, status->ref) < 0)
		return CTR_RESOURCE_EXHAUSTED;
	return CTR_OK;
}

void content_expire_ingests(struct daemon *d)
{
	struct old old = { .before_ns = clock_wall_ns() - CONTENT_INGEST_KEEP_NS };
	struct content_store store;

	if (content_store(d, &store, NULL) != CTR_OK)
		return;
	(void)store.ops->statuses(store.self, NULL, on_old, &old, NULL);
	for (size_t i = 0; old.refs && old.refs[i]; i++)
		if (store.ops->abort(store.self, NULL, old.refs[i], NULL) == CTR_OK)
			log_info("ingest '%s' removed: untouched for a day", old.refs[i]);
	strv_free(old.refs);
}
