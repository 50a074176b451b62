/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes and edges: the identity of every object and what keeps what alive. The edges of a record
 * are replaced whenever the record changes, in the same transaction, so that the collector needs
 * nothing but these two tables.
 */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "core/call/call.h"
#include "core/meta/meta.h"
#include "core/meta/refs.h"

ctr_code meta_node(struct ctr_txn *txn, int64_t ns, enum meta_kind kind, const char *sub,
		   const char *key, int create, int64_t *ret_id, struct ctr_error *err)
{
	ctr_code code = txn_int(
		txn,
		txn_query(txn, err,
			  "SELECT id FROM node WHERE ns = ? AND kind = ? AND sub = ? AND key = ?",
			  "iiss", ns, (int64_t)kind, sub, key),
		0, ret_id, err);

	if (code != CTR_OK || *ret_id || !create)
		return code;
	if (strlen(key) > META_KEY_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"name \"%.64s...\" is longer than %d bytes", key, META_KEY_MAX);
	code = txn_exec(txn, err, "INSERT INTO node(ns, kind, sub, key) VALUES(?, ?, ?, ?)", "iiss",
			ns, (int64_t)kind, sub, key);
	if (code != CTR_OK)
		return code;
	return txn_int(txn, txn_query(txn, err, "SELECT last_insert_rowid()", ""), 0, ret_id, err);
}

static ctr_code absent(struct ctr_txn *txn, int64_t ns, enum meta_kind kind, const char *key,
		       struct ctr_error *err)
{
	switch (kind) {
	case META_CONTENT:
		return ctr_fail(err, CTR_NOT_FOUND, "content digest %s", key);
	case META_SNAPSHOT:
		return ctr_fail(err, CTR_NOT_FOUND, "snapshot \"%s\"", key);
	case META_IMAGE:
		return ctr_fail(err, CTR_NOT_FOUND, "image \"%s\"", key);
	case META_LEASE:
		return ctr_fail(err, CTR_NOT_FOUND, "lease \"%s\"", key);
	case META_INGEST:
		return ctr_fail(err, CTR_NOT_FOUND, "ingest ref \"%s\"", key);
	case META_SANDBOX:
		return ctr_fail(err, CTR_NOT_FOUND, "sandbox \"%s\"", key);
	case META_CONTAINER:
		break;
	}
	sqlite3_stmt *st = txn_query(txn, err, "SELECT name FROM namespace WHERE id = ?", "i", ns);
	int r = st ? txn_row(txn, st, err) : -1;

	if (r <= 0)
		return r < 0 ? txn_code(err)
			     : ctr_fail(err, CTR_NOT_FOUND, "container \"%s\"", key);
	ctr_fail(err, CTR_NOT_FOUND, "container \"%s\" in namespace \"%s\"", key, row_text(st, 0));
	sqlite3_reset(st);
	return CTR_NOT_FOUND;
}

ctr_code meta_find(struct ctr_txn *txn, int64_t ns, enum meta_kind kind, const char *sub,
		   const char *key, int64_t *ret_id, struct ctr_error *err)
{
	int64_t id = 0;
	ctr_code code = txn_int(
		txn,
		txn_query(txn, err,
			  "SELECT id FROM node WHERE ns = ? AND kind = ? AND sub = ? AND key = ?"
			  " AND live = 1",
			  "iiss", ns, (int64_t)kind, sub, key),
		0, &id, err);

	if (code != CTR_OK)
		return code;
	if (!id)
		return absent(txn, ns, kind, key, err);
	*ret_id = id;
	return CTR_OK;
}

static ctr_code edge_add(struct ctr_txn *txn, int64_t src, int64_t dst, enum meta_why why,
			 struct ctr_error *err)
{
	return txn_exec(txn, err, "INSERT OR IGNORE INTO edge(src, dst, why) VALUES(?, ?, ?)",
			"iii", src, dst, (int64_t)why);
}

/* The edges that this object's own record and labels had made. */
static ctr_code edges_forget(struct ctr_txn *txn, int64_t node, struct ctr_error *err)
{
	ctr_code code =
		txn_exec(txn, err, "DELETE FROM edge WHERE src = ? AND why IN (0, 1)", "i", node);

	if (code == CTR_OK)
		code = txn_exec(txn, err, "DELETE FROM edge WHERE dst = ? AND why = 2", "i", node);
	return code;
}

