/* SPDX-License-Identifier: Apache-2.0
 *
 * Output goes to each client's socket at once; the rest of a frame that a full socket did not take
 * is kept for that client, one frame at most, and the log sink pauses. A client that has not taken
 * its rest in time is dropped. Input is read only as fast as the process takes it. One thread, the
 * loop's.
 */
#include "shim/attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/macros.h"
#include "shim/console.h"

#define HEADER     4
#define INPUT_ROOM 4096

struct client {
	struct list node;
	struct attach *attach;
	int fd;
	struct loop_fd *watch;
	struct loop_timer *stall;
	char *rest; /* of a frame that the socket did not take */
	size_t rest_at, rest_len;
	unsigned char header[HEADER];
	size_t header_len;
	size_t frame_left; /* data bytes of the current frame still to come */
	unsigned char resize[4];
	size_t resize_len;
	int input_waits; /* the process does not take input now */
};

struct attach {
	struct loop *loop;
	int fd;
	struct loop_fd *watch;
	unsigned int flags;
	const struct attach_ops *ops;
	void *ud;
	struct list clients;
	size_t n_clients, n_behind;
	struct loop_timer
		*drained; /* due at once: the sink is told outside of any walk over clients */
	int ended;
};

static void client_event(void *ud, uint32_t events);

static void tell_drained(void *ud)
{
	struct attach *a = ud;

	a->drained = NULL;
	if (a->n_behind == 0)
		a->ops->drained(a->ud);
}

/* A client is no longer behind. */
static void caught_up(struct attach *a)
{
	if (--a->n_behind > 0 || a->drained)
		return;
	if (loop_add_timer(a->loop, clock_now_ns(), tell_drained, a, &a->drained) < 0)
		a->ops->drained(a->ud);
}

static void client_free(struct client *c)
{
	struct attach *a = c->attach;
	int was_behind = c->rest != NULL;

	loop_del_timer(c->stall);
	loop_del_fd(c->watch);
	fd_close(&c->fd);
	list_del(&c->node);
	free(c->rest);
	free(c);
	a->n_clients--;
	if (was_behind)
		caught_up(a);
}

static void watch_for(struct client *c)
{
	uint32_t events = (c->rest ? EPOLLOUT : 0u) | (c->input_waits ? 0u : EPOLLIN);

	(void)loop_mod_fd(c->watch, events);
}

static void stalled(void *ud)
{
	struct client *c = ud;

	c->stall = NULL;
	log_debug("attach: a client is too slow, dropping it");
	client_free(c);
}

/*
 * Keep the rest of a frame until the socket takes it. A client that cannot be watched is dropped.
 */
static int fall_behind(struct client *c, const unsigned char *header, size_t header_n,
		       const char *data, size_t n)
{
	c->rest = malloc(header_n + n);
	if (!c->rest)
		return -ENOMEM;
	memcpy(c->rest, header, header_n);
	memcpy(c->rest + header_n, data, n);
	c->rest_at = 0;
	c->rest_len = header_n + n;
	c->attach->n_behind++;
	watch_for(c);
	return loop_add_timer(c->attach->loop, clock_now_ns() + ATTACH_STALL_NS, stalled, c,
			      &c->stall);
}

/* 0, or negative: the client is to be dropped. */
static int client_send(struct client *c, enum attach_frame type, const char *data, size_t n)
{
	unsigned char header[HEADER] = { (unsigned char)type, (unsigned char)(n >> 16),
					 (unsigned char)(n >> 8), (unsigned char)n };
	struct iovec iov[2] = { { header, HEADER }, { (void *)(uintptr_t)data, n } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n ? 2 : 1 };
	ssize_t sent;

	if (c->rest)
		return 0; /* the sink does not send while a client is behind; only the end does */
	do
		sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno != EAGAIN)
		return -errno;
	if (sent < 0)
		sent = 0;
	if ((size_t)sent == HEADER + n)
		return 0;
	if (sent < HEADER)
		return fall_behind(c, header + sent, HEADER - (size_t)sent, data, n);
	return fall_behind(c, NULL, 0, data + (sent - HEADER), n - (size_t)(sent - HEADER));
}

