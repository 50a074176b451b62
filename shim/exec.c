/* SPDX-License-Identifier: Apache-2.0
 *
 * Exec processes. Exec only registers: the process description goes to a file in the bundle at
 * once, so none of it stays in memory. Start runs "runc exec", several at a time if need be. Delete
 * leaves nothing of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "containerd/events/task.pb-c.h"

#include "base/ident.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "shim/task.h"

/*
 * A file name of the bundle that no other file there has; ids are identifiers, so it holds no '/'.
 */
static char *file_name(const struct proc *p, const char *suffix)
{
	return str_printf("exec-%s%s", p->id, suffix);
}

static void remove_file(const struct proc *p, const char *suffix)
{
	AUTO_FREE char *name = file_name(p, suffix);

	if (name)
		(void)unlinkat(p->task->bundle_fd, name, 0);
}

static void exec_free(struct proc *p)
{
	remove_file(p, ".process.json");
	remove_file(p, ".pid");
	p->task->n_execs--;
	proc_done(p);
	free(p);
}

static ctr_code check(struct op *op, const exec_request *rq, struct ctr_error *err)
{
	struct task *t = op->task;

	if (!ident_valid(rq->exec_id))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "exec id '%.80s' is not an identifier",
				rq->exec_id);
	list_for (it, &t->execs)
		if (strcmp(list_entry(it, struct proc, node)->id, rq->exec_id) == 0)
			return ctr_fail(err, CTR_ALREADY_EXISTS, "id %s", rq->exec_id);
	if (t->n_execs >= EXECS_MAX)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "container '%s' has %d exec processes",
				t->id, EXECS_MAX);
	if (t->init.state != PROC_RUNNING)
		return ctr_fail(err, CTR_UNKNOWN, "cannot exec in a %s state",
				t->init.state == PROC_CREATED ? "created" : "stopped");
	if (t->paused)
		return ctr_fail(err, CTR_UNKNOWN, "cannot exec in a paused state");
	if (!rq->spec || rq->spec->value.len == 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "exec '%s' without a process",
				rq->exec_id);
	return CTR_OK;
}

static ctr_code add(struct op *op, const exec_request *rq, struct ctr_error *err)
{
	struct task *t = op->task;
	AUTO_FREE char *name = NULL;
	struct proc *p = calloc(1, sizeof(*p));
	int r = -ENOMEM;

	if (p && proc_init(p, t, rq->exec_id, rq->stdin, rq->stdout, rq->stderr, rq->terminal) == 0)
		name = file_name(p, ".process.json");
	if (name)
		r = io_write_file(t->bundle_fd, name, rq->spec->value.data, rq->spec->value.len,
				  0600, 0);
	if (r < 0) {
		if (p)
			proc_done(p);
		free(p);
		return ctr_fail_errno(err, r, "keep the process of exec '%s'", rq->exec_id);
	}
	list_add(&t->execs, &p->node);
	t->n_execs++;
	return CTR_OK;
}

void do_exec(struct op *op)
{
	const exec_request *rq = op->req;
	Containerd__Events__TaskExecAdded ev = CONTAINERD__EVENTS__TASK_EXEC_ADDED__INIT;
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;

	if (op_task(op, rq->id) < 0)
		return;
	code = check(op, rq, &err);
	if (code == CTR_OK)
		code = add(op, rq, &err);
	if (code != CTR_OK) {
		op_fail(op, code, &err);
		return;
	}
	ev.container_id = rq->id;
	ev.exec_id = rq->exec_id;
	events_publish(op->shim->events, "/tasks/exec-added", &ev);
	op_empty(op);
}

static void fail(struct op *op, ctr_code code, const struct ctr_error *err)
{
	struct proc *p = op->proc;

	stdio_free(p->io);
	p->io = NULL;
	proc_fail(p);
	op_fail(op, code, err);
	proc_started(p);
}

static ctr_code take_over(struct proc *p, struct ctr_error *err)
{
	AUTO_FREE char *pid_file = file_name(p, ".pid");
	ctr_code code = stdio_take_console(p->io, err);
	int r;

	if (code != CTR_OK)
		return code;
	r = pid_file ? proc_track(p, pid_file) : -ENOMEM;
	remove_file(p, ".pid");
	remove_file(p, ".process.json");
	return r < 0 ? ctr_fail_errno(err, r, "find the process of exec '%s'", p->id) : CTR_OK;
}

