/* SPDX-License-Identifier: Apache-2.0
 *
 * Walk the source by descriptors and make each entry anew. Depth is bounded by DEPTH_MAX open directories, which is
 * more than a path of PATH_MAX can have in practice and far below the descriptor limit.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/map.h"
#include "base/str.h"
#include "copytree.h"
#include "xattrs.h"

#define DEPTH_MAX 400
#define LINK_MAX_ 4096 /* bytes of a symlink's target */

struct copy {
	struct map
		*links; /* "<inode>" of the source -> char * path of its first copy, below top_fd */
	int top_fd;
	copytree_check check;
	void *ud;
};

/* Data, sharing blocks where the file system can, else keeping holes. */
static int copy_data(int from, int to, off_t size)
{
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	if (ftruncate(to, size) < 0)
		return -errno;

	off_t at = 0;
	while (at < size) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		off_t hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		if (lseek(from, data, SEEK_SET) < 0 || lseek(to, data, SEEK_SET) < 0)
			return -errno;
		int r = io_copy(from, to, (uint64_t)(hole - data), NULL);
		if (r < 0)
			return r;
		at = hole;
	}
	return 0;
}

/* What an open file or directory carries beside its data; times last. */
static int copy_meta(int from, int to, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return -errno;
	int r = xattrs_copy(from, to); /* after chown, which drops security.capability */
	if (r < 0)
		return r;
	return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	AUTO_CLOSE int from =
		openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from < 0)
		return -errno;
	AUTO_CLOSE int to =
		openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;

	int r = copy_data(from, to, st->st_size);
	return r < 0 ? r : copy_meta(from, to, st);
}

/* Symlinks and special files: made by name, then their metadata by name without following. */
static int copy_other(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (S_ISLNK(st->st_mode)) {
		char target[LINK_MAX_ + 1];
		ssize_t n = readlinkat(from_dir, name, target, LINK_MAX_);
		if (n < 0)
			return -errno;
		target[n] = '\0';
		if (symlinkat(target, to_dir, name) < 0)
			return -errno;
	} else if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0) {
		return -errno;
	}
	if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(st->st_mode) && fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	int r = xattrs_copy_at(from_dir, to_dir, name);
	if (r < 0)
		return r;
	return utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* 1 when name was linked to an earlier copy, 0 when this is the first, -errno. */
static int link_known(struct copy *c, int to_dir, const char *name, const char *path,
		      const struct stat *st)
{
	AUTO_FREE char *key = str_printf("%llx", (unsigned long long)st->st_ino);
	if (!key)
		return -ENOMEM;

	const char *first = map_get(c->links, key);
	if (first)
		return linkat(c->top_fd, first, to_dir, name, 0) < 0 ? -errno : 1;

	AUTO_FREE char *mine = str_dup(path);
	if (!mine)
		return -ENOMEM;
	int r = map_put(c->links, key, mine);
	if (r == 0)
		(void)take_ptr(&mine);
	return r;
}

static int copy_dir(struct copy *c, int from_fd, int to_fd, const char *path, int depth);

static int copy_entry(struct copy *c, int from_dir, int to_dir, const char *name,
		      const char *parent, int depth)
{
	struct stat st;
	AUTO_FREE char *path = str_printf("%s%s%s", parent, *parent ? "/" : "", name);

	if (!path)
		return -ENOMEM;
	if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;

	if (S_ISDIR(st.st_mode)) {
		AUTO_CLOSE int from =
			openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (from < 0 || mkdirat(to_dir, name, 0700) < 0)
			return -errno;
		AUTO_CLOSE int to =
			openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (to < 0)
			return -errno;
		return copy_dir(c, from, to, path, depth + 1);
	}
	if (S_ISSOCK(st.st_mode))
		return 0;
	if (st.st_nlink > 1) {
		int r = link_known(c, to_dir, name, path, &st);
		if (r != 0)
			return MIN(r, 0);
	}
	return S_ISREG(st.st_mode) ? copy_file(from_dir, to_dir, name, &st)
				   : copy_other(from_dir, to_dir, name, &st);
}

static int copy_dir(struct copy *c, int from_fd, int to_fd, const char *path, int depth)
{
	struct stat st;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	int r = c->check ? c->check(c->ud) : 0;
	if (r != 0)
		return r;

	int fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = -errno;
		fd_close(&fd);
		return r;
	}
	struct dirent *e;
	while (r == 0 && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = copy_entry(c, from_fd, to_fd, e->d_name, path, depth);
	closedir(dir);
	if (r != 0)
		return r;
	return fstat(from_fd, &st) < 0 ? -errno : copy_meta(from_fd, to_fd, &st);
}

int copytree(int from_fd, int to_fd, copytree_check check, void *ud)
{
	struct copy c = { .links = map_new(), .top_fd = to_fd, .check = check, .ud = ud };
	size_t pos = 0;
	void *path;

	if (!c.links)
		return -ENOMEM;
	int r = copy_dir(&c, from_fd, to_fd, "", 0);
	while ((path = map_next(c.links, &pos, NULL)))
		free(path);
	map_free(c.links);
	return r;
}
