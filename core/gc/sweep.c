/* SPDX-License-Identifier: Apache-2.0
 *
 * Removal of rows: groups in order, at most 500 objects or 5 ms of the writer's thread at a time.
 * Each group is looked at again first: whatever has come to refer to it since the mark keeps it,
 * and all that it refers to.
 */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "containerd/events/snapshot.pb-c.h"
#include "containerd/services/images/v1/image_events.pb-c.h"
#include "core/daemon.h"
#include "core/gc/internal.h"
#include "core/meta/message.h"

struct batch {
	const struct garbage *g;
	size_t group; /* the next one */
	uint64_t removed;
	struct remains_list remains;
};

/* ---- remains ---- */

void remains_init(struct remains_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

int remains_add(struct remains_list *l, enum meta_kind kind, const char *where, const char *key)
{
	struct remains *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->kind = kind;
	r->where = str_dup(where);
	r->key = str_dup(key);
	*l->last = r;
	l->last = &r->next;
	return r->where && r->key ? 0 : -ENOMEM;
}

void remains_move(struct remains_list *to, struct remains_list *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	remains_init(from);
}

void remains_free(struct remains_list *l)
{
	for (struct remains *r = l->first, *next; r; r = next) {
		next = r->next;
		free(r->where);
		free(r->key);
		free(r);
	}
	remains_init(l);
}

/* ---- is it still garbage? ---- */

static int contains(const int64_t *ids, size_t n, int64_t id)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ids[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && ids[low] == id;
}

static int is_flat(const struct garbage *g, int64_t id)
{
	return contains(g->flat, g->n_flat, id);
}

/* One that was held flat only: has it got a referrer since, that follows its labels? */
static ctr_code still_flat(struct ctr_txn *txn, const struct garbage *g, int64_t id, int *ret,
			   struct ctr_error *err)
{
	sqlite3_stmt *st = txn_query(txn, err,
				     "SELECT src FROM edge JOIN node ON node.id = src WHERE dst = "
				     "? AND why <> 4 AND live = 1",
				     "i", id);
	int r = -1, flat = 1;

	while (st && (r = txn_row(txn, st, err)) > 0) {
		const int64_t src = sqlite3_column_int64(st, 0);

		flat = flat && (is_flat(g, src) || contains(g->sorted, g->n, src));
	}
	*ret = flat;
	return r < 0 ? txn_code(err) : CTR_OK;
}

static int in_group(const int64_t *ids, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return 1;
	return 0;
}

/* Does anything alive outside of its group refer to id? */
static ctr_code is_referred(struct ctr_txn *txn, const struct garbage *g, const int64_t *ids,
			    size_t n, int64_t id, int *ret, struct ctr_error *err)
{
	sqlite3_stmt *st = txn_query(
		txn, err,
		"SELECT src, why FROM edge JOIN node ON node.id = src WHERE dst = ? AND live = 1",
		"i", id);
	int r = -1;

	*ret = 0;
	while (st && !*ret && (r = txn_row(txn, st, err)) > 0) {
		const int64_t src = sqlite3_column_int64(st, 0);
		int flat = 0;

		if (in_group(ids, n, src))
			continue;
		if (sqlite3_column_int64(st, 1) != META_FIXED && is_flat(g, src)) {
			ctr_code code = still_flat(txn, g, src, &flat, err);

			if (code != CTR_OK)
				return code;
		}
		*ret = !flat;
	}
	return r < 0 ? txn_code(err) : CTR_OK;
}

/* Has it become a root, or been touched by a call without a lease? */
static ctr_code is_rooted(struct ctr_txn *txn, const struct garbage *g, int64_t id, int *ret,
			  struct ctr_error *err)
{
	int64_t rooted = 0;
	ctr_code code =
		txn_int(txn,
			txn_query(txn, err,
				  "SELECT 1 FROM node WHERE id = ? AND live = 1 AND (touched > ? OR"
				  " (root = 1 AND (expires = 0 OR expires > ?)))",
				  "iii", id, g->grace_ns, g->now_ns),
			0, &rooted, err);

	*ret = rooted != 0;
	return code;
}

static ctr_code is_garbage(struct ctr_txn *txn, const struct garbage *g, const int64_t *ids,
			   size_t n, int *ret, struct ctr_error *err)
{
	*ret = 1;
	for (size_t i = 0; *ret && i < n; i++) {
		int kept = 0;
		ctr_code code = is_rooted(txn, g, ids[i], &kept, err);

		if (code == CTR_OK && !kept)
			code = is_referred(txn, g, ids, n, ids[i], &kept, err);
		if (code != CTR_OK)
			return code;
		*ret = !kept;
	}
	return CTR_OK;
}

/* ---- removal ---- */

/* Columns: kind, key, sub, namespace, and what the kind's table says of the bytes. */
static const char object_sql[] =
	"SELECT n.kind, n.key, n.sub, ns.name, coalesce(c.digest, s.backend_key, i.backend_ref, '')"
	" FROM node n JOIN namespace ns ON ns.id = n.ns LEFT JOIN content c ON c.node = n.id"
	" LEFT JOIN snapshot s ON s.node = n.id LEFT JOIN ingest i ON i.node = n.id WHERE n.id = ? "
	"AND n.live = 1";

static ctr_code tell(struct ctr_txn *txn, sqlite3_stmt *st, enum meta_kind kind,
		     struct ctr_error *err)
{
	Containerd__Services__Images__V1__ImageDelete image;
	Containerd__Events__SnapshotRemove snapshot;

	if (kind == META_IMAGE) {
		containerd__services__images__v1__image_delete__init(&image);
		image.name = lent(row_text(st, 1));
		return meta_publish(txn, row_text(st, 3), "/images/delete", &image.base, err);
	}
	if (kind != META_SNAPSHOT)
		return CTR_OK;
	containerd__events__snapshot_remove__init(&snapshot);
	snapshot.key = lent(row_text(st, 1));
	snapshot.snapshotter = lent(row_text(st, 2));
	return meta_publish(txn, row_text(st, 3), "/snapshot/remove", &snapshot.base, err);
}

static ctr_code delete_row(struct ctr_txn *txn, enum meta_kind kind, int64_t id,
			   struct ctr_error *err)
{
	switch (kind) {
	case META_CONTENT:
		return txn_exec(txn, err, "DELETE FROM content WHERE node = ?", "i", id);
	case META_SNAPSHOT:
		return txn_exec(txn, err, "DELETE FROM snapshot WHERE node = ?", "i", id);
	case META_IMAGE:
		return txn_exec(txn, err, "DELETE FROM image WHERE node = ?", "i", id);
	case META_LEASE:
		return txn_exec(txn, err, "DELETE FROM lease WHERE node = ?", "i", id);
	case META_INGEST:
		return txn_exec(txn, err, "DELETE FROM ingest WHERE node = ?", "i", id);
	case META_CONTAINER:
	case META_SANDBOX:
		break;
	}
	return ctr_fail(err, CTR_INTERNAL, "object of kind %d cannot be garbage", (int)kind);
}

static ctr_code remove_one(struct ctr_txn *txn, struct batch *b, int64_t id, struct ctr_error *err)
{
	sqlite3_stmt *st = txn_query(txn, err, object_sql, "i", id);
	int r = st ? txn_row(txn, st, err) : -1;

	if (r <= 0)
		return r < 0 ? txn_code(err) : CTR_OK; /* gone meanwhile */
	const enum meta_kind kind = (enum meta_kind)sqlite3_column_int64(st, 0);
	ctr_code code = tell(txn, st, kind, err);

	if (code == CTR_OK && *row_text(st, 4) &&
	    remains_add(&b->remains, kind, kind == META_SNAPSHOT ? row_text(st, 2) : "",
			row_text(st, 4)) < 0)
		code = ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	sqlite3_reset(st);
	if (code == CTR_OK)
		code = delete_row(txn, kind, id, err);
	if (code == CTR_OK)
		code = meta_object_remove(txn, id, err);
	b->removed++;
	return code;
}

static ctr_code batch_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct batch *b = ud;
	const struct garbage *g = b->g;
	const int64_t stop_ns = clock_now_ns() + GC_BATCH_NS;
	size_t done = 0;

	while (b->group < g->n_groups && done < GC_BATCH &&
	       (done == 0 || clock_now_ns() < stop_ns)) {
		const size_t from = b->group ? g->group_end[b->group - 1] : 0,
			     n = g->group_end[b->group] - from;
		int garbage = 0;
		ctr_code code = is_garbage(txn, g, g->ids + from, n, &garbage, err);

		for (size_t i = 0; code == CTR_OK && garbage && i < n; i++)
			code = remove_one(txn, b, g->ids[from + i], err);
		if (code != CTR_OK)
			return code;
		b->group++;
		done += n;
	}
	return CTR_OK;
}

