/* SPDX-License-Identifier: Apache-2.0
 *
 * Stat, list and labels: answered from our own rows.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "core/daemon.h"
#include "core/gc/gc.h"
#include "core/meta/filter.h"
#include "core/snapshots/snapshots.h"

#define SELECT                                                                                     \
	"SELECT snapshot.kind, node.key, parent.key, snapshot.labels, snapshot.created, "          \
	"snapshot.updated"                                                                         \
	" FROM snapshot JOIN node ON node.id = snapshot.node LEFT JOIN node AS parent ON "         \
	"parent.id = snapshot.parent"

struct query {
	const struct snapshot_op *op;
	const char *key;
	struct ctr_labels labels;
	struct ctr_mask mask;
	struct filter *filter;
	ctr_snapshot_sink sink;
	void *ud;
};

static ctr_code give(ctr_snapshot_sink sink, void *ud, sqlite3_stmt *st, struct ctr_error *err)
{
	AUTO_LABELS labels = META_LABELS_INIT;

	ctr_code code = meta_labels_column(st, 3, &labels, err);
	if (code != CTR_OK || !sink)
		return code;
	const struct ctr_snapshot_info info = {
		.size = sizeof(info),
		.kind = (uint32_t)sqlite3_column_int64(st, 0),
		.name = row_text(st, 1),
		.parent = row_text(st, 2),
		.labels = meta_labels_view(&labels),
		.created_ns = sqlite3_column_int64(st, 4),
		.updated_ns = sqlite3_column_int64(st, 5),
	};
	return sink(ud, &info);
}

static ctr_code stat_row(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct query *q = ud;
	int64_t ns, node;

	ctr_code code = meta_namespace(txn, q->op->call, 0, &ns, err);
	if (code == CTR_OK)
		code = meta_find(txn, ns, META_SNAPSHOT, q->op->snapshotter, q->key, &node, err);
	if (code != CTR_OK)
		return code;
	sqlite3_stmt *st = txn_query(txn, err, SELECT " WHERE snapshot.node = ?", "i", node);
	int r = st ? txn_row(txn, st, err) : -1;
	if (r <= 0)
		return r < 0 ? txn_code(err)
			     : ctr_fail(err, CTR_NOT_FOUND, "snapshot \"%s\"", q->key);
	code = give(q->sink, q->ud, st, err);
	sqlite3_reset(st);
	return code;
}

ctr_code snapshots_stat(const struct ctr_host *h, const struct ctr_call *call,
			const char *snapshotter, const char *key, ctr_snapshot_sink sink, void *ud,
			struct ctr_error *err)
{
	struct snapshot_op op;
	struct query q = { .op = &op, .key = key, .sink = sink, .ud = ud };

	ctr_code code = snapshot_op(h, call, snapshotter, &op, err);
	return code == CTR_OK ? store_view(op.daemon->store, call, stat_row, &q, err) : code;
}

/* ---- list ---- */

static const char *kind_name(uint32_t kind)
{
	static const char *const names[] = { "unknown", "view", "active", "committed" };

	return kind < ARRAY_SIZE(names) ? names[kind] : names[0];
}

static int field(const void *obj, const char *const *path, size_t n, const char **ret)
{
	const struct ctr_snapshot_info *info = obj;

	if (str_eq(path[0], "labels"))
		return filter_labels(info->labels, path + 1, n - 1, ret);
	if (str_eq(path[0], "kind"))
		*ret = kind_name(info->kind);
	else if (str_eq(path[0], "name"))
		*ret = info->name;
	else if (str_eq(path[0], "parent"))
		*ret = info->parent;
	else
		return 0;
	return filter_string(*ret, n, ret);
}

static ctr_code give_filtered(void *ud, const struct ctr_snapshot_info *info)
{
	const struct query *q = ud;

	return filter_match(q->filter, field, info) ? q->sink(q->ud, info) : CTR_OK;
}

static ctr_code list_rows(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct query *q = ud;
	int64_t ns;
	int r;

	ctr_code code = meta_namespace(txn, q->op->call, 0, &ns, err);
	if (code != CTR_OK)
		return code;
	sqlite3_stmt *st = txn_query(
		txn, err,
		SELECT " WHERE node.ns = ? AND node.kind = 2 AND node.sub = ? ORDER BY node.key",
		"is", ns, q->op->snapshotter);
	if (!st)
		return txn_code(err);
	while (code == CTR_OK && (r = txn_row(txn, st, err)) != 0)
		code = r < 0 ? txn_code(err) : give(give_filtered, q, st, err);
	sqlite3_reset(st);
	return code;
}

