/* SPDX-License-Identifier: Apache-2.0
 *
 * At start: every bundle is a shim to find again, all at the same time, each with its own limit, so that one dead shim
 * delays nobody; calls to a task wait for its own answer only. A work directory without a bundle is a task that a
 * reboot ended.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/ident.h"
#include "base/path.h"
#include "base/str.h"
#include "containerd/task/v2/shim.pb-c.h"
#include "runtime.h"

#define REBOOT_STATUS 255

typedef void (*found_fn)(struct runtime *rt, const char *ns, const char *id);

static DIR *list_dir(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		fd_close(&fd);
	return dir;
}

/* Every <ns>/<id> below a directory; other names are not ours. */
static int each(struct runtime *rt, int root_fd, found_fn found)
{
	DIR *spaces = list_dir(root_fd, ".");
	struct dirent *s, *e;

	if (!spaces)
		return -errno;
	while ((s = readdir(spaces))) {
		DIR *ids = ident_valid(s->d_name) ? list_dir(root_fd, s->d_name) : NULL;

		while (ids && (e = readdir(ids)))
			if (ident_valid(e->d_name))
				found(rt, s->d_name, e->d_name);
		if (ids)
			closedir(ids);
	}
	closedir(spaces);
	return 0;
}

static void nothing(void *ud, ctr_code code, const char *message, const void *data, uint64_t n)
{
	(void)code;
	(void)message;
	(void)data;
	(void)n;
	task_unref(ud);
}

/* Say that we are back: a shim of ours then sends the events that it has kept, instead of trying later. */
static void say_hello(struct task *t)
{
	Containerd__Task__V2__ConnectRequest m = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;
	uint8_t data[IDENT_MAX + 16];

	m.id = (char *)(uintptr_t)t->id;
	size_t n = containerd__task__v2__connect_request__pack(&m, data);
	task_ref(t);
	if (t->rt->ttrpc->call(t->conn, task_service(t), "Connect", t->ns,
			       clock_now_ns() + LOAD_LIMIT_NS, data, n, nothing, t, NULL) != CTR_OK)
		task_unref(t);
}

/* State of the init process: what ended while nobody listened is told now, exactly once. */
static void on_state(void *ud, ctr_code code, const char *message, const void *data, uint64_t n)
{
	struct task *t = ud;
	Containerd__Task__V2__StateResponse *m =
		code == CTR_OK ? containerd__task__v2__state_response__unpack(NULL, n, data) : NULL;

	if (m) {
		int64_t at_ns =
			m->exited_at ? m->exited_at->seconds * NS_PER_SEC + m->exited_at->nanos : 0;

		t->pid = m->pid;
		t->phase = TASK_READY;
		if (m->status == CONTAINERD__V1__TYPES__STATUS__STOPPED)
			publish_exit(t, m->pid, m->exit_status, at_ns);
		containerd__task__v2__state_response__free_unpacked(m, NULL);
		say_hello(t);
		send_waiting(t);
	} else if (t->rt->stopping) {
		; /* it is found again at the next start */
	} else if (code == CTR_NOT_FOUND && t->in_map) {
		/* A shim without a container: the daemon died between its start and Create. */
		task_shut_down(t, NULL, NULL);
	} else if (t->in_map && t->phase == TASK_STARTING) {
		t->rt->host->log(t->rt->host, CTR_LOG_WARN,
				 "task %s: its shim does not answer (%s): cleaning up", t->key,
				 message);
		t->phase = TASK_DEAD; /* its closed callback must not clean up a second time */
		clean_dead(t);
	}
	task_unref(t);
}

static ctr_code ask(struct task *t, struct ctr_error *err)
{
	Containerd__Task__V2__StateRequest m = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
	struct bootstrap b = { 0 };
	uint8_t data[IDENT_MAX + 16];

	ctr_code code = bootstrap_read(t, &b, err);
	if (code == CTR_OK)
		code = task_connect(t, &b, err);
	free(b.address);
	if (code != CTR_OK)
		return code;

	m.id = (char *)(uintptr_t)t->id;
	size_t n = containerd__task__v2__state_request__pack(&m, data);
	task_ref(t);
	code = t->rt->ttrpc->call(t->conn, task_service(t), "State", t->ns,
				  clock_now_ns() + LOAD_LIMIT_NS, data, n, on_state, t, err);
	if (code != CTR_OK)
		task_unref(t);
	return code;
}

static void found_bundle(struct runtime *rt, const char *ns, const char *id)
{
	struct ctr_error *err = rt->host->error_new();
	struct task *t = task_new(rt, ns, id);
	ctr_code code = CTR_OK;

	if (!t || task_insert(t) < 0) {
		rt->host->log(rt->host, CTR_LOG_ERROR,
			      "task %s/%s cannot be recovered: out of memory", ns, id);
		goto out;
	}
	int r = log_open(t);
	if (r < 0)
		code = rt->host->fail_errno(err, r, "open '%s/log'", t->bundle);
	if (code == CTR_OK)
		code = ask(t, err);
	if (code != CTR_OK) {
		rt->host->log(rt->host, CTR_LOG_WARN, "task %s: no shim (%s): cleaning up", t->key,
			      rt->host->error_text(err));
		clean_dead(t);
	}
out:
	if (t)
		task_unref(t);
	rt->host->error_free(err);
}

static void found_work(struct runtime *rt, const char *ns, const char *id)
{
	if (task_find(rt, ns, id))
		return;

	struct task *t = task_new(rt, ns, id);
	if (!t)
		return;
	t->phase = TASK_ENDED;
	if (exit_kept(rt, ns, id, &t->exit_status, &t->exited_at_ns) < 0) {
		t->exit_status = REBOOT_STATUS;
		t->exited_at_ns = clock_wall_ns();
		(void)exit_keep(rt, ns, id, t->exit_status, t->exited_at_ns);
	}
	rt->host->log(rt->host, CTR_LOG_INFO, "task %s was ended by a reboot", t->key);
	(void)task_insert(t);
	task_unref(t);
}

ctr_code recover(struct runtime *rt, struct ctr_error *err)
{
	int r = each(rt, rt->state_fd, found_bundle);

	if (r == 0)
		r = each(rt, rt->root_fd, found_work);
	return r < 0 ? rt->host->fail_errno(err, r, "look for tasks") : CTR_OK;
}
