/* SPDX-License-Identifier: Apache-2.0
 *
 * The exchange. One lock orders publishers, so that every subscriber sees the same sequence;
 * callbacks run under it, on the publisher's thread, and may therefore neither block nor publish
 * nor (un)subscribe. Nothing is copied here: a subscriber takes what it needs while its callback
 * runs.
 */
#include "core/events/events.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/list.h"
#include "base/log.h"

struct subscription {
	struct list in_events;
	int (*fn)(void *ud, const struct event *ev);
	void *ud;
	int dropped;
};

struct events {
	pthread_mutex_t mu; /* guards the list and dropped; held while callbacks run */
	struct list subscriptions;
};

int events_new(struct events **ret)
{
	struct events *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	pthread_mutex_init(&e->mu, NULL);
	list_init(&e->subscriptions);
	*ret = e;
	return 0;
}

void events_free(struct events *e)
{
	if (!e)
		return;
	list_for_safe (it, &e->subscriptions) {
		list_del(it);
		free(list_entry(it, struct subscription, in_events));
	}
	pthread_mutex_destroy(&e->mu);
	free(e);
}

ctr_code events_publish(struct events *e, const struct event *ev, struct ctr_error *err)
{
	struct event now = *ev;

	if (!ident_valid(ev->ns))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "event namespace '%s' is no identifier",
				ev->ns);
	if (!topic_valid(ev->topic))
		return ctr_fail(
			err, CTR_INVALID_ARGUMENT,
			"topic '%s': must start with '/' and hold identifiers between slashes",
			ev->topic);
	if (now.timestamp_ns == 0)
		now.timestamp_ns = clock_wall_ns();
	pthread_mutex_lock(&e->mu);
	list_for (it, &e->subscriptions) {
		struct subscription *s = list_entry(it, struct subscription, in_events);

		if (!s->dropped && s->fn(s->ud, &now) != 0) {
			s->dropped = 1;
			log_debug("subscription dropped at %s", now.topic);
		}
	}
	pthread_mutex_unlock(&e->mu);
	return CTR_OK;
}

int events_subscribe(struct events *e, int (*fn)(void *ud, const struct event *ev), void *ud,
		     struct subscription **ret)
{
	struct subscription *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->fn = fn;
	s->ud = ud;
	*ret = s;
	pthread_mutex_lock(&e->mu);
	list_add(&e->subscriptions, &s->in_events);
	pthread_mutex_unlock(&e->mu);
	return 0;
}

void events_unsubscribe(struct events *e, struct subscription *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&e->mu);
	list_del(&s->in_events);
	pthread_mutex_unlock(&e->mu);
	free(s);
}
