/* SPDX-License-Identifier: Apache-2.0
 *
 * A listening unix socket on the loop. A path that a live daemon serves is refused, one that a dead
 * daemon left is taken over; a lock file beside the socket ("<path>.lock") makes that free of races
 * between our own daemons. Loop thread.
 */
#ifndef CTR_RPC_LISTENER_H
#define CTR_RPC_LISTENER_H

#include <sys/socket.h>
#include <sys/types.h>

#include "base/loop.h"
#include "status/status.h"

struct listener;

#define LISTENER_KEEP_GID ((gid_t)-1)

/* One accepted connection: non-blocking, close-on-exec, the callee's from now on. Must not free
 * the listener. */
typedef void (*listener_fn)(void *ud, int fd, const struct ucred *peer);

/*
 * Bind path with exactly this mode and group: it is born 0600 and gets them before it listens.
 * CTR_ALREADY_EXISTS: a live process serves the path; CTR_FAILED_PRECONDITION: something that is no
 * socket lies there.
 */
ctr_code listener_open(struct loop *loop, const char *path, mode_t mode, gid_t gid, listener_fn fn,
		       void *ud, struct listener **ret, struct ctr_error *err);
/* A socket that already listens (socket activation). Taken over on success; its path is never
 * removed. */
ctr_code listener_adopt(struct loop *loop, int fd, listener_fn fn, void *ud, struct listener **ret,
			struct ctr_error *err);
void listener_free(struct listener *l); /* removes the path if it is still ours; NULL allowed */

/* A connected, non-blocking socket, or -errno: -EAGAIN when the other's backlog is full. */
int unix_connect(const char *path);

#endif
