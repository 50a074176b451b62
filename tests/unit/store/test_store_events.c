/* SPDX-License-Identifier: Apache-2.0
 *
 * The exchange and its service: order, validation, filters over decoded messages, a subscriber that
 * fails.
 */
#include "plugin.h"

#include <pthread.h>

#include "containerd/events/container.pb-c.h"
#include "containerd/events/task.pb-c.h"
#include "core/call/call.h"
#include "core/events/service.h"

struct seen {
	char text[8192];
	size_t n, count;
	ctr_code code;
};

static ctr_code see(void *ud, const struct ctr_event *event)
{
	struct seen *s = ud;

	if (s->n < sizeof(s->text) - 256)
		s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "%s %s;",
					 event->ns, event->topic);
	s->count++;
	return s->code;
}

struct ctx {
	struct plugins p;
	struct ctr_call call;
	struct ctr_error err;
};

static void ctx_init(struct ctx *c, struct fixture *f)
{
	*c = (struct ctx){ .err = ERROR_INIT };
	plugins_init(&c->p, f);
	call_init(&c->call, "default");
}

static void ctx_done(struct ctx *c)
{
	call_done(&c->call);
	error_done(&c->err);
}

static ctr_code publish(struct ctx *c, const char *topic, const ProtobufCMessage *m)
{
	uint8_t bytes[512];
	struct ctr_any any = { .type_url = "x", .value = bytes, .n = 0 };

	if (m) {
		any.type_url = m->descriptor->name;
		any.n = protobuf_c_message_pack(m, bytes);
	}
	return events_ops.publish(&c->p.a.host, &c->call, topic, &any, &c->err);
}

static void publish_all(struct ctx *c)
{
	Containerd__Events__TaskCreate task = CONTAINERD__EVENTS__TASK_CREATE__INIT;
	Containerd__Events__TaskIO io = CONTAINERD__EVENTS__TASK_IO__INIT;
	Containerd__Events__ContainerUpdate box = CONTAINERD__EVENTS__CONTAINER_UPDATE__INIT;
	Containerd__Events__ContainerUpdate__LabelsEntry entry =
		CONTAINERD__EVENTS__CONTAINER_UPDATE__LABELS_ENTRY__INIT;
	Containerd__Events__ContainerUpdate__LabelsEntry *entries[] = { &entry };
	char id[] = "c1", out[] = "/tmp/o", key[] = "a.b", value[] = "v";

	task.container_id = id;
	task.io = &io;
	io.stdout = out;
	io.terminal = 1;
	box.id = id;
	entry.key = key;
	entry.value = value;
	box.labels = entries;
	box.n_labels = 1;
	assert_ok(publish(c, "/tasks/create", &task.base), &c->err);
	assert_ok(publish(c, "/containers/update", &box.base), &c->err);
	assert_ok(publish(c, "/unknown/thing", NULL), &c->err);
}

struct filter_case {
	const char *filter, *want;
};

static const struct filter_case cases[] = {
	{ "", "default /tasks/create;default /containers/update;default /unknown/thing;" },
	{ "namespace==default,topic~=|^/tasks/|", "default /tasks/create;" },
	{ "namespace==other", "" },
	{ "topic==\"/containers/update\"", "default /containers/update;" },
	{ "event.container_id==c1", "default /tasks/create;" },
	{ "event.io.stdout==\"/tmp/o\"", "default /tasks/create;" },
	{ "event.io.terminal==true", "default /tasks/create;" },
	{ "event.io.nothing", "" },
	{ "event.labels.a.b==v", "default /containers/update;" },
	{ "event.labels.\"a.b\"", "default /containers/update;" },
	{ "event.id", "default /containers/update;" },
	{ "event.pid", "" },
	{ "event", "" },
};

static void test_filters_look_into_events(void **state)
{
	struct ctx c;

	ctx_init(&c, *state);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct seen s = { .n = 0 };
		struct ctr_event_subscription *sub = NULL;
		const struct ctr_filters filters = { &cases[i].filter, 1 };

		assert_ok(events_ops.subscribe(&c.p.a.host, NULL, filters, see, &s, &sub, &c.err),
			  &c.err);
		publish_all(&c);
		events_ops.unsubscribe(&c.p.a.host, sub);
		if (strcmp(s.text, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].filter, s.text);
	}
	ctx_done(&c);
}

