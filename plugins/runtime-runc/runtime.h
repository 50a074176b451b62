/* SPDX-License-Identifier: Apache-2.0
 *
 * io.containerd.runtime.v2 / task: tasks through shims. One struct task stands for one container's shim, from the
 * first file of its bundle to the last; everything here runs on the loop's thread. Directories as containerd has them:
 *   <state_dir>/<ns>/<id>/  the bundle: config.json, rootfs, work, log, bootstrap.json, shim-binary-path
 *   <root_dir>/<ns>/<id>/   the work directory; it survives a reboot, so it says which tasks a reboot ended, and
 *                           its file "exit" how the init process ended before
 */
#ifndef CTR_RUNTIME_RUNC_H
#define CTR_RUNTIME_RUNC_H

#include <stdint.h>

#include <ctr/plugin.h>
#include <ctr/spawn.h>
#include <ctr/unstable/events.h>
#include <ctr/unstable/loop.h>
#include <ctr/unstable/runtime.h>
#include <ctr/unstable/ttrpc.h>

#include "base/ident.h"
#include "base/list.h"
#include "base/map.h"

#define START_LIMIT_NS    (60 * NS_PER_SEC) /* a shim's start binary */
#define LOAD_LIMIT_NS     (5 * NS_PER_SEC)  /* the first answer of a shim found at start */
#define CLEANUP_LIMIT_NS  (5 * NS_PER_SEC)  /* a call or a binary that cleans up */
#define SHUTDOWN_LIMIT_NS (3 * NS_PER_SEC)
#define ANSWER_MAX        (64 * 1024) /* bytes of output of a shim's start or delete binary */

struct shim_name {
	const char *runtime, *binary; /* borrowed from the configuration */
};

struct runtime {
	const struct ctr_host *host;
	const struct ctr_loop_ops *loop;
	const struct ctr_ttrpc_ops *ttrpc;
	const struct ctr_spawn_ops *spawn;
	const struct ctr_events_ops *events;
	int state_fd, root_fd;
	const char *socket_dir; /* of our own shim */
	const char *path;       /* PATH: where shims are looked for, and what they get */
	const char *const *env; /* further "NAME=value" for shims */
	uint64_t n_env;
	struct shim_name *shims; /* the configured names */
	uint64_t n_shims;
	struct map *tasks; /* "<ns>/<id>" -> struct task */
	int stopping;
};

enum phase {
	TASK_STARTING, /* the start binary runs, or a shim found at start is being asked */
	TASK_READY,    /* connected */
	TASK_DELETING, /* the container is gone; the shim and the bundle are going */
	TASK_DEAD,     /* the shim is gone; its delete binary runs */
	TASK_ENDED, /* no shim: a reboot ended it; answered from the work directory until it is deleted */
};

struct task {
	struct runtime *rt;
	struct list waiting; /* struct request.link: sent once it is ready */
	char key[2 * IDENT_MAX + 2];
	const char *ns, *id; /* the parts of key */
	char *bundle;        /* absolute */
	char *binary;        /* the shim's absolute path */
	enum phase phase;
	int version; /* 2 or 3, of the task API */
	int log_fd;  /* the bundle's fifo, or -1 */
	int refs;
	int in_map;
	void *log_watch;
	struct ctr_ttrpc *conn;
	uint32_t pid;
	uint32_t exit_status; /* of TASK_ENDED */
	int64_t exited_at_ns;
};

/* One operation under way. */
struct request {
	struct list link;
	struct task *task; /* a reference */
	const struct ctr_call *call;
	uint32_t op;
	int of_init; /* about the container, not one of its execs */
	ctr_task_done done;
	void *ud;
	void *message; /* packed */
	size_t n;
	int64_t deadline_ns;
};

/* task.c: tasks and their life in the map. */
struct task *task_new(struct runtime *rt, const char *ns,
		      const char *id); /* not in the map yet; NULL on OOM */
void task_ref(struct task *t);
void task_unref(struct task *t);
int task_insert(struct task *t);  /* 0, -EEXIST, -ENOMEM; the map holds a reference */
void task_forget(struct task *t); /* out of the map; its waiting requests fail */
struct task *task_find(struct runtime *rt, const char *ns, const char *id);
const char *task_service(const struct task *t); /* "containerd.task.v2.Task" */
/* Answer later on the loop; never from inside runtime_call(). */
void answer_later(struct runtime *rt, ctr_task_done done, void *ud, ctr_code code,
		  const char *message);
void finish_request(struct request *q, ctr_code code, const char *message,
		    const struct ctr_task_result *result);

/* bundle.c: the directories. -errno. */
int bundle_make(struct task *t, const struct ctr_any *spec);
int bundle_open(const struct task *t); /* descriptor of the bundle */
void bundle_remove(struct task *t); /* work directory first; unmounts what is left below rootfs */
int bundle_write(struct task *t, const char *name, const void *data, size_t n, unsigned mode);
int log_open(struct task *t); /* make and watch the log fifo */
void log_close(struct task *t);

/* exits.c: how an init process ended, kept in the work directory. */
int exit_keep(struct runtime *rt, const char *ns, const char *id, uint32_t status,
	      int64_t at_ns); /* 1 new, 0 known */
int exit_kept(struct runtime *rt, const char *ns, const char *id, uint32_t *ret_status,
	      int64_t *ret_at_ns);
void publish_exit(struct task *t, uint32_t pid, uint32_t status, int64_t at_ns);
void publish_delete(struct task *t, uint32_t pid, uint32_t status, int64_t at_ns);

/* names.c: which binary a runtime name means. *ret from malloc. */
ctr_code shim_resolve(struct runtime *rt, const char *runtime, char **ret, struct ctr_error *err);
int shim_is_ours(const char *binary);

/* binary.c: run a shim's binary once and collect its output. */
typedef void (*binary_done)(void *ud, int ok, const char *output, size_t n);
ctr_code binary_run(struct task *t, const char *verb, int with_bundle, int64_t limit_ns,
		    binary_done done, void *ud, struct ctr_error *err);

/* answer.c: what `start` said, and bootstrap.json. Address from malloc. */
struct bootstrap {
	int version;
	char *address; /* the path of a unix socket */
};
ctr_code bootstrap_parse(struct runtime *rt, const char *text, size_t n, struct bootstrap *ret,
			 struct ctr_error *err);
int bootstrap_write(struct task *t, const struct bootstrap *b);
ctr_code bootstrap_read(struct task *t, struct bootstrap *ret, struct ctr_error *err);
ctr_code task_connect(struct task *t, const struct bootstrap *b, struct ctr_error *err);

/* create.c, delete.c, dead.c, recover.c: the operations that are more than one call. */
void create_task(struct runtime *rt, const struct ctr_call *call, const struct ctr_task_args *args,
		 ctr_task_done done, void *ud);
/* Tell the shim to end, remove the bundle, forget the task; then(ud) (may be NULL) when the bundle is gone. */
void task_shut_down(struct task *t, void (*then)(void *ud), void *ud);
void delete_done(struct request *q,
		 const struct ctr_task_result *result); /* the shim has deleted the container */
void shim_died(void *task);                             /* the connection's closed callback */
void clean_dead(struct task *t);
ctr_code recover(struct runtime *rt, struct ctr_error *err);

/* methods.c: the messages. */
const char *method_name(uint32_t op);
int method_pack(const struct ctr_task_args *args, const char *bundle, void **ret, size_t *ret_n);
/* Decode the reply and call done with the result. */
void method_answer(struct request *q, const void *data, size_t n);
/* send.c */
void send_request(struct request *q); /* takes the request over */
void send_waiting(struct task *t);

#endif
