/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole reads and writes, whole files, and copies between descriptors. No state; any thread.
 * On a non-blocking descriptor that is not ready they fail with -EAGAIN after a partial transfer:
 * they are meant for files, pipes and sockets in blocking mode.
 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/rand.h"

#define FIRST_ROOM 4096
#define COPY_ROOM  ((size_t)128 << 10)
#define COPY_STEP  ((size_t)1 << 30) /* one copy_file_range(2): ends can be cancelled between two */

ssize_t io_read_full(int fd, void *data, size_t n)
{
	char *p = data;
	size_t done = 0;

	while (done < n) {
		ssize_t r = read(fd, p + done, MIN(n - done, (size_t)SSIZE_MAX));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

ssize_t io_pread_full(int fd, void *data, size_t n, off_t at)
{
	char *p = data;
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(fd, p + done, MIN(n - done, (size_t)SSIZE_MAX), at + (off_t)done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

int io_write_full(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = write(fd, p, MIN(n, (size_t)SSIZE_MAX));

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int io_pwrite_full(int fd, const void *data, size_t n, off_t at)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = pwrite(fd, p, MIN(n, (size_t)SSIZE_MAX), at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		at += w;
		n -= (size_t)w;
	}
	return 0;
}

/* Make room for one more byte than want, never for more than max + 1 plus the NUL. */
static int grow(char **data, size_t *cap, size_t max)
{
	size_t limit, more;

	if (add_ok(max, (size_t)2, &limit) < 0)
		return -EFBIG;
	more = *cap > limit / 2 ? limit : MAX(*cap * 2, (size_t)FIRST_ROOM);
	more = MIN(more, limit);

	char *p = realloc(*data, more);

	if (!p)
		return -ENOMEM;
	*data = p;
	*cap = more;
	return 0;
}

int io_read_fd(int fd, size_t max, char **ret_data, size_t *ret_n)
{
	AUTO_FREE char *data = NULL;
	size_t cap = 0, len = 0;

	for (;;) {
		if (len + 1 >= cap) {
			int r = grow(&data, &cap, max);

			if (r < 0)
				return r;
		}
		ssize_t got = io_read_full(fd, data + len, cap - 1 - len);

		if (got < 0)
			return (int)got;
		len += (size_t)got;
		if (len > max)
			return -EFBIG;
		if (len + 1 < cap)
			break; /* end of file */
	}
	data[len] = '\0';
	*ret_data = take_ptr(&data);
	if (ret_n)
		*ret_n = len;
	return 0;
}

int io_read_file(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_n)
{
	AUTO_CLOSE int fd = openat(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > 0 && (uintmax_t)st.st_size > max)
		return -EFBIG;
	return io_read_fd(fd, max, ret_data, ret_n);
}

/*
 * The directory of name and its last component; AT_FDCWD and absolute paths are our own callers'.
 */
static int open_dir_of(int dir_fd, const char *name, const char **ret_last)
{
	const char *slash = strrchr(name, '/');
	const char *last = slash ? slash + 1 : name;
	char dir[PATH_MAX] = ".";

	if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
		return -EINVAL;
	if (slash) {
		size_t n = slash == name ? 1 : (size_t)(slash - name);

		if (n >= sizeof(dir))
			return -ENAMETOOLONG;
		memcpy(dir, name, n);
		dir[n] = '\0';
	}
	int fd = openat(dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_last = last;
	return fd;
}

static int fill_new(int fd, const void *data, size_t n, mode_t mode, int sync)
{
	int r = io_write_full(fd, data, n);

	if (r < 0)
		return r;
	if (fchmod(fd, mode) < 0)
		return -errno;
	if (sync && fsync(fd) < 0)
		return -errno;
	return 0;
}

int io_write_file(int dir_fd, const char *name, const void *data, size_t n, mode_t mode, int sync)
{
	char hex[17], temp[32];
	const char *last;
	AUTO_CLOSE int dir = open_dir_of(dir_fd, name, &last);

	if (dir < 0)
		return dir;
	rand_hex(hex, 16);
	snprintf(temp, sizeof(temp), ".tmp-%s", hex);

	AUTO_CLOSE int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	int r = fill_new(fd, data, n, mode, sync);

	if (r == 0 && renameat(dir, temp, dir, last) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir, temp, 0);
		return r;
	}
	if (sync && fsync(dir) < 0)
		return -errno;
	return 0;
}

/*
 * In the kernel as far as it goes: 1 when the rest has to be read and written, 0 at n, or -errno.
 */
static int copy_in_kernel(int from_fd, int to_fd, uint64_t n, uint64_t *done)
{
	while (*done < n) {
		ssize_t r = copy_file_range(from_fd, NULL, to_fd, NULL,
					    (size_t)MIN(n - *done, (uint64_t)COPY_STEP), 0);

		if (r > 0) {
			*done += (uint64_t)r;
			continue;
		}
		if (r < 0 && errno == EINTR)
			continue;
		/* 0 is the end of a file, but also what /proc answers: reading tells them apart. */
		if (r == 0 || errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
		    errno == EOPNOTSUPP || errno == EBADF || errno == EISDIR || errno == EPERM)
			return 1;
		return -errno;
	}
	return 0;
}

static int copy_by_hand(int from_fd, int to_fd, uint64_t n, uint64_t *done)
{
	AUTO_FREE char *room = malloc(COPY_ROOM);

	if (!room)
		return -ENOMEM;
	while (*done < n) {
		ssize_t got = read(from_fd, room, (size_t)MIN(n - *done, (uint64_t)COPY_ROOM));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		int r = io_write_full(to_fd, room, (size_t)got);

		if (r < 0)
			return r;
		*done += (uint64_t)got;
	}
	return 0;
}

int io_copy(int from_fd, int to_fd, uint64_t n, uint64_t *ret_n)
{
	uint64_t done = 0;
	int r = copy_in_kernel(from_fd, to_fd, n, &done);

	if (r > 0)
		r = copy_by_hand(from_fd, to_fd, n, &done);
	if (ret_n)
		*ret_n = done; /* also of a copy that failed half way */
	return r;
}
