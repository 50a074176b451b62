/* SPDX-License-Identifier: Apache-2.0
 *
 * The standard streams of one process, from the request's three strings to the descriptors that
 * the runtime is started with, and everything that moves bytes between them.
 */
#ifndef CTR_SHIM_STDIO_H
#define CTR_SHIM_STDIO_H

#include <sys/types.h>

#include "base/loop.h"
#include "status/status.h"

struct stdio_config {
	struct loop *loop;
	struct list *kids;          /* for a logging program */
	int bundle_fd;              /* borrowed, for the life of the stdio */
	const char *ns, *id;        /* of the container */
	const char *in, *out, *err; /* "" or NULL: /dev/null */
	int terminal;
	uid_t uid; /* owner of the pipes: Options.io_uid */
	gid_t gid;
	int attach;               /* serve the attach socket (of a ctrlog:// init) */
	const char *console_name; /* file name for the console socket in the bundle */
};

struct stdio;

typedef void (*stdio_ready_fn)(void *ud, ctr_code code, const struct ctr_error *err);

/* Open all of it. fn is called once, at once or later (a logging program has to be ready first). */
ctr_code stdio_open(const struct stdio_config *cfg, stdio_ready_fn fn, void *ud, struct stdio **ret,
		    struct ctr_error *err);
/* What the runtime gets as 0, 1, 2; -1 is /dev/null. All -1 for a terminal. */
void stdio_child_fds(const struct stdio *io, int ret[3]);
/* The runtime has been started (or will not be): close this side's copies of those. */
void stdio_close_child_fds(struct stdio *io);
/*
 * The runtime has started a terminal process and sent its console: take it. Not a terminal: CTR_OK.
 */
ctr_code stdio_take_console(struct stdio *io, struct ctr_error *err);

ctr_code stdio_resize(struct stdio *io, unsigned int columns, unsigned int rows,
		      struct ctr_error *err);
void stdio_close_stdin(struct stdio *io);
/* The process is dead: move what it has left. */
void stdio_drain(struct stdio *io);
/*
 * Do bytes of it still wait for a slow reader? fn(ud) is called when that changes (NULL: no
 * longer).
 */
int stdio_busy(const struct stdio *io);
void stdio_on_idle(struct stdio *io, loop_fn fn, void *ud);
void stdio_free(struct stdio *io); /* NULL allowed */

#endif
