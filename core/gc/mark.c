/* SPDX-License-Identifier: Apache-2.0
 *
 * Marking: one recursive query over nodes and edges on a read snapshot. What a lease with gc.flat
 * holds is live, and so is what its record names (parent, target), but its labels are not followed:
 * f is 0 there.
 */
#include <string.h>

#include "core/gc/internal.h"

#define LIVE                                                                                       \
	"WITH RECURSIVE live(id, f) AS ("                                                          \
	"  SELECT id, 1 FROM node WHERE live = 1 AND root = 1 AND expires = 0"                     \
	"  UNION SELECT id, 1 FROM node WHERE live = 1 AND root = 1 AND expires > ?1"              \
	"  UNION SELECT id, 1 FROM node WHERE touched > 0 AND touched > ?2"                        \
	"  UNION SELECT e.dst, l.f AND e.why <> 4 FROM live l CROSS JOIN edge e ON e.src = l.id"   \
	"    WHERE l.f = 1 OR e.why = 0)"

void garbage_done(struct garbage *g)
{
	free(g->ids);
	free(g->sorted);
	free(g->group_end);
	free(g->flat);
	*g = (struct garbage){ 0 };
}

/* All rows of one column, sorted. */
static ctr_code read_ids(struct ctr_txn *txn, sqlite3_stmt *st, int64_t **ret, size_t *ret_n,
			 struct ctr_error *err)
{
	size_t n = 0, room = 0;
	int r = -1;

	while (st && (r = txn_row(txn, st, err)) > 0) {
		if (n == room) {
			room = room ? 2 * room : 256;
			int64_t *grown = reallocarray(*ret, room, sizeof(*grown));

			if (!grown)
				return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
			*ret = grown;
		}
		(*ret)[n++] = sqlite3_column_int64(st, 0);
		*ret_n = n;
	}
	return r < 0 ? txn_code(err) : CTR_OK;
}

static ctr_code look_ahead(struct ctr_txn *txn, struct garbage *g, struct ctr_error *err)
{
	ctr_code code = txn_int(
		txn,
		txn_query(
			txn, err,
			"SELECT min(expires) FROM node WHERE live = 1 AND root = 1 AND expires > ?",
			"i", g->now_ns),
		0, &g->next_expiry_ns, err);

	if (code == CTR_OK)
		code = txn_int(
			txn,
			txn_query(txn, err,
				  "SELECT max(touched) FROM node WHERE touched > 0 AND touched > ?",
				  "i", g->grace_ns),
			0, &g->youngest_ns, err);
	if (code == CTR_OK)
		code = txn_int(txn,
			       txn_query(txn, err,
					 "SELECT count(*) FROM node n WHERE live = 0"
					 " AND NOT EXISTS(SELECT 1 FROM edge WHERE dst = n.id)"
					 " AND NOT EXISTS(SELECT 1 FROM edge WHERE src = n.id)",
					 ""),
			       0, &g->n_names, err);
	return code;
}

ctr_code gc_mark(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct garbage *g = ud;
	int64_t flat_leases = 0;
	ctr_code code = look_ahead(txn, g, err);

	if (code == CTR_OK)
		code = read_ids(
			txn,
			txn_query(txn, err,
				  LIVE
				  "SELECT id FROM node WHERE live = 1 AND kind IN (1, 2, 3, 5, 6)"
				  " AND id NOT IN (SELECT id FROM live) ORDER BY id",
				  "ii", g->now_ns, g->grace_ns),
			&g->ids, &g->n, err);
	if (code == CTR_OK && g->n)
		code = txn_int(
			txn,
			txn_query(txn, err, "SELECT EXISTS(SELECT 1 FROM edge WHERE why = 4)", ""),
			0, &flat_leases, err);
	if (code == CTR_OK && flat_leases)
		code = read_ids(
			txn,
			txn_query(txn, err,
				  LIVE
				  "SELECT id FROM live GROUP BY id HAVING max(f) = 0 ORDER BY id",
				  "ii", g->now_ns, g->grace_ns),
			&g->flat, &g->n_flat, err);
	return code == CTR_OK ? gc_order(txn, g, err) : code;
}
