/* SPDX-License-Identifier: Apache-2.0
 *
 * Whiteouts of the image format in the two forms a snapshotter wants. They concern the layers below only: what this
 * layer itself holds, before or after the marker, stays (image-spec, layer.md).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "worker/unpack/tree.h"

#define DEPTH_MAX 256 /* of the directories of one layer that a marker clears */

ctr_code whiteout_make_opaque(struct tree *t, int dir_fd, const char *path, struct ctr_error *err)
{
	ctr_code code;

	if (!t->opt->opaque)
		return ctr_fail(err, CTR_FAILED_PRECONDITION,
				"directory '%s' cannot be made opaque here", path);
	code = t->opt->opaque(t->opt->opaque_ud, dir_fd, err);
	return code == CTR_OK ? code : ctr_wrap(err, "make '%s' opaque", path);
}

static int native_clear(struct tree *t, int dir_fd, uint64_t dir_ino, const char *name, int depth);

/* Remove what the layers below have in the directory fd (taken over). */
static int clear_children(struct tree *t, int fd, int depth)
{
	struct dirent *d;
	struct stat st;
	DIR *dir;
	int r = 0;

	if (fstat(fd, &st) < 0 || !(dir = fdopendir(fd))) {
		r = -errno;
		fd_close(&fd);
		return r;
	}
	while (r == 0 && (errno = 0, d = readdir(dir)))
		if (!str_eq(d->d_name, ".") && !str_eq(d->d_name, ".."))
			r = native_clear(t, dirfd(dir), st.st_ino, d->d_name, depth + 1);
	if (r == 0 && errno)
		r = -errno;
	closedir(dir);
	return r;
}

/* Remove name unless this layer put it, or something below it, there. */
static int native_clear(struct tree *t, int dir_fd, uint64_t dir_ino, const char *name, int depth)
{
	struct stat st;
	int fd;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode)) {
		if (seen_has(&t->seen, dir_ino, name))
			return 0;
		return unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
	}
	if (!seen_has_dir(&t->seen, st.st_ino) && !seen_has(&t->seen, dir_ino, name))
		return path_remove_tree(dir_fd, name);
	if (depth > DEPTH_MAX)
		return -ELOOP;

	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : clear_children(t, fd, depth);
}

ctr_code whiteout_opaque(struct tree *t, const struct place *p, struct ctr_error *err)
{
	AUTO_CLOSE int fd = openat(p->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return tree_fail(err, errno, "open the directory of", p->path);
	if (t->opt->whiteouts == UNPACK_OVERLAY)
		return whiteout_make_opaque(t, fd, p->path, err);

	r = clear_children(t, take_fd(&fd), 0);
	t->stale = true;
	return r < 0 ? tree_fail(err, r, "clear the directory of", p->path) : CTR_OK;
}

/* The name is there already: a directory of this layer must hide one below; a file does so by itself. */
static ctr_code overlay_taken(struct tree *t, int dir_fd, const char *name, const char *path,
			      struct ctr_error *err)
{
	AUTO_CLOSE int fd =
		openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return whiteout_make_opaque(t, fd, path, err);
	if (errno == ENOTDIR || errno == ELOOP)
		return CTR_OK;
	return tree_fail(err, errno, "open", path);
}

ctr_code whiteout_apply(struct tree *t, const struct tar_entry *e, const struct place *p,
			struct ctr_error *err)
{
	const char *name = p->name + sizeof(WHITEOUT_PREFIX) - 1;
	struct place hidden = { .dir_fd = p->dir_fd, .name = name, .path = p->path };
	struct tar_entry node = *e;
	int r;

	if (t->opt->whiteouts == UNPACK_NATIVE) {
		r = native_clear(t, p->dir_fd, t->parent_ino, name, 0);
		t->stale = true;
		return r < 0 ? tree_fail(err, r, "apply whiteout", p->path) : CTR_OK;
	}
	if (mknodat(p->dir_fd, name, S_IFCHR, makedev(0, 0)) < 0) {
		if (errno == EEXIST)
			return overlay_taken(t, p->dir_fd, name, p->path, err);
		return tree_fail(err, errno, "create whiteout", p->path);
	}
	node.type = TAR_CHAR;
	node.perm = 0;
	return meta_at(t, &node, &hidden, err);
}
