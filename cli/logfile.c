/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a container's log. Files are opened as they come: path.N ... path.1, path. While
 * following, a rotation is seen by the newest path being another file: the open one is read to its
 * end first, so no line is lost.
 */
#include "cli/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "oci/json.h"

#define CHUNK 65536

struct log_reader {
	char *path;
	int json;
	int fd;          /* the file being read */
	uint32_t number; /* of it: 0 is the newest */
	char *buf;       /* LOG_RECORD_MAX + CHUNK */
	size_t at, len;
	int watch_fd;
};

void log_record_done(struct log_record *r)
{
	free(r->text);
	*r = (struct log_record){ 0 };
}

int log_record_parse(const char *line, size_t n, struct log_record *ret)
{
	AUTO_JSON o = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
	const json_t *text = json_object_get(o, "log");
	const char *stream = json_string_value(json_object_get(o, "stream"));
	const char *time = json_string_value(json_object_get(o, "time"));
	struct log_record r = { 0 };

	if (!json_is_string(text))
		return -EINVAL;
	r.n = json_string_length(text);
	r.text = malloc(r.n + 1);
	if (!r.text)
		return -ENOMEM;
	memcpy(r.text, json_string_value(text), r.n);
	r.text[r.n] = 0;
	r.is_stderr = stream && str_eq(stream, "stderr");
	if (time && strlen(time) < sizeof(r.time) && clock_parse_rfc3339(time, &r.wall_ns) == 0)
		memcpy(r.time, time, strlen(time) + 1);
	*ret = r;
	return 0;
}

static int open_number(const struct log_reader *r, uint32_t number)
{
	AUTO_FREE char *path = number ? str_printf("%s.%u", r->path, number) : str_dup(r->path);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;

	return fd < 0 ? -errno : fd;
}

ctr_code log_reader_open(const char *path, int json, struct log_reader **ret, struct ctr_error *err)
{
	struct log_reader *r = calloc(1, sizeof(*r));
	int fd;

	if (!r)
		return ctr_fail_errno(err, ENOMEM, "log");
	r->fd = r->watch_fd = -1;
	r->json = json;
	r->path = str_dup(path);
	r->buf = malloc(LOG_RECORD_MAX + CHUNK);
	if (!r->path || !r->buf) {
		log_reader_free(r);
		return ctr_fail_errno(err, ENOMEM, "log");
	}
	/* the highest number there is: they have no gaps */
	for (uint32_t n = 0; n < LOG_FILES_MAX; n++) {
		fd = open_number(r, n);
		if (fd < 0 && n > 0)
			break;
		if (fd < 0)
			continue;
		fd_close(&r->fd);
		r->fd = fd;
		r->number = n;
	}
	if (r->fd < 0) {
		log_reader_free(r);
		return ctr_fail(err, CTR_NOT_FOUND, "there is no log '%s'", path);
	}
	*ret = r;
	return CTR_OK;
}

/* Has the file that is read lost its number to a newer one? */
static int rotated(const struct log_reader *r)
{
	struct stat own, now;

	if (stat(r->path, &now) < 0)
		return 0;
	return fstat(r->fd, &own) == 0 && (own.st_ino != now.st_ino || own.st_dev != now.st_dev);
}

/*
 * Go to the file after the one at its end. Rotation may have renumbered it: its number is where its
 * inode is now. 1: there is one; 0: it is the newest.
 */
static int next_file(struct log_reader *r)
{
	struct stat own, other;
	uint32_t n;

	if (!rotated(r) || fstat(r->fd, &own) < 0)
		return 0;
	for (n = 1; n < LOG_FILES_MAX; n++) {
		int fd = open_number(r, n);
		int same;

		if (fd < 0)
			break;
		same = fstat(fd, &other) == 0 && other.st_ino == own.st_ino &&
		       other.st_dev == own.st_dev;
		fd_close(&fd);
		if (same)
			break;
	}
	/* gone already (rotated out): the oldest that is left follows it */
	int fd = open_number(r, n - 1);

	if (fd < 0)
		return 0;
	fd_close(&r->fd);
	r->fd = fd;
	r->number = n - 1;
	return 1;
}

