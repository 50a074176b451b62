/* SPDX-License-Identifier: Apache-2.0
 *
 * The gRPC client from inside, shared by grpc_client.c and grpc_stream.c only.
 */
#ifndef CTR_RPC_GRPC_STREAM_H
#define CTR_RPC_GRPC_STREAM_H

#include <stdbool.h>

#include "base/list.h"
#include "rpc/grpc_client.h"
#include "rpc/grpc_h2.h"

struct grpc_client {
	struct h2 h2; /* first: the session's user data */
	struct list streams, drained;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *options;
	grpc_closed_fn closed;
	void *ud;
	int inside; /* callbacks outside of h2's on the stack */
	bool open, freed;
	struct h2_shared shared;
};

struct grpc_stream {
	struct h2_stream stream; /* first: the data source */
	struct list link, drained;
	struct grpc_client *client;
	struct loop_timer *timer;
	grpc_done_fn done; /* unary, or NULL */
	const struct grpc_stream_ops *ops;
	void *ud;
	struct grpc_in in;
	uint8_t *answer; /* of a unary call */
	size_t n_answer;
	char *text; /* grpc-message, decoded */
	int32_t id;
	int http_status, grpc_status; /* -1: none came */
	bool settled, half_closed, deferred, has_answer;
};

/* All on the loop's thread. */
int grpc_stream_callbacks(nghttp2_session_callbacks **ret);
/* Tell the owner, once; the object stays until its stream is closed. */
void grpc_stream_settle(struct grpc_stream *st, ctr_code code, const char *message);
/* The same, and tell the server that nobody waits any more. */
void grpc_stream_fail(struct grpc_stream *st, ctr_code code, const char *message);
void grpc_stream_reset(struct grpc_stream *st);
void grpc_stream_release(struct grpc_stream *st);

#endif
