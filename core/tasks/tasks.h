/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks of containers: the rules that do not depend on a runtime, before each call to the runtime plugin, and the way
 * of a shim's events into the exchange. Loop's thread unless a comment says otherwise. See docs/tasks.md.
 */
#ifndef CTR_CORE_TASKS_H
#define CTR_CORE_TASKS_H

#include "core/events/events.h"
#include "status/status.h"

struct daemon;
struct tasks;

/* Provides ctr.tasks.v0, ctr.loop.v0 and ctr.ttrpc.v0; before registry_init(). */
ctr_code tasks_new(struct daemon *d, struct tasks **ret, struct ctr_error *err);
void tasks_free(struct tasks *t); /* NULL allowed */

/*
 * An event that a shim forwards, or that the runtime publishes. An init process's exit is kept by the runtime before
 * anybody hears of it, and one that was kept before is not told again. Loop's thread.
 */
ctr_code tasks_publish(struct daemon *d, const struct event *ev, struct ctr_error *err);

#endif
