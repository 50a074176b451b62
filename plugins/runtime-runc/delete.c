/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a task whose shim lives: the shim has no container any more and is told to end, then the bundle goes, then
 * whoever asked is answered.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "containerd/task/v2/shim.pb-c.h"
#include "runtime.h"

struct ending {
	struct task *task; /* a reference */
	void (*then)(void *ud);
	void *ud;
};

static void on_shutdown(void *ud, ctr_code code, const char *message, const void *data, uint64_t n)
{
	struct ending e = *(struct ending *)ud;

	(void)code;
	(void)message;
	(void)data;
	(void)n;
	free(ud);
	bundle_remove(e.task);
	if (e.then)
		e.then(e.ud);
	task_forget(e.task);
	task_unref(e.task);
}

void task_shut_down(struct task *t, void (*then)(void *ud), void *ud)
{
	Containerd__Task__V2__ShutdownRequest m = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;
	struct ending *e = malloc(sizeof(*e));
	uint8_t data[IDENT_MAX + 16];

	t->phase = TASK_DELETING;
	task_ref(t);
	if (!e) {
		/* The shim ends when its last connection does; the rest cannot wait for memory. */
		bundle_remove(t);
		if (then)
			then(ud);
		task_forget(t);
		task_unref(t);
		return;
	}
	*e = (struct ending){ t, then, ud };
	m.id = (char *)(uintptr_t)t->id;
	size_t n = containerd__task__v2__shutdown_request__pack(&m, data);
	if (t->rt->ttrpc->call(t->conn, task_service(t), "Shutdown", t->ns,
			       clock_now_ns() + SHUTDOWN_LIMIT_NS, data, n, on_shutdown, e,
			       NULL) != CTR_OK)
		on_shutdown(e, CTR_UNAVAILABLE, "", NULL, 0);
}

struct deleted {
	struct request *q;
	struct ctr_task_result result;
};

static void answer_deleted(void *ud)
{
	struct deleted *d = ud;

	finish_request(d->q, CTR_OK, NULL, &d->result);
	free(d);
}

void delete_done(struct request *q, const struct ctr_task_result *result)
{
	struct task *t = q->task;
	struct deleted *d = q->of_init ? malloc(sizeof(*d)) : NULL;

	if (!d) {
		task_ref(t);
		int of_init = q->of_init;

		finish_request(q, CTR_OK, NULL, result);
		if (of_init)
			task_shut_down(t, NULL, NULL);
		task_unref(t);
		return;
	}
	*d = (struct deleted){ q, *result }; /* its strings are the task's or constants */
	task_shut_down(t, answer_deleted, d);
}
