/* SPDX-License-Identifier: Apache-2.0
 *
 * One request to one shim. A request to a task that is still being found waits with it; a lost connection is "not
 * found", as containerd's clients expect, but for deletes, which then wait for the clean-up.
 */
#include "base/str.h"
#include "runtime.h"

static void gone(struct request *q)
{
	AUTO_FREE char *text = str_printf("task %s not found: its shim has gone", q->task->id);

	finish_request(q, CTR_NOT_FOUND, text, NULL);
}

static void on_reply(void *ud, ctr_code code, const char *message, const void *data, uint64_t n)
{
	struct request *q = ud;

	if (code == CTR_OK) {
		method_answer(q, data, n);
		return;
	}
	if (q->task->rt->stopping) {
		finish_request(q, CTR_UNAVAILABLE, "the daemon is stopping", NULL);
		return;
	}
	/* A connection that ended under the call: the task is being cleaned up, a delete is answered by that. */
	if (code == CTR_UNAVAILABLE || code == CTR_CANCELLED) {
		if (q->op == CTR_TASK_DELETE && q->of_init && q->task->in_map)
			list_add(&q->task->waiting, &q->link);
		else
			gone(q);
		return;
	}
	finish_request(q, code, message, NULL);
}

void send_request(struct request *q)
{
	struct task *t = q->task;
	struct ctr_error *err = NULL;

	if (t->phase == TASK_STARTING ||
	    (t->phase == TASK_DEAD && q->op == CTR_TASK_DELETE && q->of_init)) {
		list_add(&t->waiting, &q->link);
		return;
	}
	if (t->phase != TASK_READY) {
		gone(q);
		return;
	}
	err = t->rt->host->error_new();
	ctr_code code = t->rt->ttrpc->call(t->conn, task_service(t), method_name(q->op), t->ns,
					   q->deadline_ns, q->message, q->n, on_reply, q, err);
	if (code != CTR_OK)
		finish_request(q, code, t->rt->host->error_text(err), NULL);
	t->rt->host->error_free(err);
}

void send_waiting(struct task *t)
{
	struct list now = LIST_INIT(now);

	while (!list_empty(&t->waiting)) {
		struct list *l = t->waiting.next;

		list_del(l);
		list_add(&now, l);
	}
	while (!list_empty(&now)) {
		struct request *q = list_entry(now.next, struct request, link);

		list_del(&q->link);
		send_request(q);
	}
}
