/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.rpc.v0": an API plugin registers gRPC services here and sends and receives message bytes; the core owns
 * listeners, HTTP/2, deadlines and status. Several API plugins share one socket. Unstable: exact version match.
 */
#ifndef CTR_UNSTABLE_RPC_H
#define CTR_UNSTABLE_RPC_H

#include <ctr/plugin.h>

#define CTR_SERVICE_RPC "ctr.rpc.v0"
#define CTR_KIND_GRPC   "io.containerd.grpc.v1"

struct ctr_rpc_call; /* reference counted, host side */

/* Where a handler runs. Default: the pool of short work, where it may block on the database. */
#define CTR_RPC_INLINE                                                                             \
	1u /* on the loop's thread: point reads and asynchronous methods; must not block */
#define CTR_RPC_BULK          2u  /* on the bulk pool: large content, apply, diff */
#define CTR_RPC_CLIENT_STREAM 16u /* many requests: message() is called for each */
#define CTR_RPC_SERVER_STREAM 32u /* many replies */
#define CTR_RPC_NO_NAMESPACE                                                                       \
	64u /* the method needs no namespace; otherwise the host answers for a missing one */
#define CTR_RPC_TTRPC 128u /* a service of the ttrpc socket instead (flag of every method of it) */

/* A handler's result that means: not finished yet, finish() comes later from any thread. */
#define CTR_PENDING 0x20000

/* An array element: frozen within one version of this header. */
struct ctr_rpc_method {
	const char *name;
	uint32_t flags, reserved;
	/*
	 * One request. For a unary or server-streaming method it is the only one; for a client stream each in turn (the
	 * next comes after this returned, or after resume() when it returned CTR_PENDING). data is borrowed.
	 * CTR_OK finishes a call that is not client-streaming; any other code but CTR_PENDING finishes every call, with
	 * err's message.
	 */
	ctr_code (*message)(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			    struct ctr_error *err);
	/* Optional. The client will send no more (client streams only); runs where message runs. */
	ctr_code (*half_close)(void *self, struct ctr_rpc_call *rc, struct ctr_error *err);
	/* Optional. The call is over, whoever ended it; the last thing the plugin hears of it: release what was put
	 * with set_data here. Loop's thread; called for every call for which message was called, and for client
	 * streams that were opened. Never while message or half_close runs. */
	void (*closed)(void *self, struct ctr_rpc_call *rc);
};

struct ctr_rpc_service {
	uint32_t size, n_methods;
	const char *name; /* "containerd.services.version.v1.Version" */
	const struct ctr_rpc_method *methods;
};

struct ctr_rpc_ops {
	uint32_t size, reserved;
	/* init or start only. service is borrowed for ever. CTR_ALREADY_EXISTS: the name is taken. */
	ctr_code (*add)(const struct ctr_host *h, const struct ctr_rpc_service *service, void *self,
			struct ctr_error *err);
	/* Any thread, all below, while the caller holds a reference or a handler of the call runs. */
	const struct ctr_call *(*call)(struct ctr_rpc_call *rc);
	void (*ref)(struct ctr_rpc_call *rc);
	void (*unref)(struct ctr_rpc_call *rc);
	void (*set_data)(struct ctr_rpc_call *rc, void *data); /* the plugin's own pointer */
	void *(*data)(struct ctr_rpc_call *rc);
	/* Queue one reply; data is from host->alloc and taken over, also on failure. CTR_CANCELLED when the call is over.
	 * Queued bytes beyond the cap finish the call with CTR_RESOURCE_EXHAUSTED. */
	ctr_code (*reply)(struct ctr_rpc_call *rc, void *data, uint64_t n);
	uint64_t (*queued_bytes)(struct ctr_rpc_call *rc);
	/* Call fn(ud) once, on the pool that the method's flags name, when queued_bytes has sunk below low_bytes or the
	 * call is over. How a long answer waits for a slow reader without a thread. */
	void (*on_drained)(struct ctr_rpc_call *rc, uint64_t low_bytes, void (*fn)(void *ud),
			   void *ud);
	/* Deliver the next message of a client stream whose message() had returned CTR_PENDING. */
	void (*resume)(struct ctr_rpc_call *rc);
	/* End the call; message may be NULL. Later replies and finishes are ignored. */
	void (*finish)(struct ctr_rpc_call *rc, ctr_code code, const char *message);
	/* The same with the message that err holds. */
	void (*finish_error)(struct ctr_rpc_call *rc, ctr_code code, struct ctr_error *err);
};

#endif