/* More bytes into the buffer: 1 some, 0 none now, negative errno. */
static int fill(struct log_reader *r)
{
	for (;;) {
		int was_rotated = rotated(r);
		ssize_t n;

		if (r->at > 0) {
			memmove(r->buf, r->buf + r->at, r->len - r->at);
			r->len -= r->at;
			r->at = 0;
		}
		if (r->len > LOG_RECORD_MAX)
			return -EMSGSIZE;
		n = read(r->fd, r->buf + r->len, CHUNK);
		if (n < 0)
			return errno == EINTR || errno == EAGAIN ? 0 : -errno;
		if (n > 0) {
			r->len += (size_t)n;
			return 1;
		}
		/* asked before the read: nothing can have been added to it between */
		if (!was_rotated || !next_file(r))
			return 0;
	}
}

/* A plain file's line, or what there is of one at its end. */
static int next_plain(struct log_reader *r, struct log_record *ret)
{
	const char *end;
	int got = 1;

	for (;;) {
		end = memchr(r->buf + r->at, '\n', r->len - r->at);
		if (end || r->len - r->at >= LOG_RECORD_MAX)
			break;
		got = fill(r);
		if (got < 0 || (got == 0 && r->at == r->len))
			return got;
		if (got == 0)
			break;
	}
	*ret = (struct log_record){ .n = end ? (size_t)(end + 1 - (r->buf + r->at))
					     : r->len - r->at };
	ret->text = malloc(ret->n + 1);
	if (!ret->text)
		return -ENOMEM;
	memcpy(ret->text, r->buf + r->at, ret->n);
	ret->text[ret->n] = 0;
	r->at += ret->n;
	return 1;
}

int log_reader_next(struct log_reader *r, struct log_record *ret)
{
	if (!r->json)
		return next_plain(r, ret);
	for (;;) {
		char *end = memchr(r->buf + r->at, '\n', r->len - r->at);
		int got;

		if (end) {
			size_t n = (size_t)(end - (r->buf + r->at));

			got = log_record_parse(r->buf + r->at, n, ret);
			r->at += n + 1;
			if (got == 0)
				return 1;
			continue; /* a line that is no record: damaged, passed over */
		}
		got = fill(r);
		if (got <= 0)
			return got;
	}
}

/* Start over at the oldest file. */
static int rewind_all(struct log_reader *r)
{
	int fd = open_number(r, r->number);

	if (fd < 0)
		return fd;
	fd_close(&r->fd);
	r->fd = fd;
	r->at = r->len = 0;
	return 0;
}

ctr_code log_reader_tail(struct log_reader *r, uint64_t n, struct ctr_error *err)
{
	const uint32_t oldest = r->number;
	struct log_record record;
	uint64_t count = 0;
	int got, e;

	while ((got = log_reader_next(r, &record)) > 0) {
		count++;
		log_record_done(&record);
	}
	if (got == 0 && count > n && n > 0) {
		r->number = oldest;
		e = rewind_all(r);
		for (uint64_t skip = count - n;
		     e == 0 && skip > 0 && (got = log_reader_next(r, &record)) > 0; skip--)
			log_record_done(&record);
		got = e < 0 ? e : got;
	} else if (got == 0 && n > 0) {
		r->number = oldest;
		got = rewind_all(r);
	}
	return got < 0 ? ctr_fail_errno(err, got, "read log '%s'", r->path) : CTR_OK;
}

int log_reader_watch(struct log_reader *r)
{
	const char *slash = strrchr(r->path, '/');
	AUTO_FREE char *dir = slash ? str_ndup(r->path, (size_t)(slash - r->path)) : NULL;

	if (r->watch_fd >= 0)
		return r->watch_fd;
	if (!dir)
		return -EINVAL;
	r->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (r->watch_fd < 0)
		return -errno;
	if (inotify_add_watch(r->watch_fd, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
		int e = -errno;

		fd_close(&r->watch_fd);
		return e;
	}
	return r->watch_fd;
}

void log_reader_free(struct log_reader *r)
{
	if (!r)
		return;
	fd_close(&r->fd);
	fd_close(&r->watch_fd);
	free(r->path);
	free(r->buf);
	free(r);
}
