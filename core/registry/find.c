/* SPDX-License-Identifier: Apache-2.0
 *
 * What others ask the registry: plugins by kind and id, the list that introspection shows, health.
 * The set of plugins is fixed after registry_start(), so any thread may ask without a lock.
 */
#include <errno.h>

#include "base/str.h"
#include "core/config/config.h"
#include "core/registry/internal.h"

/* What callers get: the wrapped table of a frozen kind, an unstable kind's own. */
static void give(const struct entry *e, const void **ret_ops, void **ret_self, const char **ret_id)
{
	if (ret_ops)
		*ret_ops = e->kind ? e->kind->wrapped : e->guard.ops;
	if (ret_self)
		*ret_self = e->kind ? (void *)(uintptr_t)&e->guard : e->guard.self;
	if (ret_id)
		*ret_id = e->id;
}

static ctr_code fail_not_usable(const struct entry *e, struct ctr_error *err)
{
	const char *why = e->error ? e->error : "";

	switch (e->state) {
	case PLUGIN_DISABLED:
		return ctr_fail(err, CTR_NOT_FOUND, "plugin %s is disabled", e->uri);
	case PLUGIN_SKIPPED:
		return ctr_fail(err, CTR_NOT_FOUND, "plugin %s cannot run here: %s", e->uri, why);
	case PLUGIN_FAILED:
		return ctr_fail(err, CTR_NOT_FOUND, "plugin %s failed: %s", e->uri, why);
	case PLUGIN_LOADED:
	case PLUGIN_READY:
	case PLUGIN_RUNNING:
		break;
	}
	return ctr_fail(err, CTR_NOT_FOUND, "plugin %s is not initialised", e->uri);
}

static const char *default_id(const struct registry *r, const char *kind)
{
	const struct kind *known = kind_find(kind);

	return known && known->config_default ? config_str(r->daemon->config, known->config_default)
					      : NULL;
}

ctr_code registry_find(struct registry *r, const char *kind, const char *id, const void **ret_ops,
		       void **ret_self, const char **ret_id, struct ctr_error *err)
{
	const struct entry *closed = NULL;

	if (!id || !*id)
		id = default_id(r, kind);
	for (size_t i = 0; i < r->n; i++) {
		const struct entry *e = r->entries[i];

		if (!str_eq(e->kind_name, kind) || (id && !str_eq(e->id, id)))
			continue;
		if (entry_usable(e) && e->guard.ops) {
			give(e, ret_ops, ret_self, ret_id);
			return CTR_OK;
		}
		closed = e;
	}
	if (closed && id)
		return fail_not_usable(closed, err);
	return ctr_fail(err, CTR_NOT_FOUND, "no plugin %s%s%s", kind, id ? "." : "", id ? id : "");
}

int registry_nth(struct registry *r, const char *kind, uint32_t i, const void **ret_ops,
		 void **ret_self, const char **ret_id)
{
	for (size_t k = 0; k < r->n; k++) {
		const struct entry *e = r->entries[k];

		if (!str_eq(e->kind_name, kind) || !entry_usable(e) || !e->guard.ops)
			continue;
		if (i-- == 0) {
			give(e, ret_ops, ret_self, ret_id);
			return 0;
		}
	}
	return -ENOENT;
}

const struct ctr_host *registry_host(struct registry *r)
{
	return r->n > 0 ? &r->entries[0]->host : NULL;
}

int registry_view(struct registry *r, uint32_t i, struct plugin_view *ret)
{
	const struct entry *e;

	if (i < r->n)
		e = r->entries[i];
	else if (i - r->n < r->n_builtins)
		e = r->builtins[i - r->n];
	else
		return -ENOENT;

	*ret = (struct plugin_view){
		.kind = e->kind_name,
		.id = e->id,
		.file = e->file ? e->file : "",
		.version = e->version ? e->version : "",
		.state = e->state,
		.code = e->state == PLUGIN_DISABLED ? CTR_SKIP : e->code,
		.error = e->error ? e->error : "",
		.needs = e->needs,
		.capabilities = e->capabilities,
		.platforms = e->platforms,
		.exports = e->exports,
	};
	if (e->state == PLUGIN_DISABLED)
		ret->error = "disabled by disabled_plugins";
	return 0;
}

ctr_code registry_health(struct registry *r, struct ctr_error *err)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct entry *e = r->entries[i];
		ctr_code code;

		if (e->state != PLUGIN_RUNNING || !e->plugin->health)
			continue;
		code = e->plugin->health(e->guard.self, err);
		if (code != CTR_OK) {
			ctr_wrap(err, "plugin %s", e->uri);
			return code;
		}
	}
	return CTR_OK;
}