static ctr_code edges_from_labels(struct ctr_txn *txn, const struct meta_object *o,
				  struct ctr_error *err)
{
	if (o->kind == META_LEASE || o->kind == META_INGEST)
		return CTR_OK;
	for (uint64_t i = 0; i < o->labels.n; i++) {
		struct gc_label ref;
		int64_t other;

		if (!gc_label_parse(o->labels.items[i].key, &ref) || !*o->labels.items[i].value)
			continue;
		ctr_code code = meta_node(txn, o->ns, ref.kind, ref.sub, o->labels.items[i].value,
					  1, &other, err);

		if (code == CTR_OK && ref.back)
			code = edge_add(txn, other, o->node, META_BACK, err);
		else if (code == CTR_OK)
			code = edge_add(txn, o->node, other, META_LABEL, err);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

static ctr_code edges_from_record(struct ctr_txn *txn, const struct meta_object *o,
				  struct ctr_error *err)
{
	for (size_t i = 0; i < o->n_refs; i++) {
		const struct meta_ref *ref = &o->refs[i];
		int64_t other;

		if (!ref->key || !*ref->key)
			continue;
		ctr_code code = meta_node(txn, o->ns, ref->kind, str_or(ref->sub, ""), ref->key, 1,
					  &other, err);

		if (code == CTR_OK)
			code = edge_add(txn, o->node, other, META_FIXED, err);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

/* An unparsable time counts as none. */
static int64_t expiry(const struct meta_object *o)
{
	int64_t at_ns = o->expires_ns;
	const char *label = NULL;

	if (!at_ns && (o->kind == META_IMAGE || o->kind == META_LEASE))
		label = meta_label(o->labels, "containerd.io/gc.expire");
	if (label && clock_parse_rfc3339(label, &at_ns) < 0)
		at_ns = 0;
	return at_ns;
}

ctr_code meta_object_set(struct ctr_txn *txn, const struct ctr_call *call,
			 const struct meta_object *o, struct ctr_error *err)
{
	const int stored = o->kind == META_CONTENT || o->kind == META_SNAPSHOT;
	const int root = o->root || (stored && meta_label(o->labels, "containerd.io/gc.root"));
	const int leased = call && call->lease && *call->lease;
	ctr_code code = txn_exec(
		txn, err,
		"UPDATE node SET live = 1, root = ?, expires = ?, touched = max(touched, ?)"
		" WHERE id = ?",
		"iiii", (int64_t)root, expiry(o), stored && !leased ? clock_wall_ns() : INT64_C(0),
		o->node);

	if (code == CTR_OK)
		code = edges_forget(txn, o->node, err);
	if (code == CTR_OK)
		code = edges_from_record(txn, o, err);
	if (code == CTR_OK)
		code = edges_from_labels(txn, o, err);
	return code;
}

/*
 * What only node refers to and is not there itself: mere names, which would be left to the
 * collector.
 */
static ctr_code names_forget(struct ctr_txn *txn, int64_t node, struct ctr_error *err)
{
	return txn_exec(txn, err,
			"DELETE FROM node WHERE live = 0 AND id IN (SELECT dst FROM edge WHERE src "
			"= ?1 AND why <> 2)"
			" AND NOT EXISTS(SELECT 1 FROM edge WHERE dst = node.id AND src <> ?1)"
			" AND NOT EXISTS(SELECT 1 FROM edge WHERE src = node.id)",
			"i", node);
}

ctr_code meta_object_remove(struct ctr_txn *txn, int64_t node, struct ctr_error *err)
{
	ctr_code code = names_forget(txn, node, err);

	if (code == CTR_OK)
		code = txn_exec(txn, err, "DELETE FROM edge WHERE src = ? AND why IN (0, 1, 3, 4)",
				"i", node);
	if (code == CTR_OK)
		code = txn_exec(txn, err, "DELETE FROM edge WHERE dst = ? AND why = 2", "i", node);
	if (code == CTR_OK)
		code = txn_exec(
			txn, err,
			"UPDATE node SET live = 0, root = 0, expires = 0, touched = 0 WHERE id = ?",
			"i", node);
	if (code == CTR_OK)
		code = txn_exec(txn, err,
				"DELETE FROM node WHERE id = ?1 AND NOT EXISTS(SELECT 1 FROM edge "
				"WHERE dst = ?1)"
				" AND NOT EXISTS(SELECT 1 FROM edge WHERE src = ?1)",
				"i", node);
	return code;
}

ctr_code meta_has_child(struct ctr_txn *txn, int64_t parent_snapshot, int *ret,
			struct ctr_error *err)
{
	int64_t found = 0;
	ctr_code code = txn_int(txn,
				txn_query(txn, err,
					  "SELECT EXISTS(SELECT 1 FROM snapshot WHERE parent = ?)",
					  "i", parent_snapshot),
				0, &found, err);

	if (code == CTR_OK)
		*ret = found != 0;
	return code;
}

ctr_code meta_lease(struct ctr_txn *txn, const struct ctr_call *call, int64_t *ret_lease,
		    struct ctr_error *err)
{
	int64_t ns = 0, lease = 0;

	*ret_lease = 0;
	if (!call || !call->lease || !*call->lease)
		return CTR_OK;
	ctr_code code = meta_namespace(txn, call, 0, &ns, err);

	if (code == CTR_OK)
		code = meta_find(txn, ns, META_LEASE, "", call->lease, &lease, err);
	if (code == CTR_NOT_FOUND)
		return ctr_fail(err, CTR_NOT_FOUND, "lease does not exist");
	*ret_lease = lease;
	return code;
}

ctr_code meta_lease_add(struct ctr_txn *txn, const struct ctr_call *call, int64_t node,
			struct ctr_error *err)
{
	AUTO_LABELS labels = META_LABELS_INIT;
	int64_t lease = 0;
	ctr_code code = meta_lease(txn, call, &lease, err);

	if (code != CTR_OK || !lease)
		return code;
	sqlite3_stmt *st =
		txn_query(txn, err, "SELECT labels FROM lease WHERE node = ?", "i", lease);
	int r = st ? txn_row(txn, st, err) : -1;

	if (r < 0)
		return txn_code(err);
	if (r > 0)
		code = meta_labels_column(st, 0, &labels, err);
	sqlite3_reset(st);
	if (code != CTR_OK)
		return code;
	const int flat = meta_label(meta_labels_view(&labels), "containerd.io/gc.flat") != NULL;

	return edge_add(txn, lease, node, flat ? META_HOLD_FLAT : META_HOLD, err);
}

ctr_code meta_counter(struct ctr_txn *txn, const char *name, int64_t *ret, struct ctr_error *err)
{
	ctr_code code = txn_int(
		txn, txn_query(txn, err, "SELECT value FROM counter WHERE name = ?", "s", name), 0,
		ret, err);

	return code == CTR_OK
		       ? txn_exec(txn, err, "UPDATE counter SET value = value + 1 WHERE name = ?",
				  "s", name)
		       : code;
}
