/* SPDX-License-Identifier: Apache-2.0
 *
 * Runtimes: what makes tasks (running containers) out of a spec and mounts. One asynchronous method takes every
 * operation, since all of them are a request and an answer about one task. Unstable: exact version match.
 */
#ifndef CTR_UNSTABLE_RUNTIME_H
#define CTR_UNSTABLE_RUNTIME_H

#include <ctr/call.h>
#include <ctr/types.h>

#define CTR_KIND_RUNTIME "io.containerd.runtime.v2"

/* Operations; beside each, what it takes beyond id and exec_id, and what of the result it fills. */
#define CTR_TASK_CREATE     1 /* runtime, spec, options, rootfs, stdio, terminal, checkpoint -> pid */
#define CTR_TASK_START      2 /* -> pid */
#define CTR_TASK_DELETE     3 /* -> pid, exit_status, exited_at_ns */
#define CTR_TASK_STATE      4 /* -> everything of a process */
#define CTR_TASK_WAIT       5 /* -> exit_status, exited_at_ns */
#define CTR_TASK_KILL       6 /* signal, all */
#define CTR_TASK_EXEC       7 /* spec (OCI process), stdio, terminal */
#define CTR_TASK_RESIZE     8 /* width, height */
#define CTR_TASK_CLOSE_IO   9 /* close_stdin */
#define CTR_TASK_PAUSE      10
#define CTR_TASK_RESUME     11
#define CTR_TASK_UPDATE     12 /* resources, annotations */
#define CTR_TASK_PIDS       13 /* -> pids */
#define CTR_TASK_STATS      14 /* -> stats */
#define CTR_TASK_CHECKPOINT 15 /* options, checkpoint (a directory) */

/* Status of a process: containerd.v1.types.Status. */
#define CTR_TASK_UNKNOWN 0
#define CTR_TASK_CREATED 1
#define CTR_TASK_RUNNING 2
#define CTR_TASK_STOPPED 3
#define CTR_TASK_PAUSED  4
#define CTR_TASK_PAUSING 5

/* The namespace is the call's. Strings are never NULL but may be ""; all is borrowed while call() runs. */
struct ctr_task_args {
	uint32_t size, op;
	const char *id;      /* the container's */
	const char *exec_id; /* "": the init process */
	const char *runtime; /* "io.containerd.runc.v2", or the absolute path of a shim */
	const char *stdin_path, *stdout_path, *stderr_path;
	const char *checkpoint;
	struct ctr_any spec, options, resources;
	struct ctr_labels annotations;
	const struct ctr_mount *rootfs;
	uint64_t n_rootfs;
	uint32_t terminal, signal, all, width, height, close_stdin;
	int64_t deadline_ns; /* CLOCK_MONOTONIC; 0: the call's */
};

/* An array element: frozen within one version of this header. */
struct ctr_task_pid {
	uint32_t pid, reserved;
	struct ctr_any info; /* type_url "" when there is none */
};

struct ctr_task_result {
	uint32_t size, status;
	uint32_t pid, exit_status;
	int64_t exited_at_ns; /* since 1970, UTC; 0: not exited */
	const char *id, *exec_id, *bundle, *stdin_path, *stdout_path, *stderr_path;
	const struct ctr_task_pid *pids;
	uint64_t n_pids;
	struct ctr_any stats;
	uint32_t terminal, reserved;
};

/* Exactly once, on the loop's thread, never from inside call(). result is NULL on failure, borrowed otherwise. */
typedef void (*ctr_task_done)(void *ud, ctr_code code, const struct ctr_task_result *result,
			      struct ctr_error *err);
typedef ctr_code (*ctr_task_sink)(void *ud, const char *ns, const char *id);

struct ctr_runtime_ops {
	uint32_t size, reserved;
	/* Loop's thread; must not block. call lives until done has run. Its cancel ends waiting, never an operation that
	 * has begun to change something. CTR_NOT_FOUND: no such task or process. */
	void (*call)(void *self, const struct ctr_call *call, const struct ctr_task_args *args,
		     ctr_task_done done, void *ud);
	/* Loop's thread: every task of the namespace ("" for all). */
	ctr_code (*walk)(void *self, const char *ns, ctr_task_sink sink, void *ud,
			 struct ctr_error *err);
	/* Loop's thread: the init process of a task has exited: keep that until delete, before it is told to anybody. 1: this
	 * is news; 0: it was kept before. */
	int32_t (*exited)(void *self, const char *ns, const char *id, uint32_t exit_status,
			  int64_t exited_at_ns);
};

#endif
