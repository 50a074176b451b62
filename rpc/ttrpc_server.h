/* SPDX-License-Identifier: Apache-2.0
 *
 * ttrpc server: services are tables registered at run time, handlers are asynchronous, a parked
 * call holds no thread. See docs/rpc.md. Everything runs on the loop's thread.
 */
#ifndef CTR_RPC_TTRPC_SERVER_H
#define CTR_RPC_TTRPC_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/loop.h"
#include "status/status.h"

struct ttrpc_server;
struct ttrpc_call;

#define TTRPC_CLIENT_STREAM 1u
#define TTRPC_SERVER_STREAM 2u

/*
 * A call belongs to its handler from start() on, until it calls ttrpc_call_reply() or
 * ttrpc_call_finish(): exactly one of them, exactly once, after a cancel too (nothing is sent
 * then). After that the pointer is dead.
 */
struct ttrpc_method {
	const char *name;
	unsigned flags; /* TTRPC_CLIENT_STREAM | TTRPC_SERVER_STREAM; 0 is unary */
	/*
	 * The request message, borrowed during the call. A client stream starts with data NULL
	 * unless the peer sent its first message along with the request.
	 */
	void (*start)(struct ttrpc_call *call, const void *data, size_t n);
	/* For client streams. */
	void (*message)(struct ttrpc_call *call, const void *data, size_t n);
	void (*half_close)(struct ttrpc_call *call);
	/* Optional, at most once: the deadline passed or the connection is gone. Finish the call
	 * then or later. */
	void (*cancel)(struct ttrpc_call *call);
	const void *data; /* the owner's own */
};

struct ttrpc_service {
	const char *name; /* "containerd.task.v3.Task" */
	const struct ttrpc_method *methods;
	size_t n_methods;
	void *ud;
};

#define TTRPC_SAME_USER 1u /* close connections whose effective uid and gid are not ours */

/* Called when the number of connections has sunk to 0; may be NULL. */
typedef void (*ttrpc_idle_fn)(void *ud);

int ttrpc_server_new(struct loop *loop, unsigned flags,
		     struct ttrpc_server **ret); /* 0 or -errno */
/* Ends all connections; calls not finished get cancel() and may still be finished afterwards. Not
 * from within a handler.
 * NULL allowed. */
void ttrpc_server_free(struct ttrpc_server *s);
/* The table is borrowed until ttrpc_server_free(). 0, -EEXIST, -ENOMEM. */
int ttrpc_server_register(struct ttrpc_server *s, const struct ttrpc_service *service);
/* See listener.h; several listeners are allowed. */
ctr_code ttrpc_server_listen(struct ttrpc_server *s, const char *path, mode_t mode, gid_t gid,
			     struct ctr_error *err);
ctr_code ttrpc_server_adopt(struct ttrpc_server *s, int listening_fd, struct ctr_error *err);
/* Serve a connected socket, taken over on success. 0 or -errno. */
int ttrpc_server_serve(struct ttrpc_server *s, int fd, const struct ucred *peer);
void ttrpc_server_on_idle(struct ttrpc_server *s, ttrpc_idle_fn fn, void *ud);
void ttrpc_server_stop_listening(struct ttrpc_server *s);
size_t ttrpc_server_conns(const struct ttrpc_server *s);
size_t ttrpc_server_calls(const struct ttrpc_server *s); /* calls whose answer is due */

/* One answer and OK: the end of a unary or client-streaming call. n above 4 MiB answers
 * RESOURCE_EXHAUSTED. */
void ttrpc_call_reply(struct ttrpc_call *call, const void *data, size_t n);
/* One message of a server stream; the call goes on. 0, -EPIPE when it is over, -EMSGSIZE,
 * -ENOBUFS, -ENOMEM. */
int ttrpc_call_send(struct ttrpc_call *call, const void *data, size_t n);
/*
 * The end with a code; message (NULL allowed) gets the class text of the code. CTR_OK ends a server
 * stream; for other calls it is an empty reply.
 */
void ttrpc_call_finish(struct ttrpc_call *call, ctr_code code, const char *message);

void *ttrpc_call_ud(const struct ttrpc_call *call); /* the service's */
const struct ttrpc_method *ttrpc_call_method(const struct ttrpc_call *call);
const char *ttrpc_call_service(const struct ttrpc_call *call);
/* The first value of a (lower-case) key, or NULL. */
const char *ttrpc_call_metadata(const struct ttrpc_call *call, const char *key);
int64_t ttrpc_call_deadline_ns(const struct ttrpc_call *call); /* NO_DEADLINE when absent */
const struct ucred *ttrpc_call_peer(const struct ttrpc_call *call);
int ttrpc_call_over(const struct ttrpc_call *call); /* cancelled: nobody waits for the answer */
void ttrpc_call_set_data(struct ttrpc_call *call, void *data); /* the handler's own */
void *ttrpc_call_data(const struct ttrpc_call *call);

#endif
