/* SPDX-License-Identifier: Apache-2.0
 *
 * io.containerd.runtime.v2 / task: descriptor, lifecycle, and the two entry points of the vtable.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ctr/platform.h>
#include <ctr/unstable/version.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct shim_name default_shims[] = {
	{ "io.containerd.runc.v2", "containerd-shim-ctr-v2" },
	{ "io.containerd.ctr.v2", "containerd-shim-ctr-v2" },
};

/* A task that a reboot ended, answered from what was kept. 1 when the operation was one that can be. */
static int answer_ended(struct request *q)
{
	struct task *t = q->task;
	struct ctr_task_result r = {
		.size = sizeof(r),
		.status = CTR_TASK_STOPPED,
		.exit_status = t->exit_status,
		.exited_at_ns = t->exited_at_ns,
		.id = t->id,
		.exec_id = "",
		.bundle = t->bundle,
		.stdin_path = "",
		.stdout_path = "",
		.stderr_path = "",
		.stats = { "", NULL, 0 },
	};

	if (!q->of_init ||
	    (q->op != CTR_TASK_STATE && q->op != CTR_TASK_WAIT && q->op != CTR_TASK_DELETE))
		return 0;
	if (q->op == CTR_TASK_DELETE) {
		publish_delete(t, 0, t->exit_status, t->exited_at_ns);
		bundle_remove(t);
		task_forget(t);
	}
	finish_request(q, CTR_OK, NULL, &r);
	return 1;
}

static void run_request(void *ud)
{
	struct request *q = ud;
	AUTO_FREE char *text = NULL;

	if (q->task->phase != TASK_ENDED) {
		send_request(q);
		return;
	}
	if (answer_ended(q))
		return;
	text = str_printf("process %s: process already finished", q->task->id);
	finish_request(q, CTR_NOT_FOUND, text, NULL);
}

