/* SPDX-License-Identifier: Apache-2.0
 *
 * io.containerd.snapshotter.v1 / native: every snapshot is a whole directory, a copy of its parent. Slow, and works on
 * any file system: the fallback, and the plain example of a snapshotter.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <ctr/platform.h>
#include <ctr/plugin.h>
#include <ctr/snapshotter.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "copytree.h"
#include "plugins/common/treedir.h"

struct native {
	struct treedir dirs; /* first: the methods of treedir.h take it as their self */
};

static int open_tree_of(const struct native *n, uint64_t id)
{
	char name[TREEDIR_NAME_ROOM];

	treedir_name(id, name);
	return path_open(n->dirs.fd, name, PATH_BENEATH | PATH_NO_SYMLINKS, O_RDONLY | O_DIRECTORY,
			 0);
}

static ctr_code bind_mount(struct native *n, const struct ctr_graph_node *node,
			   ctr_mounts_sink sink, void *ud, struct ctr_error *err)
{
	/* A view shows its parent itself; without one, its own empty directory. */
	int view = node->kind == CTR_SNAPSHOT_VIEW;
	uint64_t id = view && node->n_chain ? node->chain[0] : node->id;
	AUTO_FREE char *source = str_printf("%s/snapshots/%" PRIu64, n->dirs.host->root_dir, id);
	const char *options[] = { view ? "ro" : "rw", "rbind" };
	const struct ctr_mount m = {
		.type = "bind", .source = source, .target = "", .options = options, .n_options = 2
	};

	if (!source)
		return n->dirs.host->fail_errno(err, ENOMEM, "mounts");
	return sink ? sink(ud, &m, 1) : CTR_OK;
}

struct taken {
	struct native *n;
	const struct ctr_call *call;
	ctr_mounts_sink sink;
	void *ud;
	struct ctr_error *err;
	uint64_t id;
	uint32_t kind;
};

static ctr_code on_row(void *ud, const struct ctr_graph_node *node)
{
	struct taken *t = ud;

	t->id = node->id;
	t->kind = node->kind;
	return CTR_OK;
}

static ctr_code on_mounts(void *ud, const struct ctr_graph_node *node)
{
	struct taken *t = ud;

	if (node->kind == CTR_SNAPSHOT_COMMITTED)
		return t->n->dirs.host->fail(t->err, CTR_FAILED_PRECONDITION,
					     "snapshot '%s' is committed and has no mounts",
					     node->key);
	return bind_mount(t->n, node, t->sink, t->ud, t->err);
}

static int cancelled(void *ud)
{
	struct taken *t = ud;

	return t->n->dirs.host->call->check(t->call, t->err);
}

/* The bytes of a new active snapshot: the parent's, copied before the row exists. */
static ctr_code fill(struct native *n, const struct ctr_call *call, uint64_t id, const char *parent,
		     int copy, struct ctr_error *err)
{
	const struct ctr_host *h = n->dirs.host;
	struct taken t = { .n = n, .call = call, .err = err };
	AUTO_CLOSE int to = treedir_make(&n->dirs, id);

	if (to < 0)
		return h->fail_errno(err, to, "make snapshot directory %" PRIu64, id);
	if (!copy) /* the directory is the top of the tree, which users of all ids walk through */
		return fchmod(to, 0755) == 0
			       ? CTR_OK
			       : h->fail_errno(err, errno, "make snapshot directory %" PRIu64, id);

	ctr_code code = n->dirs.graph->get(h, call, parent, on_row, &t, err);
	if (code != CTR_OK) {
		h->wrap(err, "parent");
		return code; /* err may be NULL, and then wrap() does not know it */
	}
	if (t.kind != CTR_SNAPSHOT_COMMITTED)
		return h->fail(err, CTR_INVALID_ARGUMENT, "parent '%s' is not committed", parent);

	AUTO_CLOSE int from = open_tree_of(n, t.id);
	if (from < 0)
		return h->fail_errno(err, from, "open parent '%s'", parent);
	int r = copytree(from, to, cancelled, &t);
	if (r > 0)
		return r; /* cancelled: err is set */
	return r < 0 ? h->fail_errno(err, r, "copy parent '%s'", parent) : CTR_OK;
}

static ctr_code make(struct native *n, const struct ctr_call *call, uint32_t kind,
		     const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
		     struct ctr_error *err)
{
	const struct treedir *d = &n->dirs;
	struct taken t = { .n = n, .call = call, .sink = sink, .ud = ud, .err = err };
	uint64_t id;

	ctr_code code = treedir_flags(d, args->key, args->flags, 0, err);
	if (code == CTR_OK)
		code = d->graph->reserve(d->host, &id, err);
	if (code != CTR_OK)
		return code;
	code = fill(n, call, id, args->parent, kind == CTR_SNAPSHOT_ACTIVE && *args->parent, err);
	if (code == CTR_OK)
		code = d->graph->create(d->host, call, id, kind, args, on_mounts, &t, err);
	if (code == CTR_OK)
		return CTR_OK;

