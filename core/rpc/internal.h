/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: registered services, and one request on its way through a
 * plugin's handlers.
 */
#ifndef CTR_CORE_RPC_INTERNAL_H
#define CTR_CORE_RPC_INTERNAL_H

#include <stdatomic.h>

#include <ctr/unstable/rpc.h>

#include "core/call/call.h"
#include "core/rpc/listeners.h"
#include "rpc/grpc_server.h"
#include "rpc/ttrpc_server.h"

struct bound_service {
	struct bound_service *next;
	struct listeners *listeners;
	const struct ctr_rpc_service *service; /* the plugin's, borrowed for ever */
	void *self;
	struct bound_method *methods;
	struct grpc_method *grpc_methods;
	struct ttrpc_method *ttrpc_methods;
	struct grpc_service grpc;
	struct ttrpc_service ttrpc;
};

struct bound_method {
	struct bound_service *service;
	const struct ctr_rpc_method *method;
};

struct listeners {
	struct daemon *daemon;
	struct grpc_server *grpc;
	struct ttrpc_server *ttrpc;
	struct bound_service *services;
	size_t low_bytes; /* below this a call's queue counts as drained */
};

/* What on_drained() asked for. */
struct drain {
	struct ctr_rpc_call *rc;
	void (*fn)(void *ud);
	void *ud;
};

enum phase { PHASE_IDLE, PHASE_RUNNING, PHASE_RESUMED };

/* How a call's answer travels; the two kinds of sockets. All functions but the last: any thread. */
struct transport {
	void (*ref)(struct ctr_rpc_call *rc);
	void (*unref)(struct ctr_rpc_call *rc);
	int (*reply)(struct ctr_rpc_call *rc, void *data, size_t n); /* takes data; 0 or -errno */
	void (*finish)(struct ctr_rpc_call *rc, ctr_code code, const char *message);
	void (*consume)(struct ctr_rpc_call *rc);
	size_t (*queued)(struct ctr_rpc_call *rc);
	const char *(*metadata)(struct ctr_rpc_call *rc, const char *key);
};

struct ctr_rpc_call {
	struct ctr_call call;
	const struct transport *transport;
	const struct bound_method *bound;
	struct grpc_call *grpc;
	struct ttrpc_call *ttrpc; /* loop only; NULL once answered */
	void *data;               /* the plugin's */
	uint64_t client;          /* whose turn it is in the pools */
	/* The request at hand: one at a time. */
	void *message;
	size_t n;
	int half_close;
	int told;          /* loop only: a handler has run, closed() is owed */
	atomic_int phase;  /* of message(): enum phase */
	atomic_uint hands; /* 2 a handler or drain function at work, 1 when the call is closed */
	_Atomic(struct drain *) drain;
	struct ttrpc_answer *answer; /* what waits for the loop; guarded by answered */
	atomic_flag answered;
	atomic_uint refs; /* of a ttrpc call; a gRPC call counts its own */
};

/* call.c; loop thread */
/* Namespace, lease, trace id from metadata. 0, or -1 after the call was finished with a refusal. */
int rpc_call_begin(struct ctr_rpc_call *rc, const struct bound_method *bound, int64_t deadline_ns);
/* The request as memory of our own, from malloc; NULL on OOM. */
typedef void *(*rpc_take_fn)(struct ctr_rpc_call *rc, const void *data, size_t n);
/*
 * Run the method's message or half_close where its flags say. data is borrowed; take is called for
 * another thread.
 */
void rpc_call_dispatch(struct ctr_rpc_call *rc, const void *data, size_t n, rpc_take_fn take,
		       int half_close);
void rpc_call_cancelled(struct ctr_rpc_call *rc);
void rpc_call_drained(struct ctr_rpc_call *rc);
void rpc_call_closed(struct ctr_rpc_call *rc);

/* grpc.c, ttrpc.c: fill the server's tables and register the service */
ctr_code rpc_bind_grpc(struct bound_service *s, struct ctr_error *err);
ctr_code rpc_bind_ttrpc(struct bound_service *s, struct ctr_error *err);

/* service.c: "ctr.rpc.v0" add() */
ctr_code rpc_service_add(const struct ctr_host *h, const struct ctr_rpc_service *service,
			 void *self, struct ctr_error *err);
void rpc_service_free(struct bound_service *s);

extern const struct ctr_rpc_ops rpc_ops; /* call.c */

#endif
