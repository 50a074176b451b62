/* SPDX-License-Identifier: Apache-2.0
 *
 * A container's task: create, start, end it.
 */
#ifndef CTR_CLI_TASK_H
#define CTR_CLI_TASK_H

#include "cli/api.h"
#include "cli/session.h"

struct task_io {
	const char *in, *out, *err;
	int terminal;
};

/* *mounts: of the snapshot. */
ctr_code task_create(struct cli *c, const char *id, TYPES(Mount) **mounts, size_t n_mounts,
		     const struct task_io *io, struct ctr_error *err);
ctr_code task_start(struct cli *c, const char *id, const char *exec_id, struct ctr_error *err);
ctr_code task_wait_begin(struct cli *c, const char *id, const char *exec_id,
			 struct rpc_pending **ret, struct ctr_error *err);
/* Delete the task, or the exec's process. */
ctr_code task_delete(struct cli *c, const char *id, const char *exec_id, unsigned *ret_exit,
		     struct ctr_error *err);
ctr_code task_kill(struct cli *c, const char *id, const char *exec_id, int sig, int all,
		   struct ctr_error *err);
/* Run an ended or ending task down: SIGKILL if it runs, wait, delete. A missing task is fine. */
ctr_code task_finish_off(struct cli *c, const char *id, struct ctr_error *err);

/* How a task in the foreground went. */
struct task_run {
	int started;  /* from then on an error does not mean that it is gone */
	int detached; /* the user left it */
	unsigned exit_status;
};

/*
 * Start a task that was created with a session's FIFOs and stay with it; one that does not start
 * is deleted. remove: delete it when it has ended; else its exit status stays to be seen.
 */
ctr_code task_foreground(struct cli *c, struct session *s, const char *id, int remove,
			 struct task_run *ret, struct ctr_error *err);

/* Exit code for a start that failed: 127 not found, 126 not executable, else 125. */
int start_failure_code(const struct ctr_error *err);

#endif
