/* SPDX-License-Identifier: Apache-2.0
 *
 * Generated messages to JSON through protobuf-c's descriptors. What comes from the wire may hold
 * anything: strings that are not UTF-8 are shown escaped, nesting has a limit.
 */
#include "cli/pbjson.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/pbutil.h"
#include "containerd/events/container.pb-c.h"
#include "containerd/events/content.pb-c.h"
#include "containerd/events/namespace.pb-c.h"
#include "containerd/events/sandbox.pb-c.h"
#include "containerd/events/snapshot.pb-c.h"
#include "containerd/events/task.pb-c.h"
#include "containerd/runc/v1/oci.pb-c.h"
#include "containerd/services/images/v1/image_events.pb-c.h"
#include "containerd/types/introspection.pb-c.h"
#include "io/containerd/cgroups/v1/metrics.pb-c.h"
#include "io/containerd/cgroups/v2/metrics.pb-c.h"
#include "runtimeoptions/v1/api.pb-c.h"

#define DEPTH_MAX 32

static const ProtobufCMessageDescriptor *const any_types[] = {
	&containerd__events__container_create__descriptor,
	&containerd__events__container_update__descriptor,
	&containerd__events__container_delete__descriptor,
	&containerd__events__content_create__descriptor,
	&containerd__events__content_delete__descriptor,
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
	&containerd__services__images__v1__image_create__descriptor,
	&containerd__services__images__v1__image_update__descriptor,
	&containerd__services__images__v1__image_delete__descriptor,
	&containerd__runc__v1__options__descriptor,
	&containerd__runc__v1__process_details__descriptor,
	&containerd__types__runtime_info__descriptor,
	&io__containerd__cgroups__v1__metrics__descriptor,
	&io__containerd__cgroups__v2__metrics__descriptor,
	&runtimeoptions__v1__options__descriptor,
};

static json_t *message_json(const ProtobufCMessage *m, int depth);

/* A string of any bytes: those that are no UTF-8 become \xHH. */
static json_t *string_json(const char *s)
{
	AUTO_BUF b = BUF_INIT(64 * 1024 * 1024);
	json_t *plain = json_string(s);

	if (plain)
		return plain;
	for (; *s; s++) {
		if ((unsigned char)*s < 0x80)
			buf_putc(&b, *s);
		else
			buf_printf(&b, "\\x%02x", (unsigned)(unsigned char)*s);
	}
	return buf_failed(&b) ? NULL : json_string(b.data ? b.data : "");
}

static json_t *bytes_json(const ProtobufCBinaryData *b)
{
	AUTO_FREE char *text = malloc(base64_room(b->len));

	if (!text)
		return NULL;
	base64_encode(b->data, b->len, 0, 1, text);
	return json_string(text);
}

static json_t *any_json(const Google__Protobuf__Any *any, int depth)
{
	const char *name = pb_any_name(any);
	json_t *o;

	for (size_t i = 0; i < ARRAY_SIZE(any_types); i++) {
		ProtobufCMessage *m;

		if (!str_eq(any_types[i]->name, name))
			continue;
		m = pb_unpack(any_types[i], any->value.data, any->value.len, PB_MAX);
		if (!m)
			break;
		o = message_json(m, depth + 1);
		pb_free(m);
		return o;
	}
	if (any->value.len > 0 && any->value.data[0] == '{') {
		o = json_loadb((const char *)any->value.data, any->value.len, 0, NULL);
		if (o)
			return o;
	}
	o = json_object();
	(void)json_object_set_new(o, "type_url", string_json(any->type_url));
	(void)json_object_set_new(o, "value", bytes_json(&any->value));
	return o;
}

static json_t *enum_json(const ProtobufCEnumDescriptor *type, int value)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(type, value);

	return v ? json_string(v->name) : json_integer(value);
}

static json_t *submessage_json(const ProtobufCMessage *m, int depth)
{
	char text[RFC3339_ROOM];

	if (m->descriptor == &google__protobuf__any__descriptor)
		return any_json((const Google__Protobuf__Any *)(const void *)m, depth);
	if (m->descriptor == &google__protobuf__timestamp__descriptor) {
		clock_rfc3339(pb_timestamp_ns((const Google__Protobuf__Timestamp *)(const void *)m),
			      text);
		return json_string(text);
	}
	return message_json(m, depth + 1);
}

