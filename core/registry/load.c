/* SPDX-License-Identifier: Apache-2.0
 *
 * From a path to entries: the path is checked, the object opened, its descriptor checked before any
 * of its code runs (but for ELF constructors, which the authors' guide bans), and each plugin in it
 * becomes an entry. A file that cannot be loaded becomes an entry too, so that introspection shows
 * why. Objects are never closed again.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ident.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "core/config/config.h"
#include "core/config/schema.h"
#include "core/registry/internal.h"

#include <ctr/unstable/version.h>

/* Sizes of SDK 1.0: what a plugin has at least. */
#define MODULE_SIZE_1_0 (offsetof(struct ctr_module, license) + sizeof(const char *))
#define PLUGIN_SIZE_1_0 (offsetof(struct ctr_plugin, fini) + sizeof(void (*)(void)))

/*
 * The file's neighbour with the nearest name: a mistyped path is the usual cause. Caller frees;
 * NULL: none is near.
 */
static char *nearest_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = slash ? str_ndup(path, (size_t)(slash - path)) : NULL;
	char *best = NULL;
	size_t best_distance = SIZE_MAX;
	const struct dirent *entry;
	DIR *d = dir ? opendir(*dir ? dir : "/") : NULL;

	if (!d)
		return NULL;
	while ((entry = readdir(d))) {
		size_t distance = edit_distance(entry->d_name, slash + 1);

		if (distance >= best_distance || !str_ends(entry->d_name, ".so") ||
		    !edit_near(entry->d_name, slash + 1))
			continue;
		best_distance = distance;
		free(best);
		best = str_printf("%s/%s", dir, entry->d_name);
	}
	closedir(d);
	return best;
}

static ctr_code check_path(struct registry *r, const char *path, struct ctr_error *err)
{
	AUTO_FREE char *bad = NULL;
	AUTO_FREE char *near = NULL;

	if (path[0] != '/')
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"plugin file '%s' is not an absolute path", path);
	if (access(path, F_OK) < 0) {
		int e = errno;

		near = nearest_file(path);
		if (e == ENOENT && near)
			return ctr_fail(err, CTR_NOT_FOUND,
					"no plugin file '%s', did you mean '%s'", path, near);
		return ctr_fail_errno(err, e, "plugin file '%s'", path);
	}
	if (config_unsafe(r->daemon->config))
		return CTR_OK;
	if (path_check_trusted(path, &bad) < 0)
		return ctr_fail(
			err, CTR_PERMISSION_DENIED,
			"plugin file '%s' is not loaded: '%s' does not belong to root alone", path,
			bad ? bad : path);
	return CTR_OK;
}

static ctr_code check_module(const struct ctr_module *m, const char *path, struct ctr_error *err)
{
	if (m->magic != CTR_MODULE_MAGIC)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is no plugin: wrong magic 0x%08x",
				path, m->magic);
	if (m->abi_major != CTR_ABI_MAJOR)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"'%s' was built for ABI major %u, this daemon has %d", path,
				m->abi_major, CTR_ABI_MAJOR);
	if (m->size < MODULE_SIZE_1_0)
		return ctr_fail(
			err, CTR_INVALID_ARGUMENT,
			"'%s': module descriptor is cut off: %u bytes, at least %zu are needed",
			path, m->size, MODULE_SIZE_1_0);
	if (m->n_plugins == 0 || m->n_plugins > MODULE_PLUGINS_MAX || !m->plugins)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"'%s' lists %u plugins, 1 to %d are allowed", path, m->n_plugins,
				MODULE_PLUGINS_MAX);
	return CTR_OK;
}

static int kind_valid(const char *s)
{
	return s && *s && strlen(s) <= IDENT_MAX && ident_valid(s);
}

/* The vtable of a frozen kind: as long as in 1.0, and every member of 1.0 filled in. */
static ctr_code check_vtable(const struct ctr_plugin *p, const struct kind *kind,
			     struct ctr_error *err)
{
	const char *table = p->ops;
	uint32_t size, need = 2 * sizeof(uint32_t);

	if (!table)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "plugin %s.%s has no vtable", p->kind,
				p->id);
	for (const char *const *m = kind->mandatory; *m; m++)
		need += (uint32_t)sizeof(void (*)(void));
	memcpy(&size, table, sizeof(size));
	if (size < need)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"plugin %s.%s: vtable is cut off: %u bytes, at least %u are needed",
				p->kind, p->id, size, need);

	table += 2 * sizeof(uint32_t);
	for (const char *const *m = kind->mandatory; *m; m++, table += sizeof(void (*)(void))) {
		static const char none[sizeof(void (*)(void))];

		if (!memcmp(table, none, sizeof(none)))
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"plugin %s.%s: vtable has no '%s'", p->kind, p->id, *m);
	}
	return CTR_OK;
}

static ctr_code check_plugin(const struct ctr_plugin *p, const char *path, struct ctr_error *err)
{
	const struct kind *kind;
	uint32_t unstable;

	if (p->size < PLUGIN_SIZE_1_0)
		return ctr_fail(
			err, CTR_INVALID_ARGUMENT,
			"'%s': plugin descriptor is cut off: %u bytes, at least %zu are needed",
			path, p->size, PLUGIN_SIZE_1_0);
	if (!kind_valid(p->kind) || !kind_valid(p->id))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"'%s': kind '%s' or id '%s' is not an identifier", path,
				p->kind ? p->kind : "", p->id ? p->id : "");
	if (!p->init)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "plugin %s.%s has no init", p->kind,
				p->id);

	unstable = p->flags >> UNSTABLE_SHIFT;
	if (p->flags & ~(CTR_PLUGIN_SERIALIZED | UINT32_C(0xffff0000)))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "plugin %s.%s: unknown flags 0x%x",
				p->kind, p->id, p->flags & 0xffff);
	kind = kind_find(p->kind);
	if (unstable != CTR_UNSTABLE_REVISION && (unstable != 0 || !kind))
		return ctr_fail(err, CTR_FAILED_PRECONDITION,
				"plugin %s.%s was built for revision %u of the unstable "
				"interfaces, this daemon has %u",
				p->kind, p->id, unstable, CTR_UNSTABLE_REVISION);
	return kind ? check_vtable(p, kind, err) : CTR_OK;
}

