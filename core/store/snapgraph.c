/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.snapgraph.v1": the rows of a snapshotter. Rows are copied out of the transaction
 * before the plugin's sink sees them, so that no plugin code runs inside one.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "core/daemon.h"
#include "core/meta/meta.h"
#include "core/store/internal.h"
#include "core/store/service.h"

#define CHAIN_MAX   4096
#define IDS_AT_ONCE 64
#define IDS_LOW     32

/* A row, with memory of its own. */
struct row {
	struct row *next; /* of a walk */
	int64_t id, parent;
	uint32_t kind;
	char *key, *parent_key;
	uint64_t *chain;
	size_t n_chain;
	struct meta_labels labels;
	int64_t inodes, bytes, created_ns, updated_ns;
};

struct op {
	struct store *store;
	const char *plugin, *key;
	uint64_t id;
	uint32_t kind;
	const struct ctr_snapshot_new *args;
	const struct ctr_snapshot_commit *commit;
	const struct ctr_usage *usage;
	struct ctr_labels labels;
	struct row row;
	struct row *rows, **last; /* of a walk */
	int64_t found;
	int extended; /* the closure has set more numbers aside */
};

static void row_done(struct row *r)
{
	free(r->key);
	free(r->parent_key);
	free(r->chain);
	meta_labels_done(&r->labels);
}

static ctr_code oom(struct ctr_error *err)
{
	return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
}

#define COLUMNS                                                                                    \
	"g.id, g.kind, g.key, ifnull(g.parent, 0), ifnull(p.key, ''), g.labels, g.inodes, "        \
	"g.bytes,"                                                                                 \
	" g.created, g.updated FROM graph g LEFT JOIN graph p ON p.id = g.parent"

static ctr_code row_fill(sqlite3_stmt *st, struct row *r, struct ctr_error *err)
{
	r->id = sqlite3_column_int64(st, 0);
	r->kind = (uint32_t)sqlite3_column_int64(st, 1);
	r->key = str_dup(row_text(st, 2));
	r->parent = sqlite3_column_int64(st, 3);
	r->parent_key = str_dup(row_text(st, 4));
	r->inodes = sqlite3_column_int64(st, 6);
	r->bytes = sqlite3_column_int64(st, 7);
	r->created_ns = sqlite3_column_int64(st, 8);
	r->updated_ns = sqlite3_column_int64(st, 9);
	if (!r->key || !r->parent_key)
		return oom(err);
	return meta_labels_column(st, 5, &r->labels, err);
}

/* CTR_NOT_FOUND. r is empty or of an earlier load that failed. */
static ctr_code row_load(struct ctr_txn *txn, const char *plugin, const char *key, struct row *r,
			 struct ctr_error *err)
{
	sqlite3_stmt *st = txn_query(
		txn, err, "SELECT " COLUMNS " WHERE g.plugin = ? AND g.key = ?", "ss", plugin, key);
	int found = st ? txn_row(txn, st, err) : -1;

	if (found <= 0)
		return found < 0 ? txn_code(err)
				 : ctr_fail(err, CTR_NOT_FOUND, "snapshot %s does not exist", key);
	ctr_code code = row_fill(st, r, err);

	sqlite3_reset(st);
	return code;
}

