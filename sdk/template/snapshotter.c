/* SPDX-License-Identifier: Apache-2.0
 *
 * A snapshotter to copy and change: "template", overlay mounts over numbered directories. It uses
 * the SDK's headers and libc alone. The host keeps the rows (which snapshot is whose child) through
 * ctr.snapgraph.v1; this file makes the bytes: <root_dir>/<id>/fs, and <root_dir>/<id>/work for
 * overlay. Methods run on many threads at once; nothing here changes after init, so there is no
 * lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctr/platform.h>
#include <ctr/plugin.h>
#include <ctr/snapgraph.h>
#include <ctr/snapshotter.h>

#define PATH_ROOM 4096

struct template
{
	const struct ctr_host *host;
	const struct ctr_snapgraph_ops *graph;
	const char *option; /* one more mount option, "" for none; from the configuration */
	uint64_t born;      /* ids from here on were given out in this run of the daemon */
	/* Opened before the first write, so that syncfs() on it sees every error since. */
	int root_fd;
};

/* ---- directories ---- */

/* <root_dir>/<id>/<name>, or <root_dir>/<id> when name is "". 0 or -ENAMETOOLONG. */
static int path_of(const struct template *t, uint64_t id, const char *name, char ret[PATH_ROOM])
{
	int n = snprintf(ret, PATH_ROOM, "%s/%llu%s%s", t->host->root_dir, (unsigned long long)id,
			 *name ? "/" : "", name);

	return n < 0 || n >= PATH_ROOM ? -ENAMETOOLONG : 0;
}

