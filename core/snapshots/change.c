/* SPDX-License-Identifier: Apache-2.0
 *
 * Commit and remove. The plugin keeps its key over a commit of ours: only its name there changes with it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "containerd/events/snapshot.pb-c.h"
#include "core/daemon.h"
#include "core/gc/gc.h"
#include "core/snapshots/snapshots.h"

struct commit {
	const struct snapshot_op *op;
	const struct ctr_snapshot_commit *args;
	struct snapshot_row row, parent;
	char backend[SNAPSHOT_BACKEND_MAX]; /* of the committed snapshot */
};

static ctr_code check(struct ctr_txn *txn, struct commit *c, struct ctr_error *err)
{
	struct snapshot_row other;
	int64_t parent = 0;

	ctr_code code = snapshot_row(txn, c->op, c->args->key, &c->row, err);
	if (code != CTR_OK)
		return code;
	if (snapshot_row(txn, c->op, c->args->name, &other, NULL) == CTR_OK)
		return ctr_fail(err, CTR_ALREADY_EXISTS, "snapshot \"%s\"", c->args->name);
	if (c->row.kind != CTR_SNAPSHOT_ACTIVE)
		return ctr_fail(err, CTR_FAILED_PRECONDITION, "snapshot \"%s\" is not active",
				c->args->key);
	if (!c->args->parent || !*c->args->parent)
		return CTR_OK;

	code = txn_int(txn,
		       txn_query(txn, err, "SELECT ifnull(parent, 0) FROM snapshot WHERE node = ?",
				 "i", c->row.node),
		       0, &parent, err);
	if (code == CTR_OK && parent)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "snapshot \"%s\" has a parent already",
				c->args->key);
	if (code == CTR_OK)
		code = snapshot_row(txn, c->op, c->args->parent, &c->parent, err);
	if (code == CTR_OK && c->parent.kind != CTR_SNAPSHOT_COMMITTED)
		code = ctr_fail(err, CTR_INVALID_ARGUMENT,
				"parent snapshot \"%s\" is not committed", c->args->parent);
	return code;
}

static ctr_code check_view(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	return check(txn, ud, err);
}

/* The parent's key, for the edge of the new name. */
static ctr_code parent_of(struct ctr_txn *txn, const struct commit *c,
			  char ret[SNAPSHOT_KEY_MAX + 1], struct ctr_error *err)
{
	if (c->args->parent && *c->args->parent) {
		snprintf(ret, SNAPSHOT_KEY_MAX + 1, "%s", c->args->parent);
		return CTR_OK;
	}
	return snapshot_parent_key(txn, c->row.node, ret, err);
}

/* The labels given at commit are those of the committed snapshot; those of the active one end with it. */
static ctr_code move_row(struct ctr_txn *txn, const struct commit *c, int64_t node,
			 struct ctr_error *err)
{
	AUTO_LABELS labels = META_LABELS_INIT;
	AUTO_FREE void *packed = NULL;
	char parent[SNAPSHOT_KEY_MAX + 1];
	int64_t now = clock_wall_ns();
	size_t n = 0;

	if (meta_labels_copy(&labels, c->args->labels) < 0 ||
	    meta_labels_pack(&labels, &packed, &n) < 0)
		return ctr_fail_errno(err, ENOMEM, "snapshot \"%s\"", c->args->name);
	ctr_code code = parent_of(txn, c, parent, err);
	if (code == CTR_OK)
		code = txn_exec(txn, err,
				"INSERT INTO snapshot(node, snapshotter, backend_key, kind, "
				"parent, labels, created,"
				" updated) SELECT ?, snapshotter, ?, ?, ifnull(nullif(?, 0), "
				"parent), ?, ?, ?"
				" FROM snapshot WHERE node = ?",
				"isiibiii", node, c->backend, (int64_t)CTR_SNAPSHOT_COMMITTED,
				c->parent.node, packed, n, now, now, c->row.node);
	if (code == CTR_OK)
		code = txn_exec(txn, err, "DELETE FROM snapshot WHERE node = ?", "i", c->row.node);
	if (code == CTR_OK)
		code = meta_object_remove(txn, c->row.node, err);

	const struct meta_ref refs[] = { { META_SNAPSHOT, c->op->snapshotter, parent } };
	const struct meta_object o = {
		.ns = c->row.ns,
		.node = node,
		.kind = META_SNAPSHOT,
		.labels = meta_labels_view(&labels),
		.refs = refs,
		.n_refs = ARRAY_SIZE(refs),
	};
	return code == CTR_OK ? meta_object_set(txn, c->op->call, &o, err) : code;
}

