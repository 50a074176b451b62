/* SPDX-License-Identifier: Apache-2.0
 *
 * Create: bundle, runtime, root file system, standard streams, "runc create". A step that fails
 * undoes all before it: no mount, process, cgroup or file is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "containerd/events/task.pb-c.h"

#include "base/fd.h"
#include "base/ident.h"
#include "base/io.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/str.h"
#include "shim/mounts.h"
#include "shim/options.h"
#include "shim/task.h"

#define PID_FILE     "init.pid"
#define CONSOLE_NAME "init.console"
#define STATUS_MAX   65536

static void fail(struct op *op, ctr_code code, const struct ctr_error *err)
{
	struct task *t = op->task;
	int r = mounts_remove(t->rootfs);

	if (r < 0)
		log_warn("unmount '%s': %s; it is left mounted", t->rootfs, strerrordesc_np(-r));
	if (t->bundle_fd >= 0)
		(void)unlinkat(t->bundle_fd, PID_FILE, 0);
	op->task = NULL;
	task_free(t);
	op_fail(op, code, err);
}

static void taken_back(void *ud, ctr_code code, struct ctr_error *err)
{
	struct op *op = ud;
	AUTO_ERROR cause = ERROR_INIT;

	if (code != CTR_OK)
		log_debug("take back container '%s': %s", op->task->id, error_text(err));
	ctr_move_error(&cause, &op->failure);
	fail(op, cause.code, &cause);
}

/*
 * The runtime was called and may have left something: that goes before the answer. Only a container
 * that was there before us is not ours to take away.
 */
static void fail_called(struct op *op, struct ctr_error *err)
{
	struct task *t = op->task;
	const char *const args[] = { "delete", "--force", t->id, NULL };
	struct job_spec spec = { .runc = &t->runc,
				 .kids = &op->shim->kids,
				 .what = "delete",
				 .args = args,
				 .bundle_fd = t->bundle_fd,
				 .log_name = "undo.log.json" };
	AUTO_ERROR ignored = ERROR_INIT;

	if (strstr(error_text(err), "already exists")) {
		fail(op, err->code, err);
		return;
	}
	ctr_move_error(&op->failure, err);
	if (job_start(op->shim->loop, &spec, taken_back, op, &ignored) != CTR_OK)
		taken_back(op, CTR_UNKNOWN, &ignored);
}

/* Is pid the first process of a pid namespace? */
static int leads_pidns(pid_t pid)
{
	AUTO_FREE char *path = str_printf("/proc/%d/status", (int)pid);
	AUTO_CLOSE int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	AUTO_FREE char *text = NULL;
	const char *line, *last;

	if (fd < 0 || io_read_fd(fd, STATUS_MAX, &text, NULL) < 0)
		return 0;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return 0;
	last = memrchr(line, '\t', 1 + strcspn(line + 1, "\n"));
	return last && strncmp(last, "\t1\n", 3) == 0;
}

static void out_of_memory(void *ud)
{
	const struct task *t = ud;
	Containerd__Events__TaskOOM ev = CONTAINERD__EVENTS__TASK_OOM__INIT;

	ev.container_id = t->id;
	events_publish(t->shim->events, "/tasks/oom", &ev);
}

static void publish(const struct task *t, const create_request *rq)
{
	Containerd__Events__TaskCreate ev = CONTAINERD__EVENTS__TASK_CREATE__INIT;
	Containerd__Events__TaskIO io = CONTAINERD__EVENTS__TASK_IO__INIT;

	io.stdin = rq->stdin;
	io.stdout = rq->stdout;
	io.stderr = rq->stderr;
	io.terminal = rq->terminal;
	ev.container_id = t->id;
	ev.bundle = t->bundle;
	ev.n_rootfs = rq->n_rootfs;
	ev.rootfs = rq->rootfs;
	ev.io = &io;
	ev.checkpoint = rq->checkpoint;
	ev.pid = (uint32_t)t->init.pid;
	events_publish(t->shim->events, "/tasks/create", &ev);
}

/* The runtime has made the container: its console, its init process and its cgroup become ours. */
static ctr_code take_over(struct task *t, struct ctr_error *err)
{
	ctr_code code = stdio_take_console(t->init.io, err);
	int r;

	if (code != CTR_OK)
		return code;
	r = proc_track(&t->init, PID_FILE);
	if (r < 0)
		return ctr_fail_errno(err, r, "find the init process of container '%s'", t->id);
	t->own_pidns = leads_pidns(t->init.pid);
	r = cgroup_init(&t->cgroup, t->init.pid);
	if (r == 0)
		r = oom_watch(t->shim->loop, &t->cgroup, out_of_memory, t, &t->oom);
	if (r < 0)
		log_debug("no OOM events for container '%s': %s", t->id, strerrordesc_np(-r));
	return CTR_OK;
}

