/* SPDX-License-Identifier: Apache-2.0
 *
 * The fields that filters of events may name: namespace, topic, event.<field of the known message>.
 */
#ifndef CTR_CORE_EVENTS_FIELDS_H
#define CTR_CORE_EVENTS_FIELDS_H

#include <protobuf-c/protobuf-c.h>

#include "core/events/events.h"
#include "core/meta/filter.h"

/* An event under the eyes of a filter; its message is decoded when a filter first asks for it. */
struct event_view {
	const struct event *ev;
	ProtobufCMessage *message; /* NULL: not decoded, unknown type, or damaged */
	int tried;
};

void event_view_done(struct event_view *v);
/* A filter_field_fn; obj is a struct event_view. */
int event_field(const void *obj, const char *const *path, size_t n, const char **ret);

#endif
