/* SPDX-License-Identifier: Apache-2.0
 *
 * The containers service: records only; a container's process is core/tasks'. Any values are stored
 * byte for byte.
 */
#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/str.h"
#include "containerd/events/container.pb-c.h"
#include "core/call/call.h"
#include "core/gc/gc.h"
#include "core/meta/clone.h"
#include "core/meta/extensions.h"
#include "core/meta/filter.h"
#include "core/meta/message.h"
#include "core/meta/meta.h"
#include "core/meta/records.h"

#define COLUMNS                                                                                    \
	"image, runtime, options_url, options, spec_url, spec, snapshotter, snapshot_key, "        \
	"sandbox,"                                                                                 \
	" extensions, labels, created, updated"

struct op {
	struct daemon *d;
	const struct ctr_call *call;
	const struct ctr_container *wanted;
	const char *id;
	struct ctr_mask mask;
	const struct filter *filter;
	ctr_container_sink sink;
	void *ud;
	int64_t node;
	struct ctr_container *result; /* of create and update, when there is a sink */
};

static ctr_code oom(struct ctr_error *err)
{
	return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
}

/* ---- reading ---- */

static struct ctr_any any_column(sqlite3_stmt *st, int url)
{
	struct ctr_any any = { .type_url = (const char *)sqlite3_column_text(st, url) };
	size_t n = 0;

	any.value = row_blob(st, url + 1, &n);
	any.n = n;
	return any;
}

/* Hand the row, whose COLUMNS begin at column at, to a sink. */
static ctr_code with_row(sqlite3_stmt *st, int at, const char *id, ctr_container_sink sink,
			 void *ud, struct ctr_error *err)
{
	AUTO_LABELS labels = META_LABELS_INIT;
	AUTO_EXTENSIONS extensions = EXTENSIONS_INIT;
	size_t n;
	const void *packed = row_blob(st, at + 9, &n);
	int r = extensions_unpack(packed, n, &extensions);
	ctr_code code = r < 0 ? ctr_fail_errno(err, r, "extensions of container \"%s\"", id)
			      : meta_labels_column(st, at + 10, &labels, err);

	if (code != CTR_OK)
		return code;
	const struct ctr_container c = {
		.size = sizeof(c),
		.id = id,
		.image = row_text(st, at),
		.runtime = row_text(st, at + 1),
		.options = any_column(st, at + 2),
		.spec = any_column(st, at + 4),
		.snapshotter = row_text(st, at + 6),
		.snapshot_key = row_text(st, at + 7),
		.sandbox = row_text(st, at + 8),
		.extensions = extensions.items,
		.n_extensions = extensions.n,
		.labels = meta_labels_view(&labels),
		.created_ns = sqlite3_column_int64(st, at + 11),
		.updated_ns = sqlite3_column_int64(st, at + 12),
	};

	return sink(ud, &c);
}

ctr_code container_row(struct ctr_txn *txn, int64_t node, const char *id, ctr_container_sink sink,
		       void *ud, struct ctr_error *err)
{
	sqlite3_stmt *st =
		txn_query(txn, err, "SELECT " COLUMNS " FROM container WHERE node = ?", "i", node);
	int r = st ? txn_row(txn, st, err) : -1;

	if (r <= 0)
		return r < 0 ? txn_code(err)
			     : ctr_fail(err, CTR_DATA_LOSS, "container \"%s\" has no record", id);
	ctr_code code = with_row(st, 0, id, sink, ud, err);

	sqlite3_reset(st);
	return code;
}

static ctr_code get_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	int64_t ns = 0, node = 0;
	ctr_code code = meta_namespace(txn, op->call, 0, &ns, err);

	if (code == CTR_OK && !ns)
		return ctr_fail(err, CTR_NOT_FOUND, "container \"%s\" in namespace \"%s\"", op->id,
				call_ns(op->call));
	if (code == CTR_OK)
		code = meta_find(txn, ns, META_CONTAINER, "", op->id, &node, err);
	return code == CTR_OK ? container_row(txn, node, op->id, op->sink, op->ud, err) : code;
}