ctr_code snapshots_list(const struct ctr_host *h, const struct ctr_call *call,
			const char *snapshotter, struct ctr_filters filters, ctr_snapshot_sink sink,
			void *ud, struct ctr_error *err)
{
	struct snapshot_op op;
	struct query q = { .op = &op, .sink = sink, .ud = ud };

	ctr_code code = snapshot_op(h, call, snapshotter, &op, err);
	if (code == CTR_OK)
		code = filter_parse(filters.items, filters.n, &q.filter, err);
	if (code == CTR_OK)
		code = store_view(op.daemon->store, call, list_rows, &q, err);
	filter_free(q.filter);
	return code;
}

/* ---- labels ---- */

static ctr_code apply_mask(struct meta_labels *labels, const struct query *q, struct ctr_error *err)
{
	int r = q->mask.n ? 0 : meta_labels_copy(labels, q->labels);

	for (uint64_t i = 0; r >= 0 && i < q->mask.n; i++) {
		r = meta_labels_apply(labels, q->labels, "labels", q->mask.paths[i]);
		if (r == 0)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"cannot update \"%s\" field on snapshot \"%s\"",
					q->mask.paths[i], q->key);
	}
	return r < 0 ? ctr_fail_errno(err, r, "snapshot \"%s\"", q->key) : CTR_OK;
}

static ctr_code set_labels(struct ctr_txn *txn, const struct query *q,
			   const struct snapshot_row *row, const struct meta_labels *labels,
			   struct ctr_error *err)
{
	char parent[SNAPSHOT_KEY_MAX + 1];
	const struct meta_ref refs[] = { { META_SNAPSHOT, q->op->snapshotter, parent } };
	const struct meta_object o = {
		.ns = row->ns,
		.node = row->node,
		.kind = META_SNAPSHOT,
		.labels = meta_labels_view(labels),
		.refs = refs,
		.n_refs = ARRAY_SIZE(refs),
	};
	AUTO_FREE void *packed = NULL;
	size_t n = 0;

	ctr_code code = meta_labels_check("", o.labels, err);
	if (code == CTR_OK && meta_labels_pack(labels, &packed, &n) < 0)
		code = ctr_fail_errno(err, ENOMEM, "snapshot \"%s\"", q->key);
	if (code == CTR_OK)
		code = txn_exec(txn, err,
				"UPDATE snapshot SET labels = ?, updated = ? WHERE node = ?", "bii",
				packed, n, clock_wall_ns(), row->node);
	if (code == CTR_OK)
		code = snapshot_parent_key(txn, row->node, parent, err);
	return code == CTR_OK ? meta_object_set(txn, q->op->call, &o, err) : code;
}

static ctr_code update_row(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct query *q = ud;
	AUTO_LABELS labels = META_LABELS_INIT;
	struct snapshot_row row;

	ctr_code code = snapshot_row(txn, q->op, q->key, &row, err);
	if (code != CTR_OK)
		return code;
	sqlite3_stmt *st =
		txn_query(txn, err, "SELECT labels FROM snapshot WHERE node = ?", "i", row.node);
	int r = st ? txn_row(txn, st, err) : -1;
	if (r < 0)
		return txn_code(err);
	if (r > 0)
		code = meta_labels_column(st, 0, &labels, err);
	sqlite3_reset(st);
	if (code == CTR_OK)
		code = apply_mask(&labels, q, err);
	return code == CTR_OK ? set_labels(txn, q, &row, &labels, err) : code;
}

ctr_code snapshots_update(const struct ctr_host *h, const struct ctr_call *call,
			  const char *snapshotter, const char *key, struct ctr_labels labels,
			  struct ctr_mask mask, ctr_snapshot_sink sink, void *ud,
			  struct ctr_error *err)
{
	struct snapshot_op op;
	struct query q = { .op = &op, .key = key, .labels = labels, .mask = mask };

	ctr_code code = snapshot_op(h, call, snapshotter, &op, err);
	if (code == CTR_OK)
		code = store_update(op.daemon->store, call, update_row, &q, err);
	if (code != CTR_OK)
		return code;
	gc_schedule(op.daemon->gc); /* a reference may have gone with a label */
	return snapshots_stat(h, call, snapshotter, key, sink, ud, err);
}
