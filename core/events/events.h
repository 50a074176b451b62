/* SPDX-License-Identifier: Apache-2.0
 *
 * The exchange: events go to every subscriber in the order of publish. A subscriber has a bounded
 * queue; one that does not read is dropped with an error and harms nobody. No replay.
 */
#ifndef CTR_CORE_EVENTS_H
#define CTR_CORE_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "status/status.h"

struct event {
	int64_t timestamp_ns; /* wall clock */
	const char *ns, *topic, *type_url;
	const void *payload;
	size_t n;
};

struct events;
struct subscription;

int events_new(struct events **ret);
void events_free(struct events *e);
/*
 * Any thread. Validates namespace and topic; timestamp 0 is now. Everything is copied once and
 * shared.
 */
ctr_code events_publish(struct events *e, const struct event *ev, struct ctr_error *err);
/*
 * fn is called on the publisher's thread, must not block, and takes what it needs. It returns 0, or
 * a code that drops the subscription. No filter here: the subscriber filters (core/meta/filter.h).
 */
int events_subscribe(struct events *e, int (*fn)(void *ud, const struct event *ev), void *ud,
		     struct subscription **ret);
void events_unsubscribe(
	struct events *e,
	struct subscription *s); /* fn is not running and never runs again when it returns */

#endif
