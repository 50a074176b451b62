/* SPDX-License-Identifier: Apache-2.0
 *
 * io.containerd.snapshotter.v1 / overlayfs: descriptor and lifecycle only.
 */
#include <errno.h>
#include <stdlib.h>

#include <ctr/platform.h>
#include "overlay.h"

static ctr_code overlay_check(const struct ctr_host *h, const struct ctr_table *cfg,
			      struct ctr_error *err)
{
	const char *const *options;
	uint64_t n;

	ctr_code code = h->config->strv(cfg, "mount_options", &options, &n, err);
	if (code == CTR_OK && n > 16)
		return h->config->fail(cfg, "mount_options", err, "more than 16 options");
	return code;
}

static ctr_code overlay_init(const struct ctr_host *h, const struct ctr_table *cfg,
			     const struct ctr_deps *deps, void **ret_self, struct ctr_error *err)
{
	(void)deps;
	struct overlay *o = calloc(1, sizeof(*o));
	if (!o)
		return h->fail_errno(err, ENOMEM, "overlayfs");

	ctr_code code = treedir_open(&o->dirs, h, err);
	if (code == CTR_OK)
		code = h->config->strv(cfg, "mount_options", &o->extra, &o->n_extra, err);
	if (code == CTR_OK)
		code = overlay_probe(o, err);
	if (code != CTR_OK) {
		treedir_close(&o->dirs);
		free(o);
		return code;
	}

	h->add_platform(h, CTR_PLATFORM);
	h->add_export(h, "root", h->root_dir);
	h->add_capability(h, "rebase");
	*ret_self = o;
	return CTR_OK;
}

static ctr_code overlay_start(void *self, struct ctr_error *err)
{
	return treedir_reap(self, err);
}

static void overlay_fini(void *self)
{
	struct overlay *o = self;

	treedir_close(&o->dirs);
	free(o);
}

static const struct ctr_snapshotter_ops ops = {
	.size = sizeof(ops),
	.stat = treedir_stat,
	.update = treedir_update,
	.usage = overlay_usage,
	.mounts = overlay_mounts,
	.prepare = overlay_prepare,
	.view = overlay_view,
	.commit = overlay_commit,
	.remove = treedir_remove,
	.walk = treedir_walk,
	.cleanup = treedir_cleanup,
	.open_tree = overlay_open_tree,
	.sync = treedir_sync_keys,
};

static const struct ctr_plugin plugin = {
	.size = sizeof(plugin),
	.kind = CTR_KIND_SNAPSHOTTER,
	.id = "overlayfs",
	.ops = &ops,
	.check = overlay_check,
	.init = overlay_init,
	.start = overlay_start,
	.fini = overlay_fini,
};

CTR_MODULE("snapshotter-overlay", CTR_VERSION, "Apache-2.0", &plugin);
