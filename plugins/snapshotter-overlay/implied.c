/* SPDX-License-Identifier: Apache-2.0
 *
 * Commit. A layer may put files into directories that it does not name. Unpacked before its parent is known, such a
 * directory has default metadata, which would hide the parent's (/tmp would lose its sticky bit): the differ marks it,
 * and here, where the parent is known, it gets owner, mode, attributes and times of the nearest parent that has it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "overlay.h"

#define MARK       "user.ctr.implied" /* docs/unpack.md */
#define XATTRS_MAX 65536
#define DEPTH_MAX  512
#define PATH_BYTES 4096

struct chain {
	uint64_t id;   /* of the snapshot itself */
	uint64_t *ids; /* of its parents, nearest first */
	uint64_t n;
};

struct fix {
	struct overlay *o;
	struct chain chain;
	struct buf path; /* of the directory at hand, relative to the tree's root */
};

static ctr_code take_chain(void *ud, const struct ctr_graph_node *node)
{
	struct chain *c = ud;

	c->id = node->id;
	c->ids = calloc(node->n_chain + 1, sizeof(*c->ids));
	if (!c->ids)
		return CTR_RESOURCE_EXHAUSTED;
	if (node->n_chain)
		memcpy(c->ids, node->chain, node->n_chain * sizeof(*c->ids));
	c->n = node->n_chain;
	return CTR_OK;
}

/* The snapshot's own chain, or the one that commit gives it. */
static ctr_code load_chain(struct fix *f, const struct ctr_call *call,
			   const struct ctr_snapshot_commit *args, struct ctr_error *err)
{
	const struct treedir *t = &f->o->dirs;
	struct chain parent = { 0 };
	ctr_code code;

	if (!*str_or(args->parent, ""))
		return CTR_OK;
	code = t->graph->get(t->host, call, args->parent, take_chain, &parent, err);
	if (code != CTR_OK)
		return code;

	/* take_chain left room for one more. */
	memmove(parent.ids + 1, parent.ids, parent.n * sizeof(*parent.ids));
	parent.ids[0] = parent.id;
	free(f->chain.ids);
	f->chain.ids = parent.ids;
	f->chain.n = parent.n + 1;
	return CTR_OK;
}

static int copy_xattrs(int from, int to)
{
	AUTO_FREE char *list = malloc(XATTRS_MAX), *value = malloc(XATTRS_MAX);
	ssize_t n, len;

	if (!list || !value)
		return -ENOMEM;
	n = flistxattr(from, list, XATTRS_MAX);
	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (const char *name = list; name < list + n; name += strlen(name) + 1) {
		if (strstr(name, ".overlay.") || str_eq(name, MARK))
			continue;
		len = fgetxattr(from, name, value, XATTRS_MAX);
		if (len < 0 || fsetxattr(to, name, value, (size_t)len, 0) < 0)
			return -errno;
	}
	return 0;
}

static int copy_meta(int from, int to)
{
	struct stat st;
	int r;

	if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
	    fchmod(to, st.st_mode & 07777) < 0)
		return -errno;
	r = copy_xattrs(from, to);
	if (r < 0)
		return r;
	return futimens(to, (struct timespec[2]){ st.st_atim, st.st_mtim }) < 0 ? -errno : 0;
}

/* From the nearest parent that shows a directory there; below a whiteout or a file nothing shows. */
static int adopt(struct fix *f, int fd)
{
	int r = 0;

	for (uint64_t i = 0; i < f->chain.n; i++) {
		AUTO_CLOSE int parent = overlay_open_fs(f->o, f->chain.ids[i]);
		AUTO_CLOSE int from = -1;

		if (parent < 0)
			return parent;
		from = path_open(parent, f->path.data, PATH_BENEATH | PATH_NO_SYMLINKS,
				 O_RDONLY | O_DIRECTORY, 0);
		if (from == -ENOENT)
			continue;
		if (from >= 0)
			r = copy_meta(from, fd);
		break;
	}
	if (r == 0 && fremovexattr(fd, MARK) < 0 && errno != ENODATA)
		r = -errno;
	return r;
}

static int fix_below(struct fix *f, int fd, int depth);

static int fix_child(struct fix *f, int dir_fd, const char *name, int depth)
{
	size_t before = f->path.len;
	AUTO_CLOSE int fd =
		openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
	buf_printf(&f->path, "%s%s", before ? "/" : "", name);
	if (buf_failed(&f->path))
		return buf_failed(&f->path);
	r = fix_below(f, fd, depth + 1);
	if (r == 0 && fgetxattr(fd, MARK, NULL, 0) >= 0)
		r = adopt(f, fd);
	f->path.len = before;
	f->path.data[before] = 0;
	return r;
}

static int fix_below(struct fix *f, int fd, int depth)
{
	int copy = depth > DEPTH_MAX ? -ELOOP : fd_dup(fd);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	int r = 0;

	if (!dir) {
		r = copy < 0 ? copy : -errno;
		fd_close(&copy);
		return r;
	}
	while (r == 0 && (errno = 0, e = readdir(dir)))
		if ((e->d_type == DT_DIR || e->d_type == DT_UNKNOWN) && !str_eq(e->d_name, ".") &&
		    !str_eq(e->d_name, ".."))
			r = fix_child(f, fd, e->d_name, depth);
	if (r == 0 && errno)
		r = -errno;
	closedir(dir);
	return r;
}

/* *ret_changed: the tree was written to. */
static ctr_code fix_tree(struct fix *f, const struct ctr_call *call,
			 const struct ctr_snapshot_commit *args, int *ret_changed,
			 struct ctr_error *err)
{
	AUTO_CLOSE int fd = overlay_open_fs(f->o, f->chain.id);
	ctr_code code;
	int r;

	if (fd < 0)
		return f->o->dirs.host->fail_errno(err, fd, "open snapshot '%s'", args->key);
	if (fgetxattr(fd, MARK, NULL, 0) < 0)
		return CTR_OK;

	code = load_chain(f, call, args, err);
	if (code != CTR_OK)
		return code;
	r = fix_below(f, fd, 0);
	if (r == 0 && fremovexattr(fd, MARK) < 0)
		r = -errno;
	if (r < 0)
		return f->o->dirs.host->fail_errno(err, r, "complete '%s' of snapshot '%s'",
						   str_or(f->path.data, ""), args->key);
	*ret_changed = 1;
	return CTR_OK;
}

ctr_code overlay_commit(void *self, const struct ctr_call *call,
			const struct ctr_snapshot_commit *args, struct ctr_error *err)
{
	struct overlay *o = self;
	struct fix f = { .o = o, .path = BUF_INIT(PATH_BYTES) };
	struct ctr_snapshot_commit again = { .size = sizeof(again) };
	int changed = 0;
	ctr_code code = treedir_flags(&o->dirs, args->key, args->flags, CTR_SNAPSHOT_SYNCED, err);

	if (code == CTR_OK)
		code = o->dirs.graph->get(o->dirs.host, call, args->key, take_chain, &f.chain, err);
	if (code == CTR_OK)
		code = fix_tree(&f, call, args, &changed, err);
	free(f.chain.ids);
	buf_done(&f.path);
	if (code != CTR_OK)
		return code;
	memcpy(&again, args, MIN((size_t)args->size, sizeof(again)));
	again.size = (uint32_t)MIN((size_t)args->size, sizeof(again));
	if (changed)
		again.flags &= ~CTR_SNAPSHOT_SYNCED; /* not any more */
	return treedir_commit(self, call, &again, err);
}
