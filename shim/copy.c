/* SPDX-License-Identifier: Apache-2.0
 *
 * One direction of one stream. The read buffer is shared by all copies, since a read is handed on
 * at once; only the rest that a full sink did not take is kept, in memory of its own, until it is
 * taken.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "shim/sink.h"

#define READS_PER_EVENT 4 /* then others get their turn */

struct copy {
	struct loop *loop;
	int fd;
	int stream;
	int ended;
	struct loop_fd *watch; /* NULL while blocked or ended */
	struct sink *sink;
	struct list node; /* in sink->copies */
	char *rest;
	size_t rest_at, rest_len;
	loop_fn changed;
	void *ud;
};

static void readable(void *ud, uint32_t events);

static void tell(struct copy *c)
{
	if (c->changed)
		c->changed(c->ud);
}

static void end(struct copy *c)
{
	if (c->ended)
		return;
	c->ended = 1;
	loop_del_fd(c->watch);
	c->watch = NULL;
	fd_close(&c->fd);
	c->sink->ops->end(c->sink, c->stream);
}

/* Keep what the sink did not take; reading stops. Bytes that cannot even be kept are lost. */
static void keep_rest(struct copy *c, const char *data, size_t n)
{
	c->rest = malloc(n);
	if (!c->rest)
		return;
	memcpy(c->rest, data, n);
	c->rest_at = 0;
	c->rest_len = n;
	loop_del_fd(c->watch);
	c->watch = NULL;
}

/* Bytes handed over. */
static size_t hand_over(struct copy *c, const char *data, size_t n)
{
	size_t at = 0;

	while (at < n) {
		ssize_t taken = c->sink->ops->write(c->sink, c->stream, data + at, n - at);

		if (taken < 0)
			break;
		at += (size_t)taken;
	}
	return at;
}

/* 1: there may be more, 0: nothing now (empty, blocked or ended). */
static int pump_once(struct copy *c)
{
	static char chunk[COPY_CHUNK]; /* the loop's thread only */
	ssize_t n = read(c->fd, chunk, sizeof(chunk));
	size_t done;

	if (n < 0 && errno == EINTR)
		return 1;
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) { /* end of file; a console whose other side is closed gives EIO */
		end(c);
		return 0;
	}
	done = hand_over(c, chunk, (size_t)n);
	if (done == (size_t)n)
		return 1;
	keep_rest(c, chunk + done, (size_t)n - done);
	return 0;
}

static void readable(void *ud, uint32_t events)
{
	struct copy *c = ud;

	(void)events;
	for (int i = 0; i < READS_PER_EVENT; i++)
		if (!pump_once(c))
			break;
	if (c->ended)
		tell(c);
}

int copy_new(struct loop *loop, int fd, struct sink *sink, int stream, struct copy **ret)
{
	AUTO_CLOSE int mine = fd;
	AUTO_FREE struct copy *c = calloc(1, sizeof(*c));
	int r = c ? fd_set_nonblock(fd, 1) : -ENOMEM;

	if (r == 0)
		r = loop_add_fd(loop, fd, EPOLLIN, readable, c, &c->watch);
	if (r < 0)
		return r;
	c->loop = loop;
	c->fd = take_fd(&mine);
	c->stream = stream;
	c->sink = sink;
	list_add(&sink->copies, &c->node);
	*ret = take_ptr(&c);
	return 0;
}

void copy_drain(struct copy *c)
{
	while (!c->ended && !c->rest && pump_once(c))
		;
}

int copy_ended(const struct copy *c)
{
	return c->ended;
}

int copy_blocked(const struct copy *c)
{
	return c->rest != NULL;
}

void copy_on_change(struct copy *c, loop_fn fn, void *ud)
{
	c->changed = fn;
	c->ud = ud;
}

static void resume(struct copy *c)
{
	size_t done;

	if (!c->rest)
		return;
	done = hand_over(c, c->rest + c->rest_at, c->rest_len - c->rest_at);
	c->rest_at += done;
	if (c->rest_at < c->rest_len)
		return;
	free(c->rest);
	c->rest = NULL;
	if (!c->watch && loop_add_fd(c->loop, c->fd, EPOLLIN, readable, c, &c->watch) < 0)
		end(c);
	tell(c);
}

void sink_resume(struct sink *s)
{
	list_for_safe (it, &s->copies)
		resume(list_entry(it, struct copy, node));
	if (s->resumed)
		s->resumed(s->resumed_ud);
}

void sink_free(struct sink *s)
{
	if (s)
		s->ops->free(s);
}

void copy_free(struct copy *c)
{
	if (!c)
		return;
	end(c);
	list_del(&c->node);
	free(c->rest);
	free(c);
}
