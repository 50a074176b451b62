/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths below a descriptor by openat2(2), our own directories, and the check of trusted paths. The
 * kernel does the resolution; nothing here compares or shortens path text. Removal of trees:
 * remove.c.
 */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#define RETRIES      64 /* openat2 answers EAGAIN when a rename races with ".." */
#define SYMLINKS_MAX 40

static int resolve_flags(int how, uint64_t *ret)
{
	uint64_t resolve = RESOLVE_NO_MAGICLINKS;
	int root = how & (PATH_BENEATH | PATH_IN_ROOT);

	if (how & ~(PATH_BENEATH | PATH_IN_ROOT | PATH_NO_SYMLINKS))
		return -EINVAL;
	if (root != PATH_BENEATH && root != PATH_IN_ROOT)
		return -EINVAL;
	resolve |= root == PATH_BENEATH ? RESOLVE_BENEATH : RESOLVE_IN_ROOT;
	if (how & PATH_NO_SYMLINKS)
		resolve |= RESOLVE_NO_SYMLINKS;
	*ret = resolve;
	return 0;
}

int path_open(int root_fd, const char *path, int how, int flags, mode_t mode)
{
	struct open_how open_how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC) };
	uint64_t resolve;
	int r = resolve_flags(how, &resolve);
	long fd = -1;

	if (r < 0)
		return r;
	open_how.resolve = resolve;
	if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE)
		open_how.mode = mode;
	for (int i = 0; i < RETRIES; i++) {
		fd = syscall(SYS_openat2, root_fd, path, &open_how, sizeof(open_how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

/* Open the first n bytes of path as a directory; none of them: the root itself. */
static int open_prefix(int root_fd, const char *path, size_t n, int how)
{
	char prefix[PATH_MAX] = ".";

	if (n >= sizeof(prefix))
		return -ENAMETOOLONG;
	if (n > 0) {
		memcpy(prefix, path, n);
		prefix[n] = '\0';
	}
	return path_open(root_fd, prefix, how, O_RDONLY | O_DIRECTORY, 0);
}

static int is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

int path_open_parent(int root_fd, const char *path, int how, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t n = slash ? (size_t)(name - path) : 0; /* with the slash: "/" for "/x" */

	if (!*name || is_dots(name))
		return -EINVAL;
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;

	int fd = open_prefix(root_fd, path, n, how);

	if (fd >= 0)
		*ret_name = name;
	return fd;
}

/*
 * Make name in dir_fd and give it mode whatever the umask is; 0 when something has that name
 * already.
 */
static int make_dir(int dir_fd, const char *name, mode_t mode)
{
	if (mkdirat(dir_fd, name, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;

	AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

/* Open the first n bytes of path, of which only the last component may be missing; then make it. */
static int open_or_make(int root_fd, const char *path, size_t n, int how, mode_t mode)
{
	char prefix[PATH_MAX];
	const char *name;
	int fd = open_prefix(root_fd, path, n, how);

	if (fd != -ENOENT)
		return fd;
	memcpy(prefix, path, n);
	prefix[n] = '\0';

	AUTO_CLOSE int parent = path_open_parent(root_fd, prefix, how, &name);

	if (parent < 0)
		return parent;
	int r = make_dir(parent, name, mode);

	return r < 0 ? r : open_prefix(root_fd, path, n, how);
}

int path_mkdirs(int root_fd, const char *path, int how, mode_t mode)
{
	size_t at = 0;
	int fd = open_prefix(root_fd, path, strlen(path), how);

	if (fd != -ENOENT)
		return fd;
	/*
	 * Each prefix is resolved anew from the root: what a symlink or ".." means is the kernel's
	 * to say.
	 */
	do {
		fd_close(&fd);
		at += strspn(path + at, "/");
		at += strcspn(path + at, "/");
		fd = open_or_make(root_fd, path, at, how, mode);
		if (fd < 0)
			return fd;
	} while (path[at + strspn(path + at, "/")]);
	return fd;
}

/*
 * One step of our own: a symlink on the way must be root's or ours, as others may plant one in
 * /tmp.
 */
static int own_step(int dir_fd, const char *name, mode_t mode)
{
	struct stat st;
	int r = make_dir(dir_fd, name, mode), fd;

	if (r < 0)
		return r;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && st.st_uid != 0 && st.st_uid != geteuid())
		return -EPERM;
	fd = openat(dir_fd, name,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | (S_ISLNK(st.st_mode) ? 0 : O_NOFOLLOW));
	return fd < 0 ? -errno : fd;
}

int path_own_dir(const char *path, mode_t mode)
{
	AUTO_CLOSE int fd = -1;
	char name[NAME_MAX + 1];
	struct stat st;

	if (path[0] != '/')
		return -EINVAL;
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		size_t n = strcspn(path, "/");

		if (n >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, path, n);
		name[n] = '\0';
		path += n;
		if (!strcmp(name, "."))
			continue;
		if (!strcmp(name, ".."))
			return -EINVAL;
		int next = own_step(fd, name, mode);

		fd_close(&fd);
		fd = next;
		if (fd < 0)
			return take_fd(&fd);
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -EPERM;
	return take_fd(&fd);
}

/* The walk of path_check_trusted(): where it stands, and what is still to go. */
struct walk {
	int fd;
	struct buf seen; /* the text of fd's path, for the report */
	struct buf todo;
	int links;
};

static int trusted(const struct stat *st)
{
	if (st->st_uid != 0)
		return 0;
	if (S_ISLNK(st->st_mode)) /* its mode means nothing, and its directory was checked */
		return 1;
	if (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX))
		return 1;
	return !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int to_root(struct walk *w)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	fd_close(&w->fd);
	w->fd = fd;
	buf_done(&w->seen);
	return 0;
}

/* Put the target of the symlink that fd is before the rest of the walk. */
static int follow(struct walk *w, int fd)
{
	AUTO_BUF rest = BUF_INIT(w->todo.max);
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target));

	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	if (++w->links > SYMLINKS_MAX)
		return -ELOOP;
	buf_append(&rest, target, (size_t)n);
	buf_putc(&rest, '/');
	buf_puts(&rest, w->todo.data);
	if (buf_failed(&rest))
		return buf_failed(&rest) == -E2BIG ? -ENAMETOOLONG : buf_failed(&rest);
	buf_done(&w->todo);
	w->todo = rest;
	rest.data = NULL;
	return target[0] == '/' ? to_root(w) : 0;
}

/* Take the first component of the rest; 0 when there is none. */
static int next_name(struct walk *w, char name[NAME_MAX + 1])
{
	buf_consume(&w->todo, strspn(w->todo.data, "/"));

	size_t n = strcspn(w->todo.data, "/");

	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, w->todo.data, n);
	name[n] = '\0';
	buf_consume(&w->todo, n);
	return n > 0;
}

static int check_step(struct walk *w, const char *name)
{
	size_t before = w->seen.len;
	struct stat st;
	int r = buf_printf(&w->seen, "/%s", name);

	if (r < 0)
		return r == -E2BIG ? -ENAMETOOLONG : r;

	AUTO_CLOSE int fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!trusted(&st))
		return -EPERM;
	if (S_ISLNK(st.st_mode)) {
		r = follow(w, fd);
		if (r == 0 && w->seen.data) {
			w->seen.len = before;
			w->seen.data[before] = '\0';
		}
		return r;
	}
	fd_close(&w->fd);
	w->fd = take_fd(&fd);
	return 0;
}