ctr_code container_get(struct daemon *d, const struct ctr_call *call, const char *id,
		       ctr_container_sink sink, void *ud, struct ctr_error *err)
{
	struct op op = { .d = d, .call = call, .id = id, .sink = sink, .ud = ud };

	return store_view(d->store, call, get_fn, &op, err);
}

static int field(const void *obj, const char *const *path, size_t n, const char **ret)
{
	const struct ctr_container *c = obj;

	if (str_eq(path[0], "id"))
		return filter_string(c->id, n, ret);
	if (str_eq(path[0], "image"))
		return filter_string(c->image, n, ret);
	if (str_eq(path[0], "runtime") && n == 2 && str_eq(path[1], "name"))
		return filter_string(c->runtime, 1, ret);
	if (str_eq(path[0], "labels"))
		return filter_labels(c->labels, path + 1, n - 1, ret);
	return 0;
}

static ctr_code filtered(void *ud, const struct ctr_container *c)
{
	const struct op *op = ud;

	return filter_match(op->filter, field, c) ? op->sink(op->ud, c) : CTR_OK;
}

static ctr_code list_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	int64_t ns = 0;
	ctr_code code = meta_namespace(txn, op->call, 0, &ns, err);
	sqlite3_stmt *st;
	int r = -1;

	if (code != CTR_OK)
		return code;
	st = txn_query(txn, err,
		       "SELECT key, " COLUMNS " FROM node JOIN container ON node = id"
		       " WHERE ns = ? AND node.kind = ? AND sub = '' ORDER BY key",
		       "ii", ns, (int64_t)META_CONTAINER);
	while (st && (r = txn_row(txn, st, err)) > 0) {
		code = with_row(st, 1, row_text(st, 0), filtered, op, err);
		if (code != CTR_OK)
			return code;
	}
	return r < 0 ? txn_code(err) : CTR_OK;
}

ctr_code container_list(struct daemon *d, const struct ctr_call *call, struct ctr_filters filters,
			ctr_container_sink sink, void *ud, struct ctr_error *err)
{
	AUTO_FILTER *filter = NULL;
	ctr_code code = filter_parse(filters.items, filters.n, &filter, err);
	struct op op = { .d = d, .call = call, .filter = filter, .sink = sink, .ud = ud };

	return code == CTR_OK ? store_view(d->store, call, list_fn, &op, err) : code;
}

/* ---- writing ---- */

static ctr_code check(const struct ctr_container *c, struct ctr_error *err)
{
	ctr_code code = meta_ident_check("container.ID", c->id, err);

	if (code != CTR_OK)
		return code;
	for (uint64_t i = 0; i < c->n_extensions; i++)
		if (!*c->extensions[i].key)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"container.Extension keys must not be zero-length");
	code = meta_labels_check("containers.Labels", c->labels, err);
	if (code != CTR_OK)
		return code;
	if (!*c->runtime)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "container.Runtime.Name must be set");
	if (!c->spec.type_url)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "container.Spec must be set");
	if (*c->snapshot_key && !*c->snapshotter)
		return ctr_fail(
			err, CTR_INVALID_ARGUMENT,
			"container.Snapshotter must be set if container.SnapshotKey is set");
	return CTR_OK;
}

struct packed {
	void *labels, *extensions;
	size_t n_labels, n_extensions;
};

static void packed_done(struct packed *p)
{
	free(p->labels);
	free(p->extensions);
}

static int pack(const struct ctr_container *c, struct packed *ret)
{
	AUTO_LABELS labels = META_LABELS_INIT;
	AUTO_EXTENSIONS extensions = EXTENSIONS_INIT;
	int r = meta_labels_copy(&labels, c->labels);

	for (uint64_t i = 0; r == 0 && i < c->n_extensions; i++)
		r = extensions_set(&extensions, c->extensions[i].key, c->extensions[i].value);
	if (r == 0)
		r = meta_labels_pack(&labels, &ret->labels, &ret->n_labels);
	if (r == 0)
		r = extensions_pack(&extensions, &ret->extensions, &ret->n_extensions);
	return r;
}