static void created(void *ud, ctr_code code, struct ctr_error *err)
{
	struct op *op = ud;
	struct task *t = op->task;
	struct shim *s = op->shim;
	Containerd__Task__V2__CreateTaskResponse rsp =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;

	stdio_close_child_fds(t->init.io);
	if (code == CTR_OK)
		code = take_over(t, err);
	s->n_starting--;
	if (code != CTR_OK) {
		fail_called(op, err);
		reap_orphans(s);
		return;
	}
	t->ready = 1;
	publish(t, op->req);
	rsp.pid = (uint32_t)t->init.pid;
	op_reply(op, &rsp);
	reap_orphans(s);
}

static ctr_code call_runtime(struct op *op, struct ctr_error *err)
{
	struct task *t = op->task;
	const char *args[12];
	size_t n = 0;
	int fds[3];
	struct job_spec spec = { .runc = &t->runc,
				 .kids = &op->shim->kids,
				 .what = "create",
				 .args = args,
				 .bundle_fd = t->bundle_fd,
				 .log_name = "log.json",
				 .fds = fds };
	ctr_code code;

	args[n++] = "create";
	args[n++] = "--bundle";
	args[n++] = t->bundle;
	args[n++] = "--pid-file";
	args[n++] = PID_FILE;
	if (t->init.terminal) {
		args[n++] = "--console-socket";
		args[n++] = CONSOLE_NAME;
	}
	if (t->no_pivot)
		args[n++] = "--no-pivot";
	if (t->no_keyring)
		args[n++] = "--no-new-keyring";
	args[n++] = t->id;
	args[n] = NULL;
	stdio_child_fds(t->init.io, fds);
	code = job_start(op->shim->loop, &spec, created, op, err);
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

static ctr_code open_bundle(struct task *t, const struct options *o, struct ctr_error *err)
{
	int r;

	t->bundle_fd = open(t->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->bundle_fd < 0)
		return ctr_fail_errno(err, -errno, "open bundle '%s'", t->bundle);
	r = options_save(t->bundle_fd, o);
	if (r < 0)
		return ctr_fail_errno(err, r, "write options into bundle '%s'", t->bundle);
	if (mkdirat(t->bundle_fd, "rootfs", 0711) < 0 && errno != EEXIST)
		return ctr_fail_errno(err, -errno, "make directory '%s'", t->rootfs);
	return CTR_OK;
}

/* Everything up to the standard streams. */
static ctr_code prepare(struct task *t, const create_request *rq, struct ctr_error *err)
{
	AUTO_OPTIONS o = { 0 };
	ctr_code code = options_decode(rq->options, &o, err);

	if (code == CTR_OK)
		code = runc_init(&t->runc, o.binary, o.root, t->shim->ns, o.systemd_cgroup, err);
	if (code == CTR_OK)
		code = open_bundle(t, &o, err);
	if (code != CTR_OK)
		return code;
	t->uid = o.uid;
	t->gid = o.gid;
	t->no_pivot = o.no_pivot;
	t->no_keyring = o.no_keyring;
	if (proc_init(&t->init, t, "", rq->stdin, rq->stdout, rq->stderr, rq->terminal) < 0)
		return ctr_fail_errno(err, -ENOMEM, "container '%s'", t->id);
	return mounts_make(t->rootfs, rq->rootfs, rq->n_rootfs, err);
}

static ctr_code check(const struct op *op, const create_request *rq, struct ctr_error *err)
{
	if (!ident_valid(rq->id))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"container id '%.80s' is not an identifier", rq->id);
	if (rq->bundle[0] != '/')
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "bundle '%s' is not an absolute path",
				rq->bundle);
	if (*rq->checkpoint)
		return ctr_fail(err, CTR_UNIMPLEMENTED, "this shim does not restore checkpoints");
	if (task_find(op->shim, rq->id))
		return ctr_fail(err, CTR_ALREADY_EXISTS, "container '%s'", rq->id);
	if (op->shim->n_tasks >= TASKS_MAX)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "more than %d containers in one shim",
				TASKS_MAX);
	return CTR_OK;
}

void do_create(struct op *op)
{
	const create_request *rq = op->req;
	AUTO_ERROR err = ERROR_INIT;
	struct stdio_config cfg;
	ctr_code code = check(op, rq, &err);

	if (code == CTR_OK) {
		op->task = task_new(op->shim, rq->id, rq->bundle);
		if (!op->task)
			code = ctr_fail_errno(&err, -ENOMEM, "container '%s'", rq->id);
	}
	if (code != CTR_OK) {
		op_fail(op, code, &err);
		return;
	}
	op->task->busy = op;
	code = prepare(op->task, rq, &err);
	if (code == CTR_OK) {
		proc_stdio_config(&op->task->init, CONSOLE_NAME, &cfg);
		code = stdio_open(&cfg, streams_ready, op, &op->task->init.io, &err);
	}
	if (code != CTR_OK)
		fail(op, code, &err);
}