static ctr_code chain_load(struct ctr_txn *txn, struct row *r, struct ctr_error *err)
{
	for (int64_t at = r->parent; at; r->n_chain++) {
		if (r->n_chain >= CHAIN_MAX)
			return ctr_fail(err, CTR_OUT_OF_RANGE,
					"snapshot %s has more than %d parents", r->key, CHAIN_MAX);
		if ((r->n_chain & (r->n_chain - 1)) == 0) { /* grows at powers of two */
			uint64_t *grown = reallocarray(r->chain, r->n_chain ? 2 * r->n_chain : 1,
						       sizeof(*grown));

			if (!grown)
				return oom(err);
			r->chain = grown;
		}
		r->chain[r->n_chain] = (uint64_t)at;
		ctr_code code = txn_int(
			txn,
			txn_query(txn, err, "SELECT ifnull(parent, 0) FROM graph WHERE id = ?", "i",
				  at),
			0, &at, err);

		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

static ctr_code emit(const struct row *r, ctr_graph_sink sink, void *ud)
{
	const struct ctr_graph_node node = {
		.size = sizeof(node),
		.kind = r->kind,
		.id = (uint64_t)r->id,
		.key = r->key,
		.parent = r->parent_key,
		.chain = r->chain,
		.n_chain = r->n_chain,
		.labels = meta_labels_view(&r->labels),
		.inodes = r->inodes,
		.bytes = r->bytes,
		.created_ns = r->created_ns,
		.updated_ns = r->updated_ns,
	};

	return sink ? sink(ud, &node) : CTR_OK;
}

/* ---- numbers ---- */

static ctr_code extend_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	(void)ud;
	return txn_exec(txn, err, "UPDATE counter SET value = value + ? WHERE name = 'graph'", "i",
			(int64_t)IDS_AT_ONCE);
}

static void extended(struct store *s)
{
	pthread_mutex_lock(&s->ids_mu);
	s->id_limit += IDS_AT_ONCE;
	pthread_mutex_unlock(&s->ids_mu);
}

static int ids_low(struct store *s)
{
	pthread_mutex_lock(&s->ids_mu);
	int low = s->id_limit - s->id_next < IDS_LOW;

	pthread_mutex_unlock(&s->ids_mu);
	return low;
}

/* 0, -EAGAIN (no number set aside) or -ENOMEM. */
static int id_take(struct store *s, uint64_t *ret)
{
	int r = -EAGAIN;

	pthread_mutex_lock(&s->ids_mu);
	if (s->id_next < s->id_limit) {
		uint64_t *grown = reallocarray(s->ids_open, s->n_ids_open + 1, sizeof(*grown));

		r = grown ? 0 : -ENOMEM;
		if (grown) {
			s->ids_open = grown;
			grown[s->n_ids_open++] = *ret = s->id_next++;
		}
	}
	pthread_mutex_unlock(&s->ids_mu);
	return r;
}

static int id_is_open(struct store *s, uint64_t id, int forget)
{
	int found = 0;

	pthread_mutex_lock(&s->ids_mu);
	for (size_t i = 0; i < s->n_ids_open && !found; i++) {
		found = s->ids_open[i] == id;
		if (found && forget)
			s->ids_open[i] = s->ids_open[--s->n_ids_open];
	}
	pthread_mutex_unlock(&s->ids_mu);
	return found;
}

static ctr_code graph_reserve(const struct ctr_host *h, uint64_t *ret_id, struct ctr_error *err)
{
	struct store *s = host_daemon(h)->store;

	for (;;) {
		int r = id_take(s, ret_id);

		if (r != -EAGAIN)
			return r == 0 ? CTR_OK : oom(err);
		ctr_code code = store_update(s, NULL, extend_fn, NULL, err);

		if (code != CTR_OK)
			return code;
		extended(s);
	}
}

static void graph_release(const struct ctr_host *h, uint64_t id)
{
	id_is_open(host_daemon(h)->store, id, 1);
}

/* ---- create ---- */

static ctr_code key_exists(struct ctr_txn *txn, const char *plugin, const char *key, int64_t *ret,
			   struct ctr_error *err)
{
	return txn_int(txn,
		       txn_query(txn, err, "SELECT id FROM graph WHERE plugin = ? AND key = ?",
				 "ss", plugin, key),
		       0, ret, err);
}

/* The number of a committed snapshot; 0 for "". */
static ctr_code find_parent(struct ctr_txn *txn, const char *plugin, const char *key, int64_t *ret,
			    struct ctr_error *err)
{
	*ret = 0;
	if (!*key)
		return CTR_OK;
	sqlite3_stmt *st =
		txn_query(txn, err, "SELECT id, kind FROM graph WHERE plugin = ? AND key = ?", "ss",
			  plugin, key);
	int r = st ? txn_row(txn, st, err) : -1;

	if (r <= 0)
		return r < 0 ? txn_code(err)
			     : ctr_fail(err, CTR_NOT_FOUND, "parent snapshot %s does not exist",
					key);
	*ret = sqlite3_column_int64(st, 0);
	const int committed = sqlite3_column_int64(st, 1) == (int64_t)CTR_SNAPSHOT_COMMITTED;

	sqlite3_reset(st);
	return committed ? CTR_OK
			 : ctr_fail(err, CTR_INVALID_ARGUMENT,
				    "parent \"%s\" is not committed snapshot", key);
}

static ctr_code pack(struct ctr_labels from, void **ret, size_t *ret_n, struct ctr_error *err)
{
	AUTO_LABELS labels = META_LABELS_INIT;

	if (meta_labels_copy(&labels, from) < 0 || meta_labels_pack(&labels, ret, ret_n) < 0)
		return oom(err);
	return CTR_OK;
}

static ctr_code create_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	AUTO_FREE void *labels = NULL;
	size_t n = 0;
	int64_t taken = 0, parent = 0, now = clock_wall_ns();
	ctr_code code = key_exists(txn, op->plugin, op->args->key, &taken, err);

	if (code == CTR_OK && taken)
		return ctr_fail(err, CTR_ALREADY_EXISTS, "snapshot %s", op->args->key);
	if (code == CTR_OK)
		code = find_parent(txn, op->plugin, op->args->parent, &parent, err);
	if (code == CTR_OK)
		code = pack(op->args->labels, &labels, &n, err);
	if (code == CTR_OK)
		code = txn_exec(txn, err,
				"INSERT INTO graph(id, plugin, key, kind, parent, labels, inodes, "
				"bytes, created, updated)"
				" VALUES(?, ?, ?, ?, nullif(?, 0), ?, 0, 0, ?, ?)",
				"issiibii", (int64_t)op->id, op->plugin, op->args->key,
				(int64_t)op->kind, parent, labels, n, now, now);
	if (code == CTR_OK)
		code = row_load(txn, op->plugin, op->args->key, &op->row, err);
	if (code == CTR_OK)
		code = chain_load(txn, &op->row, err);
	if (code == CTR_OK && ids_low(op->store)) {
		code = extend_fn(txn, NULL, err);
		op->extended = code == CTR_OK;
	}
	return code;
}

