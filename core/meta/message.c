/* SPDX-License-Identifier: Apache-2.0
 *
 * Maps of messages from labels. All generated map entries of strings have the same layout: base,
 * key, value.
 */
#include "core/meta/message.h"

#include <stdlib.h>

#include "containerd/events/namespace.pb-c.h"

typedef Containerd__Events__NamespaceCreate__LabelsEntry any_entry;

ctr_code message_map_fill(struct message_map *map, struct ctr_labels from,
			  const ProtobufCMessageDescriptor *entry, struct ctr_error *err)
{
	if (entry->sizeof_message != sizeof(any_entry) || entry->n_fields != 2)
		return ctr_fail(err, CTR_INTERNAL, "%s is no map of strings", entry->name);
	if (from.n == 0)
		return CTR_OK;
	any_entry *items = calloc(from.n, sizeof(*items));
	void **entries = calloc(from.n, sizeof(*entries));

	if (!items || !entries) {
		free(items);
		free(entries);
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	}
	for (size_t i = 0; i < from.n; i++) {
		protobuf_c_message_init(entry, &items[i].base);
		items[i].key = lent(from.items[i].key);
		items[i].value = lent(from.items[i].value);
		entries[i] = &items[i];
	}
	*map = (struct message_map){ .entries = entries, .items = items, .n = from.n };
	return CTR_OK;
}

void message_map_done(struct message_map *map)
{
	free(map->entries);
	free(map->items);
	*map = (struct message_map){ 0 };
}
