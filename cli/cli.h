/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of ctrctl: where it talks to, what was asked, what the process will return.
 * Single-threaded.
 */
#ifndef CTR_CLI_CLI_H
#define CTR_CLI_CLI_H

#include "base/loop.h"
#include "cli/args.h"
#include "cli/rpc.h"
#include "status/status.h"

#define DEFAULT_ADDRESS   "/run/ctr/ctrd.sock"
#define DEFAULT_NAMESPACE "default"
#define DEFAULT_LOG_ROOT  "/var/lib/ctr/logs"
#define DEFAULT_RUNTIME   "io.containerd.runc.v2"
#define OWN_RUNTIME       "io.containerd.ctr.v2"

struct cli {
	const char *address, *ns;
	struct args globals, args;
	char *const *envp;   /* of main(); see cli_env() */
	char *path;          /* "ctrctl", "ctrctl snapshot" */
	const char *subject; /* what the verb is about, for the error line; borrowed, may be NULL */
	int exit_code;       /* of the container, or of a verb that decides itself */
	int failed;          /* some of several objects failed, and was told */
	/* lazily made */
	struct loop *loop;
	struct rpc *rpc;
	char *state_dir, *log_root, *worker;
};

const char *cli_env(const struct cli *c, const char *name); /* NULL when unset or empty */

/* The connection; made at the first call. */
ctr_code cli_rpc(struct cli *c, struct rpc **ret, struct ctr_error *err);
/*
 * Unary call on it. req and *ret are protobuf-c messages of the service's method; ret may be NULL.
 */
ctr_code cli_call(struct cli *c, const ProtobufCServiceDescriptor *service, const char *method,
		  const void *req, void *ret, struct ctr_error *err);

/*
 * Client-side state: FIFOs, files of containers, caches. Below the socket's directory. NULL: out of
 * memory.
 */
const char *cli_state_dir(struct cli *c);
const char *cli_log_root(struct cli *c);
const char *cli_worker(struct cli *c); /* path of ctr-worker */

/* For each positional: fn, with its error printed and remembered. */
ctr_code cli_each(struct cli *c,
		  ctr_code (*fn)(struct cli *c, const char *name, struct ctr_error *err),
		  struct ctr_error *err);
/* One line to stderr: "ctrctl: <text>". */
void cli_note(const char *fmt, ...) PRINTF_LIKE(1, 2);
void cli_error(struct cli *c, const char *subject, const struct ctr_error *err);

extern const struct verb cli_root;

#endif
