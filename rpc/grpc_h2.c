/* SPDX-License-Identifier: Apache-2.0
 *
 * nghttp2 on a socket; see grpc_h2.h. Output is gathered as pieces: small things are copied into
 * one scratch buffer, message bodies are pointed at. After the writev the rest, if any, is copied
 * once into the connection's own buffer.
 */
#include "rpc/grpc_h2.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"

#define COPY_BELOW   1024 /* a piece shorter than this is copied: cheaper than one more iovec */
#define READ_TURNS   4
#define WRITE_TURNS  16
#define FRAME_HEADER 9
#define FRAME_PIECES (2 * (H2_FRAME_BYTES / COPY_BELOW) + 4)
#define PENDING_MAX  (H2_FILL_BYTES + 2 * H2_FRAME_BYTES + H2_SCRATCH_BYTES)
#define RESET_LIMIT  (UINT64_C(1) << 30)
#define ACK_LIMIT    10000

static void piece_add(struct h2_shared *sh, const uint8_t *p, size_t n)
{
	struct iovec *last = sh->n_pieces > 0 ? &sh->pieces[sh->n_pieces - 1] : NULL;

	sh->bytes += n;
	if (last && (const uint8_t *)last->iov_base + last->iov_len == p) {
		last->iov_len += n;
		return;
	}

	/* iov_base is not const; sendmsg() only reads. */
	memcpy(&sh->pieces[sh->n_pieces].iov_base, &p, sizeof(p));
	sh->pieces[sh->n_pieces++].iov_len = n;
}

static void piece_copy(struct h2_shared *sh, const uint8_t *p, size_t n)
{
	uint8_t *into = sh->scratch + sh->used;

	memcpy(into, p, n);
	sh->used += n;
	piece_add(sh, into, n);
}

/* Frames other than data. */
static ssize_t send_cb(nghttp2_session *session, const uint8_t *data, size_t n, int flags, void *ud)
{
	struct h2 *h = ud;
	struct h2_shared *sh = h->shared;

	(void)session;
	(void)flags;
	n = MIN(n, sizeof(sh->scratch) - sh->used);
	if (n == 0 || sh->bytes >= H2_FILL_BYTES || sh->n_pieces == H2_PIECES)
		return NGHTTP2_ERR_WOULDBLOCK;

	piece_copy(sh, data, n);
	return (ssize_t)n;
}

static void gather_data(struct h2_shared *sh, struct h2_stream *s, size_t n)
{
	while (n > 0) {
		struct grpc_msg *spent;
		const uint8_t *p;
		size_t took = grpc_out_pull(&s->out, n, &p, &spent);

		if (took < COPY_BELOW)
			piece_copy(sh, p, took);
		else
			piece_add(sh, p, took);
		if (spent) {
			spent->next = sh->spent;
			sh->spent = spent;
		}
		n -= took;
	}
}

static int send_data_cb(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
			size_t n, nghttp2_data_source *source, void *ud)
{
	struct h2 *h = ud;
	struct h2_shared *sh = h->shared;
	struct h2_stream *s = source->ptr;

	(void)session;
	(void)frame;
	if (sh->bytes >= H2_FILL_BYTES || sh->n_pieces + FRAME_PIECES > H2_PIECES ||
	    sh->used + FRAME_HEADER + n > sizeof(sh->scratch))
		return NGHTTP2_ERR_WOULDBLOCK;

	piece_copy(sh, head, FRAME_HEADER);
	gather_data(sh, s, n);
	s->out.promised = 0;
	s->sent(s, n);
	return 0;
}

ssize_t h2_promise(struct h2_stream *s, size_t room, uint32_t *flags)
{
	size_t n = MIN(s->out.bytes, MIN(room, (size_t)H2_FRAME_BYTES));

	s->out.promised = n;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	return (ssize_t)n;
}

void h2_release(struct h2 *h, struct grpc_msg *chain)
{
	while (chain) {
		struct grpc_msg *next = chain->next;

		chain->next = h->shared->spent;
		h->shared->spent = chain;
		chain = next;
	}
	/* Outside of a flush nothing points at them. */
	if (h->shared->n_pieces == 0)
		grpc_msg_free_chain(take_ptr(&h->shared->spent));
}

nghttp2_option *h2_options(void)
{
	nghttp2_option *opt;

	if (nghttp2_option_new(&opt) != 0)
		return NULL;

	/* Real clients send socket paths as :authority; what matters is checked by us. */
	nghttp2_option_set_no_http_messaging(opt, 1);
	/* Otherwise closed streams are kept for the priorities of RFC 7540. */
	nghttp2_option_set_no_closed_streams(opt, 1);
	/* Window is given back as the handlers take messages. */
	nghttp2_option_set_no_auto_window_update(opt, 1);
	/* A client that cancels fast is no attack on a local socket. */
	nghttp2_option_set_stream_reset_rate_limit(opt, RESET_LIMIT, RESET_LIMIT);
	nghttp2_option_set_max_outbound_ack(opt, ACK_LIMIT);
	nghttp2_option_set_peer_max_concurrent_streams(opt, 1u << 20);
	return opt;
}

int h2_callbacks(nghttp2_session_callbacks **ret)
{
	if (nghttp2_session_callbacks_new(ret) != 0)
		return -ENOMEM;

	nghttp2_session_callbacks_set_send_callback(*ret, send_cb);
	nghttp2_session_callbacks_set_send_data_callback(*ret, send_data_cb);
	return 0;
}

