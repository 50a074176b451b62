/* SPDX-License-Identifier: Apache-2.0
 *
 * io.containerd.differ.v1 / walking: descriptor, configuration and lifecycle.
 */
#include <errno.h>
#include <stdlib.h>

#include <ctr/platform.h>

#include "base/str.h"
#include "differ.h"

/* The keys of [plugins."io.containerd.differ.v1.walking"]; 0 is the worker's own default of a limit. */
static ctr_code load(struct differ *d, const struct ctr_table *cfg, struct ctr_error *err)
{
	const struct ctr_config_ops *c = d->host->config;
	int64_t entries = 0, bytes = 0, ratio = 0, memory = 0, nice = 0, ioprio = 0;
	ctr_code code = c->str(cfg, "worker", "", &d->worker, err);

	if (code == CTR_OK && *d->worker && *d->worker != '/')
		return c->fail(cfg, "worker", err, "'%s' is no absolute path", d->worker);
	if (code == CTR_OK)
		code = c->integer(cfg, "max_entries", 0, 0, INT64_MAX, &entries, err);
	if (code == CTR_OK)
		code = c->bytes(cfg, "max_bytes", 0, &bytes, err);
	if (code == CTR_OK)
		code = c->integer(cfg, "max_ratio", 0, 0, INT64_MAX, &ratio, err);
	if (code == CTR_OK)
		code = c->bytes(cfg, "memory", 0, &memory, err);
	if (code == CTR_OK)
		code = c->integer(cfg, "nice", 10, 0, 19, &nice, err);
	if (code == CTR_OK)
		code = c->integer(cfg, "ioprio", 8, 0, 9, &ioprio, err);
	if (code != CTR_OK)
		return code;

	d->max_entries = (uint64_t)entries;
	d->max_bytes = (uint64_t)bytes;
	d->max_ratio = (uint64_t)ratio;
	d->memory_bytes = (uint64_t)memory;
	d->nice = (int)nice;
	d->ioprio = (int)ioprio;
	return CTR_OK;
}

static ctr_code check(const struct ctr_host *h, const struct ctr_table *cfg, struct ctr_error *err)
{
	struct differ d = { .host = h };

	return load(&d, cfg, err);
}

static ctr_code init_all(struct differ *d, const struct ctr_table *cfg, struct ctr_error *err)
{
	ctr_code code = load(d, cfg, err);

	if (code != CTR_OK)
		return code;
	d->spawn = d->host->service(d->host, CTR_SERVICE_SPAWN, NULL);
	d->mount = d->host->service(d->host, CTR_SERVICE_MOUNT, NULL);
	if (!*d->worker && d->spawn)
		d->worker = d->spawn->helper(d->host, "ctr-worker");
	if (!d->worker || !*d->worker)
		return d->host->fail(err, CTR_NOT_FOUND,
				     "ctr-worker is not installed, and no 'worker' is configured");
	return CTR_OK;
}

static ctr_code init(const struct ctr_host *h, const struct ctr_table *cfg,
		     const struct ctr_deps *deps, void **ret_self, struct ctr_error *err)
{
	struct differ *d = calloc(1, sizeof(*d));
	ctr_code code;

	(void)deps;
	if (!d)
		return h->fail_errno(err, ENOMEM, "differ");
	d->host = h;
	code = init_all(d, cfg, err);
	if (code != CTR_OK) {
		free(d);
		return code;
	}
	h->add_platform(h, CTR_PLATFORM);
	h->add_export(h, "worker", d->worker);
	*ret_self = d;
	return CTR_OK;
}

static void fini(void *self)
{
	free(self);
}

static const struct ctr_differ_ops ops = {
	.size = sizeof(ops),
	.apply = differ_apply,
	.compare = differ_compare,
};

static const struct ctr_plugin plugin = {
	.size = sizeof(plugin),
	.kind = CTR_KIND_DIFFER,
	.id = "walking",
	.ops = &ops,
	.check = check,
	.init = init,
	.fini = fini,
};

CTR_MODULE("differ", CTR_VERSION, "Apache-2.0", &plugin);
