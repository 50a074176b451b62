/* SPDX-License-Identifier: Apache-2.0
 *
 * List and Metrics: the same question to every task of the namespace at the same time, each with its own limit, and
 * one answer of those that came. A task that does not answer is left out, as containerd does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "containerd/services/tasks/v1/tasks.pb-c.h"
#include "containerd/types/metrics.pb-c.h"
#include "plugins/api-grpc/fields.h"
#include "tasks.h"

#define STATE_LIMIT_NS (2 * NS_PER_SEC) /* io.containerd.timeout.task.state */
#define TASKS_MAX      100000

struct gather;

struct item {
	struct gather *all;
	char *id;
	void *data; /* a packed reply with this one row; NULL: no answer came */
	size_t n;
};

struct gather {
	struct tasks_api *t;
	struct ctr_rpc_call *rc; /* a reference */
	struct item *items;
	size_t n, cap, due;
	uint32_t op;
};

static void gather_free(struct gather *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->items[i].id);
		free(g->items[i].data);
	}
	g->t->api->rpc->unref(g->rc);
	free(g->items);
	free(g);
}

static void finish(struct gather *g)
{
	struct api *api = g->t->api;
	uint8_t *reply;
	size_t total = 0, at = 0;

	for (size_t i = 0; i < g->n; i++)
		total += g->items[i].n;
	reply = api->host->alloc(total + 1);
	if (!reply) {
		api->rpc->finish(g->rc, CTR_RESOURCE_EXHAUSTED, "out of memory");
		gather_free(g);
		return;
	}
	/* Each item is a reply of one row: together they are the reply of all, since repeated fields concatenate. */
	for (size_t i = 0; i < g->n; i++) {
		if (g->items[i].n)
			memcpy(reply + at, g->items[i].data, g->items[i].n);
		at += g->items[i].n;
	}
	ctr_code code = api->rpc->reply(g->rc, reply, at);
	api->rpc->finish(g->rc, code, NULL);
	gather_free(g);
}

static void keep(struct item *it, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);

	it->data = malloc(n + 1);
	if (it->data)
		it->n = protobuf_c_message_pack(m, it->data);
}

static void keep_process(struct item *it, const struct ctr_task_result *r)
{
	Containerd__Services__Tasks__V1__ListTasksResponse m =
		CONTAINERD__SERVICES__TASKS__V1__LIST_TASKS_RESPONSE__INIT;
	Containerd__V1__Types__Process p, *one = &p;
	Google__Protobuf__Timestamp at;

	task_process(r, it->id, &p, &at);
	p.id = it->id;
	m.tasks = &one;
	m.n_tasks = 1;
	keep(it, &m.base);
}

static void keep_metric(struct item *it, const struct ctr_task_result *r)
{
	Containerd__Services__Tasks__V1__MetricsResponse reply =
		CONTAINERD__SERVICES__TASKS__V1__METRICS_RESPONSE__INIT;
	Containerd__Types__Metric m = CONTAINERD__TYPES__METRIC__INIT, *one = &m;
	Google__Protobuf__Any data = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Timestamp now = api_time(clock_wall_ns());

	data.type_url = (char *)(uintptr_t)r->stats.type_url;
	data.value.data = (uint8_t *)(uintptr_t)r->stats.value;
	data.value.len = r->stats.n;
	m.timestamp = &now;
	m.id = it->id;
	m.data = &data;
	reply.metrics = &one;
	reply.n_metrics = 1;
	keep(it, &reply.base);
}

static void on_item(void *ud, ctr_code code, const struct ctr_task_result *r, struct ctr_error *err)
{
	struct item *it = ud;
	struct gather *g = it->all;

	(void)err;
	if (code == CTR_OK && g->op == CTR_TASK_STATE)
		keep_process(it, r);
	else if (code == CTR_OK)
		keep_metric(it, r);
	if (--g->due == 0)
		finish(g);
}

static ctr_code add_item(void *ud, const char *ns, const char *id)
{
	struct gather *g = ud;

	(void)ns;
	if (g->n == TASKS_MAX)
		return CTR_OK;
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 16;
		struct item *items = realloc(g->items, cap * sizeof(*items));
		if (!items)
			return CTR_RESOURCE_EXHAUSTED;
		g->items = items;
		g->cap = cap;
	}
	char *copy = strdup(id);
	if (!copy)
		return CTR_RESOURCE_EXHAUSTED;
	g->items[g->n++] = (struct item){ .id = copy };
	return CTR_OK;
}

static ctr_code ask_all(struct gather *g, const char *const *filters, size_t n_filters,
			struct ctr_error *err)
{
	struct tasks_api *t = g->t;
	const struct ctr_host *h = t->api->host;
	const struct ctr_call *call = t->api->rpc->call(g->rc);

	ctr_code code = t->tasks->walk(h, call, filters, n_filters, add_item, g, err);
	if (code != CTR_OK) {
		gather_free(g);
		return code;
	}
	/* Answers never come from inside call(): due is whole before the first. */
	g->due = g->n + 1;
	for (size_t i = 0; i < g->n; i++) {
		struct ctr_task_args a;

		g->items[i].all = g;
		task_args_init(&a, g->op, g->items[i].id, "");
		a.deadline_ns = clock_now_ns() + STATE_LIMIT_NS;
		t->tasks->call(h, call, &a, on_item, &g->items[i]);
	}
	if (--g->due == 0)
		finish(g);
	return CTR_PENDING;
}

static struct gather *gather_new(struct tasks_api *t, struct ctr_rpc_call *rc, uint32_t op)
{
	struct gather *g = calloc(1, sizeof(*g));

	if (g) {
		*g = (struct gather){ .t = t, .rc = rc, .op = op };
		t->api->rpc->ref(rc);
	}
	return g;
}

ctr_code tasks_list(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		    struct ctr_error *err)
{
	struct tasks_api *t = self;
	struct gather *g = gather_new(t, rc, CTR_TASK_STATE);

	(void)data; /* its one field, a filter, is ignored by containerd too */
	(void)n;
	return g ? ask_all(g, NULL, 0, err) : t->api->host->fail_errno(err, ENOMEM, "list tasks");
}

ctr_code tasks_metrics(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct tasks_api *t = self;
	ProtobufCMessage *base = NULL;

	ctr_code code =
		api_unpack(t->api, &containerd__services__tasks__v1__metrics_request__descriptor,
			   data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Tasks__V1__MetricsRequest *m = (void *)base;
	struct gather *g = gather_new(t, rc, CTR_TASK_STATS);
	code = g ? ask_all(g, (const char *const *)m->filters, m->n_filters, err)
		 : t->api->host->fail_errno(err, ENOMEM, "metrics");
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}
