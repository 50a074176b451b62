/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks in the map, reference counted: the map has one reference, every request and every running binary another.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "runtime.h"

struct task *task_new(struct runtime *rt, const char *ns, const char *id)
{
	struct task *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->rt = rt;
	t->refs = 1;
	t->log_fd = -1;
	t->version = 2;
	list_init(&t->waiting);
	snprintf(t->key, sizeof(t->key), "%s/%s", ns, id);
	t->bundle = str_printf("%s/%s", rt->host->state_dir, t->key);
	t->id = t->key + strlen(ns) + 1;
	t->ns = strndup(ns, IDENT_MAX);
	if (!t->bundle || !t->ns) {
		task_unref(t);
		return NULL;
	}
	return t;
}

void task_ref(struct task *t)
{
	t->refs++;
}

void task_unref(struct task *t)
{
	if (--t->refs > 0)
		return;
	t->rt->ttrpc->close(t->conn);
	log_close(t);
	free((void *)(uintptr_t)t->ns);
	free(t->bundle);
	free(t->binary);
	free(t);
}

int task_insert(struct task *t)
{
	int r = map_put(t->rt->tasks, t->key, t);

	if (r == 0) {
		t->in_map = 1;
		task_ref(t);
	}
	return r;
}

void task_forget(struct task *t)
{
	if (!t->in_map)
		return;
	t->in_map = 0;
	(void)map_del(t->rt->tasks, t->key);

	while (!list_empty(&t->waiting)) {
		struct request *q = list_entry(t->waiting.next, struct request, link);
		AUTO_FREE char *text = str_printf("task %s not found", t->id);

		list_del(&q->link);
		finish_request(q, CTR_NOT_FOUND, text, NULL);
	}
	task_unref(t);
}

struct task *task_find(struct runtime *rt, const char *ns, const char *id)
{
	char key[2 * IDENT_MAX + 2];

	snprintf(key, sizeof(key), "%s/%s", ns, id);
	return map_get(rt->tasks, key);
}

const char *task_service(const struct task *t)
{
	return t->version >= 3 ? "containerd.task.v3.Task" : "containerd.task.v2.Task";
}

void finish_request(struct request *q, ctr_code code, const char *message,
		    const struct ctr_task_result *result)
{
	const struct ctr_host *h = q->task->rt->host;
	struct ctr_error *err = h->error_new();

	if (code != CTR_OK)
		(void)h->fail(err, code, "%s", str_or(message, "no message"));
	q->done(q->ud, code, result, err);
	h->error_free(err);
	task_unref(q->task);
	free(q->message);
	free(q);
}

struct later {
	const struct ctr_host *host;
	ctr_task_done done;
	void *ud;
	ctr_code code;
	char *message;
};

static void run_later(void *ud)
{
	struct later *l = ud;
	struct ctr_error *err = l->host->error_new();

	(void)l->host->fail(err, l->code, "%s", str_or(l->message, "no message"));
	l->done(l->ud, l->code, NULL, err);
	l->host->error_free(err);
	free(l->message);
	free(l);
}

void answer_later(struct runtime *rt, ctr_task_done done, void *ud, ctr_code code,
		  const char *message)
{
	struct later *l = calloc(1, sizeof(*l));

	if (l) {
		*l = (struct later){ .host = rt->host, .done = done, .ud = ud, .code = code };
		l->message = str_dup(message);
		if (rt->loop->post(rt->host, run_later, l, NULL) == CTR_OK)
			return;
		free(l->message);
		free(l);
	}
	/* No memory to wait for a better moment: the answer itself must not be lost. */
	done(ud, code, NULL, NULL);
}
