/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers and processes as data: making, finding, showing, freeing.
 */
#include "shim/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/str.h"
#include "rpc/pb.h"

struct task *task_find(struct shim *s, const char *id)
{
	list_for (it, &s->tasks) {
		struct task *t = list_entry(it, struct task, node);

		if (strcmp(t->id, id) == 0)
			return t;
	}
	return NULL;
}

static struct proc *find_exec(struct task *t, const char *id)
{
	list_for (it, &t->execs) {
		struct proc *p = list_entry(it, struct proc, node);

		if (strcmp(p->id, id) == 0)
			return p;
	}
	return NULL;
}

int op_task(struct op *op, const char *id)
{
	struct task *t = task_find(op->shim, id);

	if (!t || !t->ready) {
		op_fail_text(op, CTR_NOT_FOUND, "container not created");
		return -1;
	}
	op->task = t;
	op->proc = &t->init;
	return 0;
}

int op_proc(struct op *op, const char *id, const char *exec_id)
{
	if (op_task(op, id) < 0)
		return -1;
	if (!*exec_id)
		return 0;
	op->proc = find_exec(op->task, exec_id);
	if (!op->proc) {
		op_fail_text(op, CTR_NOT_FOUND, "process does not exist %s", exec_id);
		return -1;
	}
	return 0;
}

int proc_init(struct proc *p, struct task *t, const char *id, const char *in, const char *out,
	      const char *err, int terminal)
{
	list_init(&p->node);
	list_init(&p->waiters);
	p->task = t;
	p->terminal = terminal;
	p->id = str_dup(id);
	p->in = str_dup(in);
	p->out = str_dup(out);
	p->err = str_dup(err);
	return p->id && p->in && p->out && p->err ? 0 : -ENOMEM;
}

void proc_done(struct proc *p)
{
	list_for_safe (it, &p->waiters) {
		struct op *op = list_entry(it, struct op, node);

		op->task = NULL;
		op_fail_text(op, CTR_NOT_FOUND, "process does not exist %s", p->id);
	}
	if (p->after_end) {
		p->after_end->task = NULL;
		op_fail_text(p->after_end, CTR_NOT_FOUND, "process does not exist %s", p->id);
	}
	list_del(&p->node);
	loop_del_child(p->child);
	stdio_free(p->io);
	free(p->id);
	free(p->in);
	free(p->out);
	free(p->err);
}

void proc_stdio_config(const struct proc *p, const char *console_name, struct stdio_config *ret)
{
	const struct task *t = p->task;

	*ret = (struct stdio_config){
		.loop = t->shim->loop,
		.kids = &t->shim->kids,
		.bundle_fd = t->bundle_fd,
		.ns = t->shim->ns,
		.id = t->id,
		.in = p->in,
		.out = p->out,
		.err = p->err,
		.terminal = p->terminal,
		.uid = t->uid,
		.gid = t->gid,
		.attach = p == &t->init,
		.console_name = console_name,
	};
}

struct task *task_new(struct shim *s, const char *id, const char *bundle)
{
	struct task *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->shim = s;
	t->bundle_fd = -1;
	list_init(&t->node);
	list_init(&t->execs);
	list_init(&t->queue);
	list_init(&t->init.node);
	list_init(&t->init.waiters);
	t->id = str_dup(id);
	t->bundle = str_dup(bundle);
	t->rootfs = str_printf("%s/rootfs", bundle);
	if (!t->id || !t->bundle || !t->rootfs) {
		task_free(t);
		return NULL;
	}
	list_add(&s->tasks, &t->node);
	s->n_tasks++;
	return t;
}

void task_free(struct task *t)
{
	if (!list_empty(&t->node)) {
		list_del(&t->node);
		t->shim->n_tasks--;
	}
	t->busy = NULL;
	op_drop_queue(t);
	list_for_safe (it, &t->execs) {
		struct proc *p = list_entry(it, struct proc, node);

		proc_done(p);
		free(p);
	}
	proc_done(&t->init);
	oom_free(t->oom);
	cgroup_done(&t->cgroup);
	runc_done(&t->runc);
	fd_close(&t->bundle_fd);
	free(t->id);
	free(t->bundle);
	free(t->rootfs);
	free(t);
}

void proc_fill_state(const struct proc *p, Containerd__Task__V2__StateResponse *ret,
		     Google__Protobuf__Timestamp *exited_at)
{
	static const Containerd__V1__Types__Status status[] = {
		[PROC_CREATED] = CONTAINERD__V1__TYPES__STATUS__CREATED,
		[PROC_RUNNING] = CONTAINERD__V1__TYPES__STATUS__RUNNING,
		[PROC_STOPPED] = CONTAINERD__V1__TYPES__STATUS__STOPPED,
	};

	ret->id = p->task->id;
	ret->exec_id = p->id;
	ret->bundle = p->task->bundle;
	ret->pid = (uint32_t)p->pid;
	ret->status = status[p->state];
	if (p->state == PROC_RUNNING && p->task->paused)
		ret->status = CONTAINERD__V1__TYPES__STATUS__PAUSED;
	ret->stdin = p->in;
	ret->stdout = p->out;
	ret->stderr = p->err;
	ret->terminal = p->terminal;
	ret->exit_status = p->status;
	if (p->state == PROC_STOPPED) {
		pb_timestamp_set(exited_at, p->exited_wall_ns);
		ret->exited_at = exited_at;
	}
}