/* Remove a directory with all it holds. Links are removed, not followed; a mount is not entered. */
static int remove_tree(const char *path)
{
	char *paths[] = { (char *)(uintptr_t)path, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int r = 0;

	if (!fts)
		return -errno;
	while ((e = fts_read(fts))) {
		if (e->fts_info == FTS_D)
			continue;
		if ((e->fts_info == FTS_DP ? rmdir(e->fts_accpath) : unlink(e->fts_accpath)) < 0 &&
		    errno != ENOENT)
			r = -errno;
	}
	fts_close(fts);
	return r;
}

/* The row is gone, or never came: what cannot be removed now is found again by reap(). */
static void discard(const struct template *t, uint64_t id)
{
	char path[PATH_ROOM];
	int r = path_of(t, id, "", path);

	if (r == 0)
		r = remove_tree(path);
	if (r < 0)
		t->host->log(t->host, CTR_LOG_WARN,
			     "directory of snapshot %llu stays until the next start: %s",
			     (unsigned long long)id, strerror(-r));
}

static int make_dir(const struct template *t, uint64_t id, const char *name, mode_t mode)
{
	char path[PATH_ROOM];
	int r = path_of(t, id, name, path);

	if (r == 0 && mkdir(path, mode) < 0)
		r = -errno;
	return r;
}

static int make_dirs(const struct template *t, uint64_t id)
{
	int r = make_dir(t, id, "", 0700);

	if (r == 0)
		r = make_dir(t, id, "fs", 0755);
	if (r == 0)
		r = make_dir(t, id, "work", 0711);
	return r;
}

/* The merged root has the upper directory's owner and mode: they come from the parent. */
static int like_parent(const struct template *t, uint64_t id, uint64_t parent_id)
{
	char path[PATH_ROOM], parent[PATH_ROOM];
	struct stat st;
	int r = path_of(t, id, "fs", path);

	if (r == 0)
		r = path_of(t, parent_id, "fs", parent);
	if (r < 0)
		return r;
	if (stat(parent, &st) < 0 || chown(path, st.st_uid, st.st_gid) < 0 ||
	    chmod(path, st.st_mode & 07777) < 0)
		return -errno;
	return 0;
}

/* Directories of an earlier run without a row: a crash came between the two. */
static ctr_code reap(const struct template *t, struct ctr_error *err)
{
	char *paths[] = { (char *)(uintptr_t)t->host->root_dir, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	ctr_code code = CTR_OK;
	FTSENT *e;

	if (!fts)
		return t->host->fail_errno(err, errno, "read '%s'", t->host->root_dir);
	while (code == CTR_OK && (e = fts_read(fts))) {
		unsigned long long id;
		int32_t used = 1;
		char end;

		if (e->fts_level != 1)
			continue;
		fts_set(fts, e, FTS_SKIP);
		if (e->fts_info == FTS_DP || sscanf(e->fts_name, "%llu%c", &id, &end) != 1 ||
		    id >= t->born)
			continue;
		code = t->graph->has(t->host, id, &used, err);
		if (code == CTR_OK && !used)
			discard(t, id);
	}
	fts_close(fts);
	return code;
}

/* ---- mounts ---- */

struct text {
	char *data;
	size_t len, room;
};

static int put(struct text *b, const char *s)
{
	size_t n = strlen(s);

	if (b->len + n + 1 > b->room) {
		size_t room = (b->len + n + 1) * 2;
		char *data = realloc(b->data, room);

		if (!data)
			return -ENOMEM;
		b->data = data;
		b->room = room;
	}
	memcpy(b->data + b->len, s, n + 1);
	b->len += n;
	return 0;
}

/* "lowerdir=<nearest>:...:<bottom>" */
static int put_lower(const struct template *t, const struct ctr_graph_node *node, struct text *b)
{
	char path[PATH_ROOM];
	int r = put(b, "lowerdir=");

	for (uint64_t i = 0; i < node->n_chain && r == 0; i++) {
		r = path_of(t, node->chain[i], "fs", path);
		if (r == 0 && i > 0)
			r = put(b, ":");
		if (r == 0)
			r = put(b, path);
	}
	return r;
}

/* Where a method's sink goes through a sink of the graph. */
struct request {
	struct template *t;
	ctr_mounts_sink mounts;
	ctr_snapshot_sink info;
	void *ud;
	struct ctr_error *err;
	struct ctr_graph_node node; /* numbers only */
};

static ctr_code give_bind(const struct request *rq, uint64_t id, const char *access)
{
	char path[PATH_ROOM];
	const char *options[] = { access, "rbind" };
	const struct ctr_mount m = { "bind", path, "", options, 2 };
	int r = path_of(rq->t, id, "fs", path);

	return r < 0 ? rq->t->host->fail_errno(rq->err, r, "mounts") : rq->mounts(rq->ud, &m, 1);
}

static ctr_code give_overlay(const struct request *rq, const struct ctr_graph_node *node)
{
	const struct template *t = rq->t;
	char work[PATH_ROOM + 16], upper[PATH_ROOM + 16], path[PATH_ROOM];
	const char *options[4];
	struct ctr_mount m = { "overlay", "overlay", "", options, 0 };
	struct text lower = { NULL, 0, 0 };
	ctr_code code;
	int r = path_of(t, node->id, "work", path);

	if (node->kind == CTR_SNAPSHOT_ACTIVE && r == 0) {
		snprintf(work, sizeof(work), "workdir=%s", path);
		r = path_of(t, node->id, "fs", path);
		snprintf(upper, sizeof(upper), "upperdir=%s", path);
		options[m.n_options++] = work;
		options[m.n_options++] = upper;
	}
	if (r == 0)
		r = put_lower(t, node, &lower);
	if (r < 0) {
		free(lower.data);
		return t->host->fail_errno(rq->err, r, "mounts of snapshot '%s'", node->key);
	}
	options[m.n_options++] = lower.data;
	if (*t->option)
		options[m.n_options++] = t->option;
	code = rq->mounts(rq->ud, &m, 1);
	free(lower.data);
	return code;
}

static ctr_code give_mounts(void *ud, const struct ctr_graph_node *node)
{
	const struct request *rq = ud;

	if (node->kind == CTR_SNAPSHOT_COMMITTED)
		return rq->t->host->fail(rq->err, CTR_FAILED_PRECONDITION,
					 "snapshot '%s' is committed", node->key);
	if (!rq->mounts)
		return CTR_OK;
	if (node->n_chain == 0)
		return give_bind(rq, node->id, node->kind == CTR_SNAPSHOT_VIEW ? "ro" : "rw");
	if (node->kind == CTR_SNAPSHOT_VIEW && node->n_chain == 1)
		return give_bind(rq, node->chain[0], "ro");
	return give_overlay(rq, node);
}

/* ---- methods ---- */

static ctr_code created(void *ud, const struct ctr_graph_node *node)
{
	const struct request *rq = ud;

	if (node->kind == CTR_SNAPSHOT_ACTIVE && node->n_chain > 0) {
		int r = like_parent(rq->t, node->id, node->chain[0]);

		if (r < 0)
			return rq->t->host->fail_errno(rq->err, r, "snapshot '%s'", node->key);
	}
	return give_mounts(ud, node);
}

/*
 * Bytes first, row after: a crash leaves a directory without a row, never a row without its
 * directory.
 */
static ctr_code make(struct template *t, const struct ctr_call *call, uint32_t kind,
		     const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
		     struct ctr_error *err)
{
	struct request rq = { .t = t, .mounts = sink, .ud = ud, .err = err };
	int32_t used = 1;
	uint64_t id;
	ctr_code code;
	int r;

	if (args->flags) /* of a later SDK: it asks for what this code would not do */
		return t->host->fail(err, CTR_INVALID_ARGUMENT, "snapshot '%s': unknown flags 0x%x",
				     args->key, args->flags);
	code = t->graph->reserve(t->host, &id, err);
	if (code != CTR_OK)
		return code;
	r = make_dirs(t, id);
	if (r < 0)
		code = t->host->fail_errno(err, r, "make the directories of snapshot '%s'",
					   args->key);
	else
		code = t->graph->create(t->host, call, id, kind, args, created, &rq, err);
	if (code == CTR_OK)
		return CTR_OK;

	/* The row may stand when only what came after it failed: then its directory stands too. */
	t->graph->release(t->host, id);
	if (t->graph->has(t->host, id, &used, NULL) == CTR_OK && !used)
		discard(t, id);
	return code;
}

static ctr_code template_prepare(void *self, const struct ctr_call *call,
				 const struct ctr_snapshot_new *args, ctr_mounts_sink sink,
				 void *ud, struct ctr_error *err)
{
	return make(self, call, CTR_SNAPSHOT_ACTIVE, args, sink, ud, err);
}

static ctr_code template_view(void *self, const struct ctr_call *call,
			      const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			      struct ctr_error *err)
{
	return make(self, call, CTR_SNAPSHOT_VIEW, args, sink, ud, err);
}

static ctr_code template_mounts(void *self, const struct ctr_call *call, const char *key,
				ctr_mounts_sink sink, void *ud, struct ctr_error *err)
{
	struct template *t = self;
	struct request rq = { .t = t, .mounts = sink, .ud = ud, .err = err };

	return t->graph->get(t->host, call, key, give_mounts, &rq, err);
}

static ctr_code give_info(void *ud, const struct ctr_graph_node *node)
{
	const struct request *rq = ud;
	struct ctr_snapshot_info info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	info.kind = node->kind;
	info.name = node->key;
	info.parent = node->parent;
	info.labels = node->labels;
	info.created_ns = node->created_ns;
	info.updated_ns = node->updated_ns;
	return rq->info(rq->ud, &info);
}

static ctr_code template_stat(void *self, const struct ctr_call *call, const char *key,
			      ctr_snapshot_sink sink, void *ud, struct ctr_error *err)
{
	struct template *t = self;
	struct request rq = { .t = t, .info = sink, .ud = ud, .err = err };

	return t->graph->get(t->host, call, key, give_info, &rq, err);
}

static ctr_code template_walk(void *self, const struct ctr_call *call, ctr_snapshot_sink sink,
			      void *ud, struct ctr_error *err)
{
	struct template *t = self;
	struct request rq = { .t = t, .info = sink, .ud = ud, .err = err };

	return t->graph->walk(t->host, call, give_info, &rq, err);
}

static ctr_code template_update(void *self, const struct ctr_call *call, const char *key,
				struct ctr_labels labels, struct ctr_error *err)
{
	struct template *t = self;

	return t->graph->update(t->host, call, key, labels, err);
}

/* Blocks on disk, not lengths. Asks at every directory whether the caller still wants to know. */
static ctr_code measure(const struct template *t, const struct ctr_call *call, uint64_t id,
			struct ctr_usage *ret, struct ctr_error *err)
{
	struct ctr_usage usage = { sizeof(usage), 0, 0, 0 };
	char path[PATH_ROOM];
	char *paths[] = { path, NULL };
	ctr_code code = CTR_OK;
	FTSENT *e;
	FTS *fts;
	int r = path_of(t, id, "fs", path);

	if (r < 0)
		return t->host->fail_errno(err, r, "measure snapshot");
	fts = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	if (!fts)
		return t->host->fail_errno(err, errno, "measure '%s'", path);
	while (code == CTR_OK && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DP)
			continue;
		if (e->fts_info == FTS_D)
			code = t->host->call->check(call, err);
		/* A file with several links is shared out among its names. */
		if (e->fts_info != FTS_NS && e->fts_info != FTS_ERR) {
			usage.inodes++;
			usage.bytes += (int64_t)e->fts_statp->st_blocks * 512 /
				       (e->fts_info == FTS_D ? 1 : (int64_t)e->fts_statp->st_nlink);
		}
	}
	fts_close(fts);
	if (code == CTR_OK)
		*ret = usage;
	return code;
}

static ctr_code keep_numbers(void *ud, const struct ctr_graph_node *node)
{
	struct request *rq = ud;

	rq->node.id = node->id;
	rq->node.kind = node->kind;
	return CTR_OK;
}

static ctr_code template_usage(void *self, const struct ctr_call *call, const char *key,
			       struct ctr_usage *ret, struct ctr_error *err)
{
	struct template *t = self;
	struct request rq = { .t = t, .err = err };
	ctr_code code = t->graph->get(t->host, call, key, keep_numbers, &rq, err);

	return code == CTR_OK ? measure(t, call, rq.node.id, ret, err) : code;
}

/* What a committed snapshot promises must be on disk before the row says so. */
static ctr_code template_commit(void *self, const struct ctr_call *call,
				const struct ctr_snapshot_commit *args, struct ctr_error *err)
{
	struct template *t = self;
	struct ctr_usage usage = { sizeof(usage), 0, 0, 0 };
	ctr_code code;

	if (args->flags & ~CTR_SNAPSHOT_SYNCED)
		return t->host->fail(err, CTR_INVALID_ARGUMENT, "snapshot '%s': unknown flags 0x%x",
				     args->key, args->flags);
	code = template_usage(t, call, args->key, &usage, err);
	if (code != CTR_OK)
		return code;
	if (syncfs(t->root_fd) < 0)
		return t->host->fail_errno(err, errno, "sync '%s'", t->host->root_dir);
	return t->graph->commit(t->host, call, args, &usage, err);
}

/* Row first, bytes after. */
static ctr_code template_remove(void *self, const struct ctr_call *call, const char *key,
				struct ctr_error *err)
{
	struct template *t = self;
	uint64_t id;
	ctr_code code = t->graph->remove(t->host, call, key, &id, err);

	if (code == CTR_OK)
		discard(t, id);
	return code;
}

/* ---- lifecycle ---- */

/*
 * No side effect: `ctrd config check` runs it. Keys that are read by nobody are reported by the
 * host.
 */
static ctr_code template_check(const struct ctr_host *h, const struct ctr_table *cfg,
			       struct ctr_error *err)
{
	const char *option;

	return h->config->str(cfg, "mount_option", "", &option, err);
}

static ctr_code template_init(const struct ctr_host *h, const struct ctr_table *cfg,
			      const struct ctr_deps *deps, void **ret_self, struct ctr_error *err)
{
	struct template *t = calloc(1, sizeof(*t));
	uint32_t size;
	ctr_code code;

	(void)deps;
	if (!t)
		return h->fail_errno(err, ENOMEM, "template");
	t->host = h;
	t->root_fd = -1;
	t->graph = h->service(h, CTR_SERVICE_SNAPGRAPH, &size);
	if (!t->graph)
		code = h->fail(err, CTR_UNIMPLEMENTED, "the host has no service '%s'",
			       CTR_SERVICE_SNAPGRAPH);
	else
		code = h->config->str(cfg, "mount_option", "", &t->option, err);
	if (code == CTR_OK) {
		t->root_fd = open(h->root_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (t->root_fd < 0)
			code = h->fail_errno(err, errno, "open '%s'", h->root_dir);
	}
	if (code == CTR_OK)
		code = t->graph->reserve(h, &t->born, err);
	if (code != CTR_OK) {
		/* A failed init gets no fini: it cleans up itself. */
		if (t->root_fd >= 0)
			close(t->root_fd);
		free(t);
		return code;
	}
	h->add_platform(h, CTR_PLATFORM);
	h->add_capability(h, "rebase");
	h->add_export(h, "root", h->root_dir);
	*ret_self = t;
	return CTR_OK;
}

static ctr_code template_start(void *self, struct ctr_error *err)
{
	return reap(self, err);
}

static void template_fini(void *self)
{
	struct template *t = self;

	close(t->root_fd);
	free(t);
}

static const struct ctr_snapshotter_ops ops = {
	.size = sizeof(ops),
	.stat = template_stat,
	.update = template_update,
	.usage = template_usage,
	.mounts = template_mounts,
	.prepare = template_prepare,
	.view = template_view,
	.commit = template_commit,
	.remove = template_remove,
	.walk = template_walk,
};

static const struct ctr_plugin plugin = {
	.size = sizeof(plugin),
	.kind = CTR_KIND_SNAPSHOTTER,
	.id = "template",
	.ops = &ops,
	.check = template_check,
	.init = template_init,
	.start = template_start,
	.fini = template_fini,
};

CTR_MODULE("template", "1.0", "Apache-2.0", &plugin);