static void test_what_is_refused(void **state)
{
	struct ctx c;
	struct ctr_event_subscription *sub = NULL;
	const char *bad = "topic=x";
	struct ctr_event event = {
		.size = sizeof(event), .ns = "n", .topic = "no-slash", .event = { "t", NULL, 0 }
	};
	struct seen s = { .n = 0 };

	ctx_init(&c, *state);
	assert_int_equal(events_ops.subscribe(&c.p.a.host, NULL, (struct ctr_filters){ &bad, 1 },
					      see, &s, &sub, &c.err),
			 CTR_INVALID_ARGUMENT);
	assert_null(sub);
	assert_int_equal(publish(&c, "tasks", NULL), CTR_INVALID_ARGUMENT);
	assert_int_equal(publish(&c, "/a//b", NULL), CTR_INVALID_ARGUMENT);
	assert_int_equal(events_ops.forward(&c.p.a.host, NULL, &event, &c.err),
			 CTR_INVALID_ARGUMENT);
	event.topic = "/ok";
	event.ns = "a b";
	assert_int_equal(events_ops.forward(&c.p.a.host, NULL, &event, &c.err),
			 CTR_INVALID_ARGUMENT);
	event.ns = "n";
	assert_ok(events_ops.forward(&c.p.a.host, NULL, &event, &c.err), &c.err);
	ctx_done(&c);
}

static void test_one_that_fails_gets_nothing_more_and_harms_nobody(void **state)
{
	struct ctx c;
	struct ctr_event_subscription *bad = NULL, *good = NULL;
	struct seen once = { .code = CTR_RESOURCE_EXHAUSTED }, all = { .n = 0 };

	ctx_init(&c, *state);
	assert_ok(events_ops.subscribe(&c.p.a.host, NULL, (struct ctr_filters){ 0 }, see, &once,
				       &bad, &c.err),
		  &c.err);
	assert_ok(events_ops.subscribe(&c.p.a.host, NULL, (struct ctr_filters){ 0 }, see, &all,
				       &good, &c.err),
		  &c.err);
	publish_all(&c);
	assert_int_equal(once.count, 1);
	assert_int_equal(all.count, 3);
	events_ops.unsubscribe(&c.p.a.host, bad);
	events_ops.unsubscribe(&c.p.a.host, good);
	publish_all(&c);
	assert_int_equal(all.count, 3);
	ctx_done(&c);
}

struct order {
	char last[8];
	int wrong, n;
};

static int check_order(void *ud, const struct event *ev)
{
	struct order *o = ud;
	int who = ev->topic[2] - '0', number = ev->topic[4] - '0';

	o->wrong += number != (o->last[who] + 1) % 10;
	o->last[who] = (char)number;
	o->n++;
	return 0;
}

struct publisher {
	struct events *e;
	int who;
};

static void *publish_main(void *ud)
{
	const struct publisher *p = ud;

	for (int i = 1; i <= 500; i++) {
		char topic[16];
		struct event ev = { .ns = "n", .topic = topic, .type_url = "t" };

		snprintf(topic, sizeof(topic), "/p%d/%d", p->who, i % 10);
		topic[1] = 'p';
		events_publish(p->e, &ev, NULL);
	}
	return NULL;
}

static void test_every_subscriber_sees_each_publishers_order(void **state)
{
	struct fixture *f = *state;
	struct order o[2] = { { .n = 0 }, { .n = 0 } };
	struct subscription *sub[2];
	struct publisher p[3];
	pthread_t t[3];

	for (int i = 0; i < 2; i++)
		assert_int_equal(events_subscribe(f->events, check_order, &o[i], &sub[i]), 0);
	for (int i = 0; i < 3; i++) {
		p[i] = (struct publisher){ f->events, i };
		assert_int_equal(pthread_create(&t[i], NULL, publish_main, &p[i]), 0);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 2; i++) {
		events_unsubscribe(f->events, sub[i]);
		assert_int_equal(o[i].n, 1500);
		assert_int_equal(o[i].wrong, 0);
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_filters_look_into_events),
		T(test_what_is_refused),
		T(test_one_that_fails_gets_nothing_more_and_harms_nobody),
		T(test_every_subscriber_sees_each_publishers_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
