/* SPDX-License-Identifier: Apache-2.0
 *
 * The transport under gRPC, server and client alike: an nghttp2 session on a non-blocking socket.
 * One read and one writev for what a wake-up brings; message bytes go from their queue to the
 * socket without a copy, but for what the socket does not take at once. Inside rpc/ only. Loop
 * thread.
 */
#ifndef CTR_RPC_GRPC_H2_H
#define CTR_RPC_GRPC_H2_H

#include <nghttp2/nghttp2.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/loop.h"
#include "rpc/grpc_msg.h"

#define H2_READ_BYTES    (64u << 10)
#define H2_FRAME_BYTES   (16u << 10)  /* of data in one frame */
#define H2_FILL_BYTES    (256u << 10) /* gathered before one writev */
#define H2_SCRATCH_BYTES (48u << 10)
#define H2_PIECES        256
#define H2_WINDOW        (1u << 20) /* of a stream */
#define H2_CONN_WINDOW   (4u << 20)
#define H2_HEADER_LIST   (64u << 10)

/* Buffers of all connections of one server or client: used within one callback of the loop,
 * empty between. */
struct h2_shared {
	struct iovec pieces[H2_PIECES];
	unsigned n_pieces;
	size_t bytes, used;
	struct grpc_msg *spent; /* released after the writev */
	uint8_t scratch[H2_SCRATCH_BYTES];
	uint8_t in[H2_READ_BYTES];
};

struct h2_ops {
	/* The bytes of one wake-up have been parsed. */
	void (*parsed)(void *ud);
	/* Output has been handed to the socket; may queue more of it. */
	void (*written)(void *ud);
	/* The connection is over (r 0 or -errno); called last, frees it. */
	void (*over)(void *ud, int r);
};

struct h2 {
	struct loop *loop;
	struct loop_fd *watch;
	nghttp2_session *session;
	struct h2_shared *shared;
	const struct h2_ops *ops;
	void *ud;
	struct buf pending; /* what the socket did not take, from pending_at on */
	size_t pending_at;
	int fd;
	int busy; /* inside a callback of the loop: a flush follows by itself */
	int dead; /* set by the owner: over() is called at the end of the callback */
};

/* Options that server and client need; NULL on OOM. */
nghttp2_option *h2_options(void);
/* The callbacks that send; the owner adds its own. stream user data must begin with struct
 * h2_stream. */
int h2_callbacks(nghttp2_session_callbacks **ret);

/* What this layer needs of a stream: first member of the owner's object. */
struct h2_stream {
	struct grpc_out out;
	void (*sent)(struct h2_stream *s,
		     size_t n_data); /* bytes of messages that have left the queue */
};

/* h->session is made by the owner before, with h as its user data. fd is taken over on success. */
int h2_start(struct h2 *h, struct loop *loop, int fd, struct h2_shared *shared,
	     const struct h2_ops *ops, void *ud);
/* Write what the session has. The connection may be over afterwards. */
void h2_flush(struct h2 *h);
/* The same, soon, from a callback of the loop. */
void h2_flush_later(struct h2 *h);
void h2_done(struct h2 *h); /* session, socket, watch */
/* Free messages that a gathered writev may still point into. */
void h2_release(struct h2 *h, struct grpc_msg *chain);
/* From the read callback of a data provider: how much of the queue goes into the next frame. */
ssize_t h2_promise(struct h2_stream *s, size_t room, uint32_t *flags);

#define H2_NV(n_, v_, len_)                                                                        \
	(nghttp2_nv)                                                                               \
	{                                                                                          \
		.name = h2_bytes(n_), .namelen = sizeof(n_) - 1, .value = h2_bytes(v_),            \
		.valuelen = (len_), .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME                          \
	}
#define H2_NV_LITERAL(n_, v_)                                                                      \
	(nghttp2_nv)                                                                               \
	{                                                                                          \
		.name = h2_bytes(n_), .namelen = sizeof(n_) - 1, .value = h2_bytes(v_),            \
		.valuelen = sizeof(v_) - 1,                                                        \
		.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE              \
	}

/* nghttp2 takes names and values as non-const bytes and only reads them. */
static inline uint8_t *h2_bytes(const char *s)
{
	union {
		const char *in;
		uint8_t *out;
	} u = { .in = s };

	return u.out;
}

#endif
