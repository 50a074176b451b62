/* SPDX-License-Identifier: Apache-2.0
 *
 * One entry a plugin: making, releasing, remembering why it is not there. Core thread only.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "core/registry/internal.h"

struct entry *entry_new(struct registry *r, const char *kind, const char *id)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	if (pthread_mutex_init(&e->guard.lock, NULL) != 0) {
		free(e);
		return NULL;
	}
	e->registry = r;
	e->deps.entry = e;
	e->state = PLUGIN_LOADED;
	e->kind_name = str_dup(kind);
	e->id = str_dup(id);
	e->uri = str_printf("%s.%s", kind, id);
	if (!e->kind_name || !e->id || !e->uri) {
		entry_free(e);
		return NULL;
	}
	e->guard.uri = e->uri;
	return e;
}

void entry_free(struct entry *e)
{
	if (!e)
		return;

	pthread_mutex_destroy(&e->guard.lock);
	free(e->kind_name);
	free(e->id);
	free(e->uri);
	free(e->file);
	free(e->version);
	free(e->error);
	free(e->root_dir);
	free(e->state_dir);
	strv_free(e->needs);
	strv_free(e->capabilities);
	strv_free(e->platforms);
	strv_free(e->exports);
	free(e);
}

static int grow(struct entry ***list, size_t n)
{
	struct entry **grown = reallocarray(*list, n + 1, sizeof(struct entry *));

	if (!grown)
		return -ENOMEM;
	*list = grown;
	return 0;
}

int registry_append(struct registry *r, struct entry *e)
{
	if (grow(&r->entries, r->n) < 0)
		return -ENOMEM;
	r->entries[r->n++] = e;
	return 0;
}

void entry_fail(struct entry *e, enum plugin_state state, ctr_code code,
		const struct ctr_error *err)
{
	e->state = state;
	e->code = code;
	free(e->error);
	e->error = str_dup(error_text(err));
	if (state == PLUGIN_SKIPPED)
		log_info("plugin %s skipped: %s", e->uri, error_text(err));
	else if (state == PLUGIN_FAILED)
		log_warn("plugin %s failed: %s", e->uri, error_text(err));
}

struct entry *entry_by_uri(const struct registry *r, const char *uri)
{
	for (size_t i = 0; i < r->n; i++) {
		if (str_eq(r->entries[i]->uri, uri))
			return r->entries[i];
	}
	return NULL;
}

int entry_usable(const struct entry *e)
{
	return e->state == PLUGIN_READY || e->state == PLUGIN_RUNNING;
}

int registry_add_builtin(struct registry *r, const char *kind, const char *id,
			 const char *const *needs, const char *const *exports)
{
	struct entry *e = entry_new(r, kind, id);

	if (!e)
		return -ENOMEM;
	e->state = PLUGIN_RUNNING;
	for (; needs && *needs; needs++) {
		if (strv_push(&e->needs, *needs) < 0)
			goto fail;
	}
	for (; exports && *exports; exports++) {
		if (strv_push(&e->exports, *exports) < 0)
			goto fail;
	}
	if (grow(&r->builtins, r->n_builtins) < 0)
		goto fail;
	r->builtins[r->n_builtins++] = e;
	return 0;
fail:
	entry_free(e);
	return -ENOMEM;
}
