/* SPDX-License-Identifier: Apache-2.0
 *
 * Events to the daemon, in order, over its ttrpc socket. While the daemon is away they wait here,
 * bounded; a daemon that is back gets them in the same order.
 */
#ifndef CTR_SHIM_EVENTS_H
#define CTR_SHIM_EVENTS_H

#include "base/loop.h"

#define EVENTS_KEPT       1024 /* the oldest goes when there are more */
#define EVENTS_TRIES      5    /* of one event that the daemon refuses for now */
#define EVENTS_TIMEOUT_NS (5 * INT64_C(1000000000))

struct events;

/*
 * address: path of the daemon's ttrpc socket, "unix://" allowed; "": events are dropped. Borrowed
 * strings.
 */
int events_new(struct loop *loop, const char *address, const char *ns, struct events **ret);
/* Queue one; message is any generated struct of containerd.events. */
void events_publish(struct events *e, const char *topic, const void *message);
void events_kick(struct events *e); /* the daemon is there: try again now */
/* Call fn(ud) once when nothing is queued, at the latest at deadline_ns. */
void events_flush(struct events *e, int64_t deadline_ns, loop_fn fn, void *ud);
void events_free(struct events *e); /* NULL allowed */

#endif
