/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling protobuf-c messages from borrowed values: the generated structs want char *, and only
 * read through it.
 */
#ifndef CTR_CORE_META_MESSAGE_H
#define CTR_CORE_META_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

#include <ctr/types.h>

#include "status/status.h"

static inline char *lent(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

/*
 * A map<string, string>: entries points to what a message's field of that map wants, cast to its
 * type.
 */
struct message_map {
	void **entries;
	void *items;
	size_t n;
};

#define MESSAGE_MAP_INIT                                                                           \
	{                                                                                          \
		0                                                                                  \
	}
/*
 * entry: the descriptor of the generated ...Entry message, which has the fields base, key, value.
 */
ctr_code message_map_fill(struct message_map *map, struct ctr_labels from,
			  const ProtobufCMessageDescriptor *entry, struct ctr_error *err);
void message_map_done(struct message_map *map);

#endif
