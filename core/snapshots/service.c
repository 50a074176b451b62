/* SPDX-License-Identifier: Apache-2.0
 *
 * The service's table, the way to a snapshotter, the way of our rows into its transaction, and the methods that only
 * translate a key.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "core/daemon.h"
#include "core/registry/registry.h"
#include "core/snapshots/snapshots.h"

ctr_code snapshot_op(const struct ctr_host *h, const struct ctr_call *call, const char *snapshotter,
		     struct snapshot_op *ret, struct ctr_error *err)
{
	struct daemon *d = host_daemon(h);
	const void *ops;

	ctr_code code = meta_namespace_check(call, err);
	if (code != CTR_OK)
		return code;
	if (!*snapshotter)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "snapshotter argument missing");
	code = registry_find(d->registry, CTR_KIND_SNAPSHOTTER, snapshotter, &ops, &ret->self, NULL,
			     NULL);
	if (code != CTR_OK)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "snapshotter not loaded: %s",
				snapshotter);
	ret->daemon = d;
	ret->call = call;
	ret->snapshotter = snapshotter;
	ret->ops = ops;
	return CTR_OK;
}

ctr_code snapshot_key_check(const char *what, const char *key, struct ctr_error *err)
{
	if (!*key)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s must not be empty", what);
	if (strlen(key) > SNAPSHOT_KEY_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s is longer than %d bytes", what,
				SNAPSHOT_KEY_MAX);
	return CTR_OK;
}

ctr_code snapshot_row(struct ctr_txn *txn, const struct snapshot_op *op, const char *key,
		      struct snapshot_row *ret, struct ctr_error *err)
{
	ctr_code code = meta_namespace(txn, op->call, 0, &ret->ns, err);

	if (code == CTR_OK)
		code = meta_find(txn, ret->ns, META_SNAPSHOT, op->snapshotter, key, &ret->node,
				 err);
	if (code != CTR_OK)
		return code;
	sqlite3_stmt *st = txn_query(
		txn, err, "SELECT kind, backend_key FROM snapshot WHERE node = ?", "i", ret->node);
	int r = st ? txn_row(txn, st, err) : -1;
	if (r <= 0)
		return r < 0 ? txn_code(err) : ctr_fail(err, CTR_NOT_FOUND, "snapshot \"%s\"", key);
	ret->kind = (uint32_t)sqlite3_column_int64(st, 0);
	snprintf(ret->backend, sizeof(ret->backend), "%s", row_text(st, 1));
	sqlite3_reset(st);
	return CTR_OK;
}

ctr_code snapshot_parent_key(struct ctr_txn *txn, int64_t node, char ret[SNAPSHOT_KEY_MAX + 1],
			     struct ctr_error *err)
{
	sqlite3_stmt *st =
		txn_query(txn, err,
			  "SELECT node.key FROM snapshot JOIN node ON node.id = snapshot.parent"
			  " WHERE snapshot.node = ?",
			  "i", node);
	int r = st ? txn_row(txn, st, err) : -1;

	if (r < 0)
		return txn_code(err);
	snprintf(ret, SNAPSHOT_KEY_MAX + 1, "%s", r ? row_text(st, 0) : "");
	sqlite3_reset(st);
	return CTR_OK;
}

struct find {
	const struct snapshot_op *op;
	const char *key;
	struct snapshot_row *ret;
};

static ctr_code find_row(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct find *f = ud;

	return snapshot_row(txn, f->op, f->key, f->ret, err);
}

ctr_code snapshot_find(const struct snapshot_op *op, const char *key, struct snapshot_row *ret,
		       struct ctr_error *err)
{
	struct find f = { op, key, ret };

	return store_view(op->daemon->store, op->call, find_row, &f, err);
}

ctr_code snapshot_with_rows(const struct snapshot_op *op, ctr_txn_fn rows, snapshot_part part,
			    void *ud, struct ctr_error *err)
{
	struct call_rows attached = { .fn = rows, .ud = ud };
	struct ctr_call child;

	call_child(&child, op->call, CTR_NO_DEADLINE);
	child.rows = &attached;
	ctr_code code = part(ud, &child, err);
	child.rows = NULL;
	/* A plugin with a database of its own: our row comes after its change. */
	if (code == CTR_OK && !attached.done)
		code = store_update(op->daemon->store, &child, rows, ud, err);
	call_done(&child);
	return code;
}

