/* SPDX-License-Identifier: Apache-2.0
 *
 * A container's task.
 */
#include "cli/task.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "cli/container.h"
#include "cli/pbutil.h"

ctr_code task_create(struct cli *c, const char *id, TYPES(Mount) **mounts, size_t n_mounts,
		     const struct task_io *io, struct ctr_error *err)
{
	TASKS(CreateTaskRequest) req = TASKS_INIT(CREATE_TASK_REQUEST);

	req.container_id = pb_str(id);
	req.rootfs = mounts;
	req.n_rootfs = n_mounts;
	req.stdin = pb_str(io->in);
	req.stdout = pb_str(io->out);
	req.stderr = pb_str(io->err);
	req.terminal = io->terminal;
	return cli_call(c, TASKS_SERVICE, "Create", &req, NULL, err);
}

ctr_code task_start(struct cli *c, const char *id, const char *exec_id, struct ctr_error *err)
{
	TASKS(StartRequest) req = TASKS_INIT(START_REQUEST);

	req.container_id = pb_str(id);
	req.exec_id = pb_str(exec_id ? exec_id : "");
	return cli_call(c, TASKS_SERVICE, "Start", &req, NULL, err);
}

ctr_code task_wait_begin(struct cli *c, const char *id, const char *exec_id,
			 struct rpc_pending **ret, struct ctr_error *err)
{
	TASKS(WaitRequest) req = TASKS_INIT(WAIT_REQUEST);
	struct rpc *rpc;
	ctr_code code = cli_rpc(c, &rpc, err);

	req.container_id = pb_str(id);
	req.exec_id = pb_str(exec_id ? exec_id : "");
	return code == CTR_OK ? rpc_start(rpc, TASKS_SERVICE, "Wait", &req, ret, err) : code;
}

ctr_code task_delete(struct cli *c, const char *id, const char *exec_id, unsigned *ret_exit,
		     struct ctr_error *err)
{
	TASKS(DeleteTaskRequest) req = TASKS_INIT(DELETE_TASK_REQUEST);
	TASKS(DeleteProcessRequest) exec = TASKS_INIT(DELETE_PROCESS_REQUEST);
	AUTO_PB TASKS(DeleteResponse) *resp = NULL;
	ctr_code code;

	req.container_id = exec.container_id = pb_str(id);
	exec.exec_id = pb_str(exec_id ? exec_id : "");
	code = exec_id ? cli_call(c, TASKS_SERVICE, "DeleteProcess", &exec, &resp, err)
		       : cli_call(c, TASKS_SERVICE, "Delete", &req, &resp, err);
	if (code == CTR_OK && ret_exit)
		*ret_exit = resp->exit_status;
	return code;
}

ctr_code task_kill(struct cli *c, const char *id, const char *exec_id, int sig, int all,
		   struct ctr_error *err)
{
	TASKS(KillRequest) req = TASKS_INIT(KILL_REQUEST);

	req.container_id = pb_str(id);
	req.exec_id = pb_str(exec_id ? exec_id : "");
	req.signal = (uint32_t)sig;
	req.all = all;
	return cli_call(c, TASKS_SERVICE, "Kill", &req, NULL, err);
}

static int is_over(int status)
{
	return status == CONTAINERD__V1__TYPES__STATUS__STOPPED;
}

ctr_code task_finish_off(struct cli *c, const char *id, struct ctr_error *err)
{
	AUTO_PB TASKS(GetResponse) *state = NULL;
	AUTO_PENDING waiting = NULL;
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = task_get(c, id, NULL, &state, &why);

	if (code == CTR_NOT_FOUND)
		return CTR_OK;
	if (code != CTR_OK)
		return ctr_move_error(err, &why);
	if (!is_over((int)state->process->status)) {
		code = task_wait_begin(c, id, NULL, &waiting, err);
		if (code == CTR_OK)
			code = task_kill(c, id, NULL, SIGKILL, 1, &why);
		if (code == CTR_OK || code == CTR_NOT_FOUND)
			code = rpc_finish(take_ptr(&waiting), NULL, &why);
		if (code != CTR_OK && code != CTR_NOT_FOUND)
			return ctr_move_error(err, &why);
	}
	code = task_delete(c, id, NULL, NULL, &why);
	return code == CTR_OK || code == CTR_NOT_FOUND ? CTR_OK : ctr_move_error(err, &why);
}

ctr_code task_foreground(struct cli *c, struct session *s, const char *id, int remove,
			 struct task_run *ret, struct ctr_error *err)
{
	AUTO_PENDING waiting = NULL;
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = task_wait_begin(c, id, NULL, &waiting, err);

	*ret = (struct task_run){ 0 };
	if (code == CTR_OK)
		code = task_start(c, id, NULL, err);
	if (code != CTR_OK) {
		(void)task_finish_off(c, id, &why);
		return code;
	}
	ret->started = 1;
	code = session_begin(s, err);
	if (code == CTR_OK)
		code = session_wait(s, take_ptr(&waiting), &ret->exit_status, &ret->detached, err);
	if (code != CTR_OK || ret->detached)
		return code;
	/* the shim lets go of the FIFOs at the end of the process, and at the latest with the task */
	if (remove)
		code = task_delete(c, id, NULL, NULL, &why);
	session_drain(s);
	return code == CTR_OK || code == CTR_NOT_FOUND ? CTR_OK : ctr_move_error(err, &why);
}

/* Only what the OCI runtime says is about the command; a shim may be missing too. */
int start_failure_code(const struct ctr_error *err)
{
	const char *text = error_text(err);

	if (!strstr(text, "OCI runtime"))
		return 125;
	if (strcasestr(text, "executable file not found") ||
	    strcasestr(text, "no such file or directory"))
		return 127;
	return strcasestr(text, "permission denied") || strcasestr(text, "exec format error") ? 126
											      : 125;
}
