/* SPDX-License-Identifier: Apache-2.0
 *
 * Ends of processes. An init or exec becomes our child when the runtime process that made it ends;
 * it is then watched by pidfd. Everything else that is re-parented to us is reaped by SIGCHLD
 * without further thought.
 *
 * Two rules keep that free of races. While a runtime call is under way that will leave us a
 * process, orphans stay zombies: the pid that the runtime is about to tell may be one of them. And
 * a zombie that is watched is left to its watcher; what hides behind it is looked for again a
 * moment later.
 *
 * Order of announcements: a process's exit after its start, init's exit after those of all its
 * execs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "containerd/events/task.pb-c.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "shim/task.h"

#define PID_FILE_MAX  32
#define REAP_AGAIN_NS (10 * NS_PER_MSEC)

static void answer_wait(const struct proc *p, struct op *op)
{
	Containerd__Task__V2__WaitResponse rsp = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	pb_timestamp_set(&at, p->exited_wall_ns);
	rsp.exit_status = p->status;
	rsp.exited_at = &at;
	op_reply(op, &rsp);
}

static void announce(struct proc *p)
{
	Containerd__Events__TaskExit ev = CONTAINERD__EVENTS__TASK_EXIT__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	struct op *next = p->after_end;

	p->announced = 1;
	pb_timestamp_set(&at, p->exited_wall_ns);
	ev.container_id = p->task->id;
	ev.id = *p->id ? p->id : p->task->id;
	ev.pid = (uint32_t)p->pid;
	ev.exit_status = p->status;
	ev.exited_at = &at;
	events_publish(p->task->shim->events, "/tasks/exit", &ev);
	list_for_safe (it, &p->waiters)
		answer_wait(p, list_entry(it, struct op, node));
	p->after_end = NULL;
	if (next)
		next->run(next);
}

static int execs_live(const struct task *t)
{
	list_for (it, &t->execs) {
		const struct proc *p = list_entry(it, struct proc, node);

		if (p->starting || p->child || (p->ended && !p->announced))
			return 1;
	}
	return 0;
}

void task_settle(struct task *t)
{
	list_for (it, &t->execs) {
		struct proc *p = list_entry(it, struct proc, node);

		if (p->ended && !p->announced && !p->starting)
			announce(p);
	}
	if (t->init.ended && !t->init.announced && !t->init.starting && !t->killing &&
	    !execs_live(t))
		announce(&t->init); /* may free t */
}

static void rest_killed(void *ud, ctr_code code, struct ctr_error *err)
{
	struct task *t = ud;

	if (code != CTR_OK)
		log_debug("kill what is left of container '%s': %s", t->id, error_text(err));
	t->killing = 0;
	task_settle(t);
}

/*
 * Without a pid namespace of its own a container outlives its init, unless somebody kills the rest.
 */
static void kill_rest(struct task *t)
{
	const char *const args[] = { "kill", "--all", t->id, "KILL", NULL };
	struct job_spec spec = {
		.runc = &t->runc,
		.kids = &t->shim->kids,
		.what = "kill",
		.args = args,
		.bundle_fd = t->bundle_fd,
		.log_name = "kill-rest.log.json",
	};
	AUTO_ERROR err = ERROR_INIT;

	t->killing = job_start(t->shim->loop, &spec, rest_killed, t, &err) == CTR_OK;
	if (!t->killing)
		log_warn("kill what is left of container '%s': %s", t->id, error_text(&err));
}

static void proc_ended(void *ud, const siginfo_t *info)
{
	struct proc *p = ud;
	struct task *t = p->task;
	struct shim *s = t->shim;

	p->child = NULL;
	p->state = PROC_STOPPED;
	p->ended = 1;
	p->exited_wall_ns = clock_wall_ns();
	p->status =
		(uint32_t)(info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status);
	if (p->io)
		stdio_drain(p->io);
	if (p == &t->init) {
		t->paused = 0;
		oom_look(t->oom);
		oom_free(t->oom);
		t->oom = NULL;
		if (!t->own_pidns)
			kill_rest(t);
	}
	task_settle(t);
	reap_orphans(s);
}

static void reap_again(void *ud)
{
	struct shim *s = ud;

	s->reap_timer = NULL;
	reap_orphans(s);
}

static int is_tracked(const struct shim *s, pid_t pid)
{
	list_for (it, &s->tasks) {
		const struct task *t = list_entry(it, struct task, node);

		if (t->init.child && t->init.pid == pid)
			return 1;
		list_for (e, &t->execs) {
			const struct proc *p = list_entry(e, struct proc, node);

			if (p->child && p->pid == pid)
				return 1;
		}
	}
	return 0;
}

void reap_orphans(struct shim *s)
{
	while (s->n_starting == 0) {
		siginfo_t info;

		memset(&info, 0, sizeof(info));
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
			return;
		if (is_tracked(s, info.si_pid) || kids_have(&s->kids, info.si_pid)) {
			if (!s->reap_timer)
				(void)loop_add_timer(s->loop, clock_now_ns() + REAP_AGAIN_NS,
						     reap_again, s, &s->reap_timer);
			return;
		}
		if (waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG) < 0)
			return;
	}
}

static int read_pid(int bundle_fd, const char *name, pid_t *ret)
{
	AUTO_FREE char *text = NULL;
	uint32_t pid;
	int r = io_read_file(bundle_fd, name, PID_FILE_MAX, &text, NULL);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	if (parse_u32(text, &pid) < 0 || pid <= 1 || pid > INT32_MAX)
		return -EINVAL;
	*ret = (pid_t)pid;
	return 0;
}

int proc_track(struct proc *p, const char *pid_file)
{
	AUTO_CLOSE int pidfd = -1;
	pid_t pid;
	int r = read_pid(p->task->bundle_fd, pid_file, &pid);

	if (r < 0)
		return r;
	pidfd = fd_pidfd_open(pid);
	if (pidfd < 0)
		return pidfd;
	r = loop_add_child(p->task->shim->loop, pidfd, proc_ended, p, &p->child);
	if (r < 0)
		return r;
	(void)take_fd(&pidfd);
	p->pid = pid;
	return 0;
}

void proc_started(struct proc *p)
{
	p->starting = 0;
	task_settle(p->task);
}

void proc_fail(struct proc *p)
{
	p->state = PROC_STOPPED;
	p->status = 255;
	p->exited_wall_ns = clock_wall_ns();
	p->ended = p->announced = 1;
	list_for_safe (it, &p->waiters)
		answer_wait(p, list_entry(it, struct op, node));
}

void proc_wait(struct proc *p, struct op *op)
{
	if (p->announced) {
		answer_wait(p, op);
		return;
	}
	op->waits = 1;
	list_add(&p->waiters, &op->node);
}

int kill_proc(const struct proc *p, int sig)
{
	if (!p->child) /* reaped: the pid may be somebody else's */
		return -ESRCH;
	return kill(p->pid, sig) < 0 ? -errno : 0;
}
