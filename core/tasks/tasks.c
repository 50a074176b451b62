/* SPDX-License-Identifier: Apache-2.0
 *
 * Service ctr.tasks.v0: the container must exist, its record gives spec, runtime and options; then the runtime plugin
 * has the word. The record is one point read on the loop's own connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ctr/unstable/tasks.h>

#include "base/loop.h"
#include "base/str.h"
#include "containerd/events/task.pb-c.h"
#include "core/call/call.h"
#include "core/daemon.h"
#include "core/meta/filter.h"
#include "core/meta/meta.h"
#include "core/registry/registry.h"
#include "core/tasks/plumbing.h"
#include "core/tasks/tasks.h"
#include "rpc/pb.h"

struct tasks {
	struct daemon *daemon;
};

/* What a task takes from its container's record. */
struct record {
	const struct ctr_call *call;
	const char *id;
	int whole; /* spec and options too */
	char *runtime, *spec_url, *options_url;
	void *spec, *options;
	size_t spec_n, options_n;
};

static void record_done(struct record *r)
{
	free(r->runtime);
	free(r->spec_url);
	free(r->options_url);
	free(r->spec);
	free(r->options);
}

static char *column_text(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);

	return str_dup(s ? s : "");
}

static void *column_bytes(sqlite3_stmt *st, int i, size_t *ret_n)
{
	const void *data = sqlite3_column_blob(st, i);

	*ret_n = (size_t)sqlite3_column_bytes(st, i);
	void *copy = malloc(*ret_n + 1);
	if (copy && *ret_n)
		memcpy(copy, data, *ret_n);
	return copy;
}

static ctr_code read_record(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	static const char sql[] = "SELECT runtime, spec_url, spec, options_url, options FROM "
				  "container WHERE node = ?1";
	struct record *r = ud;
	int64_t ns = 0, node = 0;

	ctr_code code = meta_namespace(txn, r->call, 0, &ns, err);
	if (code == CTR_OK && ns)
		code = meta_node(txn, ns, META_CONTAINER, "", r->id, 0, &node, err);
	if (code != CTR_OK)
		return code;

	sqlite3_stmt *st = txn_stmt(txn, sql, err);
	if (!st)
		return CTR_INTERNAL;
	sqlite3_bind_int64(st, 1, node);
	int row = txn_row(txn, st, err);
	if (row < 0)
		return err ? err->code : CTR_INTERNAL;
	if (row == 0)
		return ctr_fail(err, CTR_NOT_FOUND, "container \"%s\" in namespace \"%s\"", r->id,
				call_ns(r->call));
	if (!r->whole)
		return CTR_OK;

	r->runtime = column_text(st, 0);
	r->spec_url = column_text(st, 1);
	r->spec = column_bytes(st, 2, &r->spec_n);
	r->options_url = column_text(st, 3);
	r->options = column_bytes(st, 4, &r->options_n);
	if (!r->runtime || !r->spec_url || !r->spec || !r->options_url || !r->options)
		return ctr_fail_errno(err, ENOMEM, "container \"%s\"", r->id);
	return CTR_OK;
}

static ctr_code find_runtime(struct daemon *d, const struct ctr_runtime_ops **ret, void **ret_self,
			     struct ctr_error *err)
{
	const void *ops;

	ctr_code code =
		registry_find(d->registry, CTR_KIND_RUNTIME, NULL, &ops, ret_self, NULL, err);
	if (code == CTR_OK)
		*ret = ops;
	return code;
}

static ctr_code check_args(const struct ctr_call *call, const struct ctr_task_args *a,
			   struct ctr_error *err)
{
	ctr_code code = meta_namespace_check(call, err);

	if (code == CTR_OK)
		code = meta_ident_check("container id", a->id, err);
	if (code == CTR_OK && *a->exec_id)
		code = meta_ident_check("exec id", a->exec_id, err);
	if (code == CTR_OK && a->op == CTR_TASK_EXEC && !*a->exec_id)
		code = ctr_fail(err, CTR_INVALID_ARGUMENT, "exec id cannot be empty");
	return code;
}

/* An answer from here: posted, since done is never called from inside call(). */
struct refusal {
	ctr_task_done done;
	void *ud;
	struct ctr_error err;
};

static void refuse_now(void *ud)
{
	struct refusal *r = ud;

	r->done(r->ud, r->err.code, NULL, &r->err);
	error_done(&r->err);
	free(r);
}

static void refuse(struct daemon *d, ctr_task_done done, void *ud, ctr_code code,
		   struct ctr_error *err)
{
	struct refusal *r = calloc(1, sizeof(*r));

