/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.events.v0": publish and subscribe. Subscribers see the events of all namespaces, in
 * the order of publish, from the moment of the subscription on. Unstable: exact match.
 */
#ifndef CTR_UNSTABLE_EVENTS_H
#define CTR_UNSTABLE_EVENTS_H

#include <ctr/plugin.h>
#include <ctr/unstable/record.h>

#define CTR_SERVICE_EVENTS "ctr.events.v0"

struct ctr_event {
	uint32_t size, reserved;
	int64_t timestamp_ns; /* since 1970, UTC */
	const char *ns, *topic;
	struct ctr_any event;
};
/*
 * On the publisher's thread, in the middle of its publish: must not block, nor call this service.
 * Borrowed while it runs. CTR_OK, or any other code: the subscription gets nothing more
 * (unsubscribe is still due).
 */
typedef ctr_code (*ctr_event_fn)(void *ud, const struct ctr_event *event);

struct ctr_event_subscription; /* opaque */

struct ctr_events_ops {
	uint32_t size, reserved;
	/* With the time of now and the call's namespace. Any thread, does not block. */
	ctr_code (*publish)(const struct ctr_host *h, const struct ctr_call *call,
			    const char *topic, const struct ctr_any *event, struct ctr_error *err);
	/* As it is: somebody else's event. CTR_INVALID_ARGUMENT: its namespace or topic. */
	ctr_code (*forward)(const struct ctr_host *h, const struct ctr_call *call,
			    const struct ctr_event *event, struct ctr_error *err);
	/* Fields: namespace, topic, event.<field of the message>. CTR_INVALID_ARGUMENT. */
	ctr_code (*subscribe)(const struct ctr_host *h, const struct ctr_call *call,
			      struct ctr_filters filters, ctr_event_fn fn, void *ud,
			      struct ctr_event_subscription **ret, struct ctr_error *err);
	/* fn is not running and never runs again when it returns. Not from fn. */
	void (*unsubscribe)(const struct ctr_host *h, struct ctr_event_subscription *subscription);
};

#endif
