/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories that a layer needs but does not name. The walk goes component by component with the tree as
 * root; a symlink that leads to nothing has its target made, as the layer below may hold it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "worker/unpack/tree.h"

#define LINKS_MAX 40
#define LIST_MAX  65536

struct walk {
	struct tree *t;
	char todo[NAME_PATH_MAX]; /* what is left to walk, relative to the place reached */
	char done[NAME_PATH_MAX]; /* the place reached, without symlinks; "" is the root */
	size_t done_n;
	int fd; /* of the place reached, O_PATH */
	int links;
};

static int reopen(struct walk *w)
{
	int fd = w->done_n ? path_open(w->t->root_fd, w->done, PATH_BENEATH | PATH_NO_SYMLINKS,
				       O_PATH | O_DIRECTORY, 0)
			   : openat(w->t->root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return w->done_n ? fd : -errno;
	fd_close(&w->fd);
	w->fd = fd;
	return 0;
}

static int up(struct walk *w)
{
	w->done_n = name_base(w->done);
	if (w->done_n)
		w->done_n--;
	w->done[w->done_n] = 0;
	return reopen(w);
}

/* The symlink part is replaced by its target in what is left to walk. */
static int follow(struct walk *w, const char *part)
{
	char target[NAME_PATH_MAX], rest[NAME_PATH_MAX];
	ssize_t n = readlinkat(w->fd, part, target, sizeof(target) - 1);
	size_t rest_n = strlen(w->todo);

	if (n < 0)
		return -errno;
	if (!n)
		return -ENOENT;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if ((size_t)n + rest_n + 2 > sizeof(w->todo))
		return -ENAMETOOLONG;

	memcpy(rest, w->todo, rest_n + 1);
	memcpy(w->todo, target, (size_t)n);
	w->todo[n] = '/';
	memcpy(w->todo + n + 1, rest, rest_n + 1);
	if (target[0] != '/')
		return 0;
	w->done_n = 0;
	w->done[0] = 0;
	return reopen(w);
}

/* A file system that cannot hold an attribute does not fail the layer. */
static int copy_xattrs(int from, int to)
{
	AUTO_FREE char *list = malloc(LIST_MAX), *value = malloc(UNPACK_MAX_XATTR);
	ssize_t n, len;

	if (!list || !value)
		return -ENOMEM;
	n = flistxattr(from, list, LIST_MAX);
	for (const char *name = list; n > 0;
	     n -= (ssize_t)strlen(name) + 1, name += strlen(name) + 1) {
		if (!name_xattr_kept(name))
			continue;
		len = fgetxattr(from, name, value, UNPACK_MAX_XATTR);
		if (len >= 0 && fsetxattr(to, name, value, (size_t)len, 0) < 0 && errno != ENOTSUP)
			return -errno;
	}
	return 0;
}

static int copy_meta(struct walk *w, int from)
{
	AUTO_CLOSE int to = openat(w->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Attributes only where the cage lets the lower tree be read; the rest needs no more than O_PATH. */
	AUTO_CLOSE int readable = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (to < 0 || fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
	    fchmod(to, st.st_mode & 07777) < 0)
		return -errno;
	if (st.st_mode & S_ISGID)
		w->t->explicit = true;
	r = readable < 0 ? 0 : copy_xattrs(readable, to);
	if (r < 0)
		return r;
	return futimens(to, (struct timespec[2]){ st.st_atim, st.st_mtim }) < 0 ? -errno : 0;
}

/* The directory that the layers below have at the same path lends its owner, mode, attributes and times. */
static int inherit(struct walk *w)
{
	const struct unpack_options *o = w->t->opt;

	for (size_t i = 0; i < o->n_parents; i++) {
		AUTO_CLOSE int from =
			path_open(o->parents[i], w->done, PATH_BENEATH | PATH_NO_SYMLINKS,
				  O_PATH | O_DIRECTORY, 0);

		if (from >= 0)
			return copy_meta(w, from);
		if (from != -ENOENT)
			return 0; /* a whiteout or a file: below it nothing shows */
	}
	return 0;
}

/* No tree below is known: leave a mark for who will know. Where there are no such attributes there is none. */
static int leave_mark(struct walk *w)
{
	AUTO_CLOSE int fd = openat(w->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fsetxattr(fd, XATTR_IMPLIED, "y", 1, 0) < 0)
		return errno == ENOTSUP ? 0 : -errno;
	if (!w->t->implied && fsetxattr(w->t->root_fd, XATTR_IMPLIED, "y", 1, 0) < 0)
		return -errno;
	w->t->implied = true;
	return 0;
}

static int enter(struct walk *w, const char *part, int fd)
{
	size_t n = strlen(part);

	if (w->done_n + n + 2 > sizeof(w->done)) {
		fd_close(&fd);
		return -ENAMETOOLONG;
	}
	if (w->done_n)
		w->done[w->done_n++] = '/';
	memcpy(w->done + w->done_n, part, n + 1);
	w->done_n += n;
	fd_close(&w->fd);
	w->fd = fd;
	return 0;
}

static int make(struct walk *w, const char *part)
{
	const struct unpack_options *o = w->t->opt;
	uint32_t uid = 0, gid = 0;
	int fd, r;

	if (mkdirat(w->fd, part, 0755) < 0)
		return -errno;
	if (id_to_host(&o->uids, 0, &uid) < 0 || id_to_host(&o->gids, 0, &gid) < 0)
		return -EOVERFLOW;
	if ((w->t->explicit || uid != w->t->made_uid || gid != w->t->made_gid) &&
	    fchownat(w->fd, part, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if ((w->t->explicit || (w->t->made_perm & 0755) != 0755) &&
	    fchmodat(w->fd, part, 0755, 0) < 0)
		return -errno;
	fd = openat(w->fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = enter(w, part, fd);
	if (r < 0 || o->whiteouts != UNPACK_OVERLAY)
		return r;
	return o->n_parents ? inherit(w) : leave_mark(w);
}

static int step(struct walk *w, const char *part)
{
	struct stat st;
	int fd;

	if (str_eq(part, ".."))
		return up(w);
	fd = openat(w->fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return enter(w, part, fd);
	if (errno == ENOENT)
		return make(w, part);
	if (fstatat(w->fd, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISLNK(st.st_mode) ? follow(w, part) : -ENOTDIR;
}

/* Take the first component off what is left; false at the end. "." and "" are skipped. */
static bool next_part(struct walk *w, char part[NAME_PART_MAX + 1], int *ret_err)
{
	const char *p = w->todo;
	size_t n;

	*ret_err = 0;
	for (;;) {
		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n != 1 || *p != '.')
			break;
		p += n;
	}
	if (!n)
		return false;
	if (n > NAME_PART_MAX) {
		*ret_err = -ENAMETOOLONG;
		return false;
	}
	memcpy(part, p, n);
	part[n] = 0;
	memmove(w->todo, p + n, strlen(p + n) + 1);
	return true;
}

int parent_make(struct tree *t, const char *path)
{
	struct walk w = { .t = t, .fd = -1 };
	char part[NAME_PART_MAX + 1];
	int r = reopen(&w), bad = 0;

	memcpy(w.todo, path, strlen(path) + 1);
	while (r == 0 && next_part(&w, part, &bad))
		r = step(&w, part);
	if (r == 0)
		r = bad;
	if (r < 0) {
		fd_close(&w.fd);
		return r;
	}
	return w.fd;
}