/* A row that stands for a file, or a plugin, that could not be loaded. */
static ctr_code add_failed(struct registry *r, const char *path, const char *kind, const char *id,
			   ctr_code code, const struct ctr_error *why, struct ctr_error *err)
{
	struct entry *e = entry_new(r, kind, id);

	if (e)
		e->file = str_dup(path);
	if (!e || !e->file || registry_append(r, e) < 0) {
		entry_free(e);
		return ctr_fail_errno(err, ENOMEM, "load '%s'", path);
	}
	entry_fail(e, PLUGIN_FAILED, code, why);
	return CTR_OK;
}

static int fill_needs(struct entry *e)
{
	const struct ctr_require *need = entry_needs(e);

	for (size_t i = 0; need->kind && i < NEEDS_MAX; need++, i++) {
		if (strv_push(&e->needs, need->kind) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int is_listed(char *const *list, const char *uri)
{
	for (; *list; list++) {
		if (str_eq(*list, uri))
			return 1;
	}
	return 0;
}

static int fill_entry(struct entry *e, const char *path, const struct ctr_module *m,
		      const struct ctr_plugin *p)
{
	struct daemon *d = e->registry->daemon;

	e->plugin = p;
	e->kind = kind_find(p->kind);
	e->unstable = p->flags >> UNSTABLE_SHIFT;
	e->guard.serialized = (p->flags & CTR_PLUGIN_SERIALIZED) != 0;
	e->guard.ops = p->ops;
	e->file = str_dup(path);
	e->version = str_dup(m->version ? m->version : "");
	e->root_dir = str_printf("%s/%s", d->root, e->uri);
	e->state_dir = str_printf("%s/%s", d->state, e->uri);
	e->config = config_plugin_table(d->config, e->uri);
	if (!e->file || !e->version || !e->root_dir || !e->state_dir || !e->config ||
	    fill_needs(e) < 0)
		return -ENOMEM;
	host_fill(e);
	if (is_listed(config_strv(d->config, "disabled_plugins"), e->uri))
		e->state = PLUGIN_DISABLED;
	return 0;
}

static ctr_code add_plugin(struct registry *r, const char *path, const struct ctr_module *m,
			   const struct ctr_plugin *p, struct ctr_error *err)
{
	AUTO_ERROR why = ERROR_INIT;
	AUTO_FREE char *uri = NULL;
	struct entry *e;
	const struct entry *other;
	ctr_code code = check_plugin(p, path, &why);

	if (code != CTR_OK &&
	    (p->size < PLUGIN_SIZE_1_0 || !kind_valid(p->kind) || !kind_valid(p->id)))
		return add_failed(r, path, "ctr.plugin.file", strrchr(path, '/') + 1, code, &why,
				  err);
	if (code != CTR_OK)
		return add_failed(r, path, p->kind, p->id, code, &why, err);

	uri = str_printf("%s.%s", p->kind, p->id);
	if (!uri)
		return ctr_fail_errno(err, ENOMEM, "load '%s'", path);
	other = entry_by_uri(r, uri);
	if (other) {
		code = ctr_fail(&why, CTR_ALREADY_EXISTS,
				"plugin %s of '%s' is offered by '%s' too", uri, path, other->file);
		return add_failed(r, path, p->kind, p->id, code, &why, err);
	}
	e = entry_new(r, p->kind, p->id);
	if (!e || fill_entry(e, path, m, p) < 0 || registry_append(r, e) < 0) {
		entry_free(e);
		return ctr_fail_errno(err, ENOMEM, "load '%s'", path);
	}
	return CTR_OK;
}

/* *ret is the descriptor, checked. */
static ctr_code open_module(struct registry *r, const char *path, const struct ctr_module **ret,
			    struct ctr_error *err)
{
	const struct ctr_module *m;
	void *so;
	ctr_code code;

	code = check_path(r, path, err);
	if (code != CTR_OK)
		return code;

	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!so)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "load plugin file: %s", dlerror());
	m = dlsym(so, MODULE_SYMBOL);
	if (!m)
		code = ctr_fail(err, CTR_INVALID_ARGUMENT,
				"'%s' is no plugin: it has no symbol '%s'", path, MODULE_SYMBOL);
	else
		code = check_module(m, path, err);
	if (code != CTR_OK) {
		dlclose(so); /* none of its code has run */
		return code;
	}
	*ret = m;
	return CTR_OK;
}

ctr_code load_files(struct registry *r, struct ctr_error *err)
{
	char *const *files = config_strv(r->daemon->config, "plugin_files");

	for (; *files; files++) {
		AUTO_ERROR why = ERROR_INIT;
		const struct ctr_module *m = NULL;
		const char *slash = strrchr(*files, '/');
		ctr_code code = open_module(r, *files, &m, &why);

		if (code != CTR_OK) {
			code = add_failed(r, *files, "ctr.plugin.file", slash ? slash + 1 : *files,
					  code, &why, err);
			if (code != CTR_OK)
				return code;
			continue;
		}
		for (uint32_t i = 0; i < m->n_plugins && code == CTR_OK; i++) {
			if (m->plugins
				    [i]) /* a NULL is a plugin that this build of the module lacks */
				code = add_plugin(r, *files, m, m->plugins[i], err);
		}
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}