	err->code = code;
	if (!r) {
		done(ud, code, NULL, err);
		return;
	}
	*r = (struct refusal){ .done = done, .ud = ud };
	(void)ctr_move_error(&r->err, err);
	if (loop_post(d->loop, refuse_now, r) < 0)
		refuse_now(r);
}

static void tasks_call(const struct ctr_host *h, const struct ctr_call *call,
		       const struct ctr_task_args *args, ctr_task_done done, void *ud)
{
	struct daemon *d = host_daemon(h);
	AUTO_ERROR err = ERROR_INIT;
	struct record rec = { .call = call, .id = args->id, .whole = args->op == CTR_TASK_CREATE };
	const struct ctr_runtime_ops *runtime = NULL;
	void *self = NULL;
	struct ctr_task_args a = *args;

	ctr_code code = check_args(call, args, &err);
	if (code == CTR_OK)
		code = find_runtime(d, &runtime, &self, &err);
	if (code == CTR_OK)
		code = store_view(d->store, call, read_record, &rec, &err);
	if (code != CTR_OK) {
		refuse(d, done, ud, code, &err);
		record_done(&rec);
		return;
	}
	if (rec.whole) {
		a.spec = (struct ctr_any){ rec.spec_url, rec.spec, rec.spec_n };
		if (!*a.runtime)
			a.runtime = rec.runtime;
		if (!a.options.n)
			a.options = (struct ctr_any){ rec.options_url, rec.options, rec.options_n };
	}
	runtime->call(self, call, &a, done, ud);
	record_done(&rec);
}

/* ---- listing ---- */

struct listing {
	struct filter *filter;
	ctr_task_sink sink;
	void *ud;
};

struct named {
	const char *ns, *id;
};

static int task_field(const void *obj, const char *const *path, size_t n, const char **ret)
{
	const struct named *t = obj;

	if (str_eq(path[0], "id"))
		return filter_string(t->id, n, ret);
	if (str_eq(path[0], "namespace"))
		return filter_string(t->ns, n, ret);
	return 0;
}

static ctr_code filtered(void *ud, const char *ns, const char *id)
{
	struct listing *l = ud;
	const struct named t = { ns, id };

	return filter_match(l->filter, task_field, &t) ? l->sink(l->ud, ns, id) : CTR_OK;
}

static ctr_code tasks_walk(const struct ctr_host *h, const struct ctr_call *call,
			   const char *const *filters, uint64_t n_filters, ctr_task_sink sink,
			   void *ud, struct ctr_error *err)
{
	struct daemon *d = host_daemon(h);
	const struct ctr_runtime_ops *runtime;
	struct listing l = { NULL, sink, ud };
	void *self;

	ctr_code code = meta_namespace_check(call, err);
	if (code == CTR_OK)
		code = find_runtime(d, &runtime, &self, err);
	if (code == CTR_OK)
		code = filter_parse(filters, n_filters, &l.filter, err);
	if (code == CTR_OK)
		code = runtime->walk(self, call_ns(call), filtered, &l, err);
	filter_free(l.filter);
	return code;
}

/* 1 when this is an init process's exit that everybody has heard of. */
static int known_exit(struct daemon *d, const struct event *ev)
{
	const struct ctr_runtime_ops *runtime;
	void *self;
	int known = 0;

	if (!str_eq(ev->topic, "/tasks/exit") || find_runtime(d, &runtime, &self, NULL) != CTR_OK)
		return 0;
	Containerd__Events__TaskExit *m = pb_unpack(&containerd__events__task_exit__descriptor,
						    ev->payload, ev->n, 64 * 1024);
	if (m && strcmp(m->id, m->container_id) == 0)
		known = !runtime->exited(self, ev->ns, m->container_id, m->exit_status,
					 pb_timestamp_ns(m->exited_at));
	pb_free(m);
	return known;
}

ctr_code tasks_publish(struct daemon *d, const struct event *ev, struct ctr_error *err)
{
	if (str_starts(ev->topic, "/tasks/") && known_exit(d, ev))
		return CTR_OK;
	return events_publish(d->events, ev, err);
}

static const struct ctr_tasks_ops ops = {
	.size = sizeof(ops),
	.call = tasks_call,
	.walk = tasks_walk,
};

ctr_code tasks_new(struct daemon *d, struct tasks **ret, struct ctr_error *err)
{
	struct tasks *t = calloc(1, sizeof(*t));

	if (!t)
		return ctr_fail_errno(err, ENOMEM, "tasks");
	t->daemon = d;
	if (daemon_provide(d, CTR_SERVICE_TASKS, &ops, sizeof(ops)) < 0 ||
	    plumbing_provide(d) < 0) {
		free(t);
		return ctr_fail_errno(err, ENOMEM, "tasks");
	}
	*ret = t;
	return CTR_OK;
}

void tasks_free(struct tasks *t)
{
	free(t);
}
