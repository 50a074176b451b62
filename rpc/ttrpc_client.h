/* SPDX-License-Identifier: Apache-2.0
 *
 * ttrpc client on a loop: many calls in flight on one connection, each with its own deadline; the
 * loss of the connection ends them all with CTR_UNAVAILABLE "ttrpc: closed". See docs/rpc.md.
 * Everything runs on the loop's thread.
 */
#ifndef CTR_RPC_TTRPC_CLIENT_H
#define CTR_RPC_TTRPC_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "rpc/ttrpc_server.h" /* TTRPC_CLIENT_STREAM, TTRPC_SERVER_STREAM */
#include "status/status.h"

struct ttrpc_client;
struct ttrpc_pending; /* a call or stream of the client */

struct ttrpc_pair {
	const char *key, *value; /* key in lower case */
};

struct ttrpc_request {
	const char *service, *method;
	const void *data; /* the encoded request message; copied */
	size_t n;
	int64_t deadline_ns; /* absolute; 0 or NO_DEADLINE: none */
	const struct ttrpc_pair *metadata;
	size_t n_metadata;
};

/*
 * The end of a unary call: CTR_OK with the answer, or a code (with its class bits) and the message
 * without the class text. Called exactly once unless the call was cancelled, never from within
 * ttrpc_client_call(). data and message are valid during the call; message is never NULL.
 */
typedef void (*ttrpc_done_fn)(void *ud, ctr_code code, const char *message, const void *data,
			      size_t n);

struct ttrpc_stream_ops {
	void (*message)(void *ud, const void *data, size_t n);
	/* The end, as ttrpc_done_fn; an answer of a client-streaming method comes through
	 * message first. */
	void (*end)(void *ud, ctr_code code, const char *message);
};

/* Called once when the connection is lost, after all calls have ended; not by
 * ttrpc_client_free(). May free the client. */
typedef void (*ttrpc_closed_fn)(void *ud);

/* A connected socket, taken over on success. 0 or -errno. closed may be NULL. */
int ttrpc_client_new(struct loop *loop, int fd, ttrpc_closed_fn closed, void *ud,
		     struct ttrpc_client **ret);
/* Connect to a unix socket: at once or not at all. -EAGAIN: its backlog is full. */
int ttrpc_client_connect(struct loop *loop, const char *path, ttrpc_closed_fn closed, void *ud,
			 struct ttrpc_client **ret);
/* Calls in flight end with CTR_UNAVAILABLE "ttrpc: closed". Allowed in every callback. NULL
 * allowed. */
void ttrpc_client_free(struct ttrpc_client *c);
int ttrpc_client_is_open(const struct ttrpc_client *c);

/*
 * Send a unary call. *ret (ret may be NULL) is valid until done is called. 0, or without done being
 * called: -EPIPE (connection lost), -EMSGSIZE (above 4 MiB), -ENOBUFS (the peer does not read),
 * -ENOMEM.
 */
int ttrpc_client_call(struct ttrpc_client *c, const struct ttrpc_request *rq, ttrpc_done_fn done,
		      void *ud, struct ttrpc_pending **ret);
/* Open a stream; flags tell its kind. A stream without TTRPC_CLIENT_STREAM sends rq->data as its
 * one message. */
int ttrpc_client_open(struct ttrpc_client *c, const struct ttrpc_request *rq, unsigned flags,
		      const struct ttrpc_stream_ops *ops, void *ud, struct ttrpc_pending **ret);
int ttrpc_pending_send(struct ttrpc_pending *p, const void *data,
		       size_t n); /* 0, -EPIPE, -EMSGSIZE, -ENOBUFS, -ENOMEM */
int ttrpc_pending_half_close(struct ttrpc_pending *p);
/* Forget it: no callback of it comes any more; the server is not told (the protocol has no word
 * for it). */
void ttrpc_pending_cancel(struct ttrpc_pending *p);

#endif
