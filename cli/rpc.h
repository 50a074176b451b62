/* SPDX-License-Identifier: Apache-2.0
 *
 * ctrctl's view of gRPC: methods by protobuf-c's service descriptors, many calls under way on one
 * connection, and waiting that runs the loop, so that terminals and FIFOs go on meanwhile. All on
 * the loop's thread.
 */
#ifndef CTR_CLI_RPC_H
#define CTR_CLI_RPC_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "base/loop.h"
#include "status/status.h"

struct rpc;
struct rpc_pending;
struct rpc_stream;

/* Connect. UNAVAILABLE: "cannot connect to ctrd at ...". ns is borrowed. */
ctr_code rpc_open(struct loop *loop, const char *address, const char *ns, struct rpc **ret,
		  struct ctr_error *err);
void rpc_close(struct rpc *r); /* NULL allowed */

/* Calls started from now on carry this lease; NULL: none. Borrowed. */
void rpc_set_lease(struct rpc *r, const char *lease);

/* Start a unary call. */
ctr_code rpc_start(struct rpc *r, const ProtobufCServiceDescriptor *service, const char *method,
		   const void *req, struct rpc_pending **ret, struct ctr_error *err);
/* Call fn(ud) when it is over; at once if it is. */
void rpc_on_done(struct rpc_pending *p, loop_fn fn, void *ud);
int rpc_is_done(const struct rpc_pending *p);
/*
 * Run the loop until it is over; frees p. ret is NULL or points to a pointer that gets the answer
 * (pb_free). The error's message is the server's, without class text.
 */
ctr_code rpc_finish(struct rpc_pending *p, void *ret, struct ctr_error *err);
void rpc_cancel(struct rpc_pending *p); /* frees it; NULL allowed */
/* Nobody waits: it frees itself when it is over. */
void rpc_forget(struct rpc_pending *p);
void auto_rpc_cancel(struct rpc_pending **p);
#define AUTO_PENDING AUTO(auto_rpc_cancel) struct rpc_pending *

ctr_code rpc_call(struct rpc *r, const ProtobufCServiceDescriptor *service, const char *method,
		  const void *req, void *ret, struct ctr_error *err);

/*
 * A stream. With on_message, messages go there (freed after); else they wait for rpc_stream_recv().
 */
struct rpc_stream_options {
	void (*on_message)(void *ud, void *message);
	void (*on_end)(void *ud);
	void *ud;
};
ctr_code rpc_stream_open(struct rpc *r, const ProtobufCServiceDescriptor *service,
			 const char *method, const struct rpc_stream_options *o,
			 struct rpc_stream **ret, struct ctr_error *err);
ctr_code rpc_stream_send(struct rpc_stream *s, const void *message, struct ctr_error *err);
/* Run the loop until what was sent has left the queue. */
ctr_code rpc_stream_flush(struct rpc_stream *s, struct ctr_error *err);
void rpc_stream_half_close(struct rpc_stream *s);
/*
 * Run the loop until a message is there: *ret points to it (pb_free), or is NULL at the stream's
 * good end.
 */
ctr_code rpc_stream_recv(struct rpc_stream *s, void *ret, struct ctr_error *err);
int rpc_stream_ended(const struct rpc_stream *s);
void rpc_stream_free(struct rpc_stream *s); /* cancels it if it goes on; NULL allowed */
void auto_rpc_stream(struct rpc_stream **s);
#define AUTO_STREAM AUTO(auto_rpc_stream) struct rpc_stream *

#endif