ctr_code gc_sweep(struct gc *gc, const struct garbage *g, struct remains_list *remains,
		  uint64_t *ret_removed, struct ctr_error *err)
{
	struct batch b = { .g = g };

	*ret_removed = 0;
	while (b.group < g->n_groups) {
		remains_init(&b.remains);
		b.removed = 0;
		ctr_code code = store_update(gc->d->store, NULL, batch_fn, &b, err);

		if (code != CTR_OK) {
			remains_free(&b.remains);
			return code;
		}
		remains_move(remains, &b.remains);
		*ret_removed += b.removed;
	}
	return CTR_OK;
}

static ctr_code names_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	int *changes = ud;
	ctr_code code =
		txn_exec(txn, err,
			 "DELETE FROM node WHERE id IN (SELECT id FROM node n WHERE live = 0"
			 " AND NOT EXISTS(SELECT 1 FROM edge WHERE dst = n.id)"
			 " AND NOT EXISTS(SELECT 1 FROM edge WHERE src = n.id) LIMIT ?)",
			 "i", (int64_t)GC_BATCH);

	*changes = txn_changes(txn);
	return code;
}

ctr_code gc_sweep_names(struct gc *gc, struct ctr_error *err)
{
	int changes = GC_BATCH;
	ctr_code code = CTR_OK;

	while (code == CTR_OK && changes == GC_BATCH)
		code = store_update(gc->d->store, NULL, names_fn, &changes, err);
	return code;
}
