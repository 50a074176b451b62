/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC client on a loop: many calls and streams in flight on one connection, each with its own
 * deadline. One function waits for a unary call for those who have nothing else to do, such as the
 * command line. See docs/rpc.md. Everything runs on the loop's thread.
 */
#ifndef CTR_RPC_GRPC_CLIENT_H
#define CTR_RPC_GRPC_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "status/status.h"

struct grpc_client;
struct grpc_stream; /* a call or stream of the client */

struct grpc_pair {
	const char *key, *value; /* key in lower case; both copied */
};

struct grpc_request {
	const char *path; /* "/containerd.services.version.v1.Version/Version" */
	const void *
		/* the encoded request message, copied; NULL: an empty one (a stream then sends
		 * none yet) */
		data;
	size_t n;
	int64_t deadline_ns; /* absolute; 0 or NO_DEADLINE: none */
	const struct grpc_pair *metadata;
	size_t n_metadata;
};

/*
 * The end of a unary call: CTR_OK with the answer, or a code (with its class bits) and the message
 * without the class text. Called exactly once unless the call was cancelled, never from within a
 * function of this header but grpc_client_free(). data and message are valid during the call;
 * message is never NULL.
 */
typedef void (*grpc_done_fn)(void *ud, ctr_code code, const char *message, const void *data,
			     size_t n);

struct grpc_stream_ops {
	void (*message)(void *ud, const void *data, size_t n);
	void (*end)(void *ud, ctr_code code, const char *message); /* as grpc_done_fn */
	/* Optional: everything that was sent has left the queue. */
	void (*drained)(void *ud);
};

/* Called once when the connection is lost, after all calls have ended; not by
 * grpc_client_free(). May free the client. */
typedef void (*grpc_closed_fn)(void *ud);

/* A connected socket, taken over on success. 0 or -errno. closed may be NULL. */
int grpc_client_new(struct loop *loop, int fd, grpc_closed_fn closed, void *ud,
		    struct grpc_client **ret);
/* Connect to a unix socket: at once or not at all. -EAGAIN: its backlog is full. */
int grpc_client_connect(struct loop *loop, const char *path, grpc_closed_fn closed, void *ud,
			struct grpc_client **ret);
/* What is in flight ends with CTR_UNAVAILABLE. Allowed in every callback. NULL allowed. */
void grpc_client_free(struct grpc_client *c);
int grpc_client_is_open(const struct grpc_client *c);

/* *ret (ret may be NULL) is valid until done is called. 0, or without done being called: -EPIPE
 * (connection lost, or the server takes nothing new), -EMSGSIZE (above 16 MiB), -E2BIG (more than
 * 32 pairs of metadata), -ENOMEM. */
int grpc_client_call(struct grpc_client *c, const struct grpc_request *rq, grpc_done_fn done,
		     void *ud, struct grpc_stream **ret);
/*
 * Open a stream of any kind. With data it is sent as the first message; a server stream is opened
 * with its request and half-closed at once. *ret is valid until end is called.
 */
int grpc_client_open(struct grpc_client *c, const struct grpc_request *rq,
		     const struct grpc_stream_ops *ops, void *ud, struct grpc_stream **ret);
int grpc_stream_send(struct grpc_stream *st, const void *data,
		     size_t n);                     /* copies; 0, -EPIPE, -EMSGSIZE, -ENOMEM */
int grpc_stream_half_close(struct grpc_stream *st); /* 0 or -EPIPE */
size_t grpc_stream_queued_bytes(const struct grpc_stream *st);
/* Forget it and tell the server; no callback of it comes any more. NULL allowed. */
void grpc_stream_cancel(struct grpc_stream *st);

/*
 * A unary call that waits: runs the client's loop until it has ended, so streams of the same loop
 * go on meanwhile. Not from within a callback of that loop. *ret_data comes from malloc, non-NULL;
 * both outputs may be NULL.
 */
ctr_code grpc_client_wait(struct grpc_client *c, const struct grpc_request *rq, void **ret_data,
			  size_t *ret_n, struct ctr_error *err);

#endif
