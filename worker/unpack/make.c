/* SPDX-License-Identifier: Apache-2.0
 *
 * Making one entry. Each is tried as new first (O_EXCL and its like), since nearly all are; only when the name
 * is taken is it looked at and replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "worker/unpack/tree.h"

struct job {
	struct tree *t;
	struct tar_reader *r;
	const struct tar_entry *e;
	const struct place *p;
};

typedef int (*make_fn)(const struct job *j); /* a descriptor or 0, or -errno */

static int make_file(const struct job *j)
{
	int fd = openat(j->p->dir_fd, j->p->name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, j->e->perm & 0777);

	return fd < 0 ? -errno : fd;
}

static int make_dir(const struct job *j)
{
	return mkdirat(j->p->dir_fd, j->p->name, j->e->perm & 0777) < 0 ? -errno : 0;
}

static int make_symlink(const struct job *j)
{
	return symlinkat(j->e->link, j->p->dir_fd, j->p->name) < 0 ? -errno : 0;
}

static int make_special(const struct job *j)
{
	static const mode_t types[] = {
		[TAR_CHAR] = S_IFCHR,
		[TAR_BLOCK] = S_IFBLK,
		[TAR_FIFO] = S_IFIFO,
	};
	mode_t mode = types[j->e->type] | (j->e->perm & 0777);
	dev_t dev = j->e->type == TAR_FIFO ? 0 : j->e->rdev;

	return mknodat(j->p->dir_fd, j->p->name, mode, dev) < 0 ? -errno : 0;
}

/* Make by fn; when the name is taken, replace what is there. A kept directory gives *ret_kept. */
static ctr_code make_new(const struct job *j, make_fn fn, int *ret, bool *ret_kept, bool *ret_hides,
			 struct ctr_error *err)
{
	ctr_code code;
	int r = fn(j);

	*ret_kept = *ret_hides = false;
	if (r == -EEXIST) {
		code = tree_replace(j->t, j->p, j->e->type == TAR_DIR, ret_kept, ret_hides, err);
		if (code != CTR_OK)
			return code;
		r = *ret_kept ? 0 : fn(j);
	}
	if (r < 0)
		return tree_fail(err, r, "create", j->p->path);

	*ret = r;
	return CTR_OK;
}

static ctr_code write_content(const struct job *j, int fd, struct ctr_error *err)
{
	uint64_t offset, end = 0;
	const void *data;
	ctr_code code;
	size_t n;
	int r;

	while (j->e->size) {
		code = tar_data(j->r, &data, &n, &offset, err);
		if (code != CTR_OK)
			return ctr_wrap(err, "'%s'", j->p->path);
		if (!n)
			break;
		if (offset < end || offset > INT64_MAX - n || offset + n > j->e->size)
			return ctr_fail(err, CTR_DATA_LOSS, "content of '%s' lies outside its size",
					j->p->path);
		r = offset == end ? 0 : -1;
		if (r < 0 && lseek(fd, (off_t)offset, SEEK_SET) < 0)
			return tree_fail(err, errno, "seek in", j->p->path);
		r = io_write_full(fd, data, n);
		if (r < 0)
			return tree_fail(err, r, "write", j->p->path);
		end = offset + n;
		code = tree_tell(j->t, err);
		if (code != CTR_OK)
			return code;
	}
	if (end < j->e->size && ftruncate(fd, (off_t)j->e->size) < 0)
		return tree_fail(err, errno, "set the size of", j->p->path);
	return CTR_OK;
}

static ctr_code add_file(const struct job *j, struct ctr_error *err)
{
	AUTO_CLOSE int fd = -1;
	bool kept, hides;
	ctr_code code;

	code = make_new(j, make_file, &fd, &kept, &hides, err);
	if (code == CTR_OK)
		code = write_content(j, fd, err);
	if (code == CTR_OK)
		code = meta_fd(j->t, fd, j->r, j->e, j->p->path, true, err);
	return code;
}

