/* SPDX-License-Identifier: Apache-2.0
 *
 * What the program was called with, and its verbs.
 */
#ifndef CTR_SHIM_SHIM_H
#define CTR_SHIM_SHIM_H

#include "shim/flags.h"

#define SHIM_NAME      "containerd-shim-ctr-v2"
#define SHIM_LISTEN_FD 3 /* the listening socket of a serving shim */

struct invocation {
	struct flags flags;
	/* from the environment; "" when unset */
	const char *ttrpc_address;
	const char *socket_dir; /* CTR_SHIM_SOCKET_DIR: where a start without params puts it */
};

/* Each returns the exit status. */
int cmd_start(const struct invocation *in);
int cmd_delete(const struct invocation *in);
int cmd_info(const struct invocation *in);
int cmd_serve(const struct invocation *in);

#endif
