/* SPDX-License-Identifier: Apache-2.0
 *
 * Start and Delete of a container.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "containerd/events/task.pb-c.h"

#include "base/log.h"
#include "base/macros.h"
#include "rpc/pb.h"
#include "shim/mounts.h"
#include "shim/task.h"

static void started(void *ud, ctr_code code, struct ctr_error *err)
{
	struct op *op = ud;
	struct task *t = op->task;
	struct proc *p = &t->init;
	Containerd__Task__V2__StartResponse rsp = CONTAINERD__TASK__V2__START_RESPONSE__INIT;
	Containerd__Events__TaskStart ev = CONTAINERD__EVENTS__TASK_START__INIT;

	if (code != CTR_OK) {
		op_fail(op, code, err);
		proc_started(p);
		return;
	}
	if (!p->ended)
		p->state = PROC_RUNNING;
	ev.container_id = t->id;
	ev.pid = rsp.pid = (uint32_t)p->pid;
	events_publish(t->shim->events, "/tasks/start", &ev);
	op_reply(op, &rsp);
	proc_started(p);
}

static void start_init(struct op *op)
{
	struct task *t = op->task;
	const char *const args[] = { "start", t->id, NULL };
	struct job_spec spec = { .runc = &t->runc,
				 .kids = &op->shim->kids,
				 .what = "start",
				 .args = args,
				 .bundle_fd = t->bundle_fd,
				 .log_name = "log.json" };
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;

	if (t->init.state != PROC_CREATED) {
		op_fail_text(op, CTR_UNKNOWN, "cannot start a %s process",
			     t->init.state == PROC_STOPPED ? "stopped"
			     : t->paused                   ? "paused"
							   : "running");
		return;
	}
	code = job_start(op->shim->loop, &spec, started, op, &err);
	if (code != CTR_OK) {
		op_fail(op, code, &err);
		return;
	}
	t->init.starting = 1;
}

void do_start(struct op *op)
{
	const start_request *rq = op->req;

	if (op_proc(op, rq->id, rq->exec_id) < 0)
		return;
	if (op->proc == &op->task->init)
		op_exclusive(op, start_init);
	else
		exec_start(op);
}

static void publish_delete(const struct task *t)
{
	Containerd__Events__TaskDelete ev = CONTAINERD__EVENTS__TASK_DELETE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	pb_timestamp_set(&at, t->init.exited_wall_ns);
	ev.container_id = t->id;
	ev.pid = (uint32_t)t->init.pid;
	ev.exit_status = t->init.status;
	ev.exited_at = &at;
	events_publish(t->shim->events, "/tasks/delete", &ev);
}

/* The runtime has forgotten the container, and its output is where it belongs. */
static void finish_delete(void *ud)
{
	struct op *op = ud;
	struct task *t = op->task;
	Containerd__Task__V2__DeleteResponse rsp = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	int r = mounts_remove(t->rootfs);

	if (r < 0)
		log_warn("unmount '%s': %s; it is left mounted", t->rootfs, strerrordesc_np(-r));
	(void)unlinkat(t->bundle_fd, "init.pid", 0);
	publish_delete(t);
	pb_timestamp_set(&at, t->init.exited_wall_ns);
	rsp.pid = (uint32_t)t->init.pid;
	rsp.exit_status = t->init.status;
	rsp.exited_at = &at;
	op->task = NULL;
	op->proc = NULL;
	task_free(t);
	op_reply(op, &rsp);
}

static void deleted(void *ud, ctr_code code, struct ctr_error *err)
{
	struct op *op = ud;

	if (code != CTR_OK && !runc_says_missing(error_text(err))) {
		op_fail(op, code, err);
		return;
	}
	op_after_output(op, op->task->init.io, finish_delete);
}

static void delete_stopped(struct op *op)
{
	struct task *t = op->task;
	const char *const args[] = { "delete", t->id, NULL };
	struct job_spec spec = { .runc = &t->runc,
				 .kids = &op->shim->kids,
				 .what = "delete",
				 .args = args,
				 .bundle_fd = t->bundle_fd,
				 .log_name = "log.json" };
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code = job_start(op->shim->loop, &spec, deleted, op, &err);

	if (code != CTR_OK)
		op_fail(op, code, &err);
}

static void delete_init(struct op *op)
{
	struct proc *p = &op->task->init;

	if (p->state == PROC_RUNNING) {
		op_fail_text(op, CTR_UNKNOWN, "cannot delete a %s process",
			     op->task->paused ? "paused" : "running");
		return;
	}
	if (p->announced) {
		delete_stopped(op);
		return;
	}
	/* never started, or its last execs are just ending */
	op->run = delete_stopped;
	p->after_end = op;
	if (p->state == PROC_CREATED && kill_proc(p, SIGKILL) < 0) {
		p->after_end = NULL;
		op_fail_text(op, CTR_UNKNOWN, "cannot kill the created process");
	}
}

void do_delete(struct op *op)
{
	const delete_request *rq = op->req;

	if (op_proc(op, rq->id, rq->exec_id) < 0)
		return;
	if (op->proc == &op->task->init)
		op_exclusive(op, delete_init);
	else
		exec_delete(op);
}
