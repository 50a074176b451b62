/* SPDX-License-Identifier: Apache-2.0
 *
 * A process in the foreground: its FIFOs, our terminal, signals, resize, detach keys, and the wait
 * for its end. One session a ctrctl. Output goes on while any call of rpc.h waits, since both run
 * on the loop.
 */
#ifndef CTR_CLI_SESSION_H
#define CTR_CLI_SESSION_H

#include "cli/cli.h"

struct session;

struct session_options {
	const char *id, *exec_id; /* exec_id NULL: the first process */
	int tty, input;           /* -t, -i */
	int no_stdout, no_stderr; /* attach: what is not wanted */
	int forward_signals;      /* send ours to the process */
};

/*
 * Make the FIFOs and open them; must come before Tasks.Create or Exec. INVALID_ARGUMENT: -it
 * without a terminal. For attach: paths of the existing ones in stdin_path and so on ("" or NULL:
 * none).
 */
ctr_code session_open(struct cli *c, const struct session_options *o, struct session **ret,
		      struct ctr_error *err);
ctr_code session_attach(struct cli *c, const struct session_options *o, const char *stdin_path,
			const char *stdout_path, const char *stderr_path, struct session **ret,
			struct ctr_error *err);

/* For the request: paths, "" for none. */
const char *session_stdin(const struct session *s);
const char *session_stdout(const struct session *s);
const char *session_stderr(const struct session *s);

/* The process runs: output shown, terminal raw, input pumped, signals forwarded. */
ctr_code session_begin(struct session *s, struct ctr_error *err);

/*
 * Run until waiting (a Tasks.Wait under way; freed) is over or the user detaches. *ret_exit: the
 * exit status. *ret_detached: 1 when the process goes on without us.
 */
ctr_code session_wait(struct session *s, struct rpc_pending *waiting, unsigned *ret_exit,
		      int *ret_detached, struct ctr_error *err);
/* The process has ended: take what is still in the FIFOs. Call after the task's Delete was sent. */
void session_drain(struct session *s);

/* Terminal as it was; FIFOs removed unless detached. NULL allowed. */
void session_free(struct session *s);
void auto_session(struct session **s);
#define AUTO_SESSION AUTO(auto_session) struct session *

#endif
