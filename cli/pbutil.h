/* SPDX-License-Identifier: Apache-2.0
 *
 * Small helpers over generated messages: maps of strings, constness, Any values, timestamps.
 */
#ifndef CTR_CLI_PBUTIL_H
#define CTR_CLI_PBUTIL_H

#include <stdint.h>

#include "cli/api.h"
#include "rpc/pb.h"

#define PB_MAX (16 * 1024 * 1024)

/* Generated members are "char *" even where the packer only reads them. */
static inline char *pb_str(const char *s)
{
	return (char *)(uintptr_t)s;
}

struct pair {
	const char *key, *value;
};

/*
 * A map<string,string> member for a request: n entries of the entry type, strings borrowed. NULL:
 * out of memory. Cast to the member's type; free with pb_map_free().
 */
void *pb_map_new(const ProtobufCMessageDescriptor *entry_type, const struct pair *pairs, size_t n);
void pb_map_free(void *entries, size_t n);
/* Value of a key in a map member (entries: the member), or NULL. */
const char *pb_map_get(const void *entries, size_t n, const char *key);

/* "2026-11-23T20:07:01Z" into ret, "" for NULL. */
void timestamp_text(const Google__Protobuf__Timestamp *ts, char *ret, size_t room);

#endif
