/* SPDX-License-Identifier: Apache-2.0
 *
 * The core as far as a snapshotter sees it: configuration, registry, store, host services, pools. The plugin is loaded
 * from its file, as the daemon does it. No loop runs: what needs one is no business of a snapshotter.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "core/config/config.h"
#include "core/events/events.h"
#include "core/host/host.h"
#include "core/pool/pool.h"
#include "core/registry/registry.h"
#include "core/registry/services.h"
#include "core/store/service.h"
#include "core/store/store.h"
#include "tests/conformance/kit.h"

#define STOP_NS    (INT64_C(10) * 1000000000)
#define TABLES_MAX (1024 * 1024)

/* The daemon's configuration: this plugin alone, and its tables as their author wrote them. */
static int write_config(struct kit *k, const char *path)
{
	AUTO_BUF text = BUF_INIT(TABLES_MAX + 4096);
	AUTO_FREE char *tables = NULL;
	int r = 0;

	if (k->args->tables)
		r = io_read_file(AT_FDCWD, k->args->tables, TABLES_MAX, &tables, NULL);
	MUST(k, r == 0, "read '%s': %s", k->args->tables, strerrordesc_np(-r));
	buf_printf(&text, "version = 1\nunsafe_plugin_paths = true\nplugin_files = [ '%s' ]\n%s",
		   k->args->file, str_or(tables, ""));
	r = buf_failed(&text);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (r == 0)
		r = fd < 0 ? -errno : io_write_full(fd, text.data, text.len);
	MUST(k, r == 0, "write '%s': %s", path, strerrordesc_np(-r));
	return 0;
}

static int load_config(struct kit *k)
{
	AUTO_FREE char *path = str_printf("%s/config.toml", k->dir);
	AUTO_FREE char *root = str_printf("%s/root", k->dir);
	AUTO_FREE char *state = str_printf("%s/state", k->dir);
	struct config_args args = { .path = path, .root = root, .state = state };
	ctr_code code;

	MUST(k, path && root && state, "out of memory");
	STEP(write_config(k, path));
	code = config_load(&args, &k->d.config, &k->err);
	MUST(k, code == CTR_OK, "configuration: %s", error_text(&k->err));
	k->d.root = config_str(k->d.config, "root");
	k->d.state = config_str(k->d.config, "state");
	k->d.libexec = config_str(k->d.config, "libexec");
	return 0;
}

int world_load(struct kit *k)
{
	AUTO_FREE char *db = str_printf("%s/meta.db", k->dir);
	struct daemon *d = &k->d;
	int r = 0;

	memset(d, 0, sizeof(*d));
	d->root_fd = d->state_fd = -1;
	STEP(load_config(k));
	r = db ? events_new(&d->events) : -ENOMEM;
	MUST(k, r == 0, "make the exchange: %s", strerrordesc_np(-r));
	MUST(k, store_open(db, d->events, &d->store, &k->err) == CTR_OK, "open the store: %s",
	     error_text(&k->err));
	r = pool_new("work", 4, 64, &d->work);
	if (r == 0)
		r = pool_new("bulk", 4, 64, &d->bulk);
	if (r == 0)
		r = host_provide(d);
	if (r == 0)
		r = store_provide(d);
	MUST(k, r == 0, "provide the services: %s", strerrordesc_np(-r));
	MUST(k, registry_load(d, &d->registry, &k->err) == CTR_OK, "load: %s", error_text(&k->err));
	return 0;
}

/* What became of the file when there is no usable snapshotter in it. */
static int fail_unusable(struct kit *k)
{
	struct plugin_view v;

	for (uint32_t i = 0; registry_view(k->d.registry, i, &v) == 0; i++) {
		if (v.state == PLUGIN_SKIPPED)
			return kit_fail(k, "plugin %s.%s cannot run here: %s", v.kind, v.id,
					v.error);
		if (v.state == PLUGIN_FAILED)
			return kit_fail(k, "plugin %s.%s: %s", v.kind, v.id, v.error);
	}
	return kit_fail(k, "'%s' offers no snapshotter%s%s", k->args->file, k->args->id ? " " : "",
			str_or(k->args->id, ""));
}

int world_init(struct kit *k, int start)
{
	struct registry *r = k->d.registry;
	const void *ops = NULL;
	uint32_t i = 0;

	MUST(k, registry_init(r, &k->err) == CTR_OK, "init: %s", error_text(&k->err));
	if (start)
		MUST(k, registry_start(r, &k->err) == CTR_OK, "start: %s", error_text(&k->err));
	while (registry_nth(r, CTR_KIND_SNAPSHOTTER, i++, &ops, &k->self, &k->id) == 0) {
		k->ops = ops;
		if (!k->args->id || str_eq(k->id, k->args->id))
			return 0;
	}
	k->ops = NULL;
	return fail_unusable(k);
}

int world_open(struct kit *k)
{
	STEP(world_load(k));
	return world_init(k, 1);
}

void world_close(struct kit *k)
{
	struct daemon *d = &k->d;

	kit_mounts_done(k);
	if (d->registry)
		registry_stop(d->registry, clock_now_ns() + STOP_NS);
	registry_free(d->registry);
	pool_free(d->work);
	pool_free(d->bulk);
	store_close(d->store);
	events_free(d->events);
	if (d->services)
		services_free(d);
	helpers_free(d->helpers);
	config_free(d->config);
	error_done(&k->err);
	memset(d, 0, sizeof(*d));
	k->ops = NULL;
	k->self = NULL;
	k->id = NULL;
}

int world_has_capability(const struct kit *k, const char *name)
{
	struct plugin_view v;

	for (uint32_t i = 0; registry_view(k->d.registry, i, &v) == 0; i++) {
		for (char *const *c = v.capabilities; str_eq(v.id, k->id) && c && *c; c++) {
			if (str_eq(*c, name))
				return 1;
		}
	}
	return 0;
}
