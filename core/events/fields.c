/* SPDX-License-Identifier: Apache-2.0
 *
 * Filter fields of events. containerd generates them for the strings, maps of strings, booleans and
 * messages of its event types; here they are read through protobuf-c's descriptors.
 */
#include "core/events/fields.h"

#include <string.h>

#include "base/str.h"
#include "containerd/events/container.pb-c.h"
#include "containerd/events/content.pb-c.h"
#include "containerd/events/namespace.pb-c.h"
#include "containerd/events/sandbox.pb-c.h"
#include "containerd/events/snapshot.pb-c.h"
#include "containerd/events/task.pb-c.h"
#include "containerd/services/images/v1/image_events.pb-c.h"

#define EVENT_MAX (4 * 1024 * 1024)

static const ProtobufCMessageDescriptor *const known[] = {
	&containerd__events__container_create__descriptor,
	&containerd__events__container_update__descriptor,
	&containerd__events__container_delete__descriptor,
	&containerd__events__content_create__descriptor,
	&containerd__events__content_delete__descriptor,
	&containerd__services__images__v1__image_create__descriptor,
	&containerd__services__images__v1__image_update__descriptor,
	&containerd__services__images__v1__image_delete__descriptor,
	&containerd__events__namespace_create__descriptor,
	&containerd__events__namespace_update__descriptor,
	&containerd__events__namespace_delete__descriptor,
	&containerd__events__sandbox_create__descriptor,
	&containerd__events__sandbox_start__descriptor,
	&containerd__events__sandbox_exit__descriptor,
	&containerd__events__snapshot_prepare__descriptor,
	&containerd__events__snapshot_commit__descriptor,
	&containerd__events__snapshot_remove__descriptor,
	&containerd__events__task_create__descriptor,
	&containerd__events__task_start__descriptor,
	&containerd__events__task_delete__descriptor,
	&containerd__events__task_exit__descriptor,
	&containerd__events__task_oom__descriptor,
	&containerd__events__task_exec_added__descriptor,
	&containerd__events__task_exec_started__descriptor,
	&containerd__events__task_paused__descriptor,
	&containerd__events__task_resumed__descriptor,
	&containerd__events__task_checkpointed__descriptor,
};

static const ProtobufCMessageDescriptor *find_type(const char *type_url)
{
	const char *slash = strrchr(type_url, '/'), *name = slash ? slash + 1 : type_url;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_eq(known[i]->name, name))
			return known[i];
	return NULL;
}

static const void *at(const ProtobufCMessage *m, unsigned offset)
{
	return (const char *)m + offset;
}

/* A map<string, string>: the rest of the path, joined with dots, is the key. */
static int map_field(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
		     const char *const *path, size_t n, const char **ret)
{
	const size_t count = *(const size_t *)at(m, f->quantifier_offset);
	ProtobufCMessage *const *entries = *(ProtobufCMessage *const *const *)at(m, f->offset);
	const ProtobufCMessageDescriptor *entry = f->descriptor;

	if (entry->n_fields != 2 || entry->fields[0].type != PROTOBUF_C_TYPE_STRING ||
	    entry->fields[1].type != PROTOBUF_C_TYPE_STRING)
		return 0;
	for (size_t i = 0; i < count; i++) {
		const struct ctr_label l = {
			.key = *(const char *const *)at(entries[i], entry->fields[0].offset),
			.value = *(const char *const *)at(entries[i], entry->fields[1].offset),
		};

		if (filter_labels((struct ctr_labels){ .items = &l, .n = 1 }, path, n, ret))
			return 1;
	}
	return 0;
}

static int message_field(const ProtobufCMessage *m, const char *const *path, size_t n,
			 const char **ret)
{
	while (m && n > 0) {
		const ProtobufCFieldDescriptor *f =
			protobuf_c_message_descriptor_get_field_by_name(m->descriptor, path[0]);

		if (!f)
			return 0;
		path++;
		n--;
		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			return f->type == PROTOBUF_C_TYPE_MESSAGE ? map_field(m, f, path, n, ret)
								  : 0;
		if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
			m = *(ProtobufCMessage *const *)at(m, f->offset);
			continue;
		}
		if (f->type == PROTOBUF_C_TYPE_STRING)
			return filter_string(*(const char *const *)at(m, f->offset), n + 1, ret);
		if (f->type != PROTOBUF_C_TYPE_BOOL || n > 0)
			return 0;
		*ret = *(const protobuf_c_boolean *)at(m, f->offset) ? "true" : "false";
		return 1;
	}
	return 0;
}

static void decode(struct event_view *v)
{
	const ProtobufCMessageDescriptor *type = find_type(v->ev->type_url);

	v->tried = 1;
	if (type && v->ev->n <= EVENT_MAX)
		v->message = protobuf_c_message_unpack(type, NULL, v->ev->n, v->ev->payload);
}

void event_view_done(struct event_view *v)
{
	if (v->message)
		protobuf_c_message_free_unpacked(v->message, NULL);
	*v = (struct event_view){ .ev = v->ev };
}

int event_field(const void *obj, const char *const *path, size_t n, const char **ret)
{
	struct event_view *v = (struct event_view *)(uintptr_t)obj; /* decoding is a cache */

	if (str_eq(path[0], "namespace"))
		return filter_string(v->ev->ns, n, ret);
	if (str_eq(path[0], "topic"))
		return filter_string(v->ev->topic, n, ret);
	if (!str_eq(path[0], "event") || n < 2)
		return 0;
	if (!v->tried)
		decode(v);
	return v->message ? message_field(v->message, path + 1, n - 1, ret) : 0;
}
