/* SPDX-License-Identifier: Apache-2.0
 *
 * Create: bundle, the shim's start binary, connection, Task.Create. Whatever fails undoes what came before it, and
 * the shim's own words reach the caller. Once begun it runs to its end whatever the client does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "containerd/task/v2/shim.pb-c.h"
#include "runtime.h"

static void fail_create(struct request *q, ctr_code code, const char *message)
{
	struct task *t = q->task;

	task_ref(t);
	bundle_remove(t);
	finish_request(q, code, message, NULL);
	task_forget(t);
	task_unref(t);
}

/* A create whose shim did not start, or died, while its delete binary runs. */
struct failed {
	struct request *q;
	ctr_code code;
	char *message;
};

static void on_cleaned_up(void *ud, int ok, const char *output, size_t n)
{
	struct failed *f = ud;

	(void)ok;
	(void)output;
	(void)n;
	fail_create(f->q, f->code, str_or(f->message, "out of memory"));
	free(f->message);
	free(f);
}

/* The shim may have left a socket, a process, even a container: it knows how to clean up. */
static void clean_and_fail(struct request *q, ctr_code code, const char *message)
{
	const struct ctr_host *h = q->task->rt->host;
	struct failed *f = calloc(1, sizeof(*f));
	struct ctr_error *err = h->error_new();
	int runs = 0;

	if (f) {
		*f = (struct failed){ q, code, str_dup(message) };
		runs = binary_run(q->task, "delete", 1, CLEANUP_LIMIT_NS, on_cleaned_up, f, err) ==
		       CTR_OK;
	}
	h->error_free(err);
	if (runs)
		return;
	if (f)
		free(f->message);
	free(f);
	fail_create(q, code, message);
}

static void on_created(void *ud, ctr_code code, const char *message, const void *data, uint64_t n)
{
	struct request *q = ud;
	struct task *t = q->task;

	if (code == CTR_OK) {
		t->phase = TASK_READY;
		Containerd__Task__V2__CreateTaskResponse *m =
			containerd__task__v2__create_task_response__unpack(NULL, n, data);
		t->pid = m ? m->pid : 0;
		if (m)
			containerd__task__v2__create_task_response__free_unpacked(m, NULL);
		send_waiting(t);
		method_answer(q, data, n);
		return;
	}
	/* The calls of a lost connection fail before shim_died() is called. */
	if (code == CTR_UNAVAILABLE && t->in_map && t->phase == TASK_STARTING && !t->rt->stopping) {
		AUTO_FREE char *why = str_printf("shim '%s' ended: %s", t->binary, message);

		t->phase = TASK_DELETING;
		clean_and_fail(q, code, str_or(why, message));
		return;
	}
	AUTO_FREE char *text = str_dup(message);
	task_ref(t);
	finish_request(q, code == CTR_CANCELLED ? CTR_UNAVAILABLE : code, text, NULL);
	/* When we stop, the shim goes on creating, and is found again at the next start. */
	if (t->in_map && t->phase == TASK_STARTING && !t->rt->stopping)
		task_shut_down(t, NULL, NULL);
	task_unref(t);
}

/* Where the shim says it is: kept for a later daemon, and dialled. */
static ctr_code use_answer(struct task *t, const char *output, size_t n, struct bootstrap *b,
			   struct ctr_error *err)
{
	struct runtime *rt = t->rt;
	struct ctr_error *why = rt->host->error_new();
	ctr_code code = bootstrap_parse(rt, output, n, b, why);
	int r;

	if (code == CTR_OK) {
		r = bootstrap_write(t, b);
		code = r < 0 ? rt->host->fail_errno(why, r, "write '%s/bootstrap.json'", t->bundle)
			     : task_connect(t, b, why);
	}
	if (code != CTR_OK)
		code = rt->host->fail(err, code, "shim '%s': %s", t->binary,
				      rt->host->error_text(why));
	rt->host->error_free(why);
	return code;
}

/* The start binary has answered. */
static void on_started(void *ud, int ok, const char *output, size_t n)
{
	struct request *q = ud;
	struct task *t = q->task;
	struct runtime *rt = t->rt;
	struct bootstrap b = { 0 };
	struct ctr_error *err = rt->host->error_new();
	ctr_code code =
		ok ? use_answer(t, output, n, &b, err)
		   : rt->host->fail(err, CTR_UNKNOWN, "failed to start shim: '%s': %.*s", t->binary,
				    n ? (int)n : 64, n ? output : "it failed without a message");

	if (code == CTR_OK)
		code = rt->ttrpc->call(t->conn, task_service(t), "Create", t->ns, CTR_NO_DEADLINE,
				       q->message, q->n, on_created, q, err);
	if (code != CTR_OK) {
		t->phase = TASK_DELETING;
		clean_and_fail(q, code, rt->host->error_text(err));
	}
	rt->host->error_free(err);
	free(b.address);
}

static struct task *new_task(struct runtime *rt, const struct ctr_call *call,
			     const struct ctr_task_args *args, ctr_code *ret_code,
			     struct ctr_error *err)
{
	struct task *t = task_new(rt, rt->host->call->ns(call), args->id);

	*ret_code = CTR_OK;
	if (!t) {
		*ret_code = rt->host->fail_errno(err, ENOMEM, "task %s", args->id);
		return NULL;
	}
	*ret_code = shim_resolve(rt, args->runtime, &t->binary, err);
	if (*ret_code == CTR_OK) {
		int r = task_insert(t);
		if (r == -EEXIST)
			*ret_code = rt->host->fail(err, CTR_ALREADY_EXISTS, "task %s", args->id);
		else if (r < 0)
			*ret_code = rt->host->fail_errno(err, r, "task %s", args->id);
	}
	if (*ret_code != CTR_OK) {
		task_unref(t);
		return NULL;
	}
	return t;
}

void create_task(struct runtime *rt, const struct ctr_call *call, const struct ctr_task_args *args,
		 ctr_task_done done, void *ud)
{
	struct ctr_error *err = rt->host->error_new();
	struct request *q = calloc(1, sizeof(*q));
	ctr_code code = CTR_OK;
	struct task *t = q ? new_task(rt, call, args, &code, err) : NULL;

	if (!t) {
		free(q);
		answer_later(rt, done, ud, code ? code : CTR_RESOURCE_EXHAUSTED,
			     rt->host->error_text(err));
		rt->host->error_free(err);
		return;
	}
	*q = (struct request){
		.task = t, .call = call, .op = CTR_TASK_CREATE, .of_init = 1, .done = done, .ud = ud
	};
	list_init(&q->link);

	int r = method_pack(args, t->bundle, &q->message, &q->n);
	if (r == 0)
		r = bundle_make(t, &args->spec);
	if (r == 0) /* first, so that a daemon that dies meanwhile knows whom to ask */
		r = bundle_write(t, "shim-binary-path", t->binary, strlen(t->binary), 0600);
	if (r < 0)
		code = rt->host->fail_errno(err, r, "make bundle '%s'", t->bundle);
	else
		code = binary_run(t, "start", 0, START_LIMIT_NS, on_started, q, err);
	if (code != CTR_OK) {
		bundle_remove(t);
		task_forget(t);
		task_unref(t);
		free(q->message);
		free(q);
		answer_later(rt, done, ud, code, rt->host->error_text(err));
	}
	rt->host->error_free(err);
}