static ctr_code graph_create(const struct ctr_host *h, const struct ctr_call *call, uint64_t id,
			     uint32_t kind, const struct ctr_snapshot_new *args,
			     ctr_graph_sink sink, void *ud, struct ctr_error *err)
{
	struct store *s = host_daemon(h)->store;
	struct op op = {
		.store = s, .plugin = host_plugin_uri(h), .id = id, .kind = kind, .args = args
	};

	if (kind != CTR_SNAPSHOT_ACTIVE && kind != CTR_SNAPSHOT_VIEW)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"snapshot %s cannot begin as kind %" PRIu32, args->key, kind);
	if (!*args->key)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "snapshot key must not be empty");
	if (!id_is_open(s, id, 0))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"snapshot %s: number %" PRIu64 " was not reserved", args->key, id);
	ctr_code code = store_update_as(s, op.plugin, call, create_fn, &op, err);

	id_is_open(s, id, 1);
	if (code == CTR_OK && op.extended)
		extended(s);
	if (code == CTR_OK)
		code = emit(&op.row, sink, ud);
	row_done(&op.row);
	return code;
}

/* ---- get, walk, has ---- */

static ctr_code get_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	ctr_code code = row_load(txn, op->plugin, op->key, &op->row, err);

	return code == CTR_OK ? chain_load(txn, &op->row, err) : code;
}