static ctr_code write_row(struct ctr_txn *txn, int64_t node, const struct ctr_container *c,
			  struct ctr_error *err)
{
	AUTO(packed_done) struct packed p = { 0 };
	int r = pack(c, &p);

	if (r < 0)
		return ctr_fail_errno(err, r, "container \"%s\"", c->id);
	return txn_exec(txn, err,
			"INSERT INTO container(node, " COLUMNS
			") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
			" ON CONFLICT(node) DO UPDATE SET image = excluded.image, spec_url = "
			"excluded.spec_url,"
			" spec = excluded.spec, snapshotter = excluded.snapshotter,"
			" snapshot_key = excluded.snapshot_key, extensions = excluded.extensions,"
			" labels = excluded.labels, updated = excluded.updated",
			"isssbsbsssbbii", node, c->image, c->runtime, c->options.type_url,
			c->options.value, (size_t)c->options.n, c->spec.type_url, c->spec.value,
			(size_t)c->spec.n, c->snapshotter, c->snapshot_key, c->sandbox,
			p.extensions, p.n_extensions, p.labels, p.n_labels, c->created_ns,
			c->updated_ns);
}

/* Record, node and edges. */
static ctr_code write_object(struct ctr_txn *txn, const struct ctr_call *call, int64_t ns,
			     int64_t node, const struct ctr_container *c, struct ctr_error *err)
{
	const struct meta_ref refs[] = {
		{ .kind = META_SNAPSHOT,
		  .sub = c->snapshotter,
		  .key = *c->snapshotter ? c->snapshot_key : "" },
		{ .kind = META_SANDBOX, .key = c->sandbox },
	};
	const struct meta_object o = {
		.ns = ns,
		.node = node,
		.kind = META_CONTAINER,
		.labels = c->labels,
		.refs = refs,
		.n_refs = ARRAY_SIZE(refs),
		.root = 1,
	};
	ctr_code code = write_row(txn, node, c, err);

	return code == CTR_OK ? meta_object_set(txn, call, &o, err) : code;
}

static ctr_code publish_created(struct ctr_txn *txn, const struct op *op, struct ctr_error *err)
{
	const struct ctr_container *c = op->wanted;
	Containerd__Events__ContainerCreate event;
	Containerd__Events__ContainerCreate__Runtime runtime;
	Google__Protobuf__Any options;

	containerd__events__container_create__init(&event);
	containerd__events__container_create__runtime__init(&runtime);
	google__protobuf__any__init(&options);
	event.id = lent(c->id);
	event.image = lent(c->image);
	event.runtime = &runtime;
	runtime.name = lent(c->runtime);
	if (c->options.type_url) {
		options.type_url = lent(c->options.type_url);
		options.value.data = (uint8_t *)(uintptr_t)c->options.value;
		options.value.len = c->options.n;
		runtime.options = &options;
	}
	return meta_publish(txn, call_ns(op->call), "/containers/create", &event.base, err);
}

static ctr_code create_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	struct ctr_container c = *op->wanted;
	int64_t ns = 0, live = 0;
	ctr_code code = meta_namespace(txn, op->call, 1, &ns, err);

	if (code == CTR_OK)
		code = meta_node(txn, ns, META_CONTAINER, "", c.id, 1, &op->node, err);
	if (code == CTR_OK)
		code = txn_int(
			txn,
			txn_query(txn, err, "SELECT live FROM node WHERE id = ?", "i", op->node), 0,
			&live, err);
	if (code != CTR_OK)
		return code;
	if (live)
		return ctr_fail(err, CTR_ALREADY_EXISTS, "container \"%s\"", c.id);
	c.created_ns = c.updated_ns = clock_wall_ns();
	code = write_object(txn, op->call, ns, op->node, &c, err);
	if (code == CTR_OK)
		code = publish_created(txn, op, err);
	if (code == CTR_OK && op->sink)
		code = container_row(txn, op->node, c.id, container_keep, &op->result, err);
	return code;
}

