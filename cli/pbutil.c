/* SPDX-License-Identifier: Apache-2.0
 *
 * Small helpers over generated messages. A map entry is a message whose first two members are key
 * and value; their places come from the descriptor.
 */
#include "cli/pbutil.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"

static char **member(ProtobufCMessage *entry, unsigned field)
{
	return (char **)(void *)((char *)entry + entry->descriptor->fields[field].offset);
}

void *pb_map_new(const ProtobufCMessageDescriptor *entry_type, const struct pair *pairs, size_t n)
{
	ProtobufCMessage **list = calloc(n + 1, sizeof(ProtobufCMessage *));

	for (size_t i = 0; list && i < n; i++) {
		list[i] = calloc(1, entry_type->sizeof_message);
		if (!list[i]) {
			pb_map_free(list, i);
			return NULL;
		}
		protobuf_c_message_init(entry_type, list[i]);
		*member(list[i], 0) = pb_str(pairs[i].key);
		*member(list[i], 1) = pb_str(pairs[i].value);
	}
	return list;
}

void pb_map_free(void *entries, size_t n)
{
	ProtobufCMessage **list = entries;

	for (size_t i = 0; list && i < n; i++)
		free(list[i]);
	free(list);
}

const char *pb_map_get(const void *entries, size_t n, const char *key)
{
	ProtobufCMessage *const *list = entries;

	for (size_t i = 0; i < n; i++) {
		if (str_eq(*member(list[i], 0), key))
			return *member(list[i], 1);
	}
	return NULL;
}

void timestamp_text(const Google__Protobuf__Timestamp *ts, char *ret, size_t room)
{
	char text[RFC3339_ROOM] = "";
	size_t n;

	if (ts)
		clock_rfc3339(pb_timestamp_ns(ts), text);
	n = MIN(strlen(text), room - 1);
	memcpy(ret, text, n);
	ret[n] = 0;
}
