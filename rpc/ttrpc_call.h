/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's calls and connections, seen from inside: shared by ttrpc_server.c and ttrpc_call.c
 * only.
 */
#ifndef CTR_RPC_TTRPC_CALL_H
#define CTR_RPC_TTRPC_CALL_H

#include <sys/socket.h>

#include "ttrpc/request.pb-c.h"

#include "base/list.h"
#include "rpc/ttrpc_conn.h"
#include "rpc/ttrpc_server.h"

#define TTRPC_BUCKETS        16
#define TTRPC_BUCKET(stream) ((stream) >> 1 & (TTRPC_BUCKETS - 1))

/* A connection. */
struct ttrpc_peer {
	struct list link; /* in the server's list */
	struct list calls[TTRPC_BUCKETS];
	struct ttrpc_server *server;
	struct ttrpc_conn *conn;
	struct ucred cred;
	uint32_t last_stream;
	size_t n_calls;
};

struct ttrpc_call {
	struct list link;        /* in the connection's bucket until the call is over */
	struct ttrpc_peer *peer; /* NULL once nothing can be sent any more */
	struct loop *loop;
	struct loop_timer *timer;
	size_t *n_server_calls; /* valid while peer is */
	const struct ttrpc_service *service;
	const struct ttrpc_method *method;
	Ttrpc__Request *req; /* metadata; its payload is gone after start() */
	void *data;
	int64_t deadline_ns;
	struct ucred cred;
	uint32_t stream;
	unsigned inside; /* handlers of this call on the stack */
	int half_closed; /* the client sends no more */
	int released;    /* the handler has finished it */
	int told;        /* cancel() was called */
};

/* Around every call into a handler: the object lives until the outermost leave, and gets its
 * timer there if parked. */
void ttrpc_call_enter(struct ttrpc_call *call);
void ttrpc_call_leave(struct ttrpc_call *call);
/* No handler may be called any more (but cancel, once). */
int ttrpc_call_ended(const struct ttrpc_call *call);
/* Detach from the connection and tell the handler. */
void ttrpc_call_cancel(struct ttrpc_call *call);
/* Answer with this text as it is, then as ttrpc_call_cancel(). */
void ttrpc_call_abort(struct ttrpc_call *call, ctr_code code, const char *literal);
void ttrpc_send_status(struct ttrpc_peer *p, uint32_t stream, ctr_code code, const char *literal);

#endif
