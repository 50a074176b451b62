/* SPDX-License-Identifier: Apache-2.0
 *
 * A logging program of the binary:// and binary-v2:// schemes: started with the output on
 * descriptors 3 and 4 and a pipe on 5 by which it says that it is ready.
 */
#ifndef CTR_SHIM_LOGGER_H
#define CTR_SHIM_LOGGER_H

#include "base/list.h"
#include "base/loop.h"
#include "shim/uri.h"

struct logger;

typedef void (*logger_ready_fn)(void *ud, int r); /* 0, or -errno: it will never log */

/*
 * Start u->path with the query as arguments. fn is called once, later. ret_fds get the write ends
 * of its two pipes (the caller's). byte != 0: the end of the ready pipe is not enough (binary-v2).
 * 0 or -errno.
 */
int logger_start(struct loop *loop, struct list *kids, const struct uri *u, const char *ns,
		 const char *id, int byte, logger_ready_fn fn, void *ud, struct logger **ret,
		 int ret_fds[2]);
/*
 * Ask it to end (SIGTERM, after LOGGER_GRACE_NS SIGKILL). It frees itself when it is gone; fn is
 * not called any more. NULL allowed.
 */
void logger_stop(struct logger *l);

#define LOGGER_GRACE_NS (10 * INT64_C(1000000000))
#define LOGGER_READY_NS (10 * INT64_C(1000000000))

#endif