/* Bytes written of the pieces, or -errno; -EAGAIN counts as 0. */
static ssize_t write_pieces(struct h2 *h)
{
	struct msghdr msg = { .msg_iov = h->shared->pieces, .msg_iovlen = h->shared->n_pieces };

	for (;;) {
		ssize_t n = sendmsg(h->fd, &msg, MSG_NOSIGNAL);

		if (n >= 0)
			return n;
		if (errno == EAGAIN)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

static int keep_rest(struct h2 *h, size_t written)
{
	struct h2_shared *sh = h->shared;

	for (unsigned i = 0; i < sh->n_pieces; i++) {
		size_t skip = MIN(written, sh->pieces[i].iov_len);
		int r;

		written -= skip;
		r = buf_append(&h->pending, (const char *)sh->pieces[i].iov_base + skip,
			       sh->pieces[i].iov_len - skip);
		if (r < 0)
			return r;
	}

	return 0;
}

static void reset_shared(struct h2_shared *sh)
{
	sh->n_pieces = 0;
	sh->bytes = sh->used = 0;
	grpc_msg_free_chain(take_ptr(&sh->spent));
}

/* 1: all written, 0: the socket is full, or -errno. */
static int write_pending(struct h2 *h)
{
	while (h->pending_at < h->pending.len) {
		ssize_t n = send(h->fd, h->pending.data + h->pending_at,
				 h->pending.len - h->pending_at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		h->pending_at += (size_t)n;
	}

	if (h->pending.len > 0) {
		buf_done(&h->pending);
		h->pending_at = 0;
	}
	return 1;
}

/* One gathering and its writev: the bytes gathered (0: nothing to write), or -errno. */
static ssize_t write_turn(struct h2 *h)
{
	struct h2_shared *sh = h->shared;
	int r = nghttp2_session_send(h->session);
	ssize_t gathered = (ssize_t)sh->bytes, n = 0;

	if (r != 0)
		n = r == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
	else if (gathered > 0)
		n = write_pieces(h);
	if (n >= 0 && n < gathered)
		n = keep_rest(h, (size_t)n);

	reset_shared(sh);
	return n < 0 ? n : gathered;
}

static int flush(struct h2 *h)
{
	for (int i = 0; i < WRITE_TURNS; i++) {
		ssize_t r = write_pending(h);

		if (r < 0)
			return (int)r;
		if (r == 0)
			return loop_mod_fd(h->watch, EPOLLIN | EPOLLOUT);

		r = write_turn(h);
		if (r < 0)
			return (int)r;
		if (r == 0)
			return loop_mod_fd(h->watch, EPOLLIN);
		h->ops->written(h->ud);
	}

	/* Others of the loop first; the socket is writable, so the rest comes with the next
	 * turn. */
	return loop_mod_fd(h->watch, EPOLLIN | EPOLLOUT);
}

static int is_over(const struct h2 *h)
{
	return h->pending.len == 0 && !nghttp2_session_want_read(h->session) &&
	       !nghttp2_session_want_write(h->session);
}

/* Read and parse what is there. 0, or -errno: -EPIPE at the end of the peer's stream. */
static int read_turns(struct h2 *h)
{
	for (int i = 0; i < READ_TURNS; i++) {
		ssize_t n = recv(h->fd, h->shared->in, sizeof(h->shared->in), 0), took;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return -EPIPE;

		took = nghttp2_session_mem_recv(h->session, h->shared->in, (size_t)n);
		h->ops->parsed(h->ud);
		if (took < 0)
			return took == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
		if ((size_t)n < sizeof(h->shared->in))
			return 0;
	}

	return 0;
}

static void ready(void *ud, uint32_t events)
{
	struct h2 *h = ud;
	int r = 0, w;

	h->busy++;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		r = read_turns(h);
	/* After a wrong byte the session may still have its farewell to say. */
	w = r == 0 || r == -EPROTO ? flush(h) : 0;
	h->busy--;

	if (r < 0 || w < 0 || h->dead || is_over(h))
		h->ops->over(h->ud, r < 0 ? r : w);
}

void h2_flush(struct h2 *h)
{
	int r;

	if (h->busy)
		return;

	h->busy++;
	r = flush(h);
	h->busy--;
	if (r < 0 || h->dead || is_over(h))
		h->ops->over(h->ud, r);
}

/* A socket that can take bytes says so at once, in the next round of the loop. */
void h2_flush_later(struct h2 *h)
{
	if (!h->busy)
		loop_mod_fd(h->watch, EPOLLIN | EPOLLOUT);
}

int h2_start(struct h2 *h, struct loop *loop, int fd, struct h2_shared *shared,
	     const struct h2_ops *ops, void *ud)
{
	int r = fd_set_nonblock(fd, 1);

	h->loop = loop;
	h->shared = shared;
	h->ops = ops;
	h->ud = ud;
	h->pending.max = PENDING_MAX;
	h->fd = -1;
	if (r == 0)
		r = loop_add_fd(loop, fd, EPOLLIN, ready, h, &h->watch);
	if (r == 0)
		h->fd = fd;
	return r;
}

void h2_done(struct h2 *h)
{
	loop_del_fd(take_ptr(&h->watch));
	if (h->session)
		nghttp2_session_del(take_ptr(&h->session));
	fd_close(&h->fd);
	buf_done(&h->pending);
}