static void runtime_call(void *self, const struct ctr_call *call, const struct ctr_task_args *args,
			 ctr_task_done done, void *ud)
{
	struct runtime *rt = self;

	if (!method_name(args->op)) {
		answer_later(rt, done, ud, CTR_UNIMPLEMENTED, "unknown operation on a task");
		return;
	}
	if (args->op == CTR_TASK_CREATE) {
		create_task(rt, call, args, done, ud);
		return;
	}

	struct task *t = task_find(rt, rt->host->call->ns(call), args->id);
	if (!t) {
		AUTO_FREE char *text = str_printf("task %s not found", args->id);
		answer_later(rt, done, ud, CTR_NOT_FOUND, text);
		return;
	}
	struct request *q = calloc(1, sizeof(*q));
	if (!q || method_pack(args, t->bundle, &q->message, &q->n) < 0) {
		free(q);
		answer_later(rt, done, ud, CTR_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	q->task = t;
	task_ref(t);
	list_init(&q->link);
	q->call = call;
	q->op = args->op;
	q->of_init = !*args->exec_id;
	q->done = done;
	q->ud = ud;
	q->deadline_ns = args->deadline_ns ? args->deadline_ns : rt->host->call->deadline_ns(call);
	if (t->phase == TASK_READY)
		send_request(q);
	else if (rt->loop->post(rt->host, run_request, q, NULL) != CTR_OK)
		run_request(q);
}

static ctr_code runtime_walk(void *self, const char *ns, ctr_task_sink sink, void *ud,
			     struct ctr_error *err)
{
	struct runtime *rt = self;
	struct task *t;
	size_t pos = 0;

	(void)err;
	while ((t = map_next(rt->tasks, &pos, NULL))) {
		if (*ns && strcmp(ns, t->ns) != 0)
			continue;
		ctr_code code = sink(ud, t->ns, t->id);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

static int32_t runtime_exited(void *self, const char *ns, const char *id, uint32_t exit_status,
			      int64_t exited_at_ns)
{
	struct runtime *rt = self;
	int r = exit_keep(rt, ns, id, exit_status, exited_at_ns);

	if (r < 0)
		rt->host->log(rt->host, CTR_LOG_ERROR, "task %s/%s: exit status not kept: %s", ns,
			      id, strerrordesc_np(-r));
	return r != 0;
}

/* ---- lifecycle ---- */

static ctr_code read_shims(struct runtime *rt, const struct ctr_table *cfg, struct ctr_error *err)
{
	const struct ctr_host *h = rt->host;
	const struct ctr_table *shims;
	const char *const *names;
	uint64_t n;

	ctr_code code = h->config->table(cfg, "shims", &shims, err);
	if (code == CTR_OK)
		code = h->config->keys(shims, &names, &n, err);
	if (code != CTR_OK)
		return code;

	rt->shims = calloc(n + ARRAY_SIZE(default_shims), sizeof(*rt->shims));
	if (!rt->shims)
		return h->fail_errno(err, ENOMEM, "runtime");
	memcpy(rt->shims, default_shims, sizeof(default_shims));
	rt->n_shims = ARRAY_SIZE(default_shims);
	/* Later entries win in shim_resolve(), so the configuration's come after the defaults. */
	for (uint64_t i = 0; i < n; i++) {
		struct shim_name *s = &rt->shims[rt->n_shims++];

		s->runtime = names[i];
		code = h->config->str(shims, names[i], "", &s->binary, err);
		if (code == CTR_OK &&
		    (!*s->binary || (*s->binary != '/' && strchr(s->binary, '/'))))
			code = h->config->fail(
				shims, names[i], err,
				"must be an absolute path or the name of an installed shim");
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

static ctr_code read_config(struct runtime *rt, const struct ctr_table *cfg, struct ctr_error *err)
{
	const struct ctr_host *h = rt->host;

	ctr_code code = read_shims(rt, cfg, err);
	if (code == CTR_OK)
		code = h->config->str(cfg, "path", DEFAULT_PATH, &rt->path, err);
	if (code == CTR_OK)
		code = h->config->str(cfg, "socket_dir", "", &rt->socket_dir, err);
	if (code == CTR_OK)
		code = h->config->strv(cfg, "env", &rt->env, &rt->n_env, err);
	if (code == CTR_OK && *rt->socket_dir &&
	    (*rt->socket_dir != '/' || strlen(rt->socket_dir) > 42))
		code = h->config->fail(cfg, "socket_dir", err,
				       "must be an absolute path of at most 42 bytes");
	return code;
}

static ctr_code runtime_check(const struct ctr_host *h, const struct ctr_table *cfg,
			      struct ctr_error *err)
{
	struct runtime rt = { .host = h };
	ctr_code code = read_config(&rt, cfg, err);

	free(rt.shims);
	return code;
}

static void runtime_free(struct runtime *rt)
{
	size_t pos = 0;
	struct task *t;

	/* Shims outlive us: only what stands for them here goes. */
	rt->stopping = 1;
	while (rt->tasks && (t = map_next(rt->tasks, &pos, NULL)))
		task_forget(t);
	map_free(rt->tasks);
	fd_close(&rt->state_fd);
	fd_close(&rt->root_fd);
	free(rt->shims);
	free(rt);
}

static ctr_code find_services(struct runtime *rt, struct ctr_error *err)
{
	const struct {
		const char *name;
		const void **slot;
	} wanted[] = {
		{ CTR_SERVICE_LOOP, (const void **)&rt->loop },
		{ CTR_SERVICE_TTRPC, (const void **)&rt->ttrpc },
		{ CTR_SERVICE_SPAWN, (const void **)&rt->spawn },
		{ CTR_SERVICE_EVENTS, (const void **)&rt->events },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		uint32_t size;

		*wanted[i].slot = rt->host->service(rt->host, wanted[i].name, &size);
		if (!*wanted[i].slot)
			return rt->host->fail(err, CTR_UNIMPLEMENTED, "the host has no service %s",
					      wanted[i].name);
	}
	return CTR_OK;
}

static ctr_code runtime_init(const struct ctr_host *h, const struct ctr_table *cfg,
			     const struct ctr_deps *deps, void **ret_self, struct ctr_error *err)
{
	(void)deps;
	struct runtime *rt = calloc(1, sizeof(*rt));
	if (!rt)
		return h->fail_errno(err, ENOMEM, "runtime");
	rt->host = h;
	rt->state_fd = rt->root_fd = -1;
	rt->tasks = map_new();

	ctr_code code = rt->tasks ? find_services(rt, err) : h->fail_errno(err, ENOMEM, "runtime");
	if (code == CTR_OK)
		code = read_config(rt, cfg, err);
	if (code == CTR_OK) {
		rt->state_fd = path_own_dir(h->state_dir, 0711);
		rt->root_fd = path_own_dir(h->root_dir, 0711);
		if (rt->state_fd < 0 || rt->root_fd < 0)
			code = h->fail_errno(err, MIN(rt->state_fd, rt->root_fd),
					     "open '%s' and '%s'", h->state_dir, h->root_dir);
	}
	if (code != CTR_OK) {
		runtime_free(rt);
		return code;
	}
	h->add_platform(h, CTR_PLATFORM);
	h->add_export(h, "log-uri-schemes", "fifo,binary,binary-v2,file,ctrlog");
	*ret_self = rt;
	return CTR_OK;
}

static ctr_code runtime_start(void *self, struct ctr_error *err)
{
	return recover(self, err);
}

static void runtime_stop(void *self, int64_t deadline_ns)
{
	struct runtime *rt = self;

	struct task *t;
	size_t pos = 0;

	(void)deadline_ns;
	rt->stopping = 1;
	/* Shims stay; what waits for them is answered. */
	while ((t = map_next(rt->tasks, &pos, NULL))) {
		struct ctr_ttrpc *conn = t->conn;

		t->conn = NULL;
		rt->ttrpc->close(conn);
	}
}

static void runtime_fini(void *self)
{
	runtime_free(self);
}

static const struct ctr_runtime_ops ops = {
	.size = sizeof(ops),
	.call = runtime_call,
	.walk = runtime_walk,
	.exited = runtime_exited,
};

static const struct ctr_plugin plugin = {
	.size = sizeof(plugin),
	.flags = CTR_PLUGIN_UNSTABLE,
	.kind = CTR_KIND_RUNTIME,
	.id = "task",
	.ops = &ops,
	.check = runtime_check,
	.init = runtime_init,
	.start = runtime_start,
	.stop = runtime_stop,
	.fini = runtime_fini,
};

CTR_MODULE("runtime-runc", CTR_VERSION, "Apache-2.0", &plugin);