	treedir_undo(d, id);
	return code;
}

static ctr_code native_prepare(void *self, const struct ctr_call *call,
			       const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			       struct ctr_error *err)
{
	return make(self, call, CTR_SNAPSHOT_ACTIVE, args, sink, ud, err);
}

static ctr_code native_view(void *self, const struct ctr_call *call,
			    const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			    struct ctr_error *err)
{
	return make(self, call, CTR_SNAPSHOT_VIEW, args, sink, ud, err);
}

static ctr_code native_mounts(void *self, const struct ctr_call *call, const char *key,
			      ctr_mounts_sink sink, void *ud, struct ctr_error *err)
{
	struct native *n = self;
	struct taken t = { .n = n, .call = call, .sink = sink, .ud = ud, .err = err };

	return n->dirs.graph->get(n->dirs.host, call, key, on_mounts, &t, err);
}

static ctr_code open_by_key(struct native *n, const struct ctr_call *call, const char *key,
			    struct taken *ret, int *ret_fd, struct ctr_error *err)
{
	ctr_code code = n->dirs.graph->get(n->dirs.host, call, key, on_row, ret, err);
	if (code != CTR_OK)
		return code;

	int fd = open_tree_of(n, ret->id);
	if (fd < 0)
		return n->dirs.host->fail_errno(err, fd, "open snapshot '%s'", key);
	*ret_fd = fd;
	return CTR_OK;
}

static ctr_code native_usage(void *self, const struct ctr_call *call, const char *key,
			     struct ctr_usage *ret, struct ctr_error *err)
{
	struct native *n = self;
	struct taken t = { .n = n };
	AUTO_CLOSE int fd = -1;

	ctr_code code = open_by_key(n, call, key, &t, &fd, err);
	return code == CTR_OK ? treedir_usage(&n->dirs, call, fd, ret, err) : code;
}

static ctr_code native_open_tree(void *self, const struct ctr_call *call, const char *key,
				 struct ctr_tree *ret, struct ctr_error *err)
{
	struct native *n = self;
	struct taken t = { .n = n };
	AUTO_CLOSE int fd = -1;

	ctr_code code = open_by_key(n, call, key, &t, &fd, err);
	if (code != CTR_OK)
		return code;
	if (t.kind != CTR_SNAPSHOT_ACTIVE)
		return n->dirs.host->fail(err, CTR_FAILED_PRECONDITION,
					  "snapshot '%s' is not active", key);

	ret->whiteouts = CTR_WHITEOUT_REMOVE;
	ret->fd = take_fd(&fd);
	return CTR_OK;
}

static ctr_code native_check(const struct ctr_host *h, const struct ctr_table *cfg,
			     struct ctr_error *err)
{
	(void)h;
	(void)cfg;
	(void)err;
	return CTR_OK; /* no key: the host reports whatever it finds */
}

static ctr_code native_init(const struct ctr_host *h, const struct ctr_table *cfg,
			    const struct ctr_deps *deps, void **ret_self, struct ctr_error *err)
{
	(void)cfg;
	(void)deps;
	struct native *n = calloc(1, sizeof(*n));
	if (!n)
		return h->fail_errno(err, ENOMEM, "native");

	ctr_code code = treedir_open(&n->dirs, h, err);
	if (code != CTR_OK) {
		free(n);
		return code;
	}
	h->add_platform(h, CTR_PLATFORM);
	h->add_export(h, "root", h->root_dir);
	*ret_self = n;
	return CTR_OK;
}

static ctr_code native_start(void *self, struct ctr_error *err)
{
	return treedir_reap(self, err);
}

static void native_fini(void *self)
{
	struct native *n = self;

	treedir_close(&n->dirs);
	free(n);
}

static const struct ctr_snapshotter_ops ops = {
	.size = sizeof(ops),
	.stat = treedir_stat,
	.update = treedir_update,
	.usage = native_usage,
	.mounts = native_mounts,
	.prepare = native_prepare,
	.view = native_view,
	.commit = treedir_commit,
	.remove = treedir_remove,
	.walk = treedir_walk,
	.cleanup = treedir_cleanup,
	.open_tree = native_open_tree,
	.sync = treedir_sync_keys,
};

static const struct ctr_plugin plugin = {
	.size = sizeof(plugin),
	.kind = CTR_KIND_SNAPSHOTTER,
	.id = "native",
	.ops = &ops,
	.check = native_check,
	.init = native_init,
	.start = native_start,
	.fini = native_fini,
};

CTR_MODULE("snapshotter-native", CTR_VERSION, "Apache-2.0", &plugin);