static ctr_code commit_rows(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct commit *c = ud;
	Containerd__Events__SnapshotCommit event = CONTAINERD__EVENTS__SNAPSHOT_COMMIT__INIT;
	int64_t node;

	ctr_code code = check(txn, c, err);
	if (code == CTR_OK)
		code = meta_node(txn, c->row.ns, META_SNAPSHOT, c->op->snapshotter, c->args->name,
				 1, &node, err);
	if (code == CTR_OK)
		code = move_row(txn, c, node, err);
	if (code == CTR_OK)
		code = meta_lease_add(txn, c->op->call, node, err);
	event.key = (char *)(uintptr_t)c->args->key;
	event.name = (char *)(uintptr_t)c->args->name;
	event.snapshotter = (char *)(uintptr_t)c->op->snapshotter;
	return code == CTR_OK ? meta_publish(txn, call_ns(c->op->call), "/snapshot/commit",
					     &event.base, err)
			      : code;
}

static ctr_code commit_part(void *ud, const struct ctr_call *call, struct ctr_error *err)
{
	struct commit *c = ud;
	struct ctr_snapshot_commit args = *c->args;

	args.size = sizeof(args);
	args.key = c->row.backend;
	args.name = c->backend;
	args.parent = c->args->parent && *c->args->parent ? c->parent.backend : "";
	return c->op->ops->commit(c->op->self, call, &args, err);
}

ctr_code snapshots_commit(const struct ctr_host *h, const struct ctr_call *call,
			  const char *snapshotter, const struct ctr_snapshot_commit *args,
			  struct ctr_error *err)
{
	struct snapshot_op op;
	struct commit c = { .op = &op, .args = args };

	ctr_code code = snapshot_op(h, call, snapshotter, &op, err);
	if (code == CTR_OK)
		code = snapshot_key_check("snapshot name", args->name, err);
	if (code == CTR_OK)
		code = meta_labels_check("", args->labels, err);
	if (code == CTR_OK)
		code = store_view(op.daemon->store, call, check_view, &c, err);
	if (code != CTR_OK)
		return code;
	snprintf(c.backend, sizeof(c.backend), "%s/%" PRId64 "/%s", call_ns(call), clock_wall_ns(),
		 args->name);
	return snapshot_with_rows(&op, commit_rows, commit_part, &c, err);
}

/* ---- remove ---- */

struct removal {
	const struct snapshot_op *op;
	const char *key;
	struct snapshot_row row;
};

static ctr_code check_removal(struct ctr_txn *txn, struct removal *r, struct ctr_error *err)
{
	int child = 0;

	ctr_code code = snapshot_row(txn, r->op, r->key, &r->row, err);
	if (code == CTR_OK)
		code = meta_has_child(txn, r->row.node, &child, err);
	if (code == CTR_OK && child)
		code = ctr_fail(err, CTR_FAILED_PRECONDITION, "cannot remove snapshot with child");
	return code;
}

static ctr_code removal_view(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	return check_removal(txn, ud, err);
}

static ctr_code removal_rows(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct removal *r = ud;
	Containerd__Events__SnapshotRemove event = CONTAINERD__EVENTS__SNAPSHOT_REMOVE__INIT;

	ctr_code code = check_removal(txn, r, err);
	if (code == CTR_OK)
		code = txn_exec(txn, err, "DELETE FROM snapshot WHERE node = ?", "i", r->row.node);
	if (code == CTR_OK)
		code = meta_object_remove(txn, r->row.node, err);
	event.key = (char *)(uintptr_t)r->key;
	event.snapshotter = (char *)(uintptr_t)r->op->snapshotter;
	return code == CTR_OK ? meta_publish(txn, call_ns(r->op->call), "/snapshot/remove",
					     &event.base, err)
			      : code;
}

static ctr_code removal_part(void *ud, const struct ctr_call *call, struct ctr_error *err)
{
	struct removal *r = ud;

	return r->op->ops->remove(r->op->self, call, r->row.backend, err);
}

ctr_code snapshots_remove(const struct ctr_host *h, const struct ctr_call *call,
			  const char *snapshotter, const char *key, struct ctr_error *err)
{
	struct snapshot_op op;
	struct removal r = { .op = &op, .key = key };

	ctr_code code = snapshot_op(h, call, snapshotter, &op, err);
	if (code == CTR_OK)
		code = store_view(op.daemon->store, call, removal_view, &r, err);
	if (code == CTR_OK)
		code = snapshot_with_rows(&op, removal_rows, removal_part, &r, err);
	if (code == CTR_OK)
		gc_schedule(op.daemon->gc);
	return code;
}
