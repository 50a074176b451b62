/* SPDX-License-Identifier: Apache-2.0
 *
 * The task service: containerd.task.v2.Task and containerd.task.v3.Task are the same bytes under
 * two names. Here are the table of methods and those that only look.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "containerd/runc/v1/oci.pb-c.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/macros.h"
#include "rpc/pb.h"
#include "shim/stats.h"
#include "shim/task.h"

#define REQUEST_MAX (4u << 20)
#define FLUSH_NS                                                                                   \
	(2 * NS_PER_SEC) /* how long Shutdown waits for the daemon to take the last events */

/* What a method is: its request type and its work. */
struct handler {
	const ProtobufCMessageDescriptor *request;
	void (*fn)(struct op *op);
};

static void state_now(struct op *op)
{
	const Containerd__Task__V2__StateRequest *rq = op->req;
	Containerd__Task__V2__StateResponse rsp = CONTAINERD__TASK__V2__STATE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	if (op_proc(op, rq->id, rq->exec_id) < 0)
		return;
	proc_fill_state(op->proc, &rsp, &at);
	op_reply(op, &rsp);
}

/* A container that is being created has its state when that ends: a restarted daemon must not take it for none. */
static void do_state(struct op *op)
{
	const Containerd__Task__V2__StateRequest *rq = op->req;
	struct task *t = task_find(op->shim, rq->id);

	if (!t || t->ready) {
		state_now(op);
		return;
	}
	op->task = t;
	op_exclusive(op, state_now);
}

static const struct proc *exec_of_pid(const struct task *t, pid_t pid)
{
	list_for (it, &t->execs) {
		const struct proc *p = list_entry(it, struct proc, node);

		if (p->pid == pid && p->state == PROC_RUNNING)
			return p;
	}
	return NULL;
}

static int fill_pids(const struct task *t, const pid_t *pids, size_t n,
		     Containerd__Task__V2__PidsResponse *rsp,
		     Containerd__V1__Types__ProcessInfo *infos, Google__Protobuf__Any *details)
{
	for (size_t i = 0; i < n; i++) {
		const struct proc *p = exec_of_pid(t, pids[i]);
		Containerd__Runc__V1__ProcessDetails d =
			CONTAINERD__RUNC__V1__PROCESS_DETAILS__INIT;

		containerd__v1__types__process_info__init(&infos[i]);
		infos[i].pid = (uint32_t)pids[i];
		if (p) {
			d.exec_id = p->id;
			if (pb_any_pack(&d, REQUEST_MAX, &details[i]) < 0)
				return -ENOMEM;
			infos[i].info = &details[i];
		}
		rsp->processes[i] = &infos[i];
		rsp->n_processes = i + 1;
	}
	return 0;
}

static void answer_pids(struct op *op, const pid_t *pids, size_t n)
{
	Containerd__Task__V2__PidsResponse rsp = CONTAINERD__TASK__V2__PIDS_RESPONSE__INIT;
	AUTO_FREE Containerd__V1__Types__ProcessInfo *infos = calloc(n + 1, sizeof(*infos));
	AUTO_FREE Google__Protobuf__Any *details = calloc(n + 1, sizeof(*details));
	AUTO_FREE void *vector = calloc(n + 1, sizeof(*rsp.processes));
	int r = -ENOMEM;

	rsp.processes = vector;
	if (infos && details && vector)
		r = fill_pids(op->task, pids, n, &rsp, infos, details);
	if (r == 0)
		op_reply(op, &rsp);
	else
		op_fail_text(op, CTR_RESOURCE_EXHAUSTED, "out of memory");
	for (size_t i = 0; details && i < n; i++)
		if (details[i].value.data)
			pb_any_done(&details[i]);
}

static void do_pids(struct op *op)
{
	const Containerd__Task__V2__PidsRequest *rq = op->req;
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;
	int r;

	if (op_task(op, rq->id) < 0)
		return;
	r = cgroup_pids(&op->task->cgroup, &pids, &n);
	if (r < 0 && r != -ENOENT) /* no cgroup any more: no processes */
		op_fail_text(op, CTR_UNKNOWN, "list the processes of container '%s': %s", rq->id,
			     strerrordesc_np(-r));
	else
		answer_pids(op, pids, n);
}

static void do_checkpoint(struct op *op)
{
	op_fail_text(op, CTR_UNIMPLEMENTED, "this shim does not checkpoint containers");
}

static void do_resize(struct op *op)
{
	const Containerd__Task__V2__ResizePtyRequest *rq = op->req;
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code = CTR_OK;

	if (op_proc(op, rq->id, rq->exec_id) < 0)
		return;
	if (op->proc->io)
		code = stdio_resize(op->proc->io, rq->width, rq->height, &err);
	if (code != CTR_OK)
		op_fail(op, code, &err);
	else
		op_empty(op);
}

static void do_close_io(struct op *op)
{
	const Containerd__Task__V2__CloseIORequest *rq = op->req;

	if (op_proc(op, rq->id, rq->exec_id) < 0)
		return;
	if (rq->stdin && op->proc->io)
		stdio_close_stdin(op->proc->io);
	op_empty(op);
}

static void do_wait(struct op *op)
{
	const Containerd__Task__V2__WaitRequest *rq = op->req;

	if (op_proc(op, rq->id, rq->exec_id) == 0)
		proc_wait(op->proc, op);
}

