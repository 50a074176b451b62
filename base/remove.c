/* SPDX-License-Identifier: Apache-2.0
 *
 * Removal of a tree that somebody else has filled. Every directory is opened by openat2 without
 * symlinks and without crossing a mount. The first levels keep their directory streams open; below
 * them one descriptor walks down and, by "..", up again, checked against the inodes seen on the way
 * down: so depth costs eight bytes a level, not a descriptor, and a racing rename leads nowhere
 * else.
 */
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#define STREAMS_MAX 32                /* levels that keep a stream each */
#define DEPTH_MAX   ((size_t)4 << 20) /* levels below them */
#define PASSES_MAX  64                /* over one directory, while somebody goes on filling it */

static void close_dir(DIR **dir)
{
	int keep = errno;

	if (*dir)
		closedir(*dir);
	errno = keep;
}
#define AUTO_DIR AUTO(close_dir) DIR *

/* A mount on the way is -EBUSY, as rmdir(2) calls it. */
static int open_dir(int dir_fd, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));

	if (fd < 0)
		return errno == EXDEV ? -EBUSY : -errno;
	return (int)fd;
}

/* 0: gone; 1: a directory that is not empty; or -errno. */
static int remove_one(int dir_fd, const char *name, unsigned char type)
{
	if (type != DT_DIR) {
		if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
			return 0;
		if (errno != EISDIR)
			return -errno;
	}
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return errno == ENOTEMPTY || errno == EEXIST ? 1 : -errno;
}

static int open_stream(int fd, DIR **ret)
{
	AUTO_CLOSE int own = fd_dup(fd);
	DIR *dir;

	if (own < 0)
		return own;
	dir = fdopendir(own);
	if (!dir)
		return -errno;
	take_fd(&own);
	rewinddir(dir); /* the copy shares its offset with fd */
	*ret = dir;
	return 0;
}

/* The next entry but "." and ".."; NULL at the end, or with *ret_err on failure. */
static struct dirent *next_entry(DIR *dir, int *ret_err)
{
	struct dirent *e;

	do {
		errno = 0;
		e = readdir(dir);
	} while (e && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")));
	*ret_err = e ? 0 : -errno;
	return e;
}

/* The way from the top of a deep subtree down to where the walk stands. */
struct trail {
	ino_t *inodes;
	size_t n, cap;
};

static int trail_push(struct trail *t, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (t->n == DEPTH_MAX)
		return -ELOOP;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		ino_t *more = reallocarray(t->inodes, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->inodes = more;
		t->cap = cap;
	}
	t->inodes[t->n++] = st.st_ino;
	return 0;
}

/*
 * Remove what goes at once; at the first directory that does not, *ret_child is it, open. Else -1.
 */
static int sweep(int fd, int *ret_child)
{
	AUTO_DIR dir = NULL;
	struct dirent *e;
	int r = open_stream(fd, &dir), err;

	*ret_child = -1;
	if (r < 0)
		return r;
	while ((e = next_entry(dir, &err))) {
		r = remove_one(fd, e->d_name, e->d_type);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		*ret_child = open_dir(fd, e->d_name);
		return *ret_child < 0 ? *ret_child : 0;
	}
	return err;
}

static int ascend(int *fd, struct trail *t)
{
	AUTO_CLOSE int up = open_dir(*fd, "..");
	struct stat st;

	if (up < 0)
		return up;
	if (fstat(up, &st) < 0)
		return -errno;
	if (st.st_ino != t->inodes[--t->n])
		return -ESTALE; /* moved under our feet */
	fd_close(fd);
	*fd = take_fd(&up);
	return 0;
}

/* Empty a directory of any depth with three descriptors. Takes fd over. */
static int empty_deep(int top)
{
	AUTO_CLOSE int fd = top;
	struct trail trail = { .n = 0 };
	int r = 0;

	while (r == 0) {
		int child;

		r = sweep(fd, &child);
		if (r < 0)
			break;
		if (child >= 0) {
			r = trail_push(&trail, fd);
			fd_close(&fd);
			fd = child;
			continue;
		}
		if (trail.n == 0)
			break;
		/* The empty directory itself goes in the sweep of its parent. */
		r = ascend(&fd, &trail);
	}
	free(trail.inodes);
	return r;
}

static int empty(int fd, int level);

static int remove_dir(int dir_fd, const char *name, int level)
{
	int fd = open_dir(dir_fd, name), r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = level < STREAMS_MAX ? empty(fd, level + 1) : empty_deep(fd);
	if (r < 0)
		return r;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* One pass over the entries. What fails is passed over, so that as much as possible goes. */
static int pass(DIR *dir, int fd, int level, size_t *ret_removed)
{
	struct dirent *e;
	int first = 0, err;

	*ret_removed = 0;
	while ((e = next_entry(dir, &err))) {
		int r = remove_one(fd, e->d_name, e->d_type);

		if (r == 1)
			r = remove_dir(fd, e->d_name, level);
		if (r == 0)
			(*ret_removed)++;
		else if (first == 0)
			first = r;
	}
	return first < 0 ? first : err;
}

/* Empty the directory that fd is, which is taken over. The recursion ends at STREAMS_MAX. */
static int empty(int fd, int level)
{
	AUTO_CLOSE int own = fd;
	AUTO_DIR dir = NULL;
	size_t removed;
	int r = open_stream(own, &dir), passes = 0;

	if (r < 0)
		return r;
	/* A file system may skip entries while others go: until a pass finds nothing to remove. */
	do {
		r = pass(dir, own, level, &removed);
		rewinddir(dir);
	} while (removed > 0 && ++passes < PASSES_MAX);
	return r;
}

/* name may be a path of our own below AT_FDCWD; below a descriptor it is one component. */
static int check_name(int dir_fd, const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *last = slash ? slash + 1 : name;

	if (slash && dir_fd != AT_FDCWD)
		return -EINVAL;
	if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
		return -EINVAL;
	return 0;
}

int path_remove_tree(int dir_fd, const char *name)
{
	const char *slash = strrchr(name, '/');
	AUTO_CLOSE int parent = -1;
	int r = check_name(dir_fd, name);

	if (r < 0)
		return r;
	if (slash) {
		char dir[PATH_MAX];
		size_t n = (size_t)(slash - name) + 1;

		if (n >= sizeof(dir))
			return -ENAMETOOLONG;
		memcpy(dir, name, n);
		dir[n] = '\0';
		parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (parent < 0)
			return errno == ENOENT ? 0 : -errno;
		dir_fd = parent;
		name = slash + 1;
	}
	r = remove_one(dir_fd, name, DT_UNKNOWN);
	return r == 1 ? remove_dir(dir_fd, name, 0) : r;
}
