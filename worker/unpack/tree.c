/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding places in the tree. Parents are resolved with the tree as root (absolute symlinks and '..' stay
 * inside), and the last one is kept, which spares the walk for every file of a directory.
 */
#include "worker/unpack/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"

ctr_code tree_fail(struct ctr_error *err, int errnum, const char *what, const char *path)
{
	int e = errnum < 0 ? -errnum : errnum;

	switch (e) {
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case EMLINK:
	case ENAMETOOLONG:
	case EFBIG:
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s '%s': %s", what, path,
				strerrordesc_np(e));
	default:
		return ctr_fail_errno(err, e, "%s '%s'", what, path);
	}
}

/* What does open(2) give here? Known, it spares chown and chmod for nearly every file. */
static void probe(struct tree *t)
{
	AUTO_CLOSE int fd = openat(t->root_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0777);
	struct stat st, root;

	t->explicit = true;
	if (t->opt->whiteouts == UNPACK_NATIVE || fd < 0 || fstat(fd, &st) < 0 ||
	    fstat(t->root_fd, &root) < 0 || (root.st_mode & S_ISGID))
		return;

	t->made_uid = st.st_uid;
	t->made_gid = st.st_gid;
	t->made_perm = st.st_mode & 0777;
	t->explicit = false;
}

ctr_code tree_open(struct tree *t, const struct unpack_options *opt, struct ctr_error *err)
{
	*t = (struct tree){ .opt = opt, .parent_fd = -1, .dirs = BUF_INIT(UNPACK_MAX_DIR_BYTES) };
	seen_init(&t->seen);
	t->root_fd = openat(opt->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->root_fd < 0)
		return ctr_fail_errno(err, errno, "open the target directory");

	probe(t);
	return CTR_OK;
}

void tree_done(struct tree *t)
{
	tree_forget(t);
	fd_close(&t->root_fd);
	seen_done(&t->seen);
	buf_done(&t->dirs);
}

void tree_forget(struct tree *t)
{
	fd_close(&t->parent_fd);
	t->parent_fd = -1;
	t->stale = false;
}

/*
 * For UNPACK_NATIVE: every directory from fd up to the root holds something of this layer. The climb ends at the
 * first that is marked already, so each directory is marked once.
 */
static int mark_upwards(struct tree *t, int from_fd, uint64_t *ret_ino)
{
	AUTO_CLOSE int fd = fcntl(from_fd, F_DUPFD_CLOEXEC, 3);
	struct stat st, root;
	bool first = true;

	if (fd < 0 || fstat(t->root_fd, &root) < 0)
		return -errno;
	for (;;) {
		if (fstat(fd, &st) < 0)
			return -errno;
		if (first)
			*ret_ino = st.st_ino;
		first = false;
		if (seen_has_dir(&t->seen, st.st_ino))
			return 0;
		if (seen_add_dir(&t->seen, st.st_ino) < 0)
			return -ENOMEM;
		if (st.st_ino == root.st_ino && st.st_dev == root.st_dev)
			return 0;

		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			return -errno;
		fd_close(&fd);
		fd = up;
	}
}

static void keep(struct tree *t, const char *path, size_t n, int fd)
{
	tree_forget(t);
	memcpy(t->parent, path, n);
	t->parent[n] = 0;
	t->parent_n = n;
	t->parent_fd = fd;
}

void tree_enter(struct tree *t, const char *path, int fd)
{
	if (t->stale) {
		fd_close(&fd);
		return;
	}
	keep(t, path, strlen(path), fd);
	if (t->opt->whiteouts == UNPACK_NATIVE && mark_upwards(t, fd, &t->parent_ino) < 0)
		tree_forget(
			t); /* the next entry finds the directory again, and the error with it */
}

static ctr_code open_parent(struct tree *t, const char *dir, size_t n, const char *path, bool make,
			    struct ctr_error *err)
{
	AUTO_CLOSE int fd = -1;
	int r;

	if (!n)
		fd = openat(t->root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	else
		fd = path_open(t->root_fd, dir, PATH_IN_ROOT, O_PATH | O_DIRECTORY, 0);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) {
		if (!make)
			return CTR_NOT_FOUND;
		fd = parent_make(t, dir);
	}
	if (fd < 0)
		return tree_fail(err, fd, "open the parent of", path);

	if (t->opt->whiteouts == UNPACK_NATIVE) {
		r = mark_upwards(t, fd, &t->parent_ino);
		if (r < 0)
			return tree_fail(err, r, "mark the parent of", path);
	}
	keep(t, dir, n, take_fd(&fd));
	return CTR_OK;
}

static ctr_code locate(struct tree *t, const char *path, bool make, struct place *ret,
		       struct ctr_error *err)
{
	size_t base = name_base(path), n = base ? base - 1 : 0;
	char dir[NAME_PATH_MAX];
	ctr_code code;

	if (t->stale)
		tree_forget(t);
	if (t->parent_fd < 0 || t->parent_n != n || memcmp(t->parent, path, n) != 0) {
		memcpy(dir, path, n);
		dir[n] = 0;
		code = open_parent(t, dir, n, path, make, err);
		if (code != CTR_OK)
			return code;
	}
	*ret = (struct place){ .dir_fd = t->parent_fd, .name = path + base, .path = path };
	return CTR_OK;
}

ctr_code tree_place(struct tree *t, const char *path, struct place *ret, struct ctr_error *err)
{
	return locate(t, path, true, ret, err);
}

ctr_code tree_find(struct tree *t, const char *path, struct place *ret, struct ctr_error *err)
{
	return locate(t, path, false, ret, err);
}

ctr_code tree_replace(struct tree *t, const struct place *p, bool want_dir, bool *ret_kept,
		      bool *ret_hides, struct ctr_error *err)
{
	struct stat st;
	int r;

	*ret_kept = *ret_hides = false;
	if (fstatat(p->dir_fd, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail(err, errno, "stat", p->path);

	if (S_ISDIR(st.st_mode) && want_dir) {
		*ret_kept = true;
		return CTR_OK;
	}
	*ret_hides = want_dir && t->opt->whiteouts == UNPACK_OVERLAY;

	if (S_ISDIR(st.st_mode))
		r = path_remove_tree(p->dir_fd, p->name);
	else
		r = unlinkat(p->dir_fd, p->name, 0) < 0 ? -errno : 0;
	if (r < 0)
		return tree_fail(err, r, "replace", p->path);
	t->stale = true;
	return CTR_OK;
}

ctr_code tree_mark(struct tree *t, const struct place *p, struct ctr_error *err)
{
	if (t->opt->whiteouts != UNPACK_NATIVE)
		return CTR_OK;
	if (seen_add(&t->seen, t->parent_ino, p->name) < 0)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	return CTR_OK;
}
