/* SPDX-License-Identifier: Apache-2.0
 *
 * Prepare and view: names are checked before the plugin makes a byte, and once more in the transaction that decides.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "containerd/events/snapshot.pb-c.h"
#include "core/daemon.h"
#include "core/snapshots/snapshots.h"

#define TARGET_LABEL "containerd.io/snapshot.ref"
#define INHERITED    "containerd.io/snapshot/"

struct prepare {
	const struct snapshot_op *op;
	uint32_t kind;
	const struct ctr_snapshot_new *args;
	const char *target; /* of TARGET_LABEL, or NULL */
	char backend[SNAPSHOT_BACKEND_MAX];
	struct snapshot_row parent;
	ctr_mounts_sink sink;
	void *sink_ud;
};

static ctr_code exists(struct ctr_txn *txn, const struct prepare *p, const char *key, int *ret,
		       struct ctr_error *err)
{
	struct snapshot_row row;
	struct ctr_error own = ERROR_INIT;

	ctr_code code = snapshot_row(txn, p->op, key, &row, &own);
	*ret = code == CTR_OK;
	if (code == CTR_OK || code == CTR_NOT_FOUND) {
		error_done(&own);
		return CTR_OK;
	}
	return ctr_move_error(err, &own);
}

/* Before anything is made: parent, key, target, lease. Runs again as part of the rows, where it decides. */
static ctr_code check_names(struct ctr_txn *txn, struct prepare *p, struct ctr_error *err)
{
	int64_t lease;
	int there = 0;

	ctr_code code = meta_lease(txn, p->op->call, &lease, err);
	if (code == CTR_OK && p->target) {
		code = exists(txn, p, p->target, &there, err);
		if (there)
			return ctr_fail(err, CTR_ALREADY_EXISTS, "target snapshot \"%s\"",
					p->target);
	}
	if (code == CTR_OK)
		code = exists(txn, p, p->args->key, &there, err);
	if (there)
		return ctr_fail(err, CTR_ALREADY_EXISTS, "snapshot \"%s\"", p->args->key);
	if (code != CTR_OK || !*p->args->parent)
		return code;

	code = snapshot_row(txn, p->op, p->args->parent, &p->parent, err);
	if (code == CTR_NOT_FOUND)
		return ctr_fail(err, CTR_NOT_FOUND, "parent snapshot \"%s\"", p->args->parent);
	if (code == CTR_OK && p->parent.kind != CTR_SNAPSHOT_COMMITTED)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"parent snapshot \"%s\" is not committed", p->args->parent);
	return code;
}

static ctr_code check_view(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	return check_names(txn, ud, err);
}

static ctr_code insert(struct ctr_txn *txn, const struct prepare *p, int64_t ns, int64_t node,
		       struct ctr_error *err)
{
	const struct meta_ref refs[] = { { META_SNAPSHOT, p->op->snapshotter, p->args->parent } };
	AUTO_LABELS labels = META_LABELS_INIT;
	AUTO_FREE void *packed = NULL;
	int64_t now = clock_wall_ns();
	size_t n = 0;

	if (meta_labels_copy(&labels, p->args->labels) < 0 ||
	    meta_labels_pack(&labels, &packed, &n) < 0)
		return ctr_fail_errno(err, ENOMEM, "snapshot \"%s\"", p->args->key);
	const struct meta_object o = {
		.ns = ns,
		.node = node,
		.kind = META_SNAPSHOT,
		.labels = meta_labels_view(&labels),
		.refs = refs,
		.n_refs = ARRAY_SIZE(refs),
	};
	ctr_code code =
		txn_exec(txn, err,
			 "INSERT INTO snapshot(node, snapshotter, backend_key, kind, parent, "
			 "labels, created,"
			 " updated) VALUES(?, ?, ?, ?, nullif(?, 0), ?, ?, ?)",
			 "issiibii", node, p->op->snapshotter, p->backend, (int64_t)p->kind,
			 *p->args->parent ? p->parent.node : INT64_C(0), packed, n, now, now);
	return code == CTR_OK ? meta_object_set(txn, p->op->call, &o, err) : code;
}

static ctr_code rows(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct prepare *p = ud;
	Containerd__Events__SnapshotPrepare event = CONTAINERD__EVENTS__SNAPSHOT_PREPARE__INIT;
	int64_t ns, node;

	ctr_code code = meta_namespace(txn, p->op->call, 1, &ns, err);
	if (code == CTR_OK)
		code = check_names(txn, p, err);
	if (code == CTR_OK)
		code = meta_node(txn, ns, META_SNAPSHOT, p->op->snapshotter, p->args->key, 1, &node,
				 err);
	if (code == CTR_OK)
		code = insert(txn, p, ns, node, err);
	if (code == CTR_OK)
		code = meta_lease_add(txn, p->op->call, node, err);
	if (code != CTR_OK || p->kind != CTR_SNAPSHOT_ACTIVE)
		return code;
	event.key = (char *)(uintptr_t)p->args->key;
	event.parent = (char *)(uintptr_t)p->args->parent;
	event.snapshotter = (char *)(uintptr_t)p->op->snapshotter;
	return meta_publish(txn, call_ns(p->op->call), "/snapshot/prepare", &event.base, err);
}

/* The plugin's part: its own key, and only the labels that are meant for it. */
static ctr_code plugin_part(void *ud, const struct ctr_call *call, struct ctr_error *err)
{
	struct prepare *p = ud;
	AUTO_FREE struct ctr_label *own = calloc(p->args->labels.n + 1, sizeof(*own));
	uint64_t n = 0;

	if (!own)
		return ctr_fail_errno(err, ENOMEM, "snapshot \"%s\"", p->args->key);
	for (uint64_t i = 0; i < p->args->labels.n; i++) {
		const struct ctr_label *l = &p->args->labels.items[i];

		if (str_starts(l->key, INHERITED) || str_eq(l->key, TARGET_LABEL))
			own[n++] = *l;
	}
	const struct ctr_snapshot_new args = {
		.size = sizeof(args),
		.key = p->backend,
		.parent = *p->args->parent ? p->parent.backend : "",
		.labels = { own, n },
	};
	const struct snapshot_op *op = p->op;

	return p->kind == CTR_SNAPSHOT_VIEW
		       ? op->ops->view(op->self, call, &args, p->sink, p->sink_ud, err)
		       : op->ops->prepare(op->self, call, &args, p->sink, p->sink_ud, err);
}

ctr_code snapshots_prepare(const struct ctr_host *h, const struct ctr_call *call,
			   const char *snapshotter, uint32_t kind,
			   const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			   struct ctr_error *err)
{
	struct snapshot_op op;
	struct prepare p = { .op = &op, .kind = kind, .args = args, .sink = sink, .sink_ud = ud };

	ctr_code code = snapshot_op(h, call, snapshotter, &op, err);
	if (code == CTR_OK)
		code = snapshot_key_check("snapshot key", args->key, err);
	if (code == CTR_OK)
		code = meta_labels_check("", args->labels, err);
	p.target = meta_label(args->labels, TARGET_LABEL);
	if (code == CTR_OK)
		code = store_view(op.daemon->store, call, check_view, &p, err);
	if (code != CTR_OK)
		return code;

	/* The plugin's key must never come twice, not even while an older snapshot of this key is being removed. */
	snprintf(p.backend, sizeof(p.backend), "%s/%" PRId64 "/%s", call_ns(call), clock_wall_ns(),
		 args->key);
	return snapshot_with_rows(&op, rows, plugin_part, &p, err);
}
