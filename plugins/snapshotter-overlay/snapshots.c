/* SPDX-License-Identifier: Apache-2.0
 *
 * Prepare, view and what is asked of one snapshot. Rows are the graph's; this file makes and opens directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "overlay.h"

int overlay_open_fs(const struct overlay *o, uint64_t id)
{
	char path[TREEDIR_NAME_ROOM + 4], name[TREEDIR_NAME_ROOM];

	treedir_name(id, name);
	snprintf(path, sizeof(path), "%s/fs", name);
	return path_open(o->dirs.fd, path, PATH_BENEATH | PATH_NO_SYMLINKS, O_RDONLY | O_DIRECTORY,
			 0);
}

/* Owner and mode of the merged root are those of the upper directory: take them from the parent. */
static int like_parent(const struct overlay *o, int fs_fd, uint64_t parent_id)
{
	struct stat st;
	AUTO_CLOSE int parent = overlay_open_fs(o, parent_id);

	if (parent < 0)
		return parent;
	if (fstat(parent, &st) < 0 || fchown(fs_fd, st.st_uid, st.st_gid) < 0 ||
	    fchmod(fs_fd, st.st_mode & 07777) < 0)
		return -errno;
	return 0;
}

static int make_dirs(const struct overlay *o, uint64_t id, int writable)
{
	AUTO_CLOSE int dir = treedir_make(&o->dirs, id);

	if (dir < 0)
		return dir;
	if (mkdirat(dir, "fs", 0755) < 0)
		return -errno;
	if (writable && mkdirat(dir, "work", 0711) < 0)
		return -errno;
	return 0;
}

struct created {
	struct overlay *o;
	ctr_mounts_sink sink;
	void *ud;
	struct ctr_error *err;
	int r;
};

static ctr_code on_created(void *ud, const struct ctr_graph_node *node)
{
	struct created *c = ud;

	if (node->n_chain && node->kind == CTR_SNAPSHOT_ACTIVE) {
		AUTO_CLOSE int fs = overlay_open_fs(c->o, node->id);
		int r = fs < 0 ? fs : like_parent(c->o, fs, node->chain[0]);
		if (r < 0)
			return c->o->dirs.host->fail_errno(c->err, r, "snapshot '%s'", node->key);
	}
	return overlay_mounts_of(c->o, node, c->sink, c->ud, c->err);
}

static ctr_code make(struct overlay *o, const struct ctr_call *call, uint32_t kind,
		     const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
		     struct ctr_error *err)
{
	const struct treedir *t = &o->dirs;
	struct created c = { .o = o, .sink = sink, .ud = ud, .err = err };
	uint64_t id;

	ctr_code code = treedir_flags(t, args->key, args->flags, 0, err);
	if (code == CTR_OK)
		code = t->graph->reserve(t->host, &id, err);
	if (code != CTR_OK)
		return code;

	int r = make_dirs(o, id, kind == CTR_SNAPSHOT_ACTIVE);
	code = r < 0 ? t->host->fail_errno(err, r, "snapshot '%s'", args->key)
		     : t->graph->create(t->host, call, id, kind, args, on_created, &c, err);
	if (code == CTR_OK)
		return CTR_OK;

	treedir_undo(t, id);
	return code;
}

ctr_code overlay_prepare(void *self, const struct ctr_call *call,
			 const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			 struct ctr_error *err)
{
	return make(self, call, CTR_SNAPSHOT_ACTIVE, args, sink, ud, err);
}

ctr_code overlay_view(void *self, const struct ctr_call *call, const struct ctr_snapshot_new *args,
		      ctr_mounts_sink sink, void *ud, struct ctr_error *err)
{
	return make(self, call, CTR_SNAPSHOT_VIEW, args, sink, ud, err);
}

static ctr_code give_mounts(void *ud, const struct ctr_graph_node *node)
{
	struct created *c = ud;

	if (node->kind == CTR_SNAPSHOT_COMMITTED)
		return c->o->dirs.host->fail(c->err, CTR_FAILED_PRECONDITION,
					     "snapshot '%s' is committed and has no mounts",
					     node->key);
	return overlay_mounts_of(c->o, node, c->sink, c->ud, c->err);
}

ctr_code overlay_mounts(void *self, const struct ctr_call *call, const char *key,
			ctr_mounts_sink sink, void *ud, struct ctr_error *err)
{
	struct overlay *o = self;
	struct created c = { .o = o, .sink = sink, .ud = ud, .err = err };

	return o->dirs.graph->get(o->dirs.host, call, key, give_mounts, &c, err);
}

static ctr_code take_node(void *ud, const struct ctr_graph_node *node)
{
	struct ctr_graph_node *ret = ud;

	ret->id = node->id;
	ret->kind = node->kind;
	return CTR_OK;
}

static ctr_code open_by_key(struct overlay *o, const struct ctr_call *call, const char *key,
			    struct ctr_graph_node *ret, int *ret_fd, struct ctr_error *err)
{
	ctr_code code = o->dirs.graph->get(o->dirs.host, call, key, take_node, ret, err);
	if (code != CTR_OK)
		return code;

	int fd = overlay_open_fs(o, ret->id);
	if (fd < 0)
		return o->dirs.host->fail_errno(err, fd, "open snapshot '%s'", key);
	*ret_fd = fd;
	return CTR_OK;
}

ctr_code overlay_usage(void *self, const struct ctr_call *call, const char *key,
		       struct ctr_usage *ret, struct ctr_error *err)
{
	struct overlay *o = self;
	struct ctr_graph_node node;
	AUTO_CLOSE int fd = -1;

	ctr_code code = open_by_key(o, call, key, &node, &fd, err);
	return code == CTR_OK ? treedir_usage(&o->dirs, call, fd, ret, err) : code;
}

ctr_code overlay_open_tree(void *self, const struct ctr_call *call, const char *key,
			   struct ctr_tree *ret, struct ctr_error *err)
{
	struct overlay *o = self;
	struct ctr_graph_node node;
	AUTO_CLOSE int fd = -1;

	ctr_code code = open_by_key(o, call, key, &node, &fd, err);
	if (code != CTR_OK)
		return code;
	if (node.kind != CTR_SNAPSHOT_ACTIVE)
		return o->dirs.host->fail(err, CTR_FAILED_PRECONDITION,
					  "snapshot '%s' is not active", key);

	ret->whiteouts = CTR_WHITEOUT_OVERLAY;
	ret->fd = take_fd(&fd);
	return CTR_OK;
}