/* 0, or negative: drop the client. */
static int client_flush(struct client *c)
{
	struct attach *a = c->attach;
	ssize_t n = send(c->fd, c->rest + c->rest_at, c->rest_len - c->rest_at,
			 MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->rest_at += (size_t)n;
	if (c->rest_at < c->rest_len)
		return 0;
	free(c->rest);
	c->rest = NULL;
	loop_del_timer(c->stall);
	c->stall = NULL;
	caught_up(a);
	if (a->ended)
		return -EPIPE; /* it has all */
	watch_for(c);
	return 0;
}

/*
 * Frame data of n bytes arrived. The count that was used, or -EAGAIN (input is full) or another
 * error.
 */
static ptrdiff_t frame_data(struct client *c, const char *data, size_t n)
{
	struct attach *a = c->attach;
	size_t take;

	if (c->header[0] == ATTACH_STDIN)
		return a->ops->input(a->ud, data, n);
	take = MIN(n, sizeof(c->resize) - c->resize_len); /* a resize: the length was checked */
	memcpy(c->resize + c->resize_len, data, take);
	c->resize_len += take;
	if (c->resize_len == sizeof(c->resize)) {
		c->resize_len = 0;
		a->ops->resize(a->ud, (unsigned int)(c->resize[0] << 8 | c->resize[1]),
			       (unsigned int)(c->resize[2] << 8 | c->resize[3]));
	}
	return (ptrdiff_t)take;
}

/* The header is complete: 0, or -EPROTO. */
static int frame_begin(struct client *c)
{
	size_t n = (size_t)c->header[1] << 16 | (size_t)c->header[2] << 8 | c->header[3];
	unsigned char type = c->header[0];

	if (n > ATTACH_FRAME_MAX || (type == ATTACH_RESIZE && n != sizeof(c->resize)) ||
	    (type == ATTACH_STDIN_CLOSE && n != 0) ||
	    (type != ATTACH_STDIN && type != ATTACH_RESIZE && type != ATTACH_STDIN_CLOSE))
		return -EPROTO;
	c->frame_left = n;
	if (type == ATTACH_STDIN_CLOSE)
		c->attach->ops->input_close(c->attach->ud);
	if (n == 0)
		c->header_len = 0;
	return 0;
}

/*
 * Use what arrived; the count used (less than n when the input is full), or -errno: drop the
 * client.
 */
static ptrdiff_t take_input(struct client *c, const char *data, size_t n)
{
	size_t at = 0;

	while (at < n) {
		ptrdiff_t used;

		if (c->header_len < HEADER) {
			c->header[c->header_len++] = (unsigned char)data[at++];
			if (c->header_len == HEADER && frame_begin(c) < 0)
				return -EPROTO;
			continue;
		}
		used = frame_data(c, data + at, MIN(n - at, c->frame_left));
		if (used == -EAGAIN)
			break;
		if (used < 0)
			return used;
		at += (size_t)used;
		c->frame_left -= (size_t)used;
		if (c->frame_left == 0)
			c->header_len = 0;
	}
	return (ptrdiff_t)at;
}

/* Look first and take from the socket only what was used: input waits in the socket, not here. */
static int client_read(struct client *c)
{
	char data[INPUT_ROOM];
	ssize_t n = recv(c->fd, data, sizeof(data), MSG_DONTWAIT | MSG_PEEK);
	ptrdiff_t used;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	used = take_input(c, data, (size_t)n);
	if (used < 0)
		return (int)used;
	if (used > 0 && recv(c->fd, data, (size_t)used, MSG_DONTWAIT) != used)
		return -EIO;
	if (used < n) {
		c->input_waits = 1;
		watch_for(c);
	}
	return 0;
}

static void client_event(void *ud, uint32_t events)
{
	struct client *c = ud;
	int r = 0;

	if (events & (EPOLLERR | EPOLLHUP))
		r = -EPIPE;
	if (r == 0 && c->rest && (events & EPOLLOUT))
		r = client_flush(c);
	if (r == 0 && (events & EPOLLIN))
		r = client_read(c);
	if (r < 0)
		client_free(c);
}

static int peer_is_ours(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.uid == geteuid() &&
	       peer.gid == getegid();
}

static void accepted(struct attach *a, int fd)
{
	AUTO_CLOSE int mine = fd;
	struct client *c;
	char flags = (char)a->flags;

	if (!peer_is_ours(fd) || a->n_clients >= ATTACH_CLIENTS || a->ended)
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->attach = a;
	c->fd = fd;
	if (loop_add_fd(a->loop, fd, EPOLLIN, client_event, c, &c->watch) < 0) {
		free(c);
		return;
	}
	(void)take_fd(&mine);
	list_add(&a->clients, &c->node);
	a->n_clients++;
	if (client_send(c, ATTACH_HELLO, &flags, 1) < 0)
		client_free(c);
}

static void acceptable(void *ud, uint32_t events)
{
	struct attach *a = ud;
	int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0)
		accepted(a, fd);
}

int attach_new(struct loop *loop, int bundle_fd, unsigned int flags, const struct attach_ops *ops,
	       void *ud, struct attach **ret)
{
	AUTO_CLOSE int fd = listen_below(bundle_fd, ATTACH_NAME);
	AUTO_FREE struct attach *a = calloc(1, sizeof(*a));
	int r;

	if (fd < 0 || !a)
		return fd < 0 ? fd : -ENOMEM;
	r = loop_add_fd(loop, fd, EPOLLIN, acceptable, a, &a->watch);
	if (r < 0)
		return r;
	a->loop = loop;
	a->fd = take_fd(&fd);
	a->flags = flags;
	a->ops = ops;
	a->ud = ud;
	list_init(&a->clients);
	*ret = take_ptr(&a);
	return 0;
}

void attach_send(struct attach *a, enum attach_frame stream, const char *data, size_t n)
{
	list_for_safe (it, &a->clients) {
		struct client *c = list_entry(it, struct client, node);

		if (client_send(c, stream, data, n) < 0)
			client_free(c);
	}
}

int attach_behind(const struct attach *a)
{
	return a->n_behind > 0;
}

void attach_resume_input(struct attach *a)
{
	list_for_safe (it, &a->clients) {
		struct client *c = list_entry(it, struct client, node);

		if (c->input_waits) {
			c->input_waits = 0;
			watch_for(c);
		}
	}
}

void attach_end(struct attach *a)
{
	a->ended = 1;
	list_for_safe (it, &a->clients) {
		struct client *c = list_entry(it, struct client, node);

		if (!c->rest)
			client_free(c);
	}
}

void attach_free(struct attach *a, int bundle_fd)
{
	if (!a)
		return;
	list_for_safe (it, &a->clients) {
		struct client *c = list_entry(it, struct client, node);

		if (c->rest) {
			free(take_ptr(&c->rest));
			a->n_behind--;
		}
		client_free(c);
	}
	loop_del_timer(a->drained);
	loop_del_fd(a->watch);
	fd_close(&a->fd);
	if (bundle_fd >= 0)
		(void)unlinkat(bundle_fd, ATTACH_NAME, 0);
	free(a);
}
