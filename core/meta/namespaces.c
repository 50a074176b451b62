/* SPDX-License-Identifier: Apache-2.0
 *
 * The namespaces service. Removal is refused while anything is in the namespace; leases and
 * ingests, which hold nothing then, go with it.
 */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "containerd/events/namespace.pb-c.h"
#include "core/meta/message.h"
#include "core/meta/meta.h"
#include "core/meta/records.h"

struct op {
	const struct ctr_namespace *ns; /* wanted; labels unused by get and remove */
	const char *name;
	struct ctr_mask mask;
	ctr_namespace_sink sink;
	void *ud;
	struct meta_labels result;
};

/* The labels of a namespace; *ret_found 0 when it is not there. */
static ctr_code read_labels(struct ctr_txn *txn, const char *name, struct meta_labels *ret,
			    int *ret_found, struct ctr_error *err)
{
	sqlite3_stmt *st =
		txn_query(txn, err, "SELECT labels FROM namespace WHERE name = ?", "s", name);
	int r = st ? txn_row(txn, st, err) : -1;
	ctr_code code = CTR_OK;

	if (r < 0)
		return txn_code(err);
	*ret_found = r;
	if (r > 0)
		code = meta_labels_column(st, 0, ret, err);
	sqlite3_reset(st);
	return code;
}

static ctr_code write_labels(struct ctr_txn *txn, const char *name,
			     const struct meta_labels *labels, struct ctr_error *err)
{
	AUTO_FREE void *data = NULL;
	size_t n = 0;

	if (meta_labels_pack(labels, &data, &n) < 0)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	return txn_exec(txn, err, "UPDATE namespace SET labels = ?, updated = ? WHERE name = ?",
			"bis", data, n, clock_wall_ns(), name);
}

static ctr_code hand_out(struct op *op)
{
	const struct ctr_namespace ns = {
		.size = sizeof(ns),
		.name = op->name,
		.labels = meta_labels_view(&op->result),
	};

	return op->sink ? op->sink(op->ud, &ns) : CTR_OK;
}

static ctr_code get_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	int found = 0;

	return read_labels(txn, op->name, &op->result, &found, err);
}

ctr_code namespace_get(struct daemon *d, const struct ctr_call *call, const char *name,
		       ctr_namespace_sink sink, void *ud, struct ctr_error *err)
{
	struct op op = { .name = name, .sink = sink, .ud = ud };
	ctr_code code = meta_ident_check("", name, err);

	if (code == CTR_OK)
		code = store_view(d->store, call, get_fn, &op, err);
	if (code == CTR_OK)
		code = hand_out(&op);
	meta_labels_done(&op.result);
	return code;
}

static ctr_code list_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	sqlite3_stmt *st =
		txn_query(txn, err, "SELECT name, labels FROM namespace ORDER BY name", "");
	int r = -1;

	while (st && (r = txn_row(txn, st, err)) > 0) {
		op->name = row_text(st, 0);
		ctr_code code = meta_labels_column(st, 1, &op->result, err);

		if (code == CTR_OK)
			code = hand_out(op);
		if (code != CTR_OK)
			return code;
	}
	return r < 0 ? txn_code(err) : CTR_OK;
}

ctr_code namespace_list(struct daemon *d, const struct ctr_call *call, ctr_namespace_sink sink,
			void *ud, struct ctr_error *err)
{
	struct op op = { .sink = sink, .ud = ud };
	ctr_code code = store_view(d->store, call, list_fn, &op, err);

	meta_labels_done(&op.result);
	return code;
}

static ctr_code publish_created(struct ctr_txn *txn, const struct op *op, struct ctr_error *err)
{
	Containerd__Events__NamespaceCreate event;
	struct message_map map = MESSAGE_MAP_INIT;
	ctr_code code = message_map_fill(
		&map, meta_labels_view(&op->result),
		&containerd__events__namespace_create__labels_entry__descriptor, err);

	if (code != CTR_OK)
		return code;
	containerd__events__namespace_create__init(&event);
	event.name = lent(op->name);
	event.n_labels = map.n;
	event.labels = (void *)map.entries;
	code = meta_publish(txn, op->name, "/namespaces/create", &event.base, err);
	message_map_done(&map);
	return code;
}