static ctr_code graph_get(const struct ctr_host *h, const struct ctr_call *call, const char *key,
			  ctr_graph_sink sink, void *ud, struct ctr_error *err)
{
	struct op op = { .plugin = host_plugin_uri(h), .key = key };
	ctr_code code = store_view_as(host_daemon(h)->store, op.plugin, call, get_fn, &op, err);

	if (code == CTR_OK)
		code = emit(&op.row, sink, ud);
	row_done(&op.row);
	return code;
}

static ctr_code walk_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	sqlite3_stmt *st = txn_query(
		txn, err, "SELECT " COLUMNS " WHERE g.plugin = ? ORDER BY g.id", "s", op->plugin);
	int found = -1;

	while (st && (found = txn_row(txn, st, err)) > 0) {
		struct row *r = calloc(1, sizeof(*r));

		if (!r)
			return oom(err);
		*op->last = r;
		op->last = &r->next;
		ctr_code code = row_fill(st, r, err);

		if (code != CTR_OK)
			return code;
	}
	return found < 0 ? txn_code(err) : CTR_OK;
}

static ctr_code graph_walk(const struct ctr_host *h, const struct ctr_call *call,
			   ctr_graph_sink sink, void *ud, struct ctr_error *err)
{
	struct op op = { .plugin = host_plugin_uri(h) };

	op.last = &op.rows;
	ctr_code code = store_view_as(host_daemon(h)->store, op.plugin, call, walk_fn, &op, err);

	for (struct row *r = op.rows, *next; r; r = next) {
		next = r->next;
		if (code == CTR_OK)
			code = emit(r, sink, ud);
		row_done(r);
		free(r);
	}
	return code;
}

static ctr_code has_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;

	return txn_int(txn,
		       txn_query(txn, err,
				 "SELECT EXISTS(SELECT 1 FROM graph WHERE id = ? AND plugin = ?)",
				 "is", (int64_t)op->id, op->plugin),
		       0, &op->found, err);
}

/* A number that was reserved and is not a row yet has bytes that somebody is making. */
static ctr_code graph_has(const struct ctr_host *h, uint64_t id, int32_t *ret,
			  struct ctr_error *err)
{
	struct store *s = host_daemon(h)->store;
	struct op op = { .plugin = host_plugin_uri(h), .id = id };
	const int open = id_is_open(s, id, 0);
	ctr_code code = store_view_as(s, op.plugin, NULL, has_fn, &op, err);

	if (code == CTR_OK)
		*ret = open || op.found;
	return code;
}

/* ---- update, commit, remove ---- */

static ctr_code update_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	AUTO_FREE void *labels = NULL;
	size_t n = 0;
	ctr_code code = pack(op->labels, &labels, &n, err);

	if (code == CTR_OK)
		code = txn_exec(
			txn, err,
			"UPDATE graph SET labels = ?, updated = ? WHERE plugin = ? AND key = ?",
			"biss", labels, n, clock_wall_ns(), op->plugin, op->key);
	if (code == CTR_OK && txn_changes(txn) == 0)
		code = ctr_fail(err, CTR_NOT_FOUND, "snapshot %s does not exist", op->key);
	return code;
}

static ctr_code graph_update(const struct ctr_host *h, const struct ctr_call *call, const char *key,
			     struct ctr_labels labels, struct ctr_error *err)
{
	struct op op = { .plugin = host_plugin_uri(h), .key = key, .labels = labels };

	return store_update_as(host_daemon(h)->store, op.plugin, call, update_fn, &op, err);
}

/* The parent that the committed snapshot will have: its own, or the one given now. */
static ctr_code commit_parent(struct ctr_txn *txn, const struct op *op, int64_t *ret,
			      struct ctr_error *err)
{
	const char *wanted = str_or(op->commit->parent, "");
	int64_t parent = 0;
	ctr_code code = find_parent(txn, op->plugin, wanted, &parent, err);

