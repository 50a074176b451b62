/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies the administrator's hosts directories into the cage, so that a worker without rights reads
 * keys that root alone may read, and nothing beside them. Bounded in depth, count and size. Runs as
 * root, before the cage closes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "worker/cage/parts.h"

#define FILE_MAX_BYTES (1u << 20)
#define FILES_MAX      4096
#define DEPTH_MAX      3 /* certs.d / host / files, and one for k8s-like ..data folders */

struct copy {
	uint32_t uid, gid;
	unsigned files;
};

static void dir_close(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int copy_file(const struct copy *c, int from, int to_dir, const char *name)
{
	AUTO_FREE char *data = NULL;
	size_t n = 0;
	int r = io_read_fd(from, FILE_MAX_BYTES, &data, &n);

	if (r < 0)
		return r;
	AUTO_CLOSE int to =
		openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (to < 0)
		return -errno;
	r = io_write_full(to, data, n);
	/* EINVAL: a user namespace of one id, whose files it is anyway. */
	if (r == 0 && fchown(to, c->uid, c->gid) < 0 && errno != EINVAL)
		r = -errno;
	return r;
}

static int copy_tree(struct copy *c, int from_fd, int to_fd, int depth);

static int copy_entry(struct copy *c, int from_dir, int to_dir, const char *name, int depth)
{
	struct stat st;

	if (++c->files > FILES_MAX)
		return -E2BIG;
	AUTO_CLOSE int from = openat(from_dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (from < 0) /* a dangling link is not worth a failed pull */
		return errno == ENOENT || errno == ENXIO ? 0 : -errno;
	if (fstat(from, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode))
		return copy_file(c, from, to_dir, name);
	if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
		return 0;
	if (mkdirat(to_dir, name, 0755) < 0)
		return -errno;
	AUTO_CLOSE int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return to < 0 ? -errno : copy_tree(c, from, to, depth + 1);
}

static int copy_tree(struct copy *c, int from_fd, int to_fd, int depth)
{
	AUTO_CLOSE int fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(dir_close) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!d)
		return -errno;
	(void)take_fd(&fd);
	for (struct dirent *e = readdir(d); e && r == 0; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = copy_entry(c, from_fd, to_fd, e->d_name, depth);
	}
	return r;
}

ctr_code cage_copy_dir(int root_fd, int from_fd, const char *dir, uint32_t uid, uint32_t gid,
		       struct ctr_error *err)
{
	struct copy c = { .uid = uid, .gid = gid };
	AUTO_CLOSE int to = cage_make_dirs(root_fd, dir);
	int r = to < 0 ? to : copy_tree(&c, from_fd, to, 1);

	if (r < 0)
		return ctr_fail_errno(err, r, "copy hosts directory '%s' into the cage", dir);
	return CTR_OK;
}
