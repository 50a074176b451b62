/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers over protobuf-c; see pb.h. Holds no state.
 */
#include "rpc/pb.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

void *pb_unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t n, size_t max)
{
	static const uint8_t none[1];

	if (n > max)
		return NULL;

	return protobuf_c_message_unpack(type, NULL, n, n > 0 ? data : none);
}

void pb_free(void *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

void auto_pb(void *p)
{
	void **message = p;

	pb_free(*message);
}

int pb_pack(const void *message, size_t max, void **ret, size_t *ret_n)
{
	size_t n = protobuf_c_message_get_packed_size(message);
	void *data;

	if (n > max)
		return -E2BIG;

	data = malloc(n > 0 ? n : 1);
	if (!data)
		return -ENOMEM;

	*ret_n = protobuf_c_message_pack(message, data);
	*ret = data;
	return 0;
}

const char *pb_any_name(const Google__Protobuf__Any *any)
{
	const char *slash;

	if (!any || !any->type_url)
		return "";

	slash = strrchr(any->type_url, '/');
	return slash ? slash + 1 : any->type_url;
}

int pb_any_is(const Google__Protobuf__Any *any, const ProtobufCMessageDescriptor *type)
{
	return strcmp(pb_any_name(any), type->name) == 0;
}

void *pb_any_unpack(const Google__Protobuf__Any *any, const ProtobufCMessageDescriptor *type,
		    size_t max)
{
	if (!pb_any_is(any, type))
		return NULL;

	return pb_unpack(type, any->value.data, any->value.len, max);
}

int pb_any_pack(const void *message, size_t max, Google__Protobuf__Any *ret)
{
	const ProtobufCMessage *m = message;
	size_t n = 0;
	void *data;
	int r;

	r = pb_pack(message, max, &data, &n);
	if (r < 0)
		return r;

	google__protobuf__any__init(ret);
	/* protobuf-c's strings are not const; nobody writes to or frees this one. */
	memcpy(&ret->type_url, &m->descriptor->name, sizeof(ret->type_url));
	ret->value.data = data;
	ret->value.len = n;
	return 0;
}

void pb_any_done(Google__Protobuf__Any *any)
{
	free(any->value.data);
	google__protobuf__any__init(any);
}

void pb_timestamp_set(Google__Protobuf__Timestamp *ret, int64_t wall_ns)
{
	int64_t nanos = wall_ns % NS_PER_SEC;

	google__protobuf__timestamp__init(ret);
	ret->seconds = wall_ns / NS_PER_SEC;
	if (nanos < 0) {
		nanos += NS_PER_SEC;
		ret->seconds--;
	}
	ret->nanos = (int32_t)nanos;
}

int64_t pb_timestamp_ns(const Google__Protobuf__Timestamp *ts)
{
	int64_t ns;

	if (!ts)
		return 0;
	if (mul_ok(ts->seconds, NS_PER_SEC, &ns) < 0 || add_ok(ns, ts->nanos, &ns) < 0)
		return ts->seconds < 0 ? INT64_MIN : INT64_MAX;

	return ns;
}