static void running(void *ud, ctr_code code, struct ctr_error *err)
{
	struct op *op = ud;
	struct proc *p = op->proc;
	struct shim *s = op->shim;
	Containerd__Task__V2__StartResponse rsp = CONTAINERD__TASK__V2__START_RESPONSE__INIT;
	Containerd__Events__TaskExecStarted ev = CONTAINERD__EVENTS__TASK_EXEC_STARTED__INIT;

	stdio_close_child_fds(p->io);
	if (code == CTR_OK)
		code = take_over(p, err);
	s->n_starting--;
	if (code != CTR_OK) {
		fail(op, code, err);
		reap_orphans(s);
		return;
	}
	p->state = PROC_RUNNING;
	ev.container_id = p->task->id;
	ev.exec_id = p->id;
	ev.pid = rsp.pid = (uint32_t)p->pid;
	events_publish(s->events, "/tasks/exec-started", &ev);
	op_reply(op, &rsp);
	proc_started(p);
	reap_orphans(s);
}

static ctr_code call_runtime(struct op *op, struct ctr_error *err)
{
	struct proc *p = op->proc;
	struct task *t = op->task;
	AUTO_FREE char *process = file_name(p, ".process.json");
	AUTO_FREE char *pid_file = file_name(p, ".pid");
	AUTO_FREE char *log = file_name(p, ".log.json");
	AUTO_FREE char *console = file_name(p, ".tty");
	const char *args[12] = { "exec", "--process", process, "--detach", "--pid-file", pid_file };
	size_t n = 6;
	int fds[3];
	struct job_spec spec = { .runc = &t->runc,
				 .kids = &op->shim->kids,
				 .what = "exec",
				 .args = args,
				 .bundle_fd = t->bundle_fd,
				 .log_name = log,
				 .fds = fds };
	ctr_code code;

	if (!process || !pid_file || !log || !console)
		return ctr_fail_errno(err, -ENOMEM, "exec '%s'", p->id);
	if (p->terminal) {
		args[n++] = "--console-socket";
		args[n++] = console;
	}
	args[n++] = t->id;
	args[n] = NULL;
	stdio_child_fds(p->io, fds);
	code = job_start(op->shim->loop, &spec, running, op, err);
	if (code == CTR_OK)
		op->shim->n_starting++;
	return code;
}

static void streams_ready(void *ud, ctr_code code, const struct ctr_error *why)
{
	struct op *op = ud;
	AUTO_ERROR err = ERROR_INIT;

	if (code != CTR_OK) {
		fail(op, code, why);
		return;
	}
	code = call_runtime(op, &err);
	if (code != CTR_OK)
		fail(op, code, &err);
}

void exec_start(struct op *op)
{
	struct proc *p = op->proc;
	AUTO_FREE char *console = file_name(p, ".tty");
	AUTO_ERROR err = ERROR_INIT;
	struct stdio_config cfg;
	ctr_code code;

	if (p->state != PROC_CREATED || p->starting) {
		op_fail_text(op, CTR_UNKNOWN, "cannot start a %s process",
			     p->state == PROC_STOPPED ? "stopped" : "running");
		return;
	}
	if (op->task->init.state != PROC_RUNNING) {
		op_fail_text(op, CTR_UNKNOWN, "cannot exec in a stopped state");
		return;
	}
	if (!console) {
		op_fail_text(op, CTR_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	p->starting = 1;
	proc_stdio_config(p, console, &cfg);
	code = stdio_open(&cfg, streams_ready, op, &p->io, &err);
	if (code != CTR_OK)
		fail(op, code, &err);
}

static void finish_delete(void *ud)
{
	struct op *op = ud;
	struct proc *p = op->proc;
	Containerd__Task__V2__DeleteResponse rsp = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	p->after_end = NULL;
	rsp.pid = (uint32_t)p->pid;
	rsp.exit_status = p->status;
	if (p->state == PROC_STOPPED) {
		pb_timestamp_set(&at, p->exited_wall_ns);
		rsp.exited_at = &at;
	}
	exec_free(p);
	op_reply(op, &rsp);
}

void exec_delete(struct op *op)
{
	struct proc *p = op->proc;

	if (p->state == PROC_RUNNING || p->starting) {
		op_fail_text(op, CTR_UNKNOWN, "cannot delete a running process");
		return;
	}
	if (p->after_end) {
		op_fail_text(op, CTR_NOT_FOUND, "process does not exist %s", p->id);
		return;
	}
	p->after_end = op;
	op_after_output(op, p->io, finish_delete);
}
