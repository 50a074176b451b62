/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC server on nghttp2. Services are tables registered at run time; it knows none itself. One
 * loop thread does all the work and calls all handlers; replies may come from any thread. A parked
 * call or stream holds no thread and no buffer. See docs/rpc.md.
 */
#ifndef CTR_RPC_GRPC_SERVER_H
#define CTR_RPC_GRPC_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/loop.h"
#include "status/status.h"

struct grpc_server;
struct grpc_call; /* reference counted */

/* 0 in a member: the default. */
struct grpc_limits {
	size_t message_bytes; /* of one message, in and out; default 16 MiB */
	/* queued replies of one call; default 8 MiB, and one message always fits */
	size_t queue_bytes;
	size_t low_bytes; /* drained() is called when the queue has sunk to this; default 256 KiB */
	uint32_t max_conns; /* default 1024 */
	uint32_t max_calls; /* of one connection; default 65536 */
};

#define GRPC_CLIENT_STREAM 1u
#define GRPC_SERVER_STREAM 2u

/*
 * Handlers run on the loop's thread and must not block. data is borrowed during the call, or taken
 * over with grpc_call_take(). What is not needed may be NULL; unary, or message for client streams,
 * must be there.
 */
struct grpc_method {
	const char *name;
	unsigned flags;
	/* Methods without GRPC_CLIENT_STREAM: the one request, when it is complete. */
	void (*unary)(struct grpc_call *call, const void *data, size_t n);
	/* Methods with it. The next message comes only after grpc_call_consume(); meanwhile the
	 * sender is stopped by flow control. half_close comes after the last message was consumed.
	 */
	void (*open)(struct grpc_call *call);
	void (*message)(struct grpc_call *call, const void *data, size_t n);
	void (*half_close)(struct grpc_call *call);
	/* At most once, after unary or open: the call ended before it was finished (client gone or
	 * cancelled, deadline, limits). */
	void (*cancel)(struct grpc_call *call);
	/* The queue has sunk to low_bytes after having been above. */
	void (*drained)(struct grpc_call *call);
	/* Exactly once for each call of which unary was called, and each client stream: nothing
	 * more of it will come, whoever ended it. Never from within a function of this header but
	 * grpc_server_free(). */
	void (*closed)(struct grpc_call *call);
	const void *data; /* the owner's own */
};

struct grpc_service {
	const char *name; /* "containerd.services.version.v1.Version" */
	const struct grpc_method *methods;
	size_t n_methods;
	void *ud;
};

/* Called once after grpc_server_shutdown() when the last connection has gone. */
typedef void (*grpc_idle_fn)(void *ud);

int grpc_server_new(struct loop *loop, const struct grpc_limits *limits,
		    struct grpc_server **ret); /* 0 or -errno */
/* Cuts all connections (cancel and closed are called). Not from within a handler. NULL allowed. */
void grpc_server_free(struct grpc_server *s);
/* Borrowed until grpc_server_free(). 0, -EEXIST (the service is there), -EINVAL (a method without
 * handler), -ENOMEM. */
int grpc_server_register(struct grpc_server *s, const struct grpc_service *service);
/* See listener.h; several listeners are allowed. */
ctr_code grpc_server_listen(struct grpc_server *s, const char *path, mode_t mode, gid_t gid,
			    struct ctr_error *err);
ctr_code grpc_server_adopt(struct grpc_server *s, int listening_fd, struct ctr_error *err);
/* Serve a connected socket, taken over on success. 0 or -errno. */
int grpc_server_serve(struct grpc_server *s, int fd, const struct ucred *peer);
/* Stop listening, send GOAWAY, let calls end; then idle (NULL allowed). grpc_server_free() cuts
 * what is left. */
void grpc_server_shutdown(struct grpc_server *s, grpc_idle_fn idle, void *ud);
size_t grpc_server_conns(const struct grpc_server *s);
size_t grpc_server_calls(const struct grpc_server *s);

/*
 * Any thread, from here to the next line of this kind: while the caller holds a reference or a
 * handler of the call runs.
 */
struct grpc_call *grpc_call_ref(struct grpc_call *call);
void grpc_call_unref(struct grpc_call *call); /* NULL allowed */
/*
 * Queue one reply; data comes from malloc (NULL allowed when n is 0) and is taken over in every
 * case. Ends the call with OK when the method is no server stream. 0; -EPIPE: the call is over;
 * -ENOBUFS: the queue is full, -EMSGSIZE: above the limit, -ENOMEM: the call ends with
 * RESOURCE_EXHAUSTED.
 */
int grpc_call_reply(struct grpc_call *call, void *data, size_t n);
/* End the call; message (NULL allowed) gets the class text of the code. Later replies and ends
 * are ignored. */
void grpc_call_finish(struct grpc_call *call, ctr_code code, const char *message);
/* The message of a client stream has been dealt with: the next may come. */
void grpc_call_consume(struct grpc_call *call);
size_t grpc_call_queued_bytes(const struct grpc_call *call);
int grpc_call_over(const struct grpc_call *call); /* finished or cancelled */
/* The caller's own pointer; free_fn (NULL allowed) runs with the last reference, on whichever
 * thread drops it. */
void grpc_call_set_data(struct grpc_call *call, void *data, void (*free_fn)(void *data));
void *grpc_call_data(const struct grpc_call *call);
const struct grpc_service *grpc_call_service(const struct grpc_call *call);
const struct grpc_method *grpc_call_method(const struct grpc_call *call);
/* The first value of a (lower-case) key, or NULL. Values of "-bin" keys are as they came, in
 * base64. */
const char *grpc_call_metadata(const struct grpc_call *call, const char *key);
int64_t grpc_call_deadline_ns(const struct grpc_call *call); /* absolute; NO_DEADLINE when absent */
const struct ucred *grpc_call_peer(const struct grpc_call *call);

/* Inside unary() and message() only: the message as memory of the caller; NULL on OOM. */
void *grpc_call_take(struct grpc_call *call);

#endif
