/* SPDX-License-Identifier: Apache-2.0
 *
 * Publish, forward and filtered subscriptions for API plugins. The filter runs on the publisher's
 * thread, under the exchange's order, so that one filter is never used by two threads.
 */
#include "core/events/service.h"

#include "core/call/call.h"
#include "core/daemon.h"
#include "core/events/events.h"
#include "core/events/fields.h"
#include "core/meta/meta.h"
#include "core/tasks/tasks.h"

struct ctr_event_subscription {
	struct subscription *sub;
	struct filter *filter;
	ctr_event_fn fn;
	void *ud;
};

static ctr_code publish(const struct ctr_host *h, const struct ctr_call *call, const char *topic,
			const struct ctr_any *event, struct ctr_error *err)
{
	const struct event ev = {
		.ns = call_ns(call),
		.topic = topic,
		.type_url = event->type_url ? event->type_url : "",
		.payload = event->value,
		.n = event->n,
	};
	ctr_code code = meta_namespace_check(call, err);

	return code == CTR_OK ? events_publish(host_daemon(h)->events, &ev, err) : code;
}

/*
 * Shims forward the events of their tasks, so core/tasks sees them first. A time of 0 stays 1970:
 * events_publish() would stamp it, so it gets the first nanosecond.
 */
static ctr_code forward(const struct ctr_host *h, const struct ctr_call *call,
			const struct ctr_event *event, struct ctr_error *err)
{
	const struct event ev = {
		.timestamp_ns = event->timestamp_ns ? event->timestamp_ns : 1,
		.ns = event->ns,
		.topic = event->topic,
		.type_url = event->event.type_url ? event->event.type_url : "",
		.payload = event->event.value,
		.n = event->event.n,
	};

	struct daemon *d = host_daemon(h);

	(void)call;
	return d->tasks ? tasks_publish(d, &ev, err) : events_publish(d->events, &ev, err);
}

static int on_event(void *ud, const struct event *ev)
{
	struct ctr_event_subscription *s = ud;
	struct event_view view = { .ev = ev };
	const int wanted = filter_match(s->filter, event_field, &view);

	event_view_done(&view);
	if (!wanted)
		return 0;
	const struct ctr_event event = {
		.size = sizeof(event),
		.timestamp_ns = ev->timestamp_ns,
		.ns = ev->ns,
		.topic = ev->topic,
		.event = { .type_url = ev->type_url, .value = ev->payload, .n = ev->n },
	};

	return (int)s->fn(s->ud, &event);
}

static ctr_code subscribe(const struct ctr_host *h, const struct ctr_call *call,
			  struct ctr_filters filters, ctr_event_fn fn, void *ud,
			  struct ctr_event_subscription **ret, struct ctr_error *err)
{
	AUTO_FREE struct ctr_event_subscription *s = calloc(1, sizeof(*s));
	AUTO_FILTER *filter = NULL;

	(void)call;
	if (!s)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	ctr_code code = filter_parse(filters.items, filters.n, &filter, err);

	if (code != CTR_OK)
		return code;
	*s = (struct ctr_event_subscription){ .filter = filter, .fn = fn, .ud = ud };
	int r = events_subscribe(host_daemon(h)->events, on_event, s, &s->sub);

	if (r < 0)
		return ctr_fail_errno(err, r, "subscribe");
	take_ptr(&filter);
	*ret = take_ptr(&s);
	return CTR_OK;
}

static void unsubscribe(const struct ctr_host *h, struct ctr_event_subscription *s)
{
	if (!s)
		return;
	events_unsubscribe(host_daemon(h)->events, s->sub);
	filter_free(s->filter);
	free(s);
}

const struct ctr_events_ops events_ops = {
	.size = sizeof(events_ops),
	.publish = publish,
	.forward = forward,
	.subscribe = subscribe,
	.unsubscribe = unsubscribe,
};

int events_provide(struct daemon *d)
{
	return daemon_provide(d, CTR_SERVICE_EVENTS, &events_ops, sizeof(events_ops));
}
