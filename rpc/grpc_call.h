/* SPDX-License-Identifier: Apache-2.0
 *
 * The gRPC server from inside: server, connection, call and mailbox, shared by grpc_server.c,
 * grpc_session.c and grpc_call.c only.
 */
#ifndef CTR_RPC_GRPC_CALL_H
#define CTR_RPC_GRPC_CALL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/map.h"
#include "rpc/grpc_h2.h"
#include "rpc/grpc_server.h"

#define GRPC_METADATA_MAX (32u << 10)

struct grpc_entry {
	const struct grpc_service *service;
	const struct grpc_method *method;
};

enum grpc_op_kind {
	GRPC_OP_REPLY,
	GRPC_OP_FINISH,
	GRPC_OP_CONSUME,
	GRPC_OP_EXHAUST, /* end with RESOURCE_EXHAUSTED, text as it is */
};

/* Something that a thread asked of a call; a reply becomes the queued message itself. */
struct grpc_op {
	struct grpc_msg msg; /* first: freed by grpc_msg_free() */
	struct grpc_op *next;
	struct grpc_call *call; /* a reference */
	char *text;
	ctr_code code;
	enum grpc_op_kind kind;
};

/* Where other threads put operations; outlives the server as long as calls do. */
struct grpc_mail {
	pthread_mutex_t lock; /* guards first, last, closed and writes to wake_fd */
	struct grpc_op *first, **last;
	struct loop *loop;
	atomic_uint refs;
	int wake_fd; /* eventfd; -1 once the server is gone */
};

struct grpc_server {
	struct loop *loop;
	struct grpc_limits limits;
	struct map *paths;    /* "/service/method" -> struct grpc_entry */
	struct map *services; /* name -> struct grpc_service */
	struct list conns, listeners, dirty;
	struct loop_fd *mail_watch;
	struct grpc_mail *mail;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *options;
	struct h2_shared *shared;
	grpc_idle_fn idle;
	void *idle_ud;
	size_t n_conns, n_calls;
	bool stopping, in_mail;
};

struct grpc_conn {
	struct h2 h2; /* first: the session's user data */
	struct list link, dirty;
	struct list calls, fresh,
		drained; /* fresh: to be looked at when the bytes of this wake-up are parsed */
	struct grpc_server *server;
	struct ucred cred;
};

struct grpc_call {
	struct h2_stream stream; /* first: the data source */
	struct list link, fresh, drained;
	struct grpc_conn *conn; /* loop only; NULL when the stream is closed */
	struct grpc_mail *mail;
	const struct grpc_service *service;
	const struct grpc_method *method;
	struct loop_timer *timer;
	char *meta;        /* "key\0value\0" ... */
	char *wrong;       /* a path or content type to be named in the refusal */
	char *status_text; /* percent-encoded */
	struct grpc_in in;
	const uint8_t *message; /* the request of a unary call, or the message being delivered */
	size_t n_message;
	struct buf backlog; /* what came while a message was with the handler */
	void *data;
	void (*free_data)(void *data);
	int64_t deadline_ns;
	size_t message_max, queue_max, low, backlog_at;
	atomic_size_t queued;
	atomic_uint refs;
	atomic_bool over, above_low;
	struct ucred cred;
	int32_t id;
	uint32_t n_meta;
	ctr_code status;
	/* What the request's headers said. */
	bool is_post, has_path, has_type, bad_timeout, headers_too_large;
	/* Where the call stands; loop only. told: a handler knows of it. */
	bool begun, told, finished, head_sent, deferred, peer_closed, half_close_told, with_handler,
		delivering, has_message;
};

/* grpc_call.c: loop thread */
struct grpc_call *grpc_call_new(struct grpc_conn *c, int32_t id);
/* The stream is closed: detach, tell, drop the connection's reference. */
void grpc_call_detach(struct grpc_call *call);
/* End it from this layer with this text as it is; the handler hears of it through cancel(). */
void grpc_call_abort(struct grpc_call *call, ctr_code code, const char *literal);
/* Answer without messages and another HTTP status, before a handler knows of the call. */
void grpc_call_refuse(struct grpc_call *call, const char *http_status, ctr_code code,
		      const char *literal);
void grpc_call_arm(struct grpc_call *call); /* its deadline's timer */
void grpc_mail_run(struct grpc_server *s);
void grpc_mail_unref(struct grpc_mail *m);
void grpc_op_free(struct grpc_op *op);

/* grpc_session.c: loop thread */
int grpc_session_callbacks(nghttp2_session_callbacks **ret);
/* Deliver what of the backlog can be delivered. */
void grpc_session_resume(struct grpc_call *call);

/* grpc_server.c: loop thread */
void grpc_conn_dirty(struct grpc_conn *c); /* something was queued outside of its own callbacks */

#endif