static ctr_code add_dir(const struct job *j, struct ctr_error *err)
{
	AUTO_CLOSE int fd = -1;
	bool kept, hides;
	ctr_code code;
	int r;

	code = make_new(j, make_dir, &r, &kept, &hides, err);
	if (code != CTR_OK)
		return code;

	fd = openat(j->p->dir_fd, j->p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return tree_fail(err, errno, "open", j->p->path);
	if (hides) {
		code = whiteout_make_opaque(j->t, fd, j->p->path, err);
		if (code != CTR_OK)
			return code;
	}
	if (kept && j->t->implied)
		(void)fremovexattr(
			fd, XATTR_IMPLIED); /* named after all; nearly always there is no mark */
	code = tree_mark(j->t, j->p, err);
	if (code == CTR_OK)
		code = meta_fd(j->t, fd, j->r, j->e, j->p->path, !kept, err);
	if (code == CTR_OK)
		tree_enter(j->t, j->p->path, take_fd(&fd)); /* j->p is void from here on */
	return code;
}

static ctr_code add_node(const struct job *j, make_fn fn, struct ctr_error *err)
{
	bool kept, hides;
	ctr_code code;
	int r;

	code = make_new(j, fn, &r, &kept, &hides, err);
	if (code == CTR_OK)
		code = meta_at(j->t, j->e, j->p, err);
	return code;
}

static bool same_inode(int a_fd, const char *a, int b_fd, const char *b)
{
	struct stat x, y;

	return fstatat(a_fd, a, &x, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(b_fd, b, &y, AT_SYMLINK_NOFOLLOW) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

/* A link carries the owner, mode and times of its own entry, as other tools apply them; symlinks have no mode. */
static ctr_code link_meta(const struct job *j, struct ctr_error *err)
{
	struct tar_entry e = *j->e;
	struct stat st;
	AUTO_CLOSE int fd = -1;

	if (fstatat(j->p->dir_fd, j->p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail(err, errno, "stat", j->p->path);
	if (S_ISLNK(st.st_mode))
		e.type = TAR_SYMLINK;
	if (!S_ISREG(st.st_mode))
		return meta_at(j->t, &e, j->p, err);

	fd = openat(j->p->dir_fd, j->p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return tree_fail(err, errno, "open", j->p->path);
	return meta_fd(j->t, fd, j->r, &e, j->p->path, false, err);
}

static ctr_code fail_link(const struct job *j, int errnum, struct ctr_error *err)
{
	AUTO_ERROR why = ERROR_INIT;

	/* The target belongs to the layer: that it is missing, or is a directory, is the layer's fault. */
	if (errnum == -EPERM)
		errnum = -EISDIR;
	tree_fail(&why, errnum, "target", j->e->link);
	return ctr_fail(err, why.code, "hard link '%s': %s", j->p->path, error_text(&why));
}

static ctr_code add_hardlink(const struct job *j, struct ctr_error *err)
{
	char target[NAME_PATH_MAX];
	AUTO_CLOSE int from = -1;
	const char *name;
	bool kept, hides;
	ctr_code code;
	size_t n;
	int r;

	r = name_clean(j->e->link, target, &n);
	if (r == -EXDEV)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"hard link '%s': target '%s' leaves the root", j->p->path,
				j->e->link);
	if (r < 0 || !n)
		return fail_link(j, r < 0 ? r : -EISDIR, err);
	from = path_open_parent(j->t->root_fd, target, PATH_IN_ROOT, &name);
	if (from < 0)
		return fail_link(j, from, err);

	r = linkat(from, name, j->p->dir_fd, j->p->name, 0) < 0 ? -errno : 0;
	if (r == -EEXIST && !same_inode(from, name, j->p->dir_fd, j->p->name)) {
		code = tree_replace(j->t, j->p, false, &kept, &hides, err);
		if (code != CTR_OK)
			return code;
		r = linkat(from, name, j->p->dir_fd, j->p->name, 0) < 0 ? -errno : 0;
	}
	if (r < 0 && r != -EEXIST)
		return fail_link(j, r, err);
	return link_meta(j, err);
}

ctr_code make_entry(struct tree *t, struct tar_reader *r, const struct tar_entry *e,
		    const struct place *p, struct ctr_error *err)
{
	struct job j = { .t = t, .r = r, .e = e, .p = p };
	ctr_code code = CTR_OK;

	switch (e->type) {
	case TAR_DIR:
		return add_dir(&j, err);
	case TAR_FILE:
		code = add_file(&j, err);
		break;
	case TAR_SYMLINK:
		code = add_node(&j, make_symlink, err);
		break;
	case TAR_HARDLINK:
		code = add_hardlink(&j, err);
		break;
	case TAR_CHAR:
	case TAR_BLOCK:
	case TAR_FIFO:
		code = add_node(&j, make_special, err);
		break;
	case TAR_OTHER:
		return CTR_OK; /* sockets are made by who listens on them */
	}
	return code == CTR_OK ? tree_mark(t, p, err) : code;
}
