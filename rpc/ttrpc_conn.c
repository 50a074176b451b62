/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames over a socket; see ttrpc_conn.h. Whole frames are handed on straight from the read buffer
 * on the stack, only a part of one is kept; a large frame is received in place. Loop thread.
 */
#include "rpc/ttrpc_conn.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/fd.h"

#define READ_BYTES 8192
#define READ_TURNS 16 /* then the other descriptors of the loop have their turn */

struct ttrpc_conn {
	struct loop *loop;
	struct loop_fd *watch;
	const struct ttrpc_conn_ops *ops;
	void *ud;
	struct buf in;  /* a part of a frame */
	uint32_t skip;  /* bytes of an oversized frame still to come */
	struct buf out; /* what the socket did not take, from out_at on */
	size_t out_at;
	int fd;
	int in_callback, freed, ended;
};

static uint32_t be32_get(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void be32_put(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static struct ttrpc_frame header_get(const uint8_t *p)
{
	return (struct ttrpc_frame){
		.len = be32_get(p), .stream = be32_get(p + 4), .type = p[8], .flags = p[9]
	};
}

static void end(struct ttrpc_conn *c, int r)
{
	if (c->ended)
		return;

	c->ended = 1;
	loop_del_fd(take_ptr(&c->watch));
	fd_close(&c->fd);
	if (!c->freed)
		c->ops->closed(c->ud, r);
}

/* One frame out of the n bytes at p: the bytes it took, 0 when more must come. */
static size_t parse(struct ttrpc_conn *c, const uint8_t *p, size_t n)
{
	struct ttrpc_frame f;
	size_t whole;

	if (c->skip > 0) {
		whole = MIN(n, c->skip);
		c->skip -= (uint32_t)whole;
		return whole;
	}
	if (n < TTRPC_HEADER)
		return 0;

	f = header_get(p);
	if (f.len > TTRPC_DATA_MAX) {
		c->skip = f.len;
		c->ops->frame(c->ud, &f, NULL);
		return TTRPC_HEADER;
	}

	whole = TTRPC_HEADER + (size_t)f.len;
	if (n < whole)
		return 0;

	c->ops->frame(c->ud, &f, p + TTRPC_HEADER);
	return whole;
}

/* Parse what was read into the stack; the rest of it begins a new partial frame. */
static int take_chunk(struct ttrpc_conn *c, const uint8_t *p, size_t n)
{
	while (n > 0 && !c->ended && !c->freed) {
		size_t took = parse(c, p, n);

		if (took == 0)
			return buf_append(&c->in, p, n);
		p += took;
		n -= took;
	}

	return 0;
}

/* The bytes that the partial frame still misses: first its header, then its data. */
static size_t missing(const struct ttrpc_conn *c)
{
	if (c->in.len < TTRPC_HEADER)
		return TTRPC_HEADER - c->in.len;

	return TTRPC_HEADER + (size_t)be32_get((const uint8_t *)c->in.data) - c->in.len;
}

static int take_partial(struct ttrpc_conn *c)
{
	const uint8_t *p = (const uint8_t *)c->in.data;

	if (c->in.len >= TTRPC_HEADER && parse(c, p, c->in.len) > 0)
		buf_done(&c->in);

	return 0;
}

/* Bytes read, 0 at the end, or -errno (-EAGAIN: nothing there). */
static ssize_t read_some(struct ttrpc_conn *c)
{
	uint8_t chunk[READ_BYTES];
	size_t room = sizeof(chunk);
	void *into = chunk;
	ssize_t n;
	int r;

	if (c->in.len > 0) {
		room = missing(c);
		into = buf_reserve(&c->in, room);
		if (!into)
			return -ENOMEM;
	}

	n = recv(c->fd, into, room, 0);
	if (n < 0)
		return -errno;
	if (n == 0)
		return 0;

	if (c->in.len > 0) {
		c->in.len += (size_t)n;
		r = take_partial(c);
	} else {
		r = take_chunk(c, chunk, (size_t)n);
	}

	return r < 0 ? r : n;
}

static int flush(struct ttrpc_conn *c)
{
	while (c->out_at < c->out.len) {
		ssize_t n =
			send(c->fd, c->out.data + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		c->out_at += (size_t)n;
	}

	buf_done(&c->out);
	c->out_at = 0;
	return loop_mod_fd(c->watch, EPOLLIN);
}

static int read_turns(struct ttrpc_conn *c)
{
	for (int i = 0; i < READ_TURNS && !c->ended && !c->freed; i++) {
		ssize_t n = read_some(c);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EPIPE;
		if (n < READ_BYTES && c->in.len == 0)
			return 0;
	}

	return 0;
}

static void release(struct ttrpc_conn *c)
{
	loop_del_fd(c->watch);
	fd_close(&c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c);
}

static void ready(void *ud, uint32_t events)
{
	struct ttrpc_conn *c = ud;
	int r = 0;

	c->in_callback = 1;
	if (events & EPOLLOUT)
		r = flush(c);
	if (r == 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		r = read_turns(c);
	if (r < 0 && !c->freed)
		end(c, r == -EPIPE || r == -ECONNRESET ? 0 : r);
	c->in_callback = 0;

	if (c->freed)
		release(c);
}

int ttrpc_conn_new(struct loop *loop, int fd, const struct ttrpc_conn_ops *ops, void *ud,
		   struct ttrpc_conn **ret)
{
	AUTO_FREE struct ttrpc_conn *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;

	c->loop = loop;
	c->ops = ops;
	c->ud = ud;
	c->in.max = TTRPC_HEADER + TTRPC_DATA_MAX;
	c->out.max = TTRPC_OUT_MAX;
	r = fd_set_nonblock(fd, 1);
	if (r == 0)
		r = loop_add_fd(loop, fd, EPOLLIN, ready, c, &c->watch);
	if (r < 0)
		return r;

	c->fd = fd;
	*ret = take_ptr(&c);
	return 0;
}

void ttrpc_conn_free(struct ttrpc_conn *c)
{
	if (!c)
		return;

	c->freed = 1;
	if (!c->in_callback)
		release(c);
}

/* The peer does not read: no room for more, so the connection ends (seen by the loop as a
 * hang-up). */
static int overflow(struct ttrpc_conn *c, int r)
{
	shutdown(c->fd, SHUT_RDWR);
	return r == -E2BIG ? -ENOBUFS : r;
}

/* Keep what is left of the parts after done bytes of them were sent. */
static int keep_rest(struct ttrpc_conn *c, const struct iovec *parts, int n_parts, size_t done)
{
	for (int i = 0; i < n_parts; i++) {
		size_t skip = MIN(done, parts[i].iov_len);
		int r;

		done -= skip;
		r = buf_append(&c->out, (const char *)parts[i].iov_base + skip,
			       parts[i].iov_len - skip);
		if (r < 0)
			return overflow(c, r);
	}

	return loop_mod_fd(c->watch, EPOLLIN | EPOLLOUT);
}

int ttrpc_conn_send(struct ttrpc_conn *c, const struct ttrpc_frame *f, const void *head,
		    size_t n_head, const void *body, size_t n_body)
{
	uint8_t header[TTRPC_HEADER];
	struct iovec parts[3] = { { header, sizeof(header) } };
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts) };
	size_t all = sizeof(header) + n_head + n_body;
	ssize_t n = 0;

	if (n_head + n_body > TTRPC_DATA_MAX)
		return -EMSGSIZE;
	if (c->ended || c->freed)
		return -EPIPE;

	be32_put(header, (uint32_t)(n_head + n_body));
	be32_put(header + 4, f->stream);
	header[8] = f->type;
	header[9] = f->flags;
	/* iov_base is not const; sendmsg() only reads. */
	memcpy(&parts[1].iov_base, &head, sizeof(head));
	parts[1].iov_len = n_head;
	memcpy(&parts[2].iov_base, &body, sizeof(body));
	parts[2].iov_len = n_body;

	if (c->out.len == 0) {
		do
			n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno != EAGAIN)
			return errno == ECONNRESET ? -EPIPE : -errno;
		n = MAX(n, 0);
	}
	if ((size_t)n == all)
		return 0;

	return keep_rest(c, parts, ARRAY_SIZE(parts), (size_t)n);
}
