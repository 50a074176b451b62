/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.events.v0" (ctr/unstable/events.h).
 */
#ifndef CTR_CORE_EVENTS_SERVICE_H
#define CTR_CORE_EVENTS_SERVICE_H

#include <ctr/unstable/events.h>

struct daemon;

extern const struct ctr_events_ops events_ops;

int events_provide(struct daemon *d); /* 0 or -errno */

#endif