/* Run a writing closure, then hand out what it kept. */
static ctr_code write_and_tell(struct op *op, ctr_txn_fn fn, struct ctr_error *err)
{
	ctr_code code = store_update(op->d->store, op->call, fn, op, err);

	if (code == CTR_OK && op->sink)
		code = op->sink(op->ud, op->result);
	free(op->result);
	return code;
}

ctr_code container_create(struct daemon *d, const struct ctr_call *call,
			  const struct ctr_container *c, ctr_container_sink sink, void *ud,
			  struct ctr_error *err)
{
	struct op op = { .d = d, .call = call, .wanted = c, .id = c->id, .sink = sink, .ud = ud };
	ctr_code code = check(c, err);

	return code == CTR_OK ? write_and_tell(&op, create_fn, err) : code;
}

/* ---- update: the record as it is, changed by the mask, checked and written ---- */

struct change {
	struct op *op;
	struct ctr_txn *txn;
	struct ctr_error *err;
	int64_t ns;
};

static int apply_extensions(struct extensions *e, const struct ctr_container *wanted,
			    const char *path)
{
	static const char root[] = "extensions";
	const char *key = NULL;
	struct ctr_any value = { 0 };

	if (!str_starts(path, root))
		return 0;
	if (path[sizeof(root) - 1] == '.')
		key = path + sizeof(root);
	else if (path[sizeof(root) - 1] != '\0')
		return 0;
	if (!key)
		extensions_done(e);
	for (uint64_t i = 0; i < wanted->n_extensions; i++) {
		if (key && !str_eq(wanted->extensions[i].key, key))
			continue;
		value = wanted->extensions[i].value;
		if (extensions_set(e, wanted->extensions[i].key, value) < 0)
			return -1;
	}
	if (key && !value.type_url)
		extensions_set(e, key, value);
	return 1;
}

static ctr_code apply_path(struct ctr_container *c, struct meta_labels *labels,
			   struct extensions *extensions, const struct ctr_container *wanted,
			   const char *path, struct ctr_error *err)
{
	int r = meta_labels_apply(labels, wanted->labels, "labels", path);

	if (r == 0)
		r = apply_extensions(extensions, wanted, path);
	if (r < 0)
		return oom(err);
	if (r > 0)
		return CTR_OK;
	if (str_eq(path, "spec"))
		c->spec = wanted->spec;
	else if (str_eq(path, "image"))
		c->image = wanted->image;
	else if (str_eq(path, "snapshotkey"))
		c->snapshot_key = wanted->snapshot_key;
	else
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "cannot update \"%s\" field on \"%s\"",
				path, c->id);
	return CTR_OK;
}

static ctr_code check_immutable(const struct ctr_container *old, const struct ctr_container *wanted,
				struct ctr_error *err)
{
	if (!str_eq(old->snapshotter, wanted->snapshotter))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"container.Snapshotter field is immutable");
	if (!str_eq(old->runtime, wanted->runtime))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"container.Runtime.Name field is immutable");
	return CTR_OK;
}

static ctr_code apply_mask(struct change *ch, struct ctr_container *c, struct meta_labels *labels,
			   struct extensions *extensions)
{
	static const char *const all[] = { "labels", "spec", "extensions", "image", "snapshotkey" };
	const struct ctr_mask *mask = &ch->op->mask;
	const char *const *paths = mask->n ? mask->paths : all;
	const size_t n = mask->n ? mask->n : ARRAY_SIZE(all);
	ctr_code code = mask->n ? CTR_OK : check_immutable(c, ch->op->wanted, ch->err);

	for (size_t i = 0; code == CTR_OK && i < n; i++)
		code = apply_path(c, labels, extensions, ch->op->wanted, paths[i], ch->err);
	return code;
}

static ctr_code publish_updated(const struct change *ch, const struct ctr_container *c)
{
	Containerd__Events__ContainerUpdate event;
	struct message_map map = MESSAGE_MAP_INIT;
	ctr_code code = message_map_fill(
		&map, c->labels, &containerd__events__container_update__labels_entry__descriptor,
		ch->err);

	if (code != CTR_OK)
		return code;
	containerd__events__container_update__init(&event);
	event.id = lent(c->id);
	event.image = lent(c->image);
	event.snapshot_key = lent(c->snapshot_key);
	event.n_labels = map.n;
	event.labels = (void *)map.entries;
	code = meta_publish(ch->txn, call_ns(ch->op->call), "/containers/update", &event.base,
			    ch->err);
	message_map_done(&map);
	return code;
}