/* ---- methods that only translate the key ---- */

static ctr_code translate(const struct ctr_host *h, const struct ctr_call *call,
			  const char *snapshotter, const char *key, struct snapshot_op *op,
			  struct snapshot_row *row, struct ctr_error *err)
{
	ctr_code code = snapshot_op(h, call, snapshotter, op, err);

	return code == CTR_OK ? snapshot_find(op, key, row, err) : code;
}

static ctr_code snapshots_usage(const struct ctr_host *h, const struct ctr_call *call,
				const char *snapshotter, const char *key, struct ctr_usage *ret,
				struct ctr_error *err)
{
	struct snapshot_op op;
	struct snapshot_row row;

	ctr_code code = translate(h, call, snapshotter, key, &op, &row, err);
	return code == CTR_OK ? op.ops->usage(op.self, call, row.backend, ret, err) : code;
}

static ctr_code snapshots_mounts(const struct ctr_host *h, const struct ctr_call *call,
				 const char *snapshotter, const char *key, ctr_mounts_sink sink,
				 void *ud, struct ctr_error *err)
{
	struct snapshot_op op;
	struct snapshot_row row;

	ctr_code code = translate(h, call, snapshotter, key, &op, &row, err);
	return code == CTR_OK ? op.ops->mounts(op.self, call, row.backend, sink, ud, err) : code;
}

static ctr_code snapshots_open_tree(const struct ctr_host *h, const struct ctr_call *call,
				    const char *snapshotter, const char *key, struct ctr_tree *ret,
				    struct ctr_error *err)
{
	struct snapshot_op op;
	struct snapshot_row row;

	ctr_code code = translate(h, call, snapshotter, key, &op, &row, err);
	return code == CTR_OK ? op.ops->open_tree(op.self, call, row.backend, ret, err) : code;
}

static ctr_code snapshots_cleanup(const struct ctr_host *h, const struct ctr_call *call,
				  const char *snapshotter, struct ctr_error *err)
{
	struct snapshot_op op;

	ctr_code code = snapshot_op(h, call, snapshotter, &op, err);
	return code == CTR_OK ? op.ops->cleanup(op.self, call, err) : code;
}

static ctr_code snapshots_sync(const struct ctr_host *h, const struct ctr_call *call,
			       const char *snapshotter, const char *const *keys, uint64_t n,
			       struct ctr_error *err)
{
	struct snapshot_op op;
	struct snapshot_row row;
	AUTO_STRV backends = NULL;

	ctr_code code = snapshot_op(h, call, snapshotter, &op, err);
	for (uint64_t i = 0; code == CTR_OK && i < n; i++) {
		code = snapshot_find(&op, keys[i], &row, err);
		if (code == CTR_OK && strv_push(&backends, row.backend) < 0)
			code = ctr_fail_errno(err, ENOMEM, "sync snapshots");
	}
	return code == CTR_OK && n
		       ? op.ops->sync(op.self, call, (const char *const *)backends, n, err)
		       : code;
}

static const struct ctr_snapshots_ops ops = {
	.size = sizeof(ops),
	.stat = snapshots_stat,
	.update = snapshots_update,
	.list = snapshots_list,
	.usage = snapshots_usage,
	.mounts = snapshots_mounts,
	.prepare = snapshots_prepare,
	.commit = snapshots_commit,
	.remove = snapshots_remove,
	.cleanup = snapshots_cleanup,
	.open_tree = snapshots_open_tree,
	.sync = snapshots_sync,
};

int snapshots_provide(struct daemon *d)
{
	return daemon_provide(d, CTR_SERVICE_SNAPSHOTS, &ops, sizeof(ops));
}