static int check_walk(struct walk *w)
{
	char name[NAME_MAX + 1];
	struct stat st;
	int r = to_root(w);

	if (r == 0 && fstat(w->fd, &st) < 0)
		r = -errno;
	if (r == 0 && !trusted(&st))
		r = -EPERM;
	while (r == 0 && (r = next_name(w, name)) > 0)
		r = strcmp(name, ".") ? check_step(w, name) : 0;
	return r;
}

int path_check_trusted(const char *path, char **ret_bad)
{
	struct walk w = { .fd = -1,
			  .seen = BUF_INIT(4 * PATH_MAX),
			  .todo = BUF_INIT(2 * PATH_MAX) };
	int r = path[0] == '/' ? buf_puts(&w.todo, path) : -EINVAL;

	if (r == 0)
		r = check_walk(&w);
	if (r < 0 && ret_bad)
		*ret_bad =
			w.seen.len > 0 ? take_ptr(&w.seen.data) : strdup(r == -EINVAL ? path : "/");
	buf_done(&w.seen);
	buf_done(&w.todo);
	fd_close(&w.fd);
	return r == -E2BIG ? -ENAMETOOLONG : r;
}

int path_sync_dir(int dir_fd)
{
	return fsync(dir_fd) < 0 ? -errno : 0;
}