	*ret = op->row.parent ? op->row.parent : parent;
	if (code == CTR_OK && parent && op->row.parent && parent != op->row.parent)
		code = ctr_fail(err, CTR_FAILED_PRECONDITION, "snapshot %s has parent %s, not %s",
				op->row.key, op->row.parent_key, wanted);
	return code;
}

static ctr_code commit_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	AUTO_FREE void *labels = NULL;
	size_t n = 0;
	int64_t taken = 0, parent = 0, now = clock_wall_ns();
	ctr_code code = row_load(txn, op->plugin, op->commit->key, &op->row, err);

	if (code == CTR_OK)
		code = key_exists(txn, op->plugin, op->commit->name, &taken, err);
	if (code == CTR_OK && taken)
		return ctr_fail(err, CTR_ALREADY_EXISTS, "committed snapshot %s", op->commit->name);
	if (code == CTR_OK && op->row.kind != CTR_SNAPSHOT_ACTIVE)
		return ctr_fail(err, CTR_FAILED_PRECONDITION, "snapshot %s is not active",
				op->commit->key);
	if (code == CTR_OK)
		code = commit_parent(txn, op, &parent, err);
	if (code == CTR_OK)
		code = pack(op->commit->labels, &labels, &n, err);
	if (code != CTR_OK)
		return code;
	return txn_exec(txn, err,
			"UPDATE graph SET key = ?, kind = ?, parent = nullif(?, 0), labels = ?, "
			"inodes = ?, bytes = ?,"
			" created = ?, updated = ? WHERE id = ?",
			"siibiiiii", op->commit->name, (int64_t)CTR_SNAPSHOT_COMMITTED, parent,
			labels, n, op->usage ? op->usage->inodes : INT64_C(0),
			op->usage ? op->usage->bytes : INT64_C(0), now, now, op->row.id);
}

static ctr_code graph_commit(const struct ctr_host *h, const struct ctr_call *call,
			     const struct ctr_snapshot_commit *args, const struct ctr_usage *usage,
			     struct ctr_error *err)
{
	struct op op = { .plugin = host_plugin_uri(h), .commit = args, .usage = usage };

	if (!*args->name)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "snapshot name must not be empty");
	ctr_code code =
		store_update_as(host_daemon(h)->store, op.plugin, call, commit_fn, &op, err);

	row_done(&op.row);
	return code;
}

static ctr_code remove_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	int64_t id = 0, child = 0;
	ctr_code code = key_exists(txn, op->plugin, op->key, &id, err);

	if (code == CTR_OK && !id)
		return ctr_fail(err, CTR_NOT_FOUND, "snapshot %s does not exist", op->key);
	if (code == CTR_OK)
		code = txn_int(txn,
			       txn_query(txn, err,
					 "SELECT EXISTS(SELECT 1 FROM graph WHERE parent = ?)", "i",
					 id),
			       0, &child, err);
	if (code == CTR_OK && child)
		return ctr_fail(err, CTR_FAILED_PRECONDITION, "cannot remove snapshot with child");
	op->id = (uint64_t)id;
	return code == CTR_OK ? txn_exec(txn, err, "DELETE FROM graph WHERE id = ?", "i", id)
			      : code;
}

static ctr_code graph_remove(const struct ctr_host *h, const struct ctr_call *call, const char *key,
			     uint64_t *ret_id, struct ctr_error *err)
{
	struct op op = { .plugin = host_plugin_uri(h), .key = key };
	ctr_code code =
		store_update_as(host_daemon(h)->store, op.plugin, call, remove_fn, &op, err);

	if (code == CTR_OK)
		*ret_id = op.id;
	return code;
}

const struct ctr_snapgraph_ops snapgraph_ops = {
	.size = sizeof(snapgraph_ops),
	.reserve = graph_reserve,
	.release = graph_release,
	.create = graph_create,
	.get = graph_get,
	.update = graph_update,
	.commit = graph_commit,
	.remove = graph_remove,
	.walk = graph_walk,
	.has = graph_has,
};
