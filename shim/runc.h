/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the OCI runtime: one process each, never waited for; its end comes through the loop,
 * with the runtime's own message when it failed.
 */
#ifndef CTR_SHIM_RUNC_H
#define CTR_SHIM_RUNC_H

#include "base/list.h"
#include "base/loop.h"
#include "status/status.h"

#define RUNC_DEFAULT      "runc"
#define RUNC_DEFAULT_ROOT "/run/containerd/runc"

/* How to call the runtime of one container. */
struct runc {
	char *path; /* absolute */
	char *root; /* "<Options.root>/<namespace>" */
	int systemd_cgroup;
};

/*
 * name: Options.binary_name ("" is runc), looked up in the fixed search path; root: Options.root.
 */
ctr_code runc_init(struct runc *r, const char *name, const char *root, const char *ns,
		   int systemd_cgroup, struct ctr_error *err);
void runc_done(struct runc *r);
/*
 * The absolute path of a program of the fixed search path; caller frees; NULL when it is not there.
 */
char *runc_find(const char *name);

/* code is CTR_OK or CTR_UNKNOWN with "OCI runtime <what> failed: <its message>". */
typedef void (*job_fn)(void *ud, ctr_code code, struct ctr_error *err);

struct job_spec {
	const struct runc *runc;
	struct list *kids;       /* where the runtime is listed while it runs */
	const char *what;        /* for messages: "create" */
	const char *const *args; /* verb and its arguments; a NULL ends them */
	int bundle_fd;           /* working directory, and where the log goes */
	const char *log_name;    /* file name in the bundle */
	const int *fds;          /* 0, 1, 2 of the runtime; NULL or -1: /dev/null */
};

/*
 * fn is called once if and only if this returns CTR_OK, later. spec is used during the call only.
 */
ctr_code job_start(struct loop *loop, const struct job_spec *spec, job_fn fn, void *ud,
		   struct ctr_error *err);

/* --root .. --log .. --log-format json [--systemd-cgroup] args; a strv, NULL on OOM. */
char **runc_argv(const struct runc *r, const char *log_name, const char *const *args);
/* Does the message say that the container is not known to the runtime? */
int runc_says_missing(const char *message);

extern char *const runc_env[]; /* the environment of runtimes */

#endif