static ctr_code create_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	int64_t id = 0;
	ctr_code code = meta_namespace_named(txn, op->name, 0, &id, err);

	if (code != CTR_OK)
		return code;
	if (id)
		return ctr_fail(err, CTR_ALREADY_EXISTS, "namespace \"%s\"", op->name);
	if (meta_labels_copy(&op->result, op->ns->labels) < 0)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	code = meta_namespace_named(txn, op->name, 1, &id, err);
	if (code == CTR_OK)
		code = write_labels(txn, op->name, &op->result, err);
	return code == CTR_OK ? publish_created(txn, op, err) : code;
}

ctr_code namespace_create(struct daemon *d, const struct ctr_call *call,
			  const struct ctr_namespace *ns, ctr_namespace_sink sink, void *ud,
			  struct ctr_error *err)
{
	struct op op = { .ns = ns, .name = ns->name, .sink = sink, .ud = ud };
	ctr_code code = meta_ident_check("", ns->name, err);

	if (code == CTR_OK)
		code = meta_labels_check("namespace.Labels", ns->labels, err);
	if (code == CTR_OK)
		code = store_update(d->store, call, create_fn, &op, err);
	if (code == CTR_OK)
		code = hand_out(&op);
	meta_labels_done(&op.result);
	return code;
}

static ctr_code publish_updated(struct ctr_txn *txn, const struct op *op, struct ctr_error *err)
{
	Containerd__Events__NamespaceUpdate event;
	struct message_map map = MESSAGE_MAP_INIT;
	ctr_code code = message_map_fill(
		&map, meta_labels_view(&op->result),
		&containerd__events__namespace_update__labels_entry__descriptor, err);

	if (code != CTR_OK)
		return code;
	containerd__events__namespace_update__init(&event);
	event.name = lent(op->name);
	event.n_labels = map.n;
	event.labels = (void *)map.entries;
	code = meta_publish(txn, op->name, "/namespaces/update", &event.base, err);
	message_map_done(&map);
	return code;
}

static ctr_code apply_mask(struct op *op, struct ctr_error *err)
{
	if (op->mask.n == 0)
		return meta_labels_copy(&op->result, op->ns->labels) < 0
			       ? ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory")
			       : CTR_OK;
	for (uint64_t i = 0; i < op->mask.n; i++) {
		const char *path = op->mask.paths[i];
		int r = strcmp(path, "labels") == 0
				? 0
				: meta_labels_apply(&op->result, op->ns->labels, "labels", path);

		if (r < 0)
			return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
		if (r == 0)
			return ctr_fail(err, CTR_INVALID_ARGUMENT, "cannot update \"%s\" field",
					path);
	}
	return CTR_OK;
}

static ctr_code update_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	int64_t id;
	int found;
	ctr_code code = read_labels(txn, op->name, &op->result, &found, err);

	if (code == CTR_OK)
		code = apply_mask(op, err);
	if (code == CTR_OK)
		code = meta_namespace_named(txn, op->name, 1, &id, err);
	if (code == CTR_OK)
		code = write_labels(txn, op->name, &op->result, err);
	return code == CTR_OK ? publish_updated(txn, op, err) : code;
}

ctr_code namespace_update(struct daemon *d, const struct ctr_call *call,
			  const struct ctr_namespace *ns, struct ctr_mask mask,
			  ctr_namespace_sink sink, void *ud, struct ctr_error *err)
{
	struct op op = { .ns = ns, .name = ns->name, .mask = mask, .sink = sink, .ud = ud };
	ctr_code code = meta_ident_check("", ns->name, err);

	if (code == CTR_OK)
		code = meta_labels_check("namespace.Labels", ns->labels, err);
	if (code == CTR_OK)
		code = store_update(d->store, call, update_fn, &op, err);
	if (code == CTR_OK)
		code = hand_out(&op);
	meta_labels_done(&op.result);
	return code;
}

/* ---- removal ---- */

