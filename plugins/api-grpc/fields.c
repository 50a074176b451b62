/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields that many messages have. See fields.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "plugins/api-grpc/fields.h"

int api_labels_in(const void *entries, size_t n, struct ctr_label **ret_mem, struct ctr_labels *ret)
{
	const struct api_entry *const *list = entries;
	struct ctr_label *labels = calloc(n + 1, sizeof(*labels));

	if (!labels)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		labels[i] = (struct ctr_label){ list[i]->key, list[i]->value };
	*ret_mem = labels;
	*ret = (struct ctr_labels){ labels, n };
	return 0;
}

int api_labels_out(struct ctr_labels labels, const ProtobufCMessageDescriptor *entry_type,
		   struct api_entries *ret)
{
	struct api_entries e = { .n = (size_t)labels.n };

	e.items = calloc(e.n + 1, sizeof(*e.items));
	e.list = calloc(e.n + 1, sizeof(*e.list));
	if (!e.items || !e.list) {
		api_entries_done(&e);
		return -ENOMEM;
	}
	for (size_t i = 0; i < e.n; i++) {
		protobuf_c_message_init(entry_type, &e.items[i]);
		e.items[i].key = api_lent(labels.items[i].key);
		e.items[i].value = api_lent(labels.items[i].value);
		e.list[i] = &e.items[i];
	}
	*ret = e;
	return 0;
}

void api_entries_done(struct api_entries *e)
{
	free(e->items);
	free(e->list);
	*e = (struct api_entries){ 0 };
}

Google__Protobuf__Timestamp api_time(int64_t wall_ns)
{
	Google__Protobuf__Timestamp ts = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	ts.seconds = wall_ns / NS_PER_SEC;
	ts.nanos = (int32_t)(wall_ns % NS_PER_SEC);
	return ts;
}

int64_t api_time_ns(const Google__Protobuf__Timestamp *ts)
{
	int64_t ns;

	if (!ts || mul_ok(ts->seconds, NS_PER_SEC, &ns) < 0 ||
	    add_ok(ns, (int64_t)ts->nanos, &ns) < 0)
		return 0;
	return ns;
}

struct ctr_mask api_mask(const Google__Protobuf__FieldMask *mask)
{
	if (!mask)
		return (struct ctr_mask){ NULL, 0 };
	return (struct ctr_mask){ (const char *const *)mask->paths, mask->n_paths };
}

int api_mounts_out(const struct ctr_mount *mounts, uint64_t n, struct api_mounts *ret)
{
	struct api_mounts m = { .n = (size_t)n };

	m.items = calloc(m.n + 1, sizeof(*m.items));
	m.list = calloc(m.n + 1, sizeof(*m.list));
	if (!m.items || !m.list) {
		api_mounts_done(&m);
		return -ENOMEM;
	}
	for (size_t i = 0; i < m.n; i++) {
		containerd__types__mount__init(&m.items[i]);
		m.items[i].type = api_lent(mounts[i].type);
		m.items[i].source = api_lent(mounts[i].source);
		m.items[i].target = api_lent(mounts[i].target);
		m.items[i].options = (char **)(uintptr_t)mounts[i].options;
		m.items[i].n_options = (size_t)mounts[i].n_options;
		m.list[i] = &m.items[i];
	}
	*ret = m;
	return 0;
}

void api_mounts_done(struct api_mounts *m)
{
	free(m->items);
	free(m->list);
	*m = (struct api_mounts){ 0 };
}

struct ctr_mount *api_mounts_in(Containerd__Types__Mount *const *mounts, size_t n)
{
	struct ctr_mount *list = calloc(n + 1, sizeof(*list));

	for (size_t i = 0; list && i < n; i++)
		list[i] = (struct ctr_mount){
			.type = mounts[i]->type,
			.source = mounts[i]->source,
			.target = mounts[i]->target,
			.options = (const char *const *)mounts[i]->options,
			.n_options = mounts[i]->n_options,
		};
	return list;
}