static ctr_code change_row(void *ud, const struct ctr_container *old)
{
	struct change *ch = ud;
	AUTO_LABELS labels = META_LABELS_INIT;
	AUTO_EXTENSIONS extensions = EXTENSIONS_INIT;
	struct ctr_container c = *old;

	if (meta_labels_copy(&labels, old->labels) < 0)
		return oom(ch->err);
	for (uint64_t i = 0; i < old->n_extensions; i++)
		if (extensions_set(&extensions, old->extensions[i].key, old->extensions[i].value) <
		    0)
			return oom(ch->err);
	ctr_code code = apply_mask(ch, &c, &labels, &extensions);

	if (code != CTR_OK)
		return code;
	c.labels = meta_labels_view(&labels);
	c.extensions = extensions.items;
	c.n_extensions = extensions.n;
	c.updated_ns = clock_wall_ns();
	code = check(&c, ch->err);
	if (code == CTR_OK)
		code = write_object(ch->txn, ch->op->call, ch->ns, ch->op->node, &c, ch->err);
	return code == CTR_OK ? publish_updated(ch, &c) : code;
}

static ctr_code update_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	struct change ch = { .op = op, .txn = txn, .err = err };
	ctr_code code = meta_namespace(txn, op->call, 0, &ch.ns, err);

	if (code == CTR_OK && !ch.ns)
		return ctr_fail(err, CTR_NOT_FOUND,
				"cannot update container \"%s\" in namespace \"%s\"", op->id,
				call_ns(op->call));
	if (code == CTR_OK)
		code = meta_find(txn, ch.ns, META_CONTAINER, "", op->id, &op->node, err);
	if (code == CTR_OK)
		code = container_row(txn, op->node, op->id, change_row, &ch, err);
	if (code == CTR_OK && op->sink)
		code = container_row(txn, op->node, op->id, container_keep, &op->result, err);
	return code;
}

ctr_code container_update(struct daemon *d, const struct ctr_call *call,
			  const struct ctr_container *c, struct ctr_mask mask,
			  ctr_container_sink sink, void *ud, struct ctr_error *err)
{
	struct op op = {
		.d = d, .call = call, .wanted = c, .id = c->id, .mask = mask, .sink = sink, .ud = ud
	};

	if (!*c->id)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "must specify a container id");
	ctr_code code = write_and_tell(&op, update_fn, err);

	if (code == CTR_OK)
		gc_schedule(d->gc);
	return code;
}

static ctr_code remove_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	Containerd__Events__ContainerDelete event;
	int64_t ns = 0;
	ctr_code code = meta_namespace(txn, op->call, 0, &ns, err);

	if (code == CTR_OK && !ns)
		return ctr_fail(err, CTR_NOT_FOUND,
				"cannot delete container \"%s\" in namespace \"%s\"", op->id,
				call_ns(op->call));
	if (code == CTR_OK)
		code = meta_find(txn, ns, META_CONTAINER, "", op->id, &op->node, err);
	if (code == CTR_OK)
		code = txn_exec(txn, err, "DELETE FROM container WHERE node = ?", "i", op->node);
	if (code == CTR_OK)
		code = meta_object_remove(txn, op->node, err);
	if (code != CTR_OK)
		return code;
	containerd__events__container_delete__init(&event);
	event.id = lent(op->id);
	return meta_publish(txn, call_ns(op->call), "/containers/delete", &event.base, err);
}

ctr_code container_remove(struct daemon *d, const struct ctr_call *call, const char *id,
			  struct ctr_error *err)
{
	struct op op = { .d = d, .call = call, .id = id };
	ctr_code code = store_update(d->store, call, remove_fn, &op, err);

	if (code == CTR_OK)
		gc_schedule(d->gc);
	return code;
}
