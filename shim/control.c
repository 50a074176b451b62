/* SPDX-License-Identifier: Apache-2.0
 *
 * Kill, Pause, Resume and Update.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "containerd/events/task.pb-c.h"

#include "base/io.h"
#include "base/macros.h"
#include "shim/task.h"

#define SIGNAL_MAX 64

static void run_job(struct op *op, const char *what, const char *const *args, job_fn fn)
{
	struct task *t = op->task;
	struct job_spec spec = { .runc = &t->runc,
				 .kids = &op->shim->kids,
				 .what = what,
				 .args = args,
				 .bundle_fd = t->bundle_fd,
				 .log_name = "log.json" };
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code = job_start(op->shim->loop, &spec, fn, op, &err);

	if (code != CTR_OK)
		op_fail(op, code, &err);
}

static const char *state_word(const struct task *t)
{
	if (t->init.state == PROC_RUNNING)
		return t->paused ? "paused" : "running";
	return t->init.state == PROC_CREATED ? "created" : "stopped";
}

static void paused(void *ud, ctr_code code, struct ctr_error *err)
{
	struct op *op = ud;
	Containerd__Events__TaskPaused ev = CONTAINERD__EVENTS__TASK_PAUSED__INIT;

	if (code != CTR_OK) {
		op_fail(op, code, err);
		return;
	}
	op->task->paused = 1;
	ev.container_id = op->task->id;
	events_publish(op->shim->events, "/tasks/paused", &ev);
	op_empty(op);
}

static void pause_it(struct op *op)
{
	struct task *t = op->task;
	const char *const args[] = { "pause", t->id, NULL };

	if (t->init.state == PROC_CREATED)
		op_fail_text(op, CTR_UNKNOWN, "cannot pause task in created state");
	else if (t->init.state == PROC_STOPPED || t->paused)
		op_fail_text(op, CTR_UNKNOWN, "cannot pause a %s container", state_word(t));
	else
		run_job(op, "pause", args, paused);
}

void do_pause(struct op *op)
{
	const Containerd__Task__V2__PauseRequest *rq = op->req;

	if (op_task(op, rq->id) == 0)
		op_exclusive(op, pause_it);
}

static void resumed(void *ud, ctr_code code, struct ctr_error *err)
{
	struct op *op = ud;
	Containerd__Events__TaskResumed ev = CONTAINERD__EVENTS__TASK_RESUMED__INIT;

	if (code != CTR_OK) {
		op_fail(op, code, err);
		return;
	}
	op->task->paused = 0;
	ev.container_id = op->task->id;
	events_publish(op->shim->events, "/tasks/resumed", &ev);
	op_empty(op);
}

static void resume_it(struct op *op)
{
	struct task *t = op->task;
	const char *const args[] = { "resume", t->id, NULL };

	if (t->init.state == PROC_CREATED)
		op_fail_text(op, CTR_UNKNOWN, "cannot resume task in created state");
	else if (t->init.state == PROC_STOPPED)
		op_fail_text(op, CTR_UNKNOWN, "cannot resume a stopped container");
	else if (!t->paused)
		op_fail_text(op, CTR_UNKNOWN, "cannot resume a running process");
	else
		run_job(op, "resume", args, resumed);
}

void do_resume(struct op *op)
{
	const Containerd__Task__V2__ResumeRequest *rq = op->req;

	if (op_task(op, rq->id) == 0)
		op_exclusive(op, resume_it);
}

#define RESOURCES "resources.json"

static void updated(void *ud, ctr_code code, struct ctr_error *err)
{
	struct op *op = ud;

	(void)unlinkat(op->task->bundle_fd, RESOURCES, 0);
	if (code != CTR_OK)
		op_fail(op, code, err);
	else
		op_empty(op);
}

static void update_it(struct op *op)
{
	const update_request *rq = op->req;
	struct task *t = op->task;
	const char *const args[] = { "update", "--resources", RESOURCES, t->id, NULL };
	int r;

	if (t->init.state == PROC_STOPPED) {
		op_fail_text(op, CTR_UNKNOWN, "cannot update a stopped container");
		return;
	}
	r = io_write_file(t->bundle_fd, RESOURCES, rq->resources->value.data,
			  rq->resources->value.len, 0600, 0);
	if (r < 0)
		op_fail_text(op, CTR_UNKNOWN, "write '%s': %s", RESOURCES, strerrordesc_np(-r));
	else
		run_job(op, "update", args, updated);
}

void do_update(struct op *op)
{
	const update_request *rq = op->req;

	if (op_task(op, rq->id) < 0)
		return;
	if (!rq->resources || rq->resources->value.len == 0)
		op_fail_text(op, CTR_INVALID_ARGUMENT, "update of container '%s' without resources",
			     rq->id);
	else
		op_exclusive(op, update_it);
}

static void killed(void *ud, ctr_code code, struct ctr_error *err)
{
	struct op *op = ud;

	if (code == CTR_OK)
		op_empty(op);
	else if (op->task->init.state == PROC_STOPPED || runc_says_missing(error_text(err)) ||
		 strstr(error_text(err), "not running"))
		op_fail_text(op, CTR_NOT_FOUND, "process already finished");
	else
		op_fail(op, code, err);
}

/* By the runtime: all processes, or a paused container, which has to be thawed for SIGKILL. */
static void kill_by_runtime(struct op *op)
{
	const kill_request *rq = op->req;
	char sig[12];
	const char *const all[] = { "kill", "--all", op->task->id, sig, NULL };
	const char *const one[] = { "kill", op->task->id, sig, NULL };

	(void)snprintf(sig, sizeof(sig), "%u", rq->signal);
	run_job(op, "kill", rq->all ? all : one, killed);
}

void do_kill(struct op *op)
{
	const kill_request *rq = op->req;
	const struct proc *p;
	int r;

	if (op_proc(op, rq->id, rq->exec_id) < 0)
		return;
	p = op->proc;
	if (rq->signal > SIGNAL_MAX) {
		op_fail_text(op, CTR_INVALID_ARGUMENT, "signal %u is none", rq->signal);
		return;
	}
	if (p->state == PROC_CREATED && p != &op->task->init) {
		op_fail_text(op, CTR_FAILED_PRECONDITION, "process not created");
		return;
	}
	if (p == &op->task->init && (rq->all || op->task->paused)) {
		op_exclusive(op, kill_by_runtime);
		return;
	}
	r = kill_proc(p, (int)rq->signal);
	if (r == -ESRCH)
		op_fail_text(op, CTR_NOT_FOUND, "process already finished");
	else if (r < 0)
		op_fail_text(op, CTR_UNKNOWN, "signal process %d: %s", (int)p->pid,
			     strerrordesc_np(-r));
	else
		op_empty(op);
}