static void do_stats(struct op *op)
{
	const Containerd__Task__V2__StatsRequest *rq = op->req;
	Containerd__Task__V2__StatsResponse rsp = CONTAINERD__TASK__V2__STATS_RESPONSE__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	int r;

	if (op_task(op, rq->id) < 0)
		return;
	r = op->task->init.state == PROC_STOPPED ? -ENOENT : stats_read(&op->task->cgroup, &any);
	if (r < 0) {
		op_fail_text(op, CTR_NOT_FOUND, "cgroup does not exist");
		return;
	}
	rsp.stats = &any;
	op_reply(op, &rsp);
	pb_any_done(&any);
}

static void do_connect(struct op *op)
{
	const Containerd__Task__V2__ConnectRequest *rq = op->req;
	Containerd__Task__V2__ConnectResponse rsp = CONTAINERD__TASK__V2__CONNECT_RESPONSE__INIT;
	const struct task *t = task_find(op->shim, rq->id);

	rsp.shim_pid = (uint32_t)getpid();
	rsp.task_pid = t ? (uint32_t)t->init.pid : 0;
	rsp.version = (char *)(uintptr_t)CTR_VERSION;
	events_kick(op->shim->events);
	op_reply(op, &rsp);
}

static void flushed(void *ud)
{
	struct op *op = ud;
	struct shim *s = op->shim;

	op_empty(op);
	if (s->n_tasks == 0)
		shim_stop(s);
	else
		s->stopping = 0; /* a container came meanwhile */
}

static void do_shutdown(struct op *op)
{
	struct shim *s = op->shim;

	if (s->n_tasks > 0 || s->stopping) {
		op_empty(op);
		return;
	}
	s->stopping = 1;
	events_flush(s->events, clock_now_ns() + FLUSH_NS, flushed, op);
}

#define REQ(name) &containerd__task__v2__##name##_request__descriptor
static const struct handler h_state = { REQ(state), do_state };
static const struct handler h_create = { REQ(create_task), do_create };
static const struct handler h_start = { REQ(start), do_start };
static const struct handler h_delete = { REQ(delete), do_delete };
static const struct handler h_pids = { REQ(pids), do_pids };
static const struct handler h_pause = { REQ(pause), do_pause };
static const struct handler h_resume = { REQ(resume), do_resume };
static const struct handler h_checkpoint = { REQ(checkpoint_task), do_checkpoint };
static const struct handler h_kill = { REQ(kill), do_kill };
static const struct handler h_exec = { REQ(exec_process), do_exec };
static const struct handler h_resize = { REQ(resize_pty), do_resize };
static const struct handler h_close_io = { &containerd__task__v2__close_iorequest__descriptor,
					   do_close_io };
static const struct handler h_update = { REQ(update_task), do_update };
static const struct handler h_wait = { REQ(wait), do_wait };
static const struct handler h_stats = { REQ(stats), do_stats };
static const struct handler h_connect = { REQ(connect), do_connect };
static const struct handler h_shutdown = { REQ(shutdown), do_shutdown };

static void dispatch(struct ttrpc_call *call, const void *data, size_t n)
{
	const struct handler *h = ttrpc_call_method(call)->data;
	struct shim *s = ttrpc_call_ud(call);
	struct op *op = calloc(1, sizeof(*op));

	if (!op) {
		ttrpc_call_finish(call, CTR_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	list_init(&op->node);
	op->shim = s;
	op->call = call;
	ttrpc_call_set_data(call, op);
	op->req = pb_unpack(h->request, data, n, REQUEST_MAX);
	if (!op->req) {
		op_fail_text(op, CTR_INTERNAL, "unmarshal request error: %s", h->request->name);
		return;
	}
	log_debug("%s", h->request->short_name);
	h->fn(op);
}

/* The caller is gone. Only a Wait ends with it; everything else runs to its end. */
static void cancelled(struct ttrpc_call *call)
{
	struct op *op = ttrpc_call_data(call);

	if (op && op->waits)
		op_fail(op, CTR_CANCELLED, NULL);
}

#define METHOD(text, handler)                                                                      \
	{                                                                                          \
		.name = text, .start = dispatch, .cancel = cancelled, .data = &(handler)           \
	}
static const struct ttrpc_method methods[] = {
	METHOD("State", h_state),       METHOD("Create", h_create),
	METHOD("Start", h_start),       METHOD("Delete", h_delete),
	METHOD("Pids", h_pids),         METHOD("Pause", h_pause),
	METHOD("Resume", h_resume),     METHOD("Checkpoint", h_checkpoint),
	METHOD("Kill", h_kill),         METHOD("Exec", h_exec),
	METHOD("ResizePty", h_resize),  METHOD("CloseIO", h_close_io),
	METHOD("Update", h_update),     METHOD("Wait", h_wait),
	METHOD("Stats", h_stats),       METHOD("Connect", h_connect),
	METHOD("Shutdown", h_shutdown),
};

int service_register(struct shim *s)
{
	static const char *const names[] = { "containerd.task.v2.Task", "containerd.task.v3.Task" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		s->services[i] = (struct ttrpc_service){ .name = names[i],
							 .methods = methods,
							 .n_methods = ARRAY_SIZE(methods),
							 .ud = s };
		r = ttrpc_server_register(s->server, &s->services[i]);
	}
	return r;
}