/* One value of the field's type at p. */
static json_t *value_json(const ProtobufCFieldDescriptor *f, const void *p, int depth)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return json_integer(*(const int32_t *)p);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return json_integer(*(const uint32_t *)p);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return json_integer(*(const int64_t *)p);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return json_integer((json_int_t)MIN(*(const uint64_t *)p, (uint64_t)INT64_MAX));
	case PROTOBUF_C_TYPE_FLOAT:
		return json_real((double)*(const float *)p);
	case PROTOBUF_C_TYPE_DOUBLE:
		return json_real(*(const double *)p);
	case PROTOBUF_C_TYPE_BOOL:
		return json_boolean(*(const protobuf_c_boolean *)p);
	case PROTOBUF_C_TYPE_ENUM:
		return enum_json(f->descriptor, *(const int *)p);
	case PROTOBUF_C_TYPE_STRING:
		return string_json(*(const char *const *)p ? *(const char *const *)p : "");
	case PROTOBUF_C_TYPE_BYTES:
		return bytes_json(p);
	case PROTOBUF_C_TYPE_MESSAGE:
		return submessage_json(*(const ProtobufCMessage *const *)p, depth);
	}
	return json_null();
}

static size_t element_size(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
		return 4;
	}
	return 4;
}

/* protoc-c names the entries of a map "<Field>Entry"; they have the two members key and value. */
static int is_map(const ProtobufCFieldDescriptor *f)
{
	const ProtobufCMessageDescriptor *d = f->descriptor;

	return f->type == PROTOBUF_C_TYPE_MESSAGE && d->n_fields == 2 &&
	       str_ends(d->name, "Entry") && str_eq(d->fields[0].name, "key") &&
	       d->fields[0].type == PROTOBUF_C_TYPE_STRING;
}

static json_t *map_json(const ProtobufCFieldDescriptor *f, ProtobufCMessage *const *entries,
			size_t n, int depth)
{
	const ProtobufCMessageDescriptor *d = f->descriptor;
	json_t *o = json_object();

	for (size_t i = 0; i < n; i++) {
		const char *base = (const char *)entries[i];
		const char *key = *(const char *const *)(const void *)(base + d->fields[0].offset);
		const void *value = base + d->fields[1].offset;
		int unset = d->fields[1].type == PROTOBUF_C_TYPE_MESSAGE &&
			    !*(const void *const *)value;

		(void)json_object_set_new(
			o, key, unset ? json_null() : value_json(&d->fields[1], value, depth));
	}
	return o;
}

static json_t *repeated_json(const ProtobufCFieldDescriptor *f, const char *base, int depth)
{
	size_t n = *(const size_t *)(const void *)(base + f->quantifier_offset);
	const char *items = *(const char *const *)(const void *)(base + f->offset);
	json_t *a;

	if (n == 0)
		return NULL;
	if (is_map(f))
		return map_json(f, (ProtobufCMessage *const *)(const void *)items, n, depth);
	a = json_array();
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(a, value_json(f, items + i * element_size(f), depth));
	return a;
}

/* Does a singular member hold anything but its default? */
static int is_set(const ProtobufCFieldDescriptor *f, const char *base)
{
	const void *p = base + f->offset;

	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *(const uint32_t *)(const void *)(base + f->quantifier_offset) == f->id;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(const void *const *)p != NULL;
	if (f->type == PROTOBUF_C_TYPE_STRING)
		return *(const char *const *)p && (*(const char *const *)p)[0];
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return ((const ProtobufCBinaryData *)p)->len > 0;
	return element_size(f) == 8 ? *(const uint64_t *)p != 0 : *(const uint32_t *)p != 0;
}

static json_t *message_json(const ProtobufCMessage *m, int depth)
{
	const char *base = (const char *)m;
	json_t *o;

	if (depth > DEPTH_MAX)
		return NULL;
	o = json_object();
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		json_t *value = NULL;

		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			value = repeated_json(f, base, depth);
		else if (is_set(f, base))
			value = value_json(f, base + f->offset, depth);
		if (value)
			(void)json_object_set_new(o, f->name, value);
	}
	return o;
}

json_t *pb_to_json(const ProtobufCMessage *m)
{
	return submessage_json(m, 0);
}
