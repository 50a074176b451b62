/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers over protobuf-c: unpacking under a size limit, packing into memory of malloc,
 * google.protobuf.Any with containerd's bare type names, and timestamps. Any thread.
 */
#ifndef CTR_RPC_PB_H
#define CTR_RPC_PB_H

#include <stddef.h>
#include <stdint.h>

#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

#include "base/macros.h"

/* NULL when n exceeds max, the bytes do not decode or memory is out. Free with pb_free(). data
 * may be NULL when n is 0. */
void *pb_unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t n, size_t max);
void pb_free(void *message); /* NULL allowed; for unpacked messages only */
void auto_pb(void *p);
#define AUTO_PB AUTO(auto_pb)

/* message is a pointer to any generated struct. *ret comes from malloc, non-NULL even when
 * *ret_n is 0; 0, -E2BIG, -ENOMEM. */
int pb_pack(const void *message, size_t max, void **ret, size_t *ret_n);

/* The type's full name: type_url behind its last '/'. Never NULL. */
const char *pb_any_name(const Google__Protobuf__Any *any);
int pb_any_is(const Google__Protobuf__Any *any, const ProtobufCMessageDescriptor *type);
/* NULL when any is NULL or of another type, or as pb_unpack. */
void *pb_any_unpack(const Google__Protobuf__Any *any, const ProtobufCMessageDescriptor *type,
		    size_t max);
/*
 * Fill *ret: the value is packed into memory of malloc, the type name is the descriptor's own,
 * bare. Release with pb_any_done(), which frees the value alone.
 */
int pb_any_pack(const void *message, size_t max, Google__Protobuf__Any *ret);
void pb_any_done(Google__Protobuf__Any *any);

/* Nanoseconds since 1970, UTC, both ways; a value out of range is clamped. */
void pb_timestamp_set(Google__Protobuf__Timestamp *ret, int64_t wall_ns);
int64_t pb_timestamp_ns(const Google__Protobuf__Timestamp *ts); /* NULL: 0 */

#endif