static ctr_code add_kind(struct ctr_txn *txn, int64_t ns, enum meta_kind kind, const char *word,
			 struct buf *out, struct ctr_error *err)
{
	int64_t found = 0;
	ctr_code code = txn_int(
		txn,
		txn_query(
			txn, err,
			"SELECT EXISTS(SELECT 1 FROM node WHERE ns = ? AND kind = ? AND live = 1)",
			"ii", ns, (int64_t)kind),
		0, &found, err);

	if (code == CTR_OK && found)
		buf_printf(out, "%s%s", out->len ? ", " : "", word);
	return code;
}

static ctr_code add_snapshotters(struct ctr_txn *txn, int64_t ns, struct buf *out,
				 struct ctr_error *err)
{
	sqlite3_stmt *st = txn_query(
		txn, err,
		"SELECT DISTINCT sub FROM node WHERE ns = ? AND kind = ? AND live = 1 ORDER BY sub",
		"ii", ns, (int64_t)META_SNAPSHOT);
	int r = -1;

	while (st && (r = txn_row(txn, st, err)) > 0)
		buf_printf(out, "%ssnapshots on \"%s\" snapshotter", out->len ? ", " : "",
			   row_text(st, 0));
	return r < 0 ? txn_code(err) : CTR_OK;
}

/* CTR_FAILED_PRECONDITION with the list of what is still there. */
static ctr_code require_empty(struct ctr_txn *txn, int64_t ns, const char *name,
			      struct ctr_error *err)
{
	AUTO_BUF out = BUF_INIT(4096);
	ctr_code code = add_kind(txn, ns, META_IMAGE, "images", &out, err);

	if (code == CTR_OK)
		code = add_kind(txn, ns, META_CONTENT, "blobs", &out, err);
	if (code == CTR_OK)
		code = add_kind(txn, ns, META_CONTAINER, "containers", &out, err);
	if (code == CTR_OK)
		code = add_snapshotters(txn, ns, &out, err);
	if (code == CTR_OK)
		code = add_kind(txn, ns, META_SANDBOX, "sandboxes", &out, err);
	if (code == CTR_OK && out.len)
		code = ctr_fail(err, CTR_FAILED_PRECONDITION,
				"namespace \"%s\" must be empty, but it still has %s", name,
				out.data);
	return code;
}

static ctr_code remove_rows(struct ctr_txn *txn, int64_t ns, struct ctr_error *err)
{
	static const char *const of_nodes[] = {
		"DELETE FROM lease WHERE node IN (SELECT id FROM node WHERE ns = ?)",
		"DELETE FROM ingest WHERE node IN (SELECT id FROM node WHERE ns = ?)",
		"DELETE FROM edge WHERE src IN (SELECT id FROM node WHERE ns = ?)",
		"DELETE FROM edge WHERE dst IN (SELECT id FROM node WHERE ns = ?)",
		"DELETE FROM node WHERE ns = ?",
		"DELETE FROM namespace WHERE id = ?",
	};

	for (size_t i = 0; i < ARRAY_SIZE(of_nodes); i++) {
		ctr_code code = txn_exec(txn, err, of_nodes[i], "i", ns);

		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

static ctr_code remove_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	Containerd__Events__NamespaceDelete event;
	const struct op *op = ud;
	int64_t ns = 0;
	ctr_code code = meta_namespace_named(txn, op->name, 0, &ns, err);

	if (code != CTR_OK)
		return code;
	if (!ns)
		return ctr_fail(err, CTR_NOT_FOUND, "namespace \"%s\"", op->name);
	code = require_empty(txn, ns, op->name, err);
	if (code == CTR_OK)
		code = remove_rows(txn, ns, err);
	containerd__events__namespace_delete__init(&event);
	event.name = lent(op->name);
	return code == CTR_OK ? meta_publish(txn, op->name, "/namespaces/delete", &event.base, err)
			      : code;
}

ctr_code namespace_remove(struct daemon *d, const struct ctr_call *call, const char *name,
			  struct ctr_error *err)
{
	struct op op = { .name = name };
	ctr_code code = meta_ident_check("", name, err);

	return code == CTR_OK ? store_update(d->store, call, remove_fn, &op, err) : code;
}
