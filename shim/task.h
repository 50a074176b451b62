/* SPDX-License-Identifier: Apache-2.0
 *
 * The objects of the long-running shim: the shim, its containers, their processes, and the calls
 * under way. One thread, the loop's.
 */
#ifndef CTR_SHIM_TASK_H
#define CTR_SHIM_TASK_H

#include <sys/types.h>

#include "containerd/task/v2/shim.pb-c.h"

#include "base/list.h"
#include "base/loop.h"
#include "rpc/ttrpc_server.h"
#include "shim/cgroup.h"
#include "shim/events.h"
#include "shim/kids.h"
#include "shim/oom.h"
#include "shim/runc.h"
#include "shim/stdio.h"
#include "status/status.h"

#define TASKS_MAX 1024 /* containers of one shim */
#define EXECS_MAX 8192 /* exec processes of one container, until they are deleted */

struct shim {
	struct loop *loop;
	const char *ns;
	struct events *events;
	struct ttrpc_server *server;
	struct ttrpc_service services[2]; /* task v2 and v3 */
	int signal_fd;
	struct list kids; /* programs of ours that run now */
	struct list tasks;
	size_t n_tasks;
	struct loop_timer
		*reap_timer; /* orphans may hide behind a child that the loop has not reaped yet */
	struct loop_timer *unused_timer;
	size_t n_starting; /* runtime calls under way that will leave a process to us */
	int stopping;
};

enum proc_state { PROC_CREATED, PROC_RUNNING, PROC_STOPPED };

struct proc {
	struct list node; /* execs: in task->execs */
	struct task *task;
	char *id; /* "": the container's init */
	pid_t pid;
	enum proc_state state;
	uint32_t status;
	int64_t exited_wall_ns;
	char *in, *out, *err;
	int terminal;
	struct stdio *io;
	struct loop_child *child; /* until it is reaped */
	struct list waiters;      /* struct op, of Wait */
	int starting;             /* its Start is under way: its end is announced after that */
	int ended;                /* reaped, not announced yet */
	int announced;            /* the exit event is out, waiters are answered */
	struct op *after_end;     /* a Delete that goes on when it has ended, or its output has */
};

struct task {
	struct list node; /* in shim->tasks */
	struct shim *shim;
	char *id, *bundle;
	char *rootfs;
	int bundle_fd;
	int ready; /* Create has been answered: others see it */
	int paused;
	int own_pidns; /* the kernel kills everything with init */
	int killing;   /* the rest of the container is being killed after init */
	uid_t uid;
	gid_t gid;
	struct runc runc;
	int no_pivot, no_keyring;
	struct cgroup cgroup;
	struct oom *oom;
	struct proc init;
	struct list execs;
	size_t n_execs;
	struct op *busy;   /* the call that has the container for itself */
	struct list queue; /* struct op waiting for that */
};

/* A call under way. */
struct op {
	struct list node;
	struct shim *shim;
	struct ttrpc_call *call;
	void *req; /* the unpacked request */
	int waits; /* in a proc's waiters: may end when its caller is gone */
	struct task *task;
	struct proc *proc;
	void (*run)(struct op *op); /* when the container is free for it */
	struct loop_timer *timer;   /* of op_after_output() */
	loop_fn after_output;
	struct ctr_error failure; /* what to answer when undoing is done */
};

typedef Containerd__Task__V2__CreateTaskRequest create_request;
typedef Containerd__Task__V2__StartRequest start_request;
typedef Containerd__Task__V2__DeleteRequest delete_request;
typedef Containerd__Task__V2__ExecProcessRequest exec_request;
typedef Containerd__Task__V2__KillRequest kill_request;
typedef Containerd__Task__V2__UpdateTaskRequest update_request;

/* op.c: the ends of a call; both free it and let the next one in. */
void op_reply(struct op *op, const void *message);
void op_empty(struct op *op);
void op_fail(struct op *op, ctr_code code, const struct ctr_error *err);
void op_fail_text(struct op *op, ctr_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Run op->run once nobody else has the container for himself; it keeps it until the op ends. */
void op_exclusive(struct op *op, void (*run)(struct op *op));
/*
 * Run fn(op) once the output of io (NULL allowed) is where it belongs, or its reader is too slow
 * for OUTPUT_LIMIT_NS.
 */
void op_after_output(struct op *op, struct stdio *io, loop_fn fn);
#define OUTPUT_LIMIT_NS (10 * INT64_C(1000000000))
/* Answer everyone who waits for the container, which is going away. */
void op_drop_queue(struct task *t);

/* task.c: lookups with containerd's own error texts; a failed one has ended the op. */
struct task *task_find(struct shim *s, const char *id);
int op_task(struct op *op, const char *id);                      /* 0, or -1 */
int op_proc(struct op *op, const char *id, const char *exec_id); /* 0, or -1 */
struct task *task_new(struct shim *s, const char *id, const char *bundle);
void task_free(struct task *t);
int proc_init(struct proc *p, struct task *t, const char *id, const char *in, const char *out,
	      const char *err, int terminal); /* 0 or -ENOMEM */
void proc_done(struct proc *p);
void proc_stdio_config(const struct proc *p, const char *console_name, struct stdio_config *ret);
void proc_fill_state(const struct proc *p, Containerd__Task__V2__StateResponse *ret,
		     Google__Protobuf__Timestamp *exited_at);

/* exits.c: from the pid in a file of the bundle to the announced end. */
int proc_track(struct proc *p, const char *pid_file); /* 0 or -errno */
void proc_started(struct proc *p); /* its Start has been answered, or has failed */
void proc_wait(struct proc *p, struct op *op);
void task_settle(struct task *t); /* announce what can be announced now */
void reap_orphans(struct shim *s);
int kill_proc(const struct proc *p, int sig); /* 0 or -errno */
/* The exec will never run. */
void proc_fail(struct proc *p);

/* create.c, lifecycle.c, control.c, exec.c: the methods that do more than look. */
void do_create(struct op *op);
void do_start(struct op *op);
void do_delete(struct op *op);
void do_pause(struct op *op);
void do_resume(struct op *op);
void do_update(struct op *op);
void do_kill(struct op *op);
void do_exec(struct op *op);
void exec_start(struct op *op);
void exec_delete(struct op *op);

/* service.c */
int service_register(struct shim *s);
void shim_stop(struct shim *s); /* end the process, when the events are out */

#endif
