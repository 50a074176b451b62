/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotation is by rename, oldest first: path.1 to path.2, path to path.1, then a new path. With one
 * file it is cut to nothing in place. If rotation fails the log goes on in the old file: a line
 * that can be written is never given up for a limit.
 */
#include "shim/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"

#define BUF_SIZE 16384

int make_parent_dirs(const char *path)
{
	AUTO_FREE char *dir = str_dup(path);

	if (!dir)
		return -ENOMEM;
	for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

static int open_current(struct log_file *f)
{
	struct stat st;
	AUTO_CLOSE int fd = open(
		f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	fd_close(&f->fd);
	f->fd = take_fd(&fd);
	f->size = (uint64_t)st.st_size;
	return 0;
}

static char *numbered(const struct log_file *f, uint32_t i)
{
	return i == 0 ? str_dup(f->path) : str_printf("%s.%u", f->path, i);
}

static int shift_files(const struct log_file *f)
{
	for (uint32_t i = f->max_files - 1; i >= 1; i--) {
		AUTO_FREE char *to = numbered(f, i);
		AUTO_FREE char *from = numbered(f, i - 1);

		if (!to || !from)
			return -ENOMEM;
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int rotate(struct log_file *f)
{
	int r = log_file_flush(f);

	if (r < 0)
		return r;
	if (f->max_files == 1) {
		if (ftruncate(f->fd, 0) < 0)
			return -errno;
		f->size = 0;
		return 0;
	}
	r = shift_files(f);
	return r < 0 ? r : open_current(f);
}

static int begin(struct log_out *out, size_t record_bytes)
{
	struct log_file *f = (struct log_file *)out;
	int r = 0;

	if (f->max_bytes > 0 && f->size > 0 && f->size + record_bytes > f->max_bytes) {
		r = rotate(f);
		if (r < 0)
			log_warn("rotate log '%s': %s; going on in the same file", f->path,
				 strerrordesc_np(-r));
	}
	f->size += record_bytes;
	return 0;
}

static int put(struct log_out *out, const void *data, size_t n)
{
	struct log_file *f = (struct log_file *)out;
	const char *p = data;

	while (n > 0) {
		size_t room, take;

		if (!f->buf)
			f->buf = malloc(BUF_SIZE);
		if (!f->buf)
			return io_write_full(f->fd, p, n);
		room = BUF_SIZE - f->buf_len;
		take = MIN(n, room);
		memcpy(f->buf + f->buf_len, p, take);
		f->buf_len += take;
		p += take;
		n -= take;
		if (f->buf_len == BUF_SIZE) {
			int r = log_file_flush(f);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

int log_file_open(struct log_file *f, const char *path, uint64_t max_bytes, uint32_t max_files)
{
	int r = make_parent_dirs(path);

	*f = (struct log_file){
		.out = { begin, put }, .fd = -1, .max_bytes = max_bytes, .max_files = max_files
	};
	if (r < 0)
		return r;
	f->path = str_dup(path);
	r = f->path ? open_current(f) : -ENOMEM;
	if (r < 0)
		log_file_done(f);
	return r;
}

int log_file_flush(struct log_file *f)
{
	int r = f->buf_len ? io_write_full(f->fd, f->buf, f->buf_len) : 0;

	free(f->buf);
	f->buf = NULL;
	f->buf_len = 0;
	return r;
}

void log_file_done(struct log_file *f)
{
	(void)log_file_flush(f);
	fd_close(&f->fd);
	free(f->path);
	f->path = NULL;
}
