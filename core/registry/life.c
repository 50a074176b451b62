/* SPDX-License-Identifier: Apache-2.0
 *
 * The lives of all plugins, in the order of their needs and back: check, init, start, stop, fini.
 * On the core's thread, one at a time. A plugin that fails or skips is remembered as such and harms
 * only those that need it.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "core/config/config.h"
#include "core/config/schema.h"
#include "core/registry/internal.h"

#define FAULTS_MAX 65536

ctr_code registry_load(struct daemon *d, struct registry **ret, struct ctr_error *err)
{
	struct registry *r = calloc(1, sizeof(*r));
	ctr_code code;

	if (!r)
		return ctr_fail_errno(err, ENOMEM, "load the plugins");
	r->daemon = d;
	code = load_files(r, err);
	if (code != CTR_OK) {
		registry_free(r);
		return code;
	}
	graph_sort(r);
	*ret = r;
	return CTR_OK;
}

ctr_code entry_check(struct entry *e, struct ctr_error *err)
{
	ctr_code code;

	if (!e->plugin->check)
		return CTR_OK;
	code = e->plugin->check(&e->host, e->config, err);
	if (code != CTR_OK)
		return code;
	return config_plugin_unread(e->registry->daemon->config, e->uri, err);
}

static ctr_code make_dirs(const struct entry *e, struct ctr_error *err)
{
	const char *const dirs[] = { e->root_dir, e->state_dir };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		AUTO_CLOSE int fd = path_own_dir(dirs[i], 0700);

		if (fd < 0)
			return ctr_fail_errno(err, fd, "make the folder '%s'", dirs[i]);
	}
	return CTR_OK;
}

static ctr_code try_init(struct entry *e, struct ctr_error *err)
{
	void *self = NULL;
	ctr_code code;

	code = entry_check(e, err);
	if (code == CTR_OK)
		code = graph_check(e, err);
	if (code == CTR_OK)
		code = make_dirs(e, err);
	if (code != CTR_OK)
		return code;

	e->in_init = 1;
	code = e->plugin->init(&e->host, e->config, &e->deps, &self, err);
	e->in_init = 0;
	if (code != CTR_OK)
		return code;
	e->guard.self = self;
	e->inited = 1;
	return CTR_OK;
}

static void init_one(struct entry *e)
{
	AUTO_ERROR err = ERROR_INIT;
	int64_t begin_ns = clock_now_ns();
	ctr_code code = try_init(e, &err);

	if (code == CTR_OK) {
		e->state = PLUGIN_READY;
		log_debug("plugin %s initialised in %lld us", e->uri,
			  (long long)(clock_now_ns() - begin_ns) / 1000);
		return;
	}
	if (!err.message)
		ctr_fail(&err, code, "init failed with code %d and no message", code);
	/* A refusal of its table may have as many lines as faults. */
	entry_fail(e, code == CTR_SKIP ? PLUGIN_SKIPPED : PLUGIN_FAILED, code, &err);
}

/* The plugins without which the daemon is not to run. */
static ctr_code check_required(const struct registry *r, struct ctr_error *err)
{
	char *const *uris = config_strv(r->daemon->config, "required_plugins");

	for (int i = 0; uris[i]; i++) {
		const struct entry *e = entry_by_uri(r, uris[i]);

		if (!e)
			return ctr_fail(
				err, CTR_FAILED_PRECONDITION,
				"%s: required plugin '%s' is offered by no file of plugin_files",
				config_origin(r->daemon->config, "required_plugins", i), uris[i]);
		if (e->state == PLUGIN_DISABLED)
			return ctr_fail(err, CTR_FAILED_PRECONDITION,
					"required plugin '%s' is among disabled_plugins", uris[i]);
		if (!entry_usable(e))
			return ctr_fail(err, CTR_FAILED_PRECONDITION, "required plugin '%s' %s: %s",
					uris[i],
					e->state == PLUGIN_SKIPPED ? "cannot run here" : "failed",
					e->error ? e->error : "");
	}
	return CTR_OK;
}

/*
 * Typos do not stop the daemon here, `ctrd config check` makes them an error; so they must at least
 * be seen.
 */
static void warn_unknown_tables(struct registry *r)
{
	AUTO_ERROR err = ERROR_INIT;
	AUTO_STRV uris = calloc(1, sizeof(char *));

	for (size_t i = 0; uris && i < r->n; i++) {
		if (strv_push(&uris, r->entries[i]->uri) < 0)
			return;
	}
	if (uris && config_plugin_unknown(r->daemon->config, uris, &err) != CTR_OK)
		log_warn("configuration: %s", error_text(&err));
}

ctr_code registry_init(struct registry *r, struct ctr_error *err)
{
	warn_unknown_tables(r);
	for (size_t i = 0; i < r->n; i++) {
		if (r->entries[i]->state == PLUGIN_LOADED)
			init_one(r->entries[i]);
	}
	return check_required(r, err);
}

