/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields that many messages have: labels (protobuf maps), times, mounts. What points into a core object is lent to
 * protobuf-c for packing only.
 */
#ifndef CTR_API_GRPC_FIELDS_H
#define CTR_API_GRPC_FIELDS_H

#include <ctr/types.h>
#include <ctr/unstable/record.h>

#include "base/macros.h"
#include "containerd/types/mount.pb-c.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

/* protobuf-c's structs have char *, and its packing only reads through them. */
static inline char *api_lent(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* Every map<string, string> entry that protobuf-c generates has this shape, whatever its name. */
struct api_entry {
	ProtobufCMessage base;
	char *key, *value;
};

/* A request's map as labels: *ret_mem (caller frees) holds the array. -ENOMEM. entries is the generated struct **. */
int api_labels_in(const void *entries, size_t n, struct ctr_label **ret_mem,
		  struct ctr_labels *ret);

/* Labels as a map's entries: items, and list to be cast to the generated struct **. Release with api_entries_done(). */
struct api_entries {
	struct api_entry *items;
	void **list;
	size_t n;
};
int api_labels_out(struct ctr_labels labels, const ProtobufCMessageDescriptor *entry_type,
		   struct api_entries *ret);
void api_entries_done(struct api_entries *e);
#define AUTO_ENTRIES AUTO(api_entries_done) struct api_entries

Google__Protobuf__Timestamp api_time(int64_t wall_ns);
int64_t api_time_ns(const Google__Protobuf__Timestamp *ts); /* NULL: 0 */

struct ctr_mask api_mask(const Google__Protobuf__FieldMask *mask); /* NULL: empty; borrowed */

/* Mounts for a reply. Release with api_mounts_done(). -ENOMEM. */
struct api_mounts {
	Containerd__Types__Mount *items, **list;
	size_t n;
};
int api_mounts_out(const struct ctr_mount *mounts, uint64_t n, struct api_mounts *ret);
void api_mounts_done(struct api_mounts *m);
/* A request's mounts; *ret (caller frees the array) borrows from the request. NULL on OOM. */
struct ctr_mount *api_mounts_in(Containerd__Types__Mount *const *mounts, size_t n);

#endif
