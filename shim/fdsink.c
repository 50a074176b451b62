/* SPDX-License-Identifier: Apache-2.0
 *
 * A descriptor as a sink: the client's fifo, a file, a logger's pipe, the console or the standard
 * input of a process.
 *
 * For a fifo the sink is its own reader (keep_fd) as long as no other is known: so writing never
 * fails, and what fits into the fifo waits for a reader that returns. When the fifo is full the
 * sink lets go of its read end and looks whether somebody else reads. If so it waits for room, and
 * the kernel tells (EPOLLERR) when that reader goes; if not the bytes are dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/macros.h"
#include "shim/sink.h"

struct fd_sink {
	struct sink sink; /* first member */
	struct loop *loop;
	int fd;
	int keep_fd;
	int is_fifo;
	int dropping;
	struct loop_fd *watch; /* while full */
};

static void writable(void *ud, uint32_t events)
{
	struct fd_sink *s = ud;

	(void)events;
	loop_del_fd(s->watch);
	s->watch = NULL;
	sink_resume(&s->sink);
}

static int open_keeper(struct fd_sink *s)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	s->keep_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return s->keep_fd < 0 ? -errno : 0;
}

static int has_other_reader(struct fd_sink *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };

	fd_close(&s->keep_fd);
	if (poll(&p, 1, 0) >= 0 && !(p.revents & POLLERR))
		return 1;
	(void)open_keeper(s); /* without it the next write says EPIPE, and tries again */
	return 0;
}

static void broken(struct fd_sink *s)
{
	loop_del_fd(s->watch);
	s->watch = NULL;
	fd_close(&s->fd);
	fd_close(&s->keep_fd);
}

static ssize_t full(struct fd_sink *s, size_t n)
{
	if (s->is_fifo && !has_other_reader(s)) {
		if (!s->dropping)
			log_debug("nobody reads a full fifo: dropping output");
		s->dropping = 1;
		return (ssize_t)n;
	}
	if (!s->watch && loop_add_fd(s->loop, s->fd, EPOLLOUT, writable, s, &s->watch) < 0)
		return (ssize_t)n;
	return -EAGAIN;
}

/* A full disk may have room again later; until then output is lost, once said. */
static ssize_t no_room(struct fd_sink *s, size_t n, int errnum)
{
	if (!s->dropping)
		log_warn("write standard stream: %s; dropping output", strerrordesc_np(errnum));
	s->dropping = 1;
	return (ssize_t)n;
}

static ssize_t fd_write(struct sink *sink, int stream, const char *data, size_t n)
{
	struct fd_sink *s = (struct fd_sink *)sink;

	(void)stream;
	for (int tries = 0; s->fd >= 0 && tries < 3; tries++) {
		ssize_t w = write(s->fd, data, n);
		int e = errno;

		if (w >= 0) {
			s->dropping = 0;
			return w;
		}
		if (e == EINTR)
			continue;
		if (e == EAGAIN)
			return full(s, n);
		if (e == EPIPE && s->is_fifo && s->keep_fd < 0 && open_keeper(s) == 0)
			continue;
		if (e == ENOSPC || e == EDQUOT || e == EFBIG)
			return no_room(s, n, e);
		broken(s);
	}
	return (ssize_t)n; /* there is nobody to give it to */
}

static void fd_end(struct sink *sink, int stream)
{
	struct fd_sink *s = (struct fd_sink *)sink;

	(void)stream;
	broken(s);
}

static void fd_free(struct sink *sink)
{
	struct fd_sink *s = (struct fd_sink *)sink;

	broken(s);
	free(s);
}

static const struct sink_ops fd_ops = { .write = fd_write, .end = fd_end, .free = fd_free };

int fd_sink_new(struct loop *loop, int fd, int is_fifo, struct sink **ret)
{
	AUTO_CLOSE int mine = fd;
	AUTO_FREE struct fd_sink *s = calloc(1, sizeof(*s));
	int r = s ? fd_set_nonblock(fd, 1) : -ENOMEM;

	if (r < 0)
		return r;
	s->sink.ops = &fd_ops;
	list_init(&s->sink.copies);
	s->loop = loop;
	s->keep_fd = -1;
	s->is_fifo = is_fifo;
	s->fd = fd;
	r = is_fifo ? open_keeper(s) : 0;
	if (r < 0)
		return r;
	(void)take_fd(&mine);
	*ret = &take_ptr(&s)->sink;
	return 0;
}

int fd_sink_fd(const struct sink *s)
{
	return ((const struct fd_sink *)s)->fd;
}