static void start_one(struct entry *e)
{
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code = CTR_OK;

	if (e->plugin->start)
		code = e->plugin->start(e->guard.self, &err);
	if (code == CTR_OK) {
		e->state = PLUGIN_RUNNING;
		return;
	}
	if (!err.message)
		ctr_fail(&err, code, "start failed with code %d and no message", code);
	entry_fail(e, PLUGIN_FAILED, code, &err);
	if (e->plugin->stop)
		e->plugin->stop(e->guard.self, clock_now_ns());
}

ctr_code registry_start(struct registry *r, struct ctr_error *err)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->entries[i]->state == PLUGIN_READY)
			start_one(r->entries[i]);
	}
	return check_required(r, err);
}

void registry_stop(struct registry *r, int64_t deadline_ns)
{
	for (size_t i = r->n; i > 0; i--) {
		struct entry *e = r->entries[i - 1];

		if (e->state != PLUGIN_RUNNING)
			continue;
		if (e->plugin->stop)
			e->plugin->stop(e->guard.self, deadline_ns);
		e->state = PLUGIN_READY;
	}
}

void registry_free(struct registry *r)
{
	if (!r)
		return;

	for (size_t i = r->n; i > 0; i--) {
		struct entry *e = r->entries[i - 1];

		if (e->inited && e->plugin->fini)
			e->plugin->fini(e->guard.self);
	}
	for (size_t i = 0; i < r->n; i++)
		entry_free(r->entries[i]);
	for (size_t i = 0; i < r->n_builtins; i++)
		entry_free(r->builtins[i]);
	free(r->entries);
	free(r->builtins);
	free(r);
}

static void add_fault(struct buf *text, const char *origin, const char *message)
{
	buf_printf(text, "%s%s%s%s", text->len > 0 ? "\n" : "", origin, *origin ? ": " : "",
		   message);
}

/* Where plugin_files names this file. */
static const char *file_origin(const struct registry *r, const char *file)
{
	char *const *files = config_strv(r->daemon->config, "plugin_files");

	for (int i = 0; files[i]; i++) {
		if (str_eq(files[i], file))
			return config_origin(r->daemon->config, "plugin_files", i);
	}
	return "";
}

static void check_list(const struct registry *r, const char *key, struct buf *text)
{
	char *const *uris = config_strv(r->daemon->config, key);

	for (int i = 0; uris[i]; i++) {
		AUTO_FREE char *cause =
			str_printf("%s: no plugin '%s' in plugin_files", key, uris[i]);

		if (cause && !entry_by_uri(r, uris[i]))
			add_fault(text, config_origin(r->daemon->config, key, i), cause);
	}
}

/* A default that somebody has set names a plugin. */
static void check_default(const struct registry *r, struct buf *text)
{
	const char *id = config_str(r->daemon->config, "default_snapshotter");
	const char *origin = config_origin(r->daemon->config, "default_snapshotter", -1);
	AUTO_FREE char *uri = str_printf("%s.%s", kind_snapshotter.name, id);
	AUTO_FREE char *cause = NULL;
	const char *near = "";

	if (!uri || str_eq(origin, "default") || entry_by_uri(r, uri))
		return;
	for (size_t i = 0; i < r->n; i++) {
		if (str_eq(r->entries[i]->kind_name, kind_snapshotter.name) &&
		    edit_near(r->entries[i]->id, id))
			near = r->entries[i]->id;
	}
	cause = str_printf("default_snapshotter: no plugin '%s'%s%s%s", uri,
			   *near ? ", did you mean '" : "", near, *near ? "'" : "");
	if (cause)
		add_fault(text, origin, cause);
}

static void check_entries(const struct registry *r, struct buf *text, char ***uris)
{
	for (size_t i = 0; i < r->n; i++) {
		struct entry *e = r->entries[i];
		AUTO_ERROR why = ERROR_INIT;

		if (strv_push(uris, e->uri) < 0)
			text->failed = -ENOMEM;
		if (e->state == PLUGIN_FAILED)
			add_fault(text, file_origin(r, e->file), e->error ? e->error : "");
		else if (e->state == PLUGIN_LOADED && entry_check(e, &why) != CTR_OK)
			add_fault(text, "", error_text(&why));
	}
}

ctr_code registry_check(struct registry *r, struct ctr_error *err)
{
	AUTO_BUF text = BUF_INIT(FAULTS_MAX);
	AUTO_ERROR why = ERROR_INIT;
	AUTO_STRV uris = calloc(1, sizeof(char *));

	if (!uris)
		return ctr_fail_errno(err, ENOMEM, "check the plugins");
	check_entries(r, &text, &uris);
	check_list(r, "required_plugins", &text);
	check_list(r, "disabled_plugins", &text);
	check_default(r, &text);
	if (config_plugin_unknown(r->daemon->config, uris, &why) != CTR_OK)
		add_fault(&text, "", error_text(&why));
	if (text.len > 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s", text.data);
	return buf_failed(&text) ? ctr_fail_errno(err, ENOMEM, "check the plugins") : CTR_OK;
}
