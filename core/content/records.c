/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of content: which digests a namespace has, and their labels.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "containerd/events/content.pb-c.h"
#include "core/call/call.h"
#include "core/content/content.h"
#include "core/daemon.h"
#include "core/gc/gc.h"
#include "core/meta/filter.h"
#include "core/meta/meta.h"

#define COLUMNS "content.digest, content.size, content.labels, content.created, content.updated"

struct query {
	struct daemon *daemon;
	const struct ctr_call *call;
	const char *digest;
	struct ctr_labels labels;
	struct ctr_mask mask;
	struct filter *filter;
	ctr_content_sink sink;
	void *ud;
};

/* The current row, to the sink. */
static ctr_code give(struct query *q, sqlite3_stmt *st, struct ctr_error *err)
{
	AUTO_LABELS labels = META_LABELS_INIT;

	ctr_code code = meta_labels_column(st, 2, &labels, err);
	if (code != CTR_OK || !q->sink)
		return code;
	struct ctr_content_info info = {
		.size = sizeof(info),
		.digest = row_text(st, 0),
		.length_bytes = sqlite3_column_int64(st, 1),
		.created_ns = sqlite3_column_int64(st, 3),
		.updated_ns = sqlite3_column_int64(st, 4),
		.labels = meta_labels_view(&labels),
	};
	return q->sink(q->ud, &info);
}

static ctr_code find(struct ctr_txn *txn, const struct query *q, int64_t *ret_ns, int64_t *ret_node,
		     struct ctr_error *err)
{
	ctr_code code = meta_namespace(txn, q->call, 0, ret_ns, err);

	return code == CTR_OK ? meta_find(txn, *ret_ns, META_CONTENT, "", q->digest, ret_node, err)
			      : code;
}

static ctr_code info_row(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct query *q = ud;
	int64_t ns, node;

	ctr_code code = find(txn, q, &ns, &node, err);
	if (code != CTR_OK)
		return code;
	sqlite3_stmt *st =
		txn_query(txn, err, "SELECT " COLUMNS " FROM content WHERE node = ?", "i", node);
	int r = st ? txn_row(txn, st, err) : -1;
	if (r <= 0)
		return r < 0 ? txn_code(err)
			     : ctr_fail(err, CTR_NOT_FOUND, "content digest %s", q->digest);
	code = give(q, st, err);
	sqlite3_reset(st);
	return code;
}

ctr_code content_info(const struct ctr_host *h, const struct ctr_call *call, const char *digest,
		      ctr_content_sink sink, void *ud, struct ctr_error *err)
{
	struct query q = { .call = call, .digest = digest, .sink = sink, .ud = ud };

	ctr_code code = meta_digest_check(digest, err);
	return code == CTR_OK ? store_view(host_daemon(h)->store, call, info_row, &q, err) : code;
}

/* ---- list ---- */

static int field(const void *obj, const char *const *path, size_t n, const char **ret)
{
	const struct ctr_content_info *info = obj;

	if (str_eq(path[0], "digest")) {
		*ret = info->digest;
		return filter_string(info->digest, n, ret);
	}
	if (str_eq(path[0], "labels"))
		return filter_labels(info->labels, path + 1, n - 1, ret);
	return 0;
}

static ctr_code give_filtered(void *ud, const struct ctr_content_info *info)
{
	const struct query *q = ud;

	return filter_match(q->filter, field, info) ? q->sink(q->ud, info) : CTR_OK;
}

static ctr_code list_rows(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct query *q = ud;
	struct query one = *q;
	int64_t ns;
	int r;

	ctr_code code = meta_namespace(txn, q->call, 0, &ns, err);
	if (code != CTR_OK)
		return code;
	one.sink = give_filtered;
	one.ud = q;
	sqlite3_stmt *st =
		txn_query(txn, err,
			  "SELECT " COLUMNS " FROM content JOIN node ON node.id = content.node"
			  " WHERE node.ns = ? AND node.kind = 1 ORDER BY content.digest",
			  "i", ns);
	if (!st)
		return txn_code(err);
	while (code == CTR_OK && (r = txn_row(txn, st, err)) != 0)
		code = r < 0 ? txn_code(err) : give(&one, st, err);
	sqlite3_reset(st);
	return code;
}

ctr_code content_list(const struct ctr_host *h, const struct ctr_call *call,
		      struct ctr_filters filters, ctr_content_sink sink, void *ud,
		      struct ctr_error *err)
{
	struct query q = { .call = call, .sink = sink, .ud = ud };

	ctr_code code = filter_parse(filters.items, filters.n, &q.filter, err);
	if (code == CTR_OK)
		code = store_view(host_daemon(h)->store, call, list_rows, &q, err);
	filter_free(q.filter);
	return code;
}

/* ---- update ---- */

static ctr_code apply_mask(struct meta_labels *labels, const struct query *q, struct ctr_error *err)
{
	int r = q->mask.n ? 0 : meta_labels_copy(labels, q->labels);

	for (uint64_t i = 0; r >= 0 && i < q->mask.n; i++) {
		r = meta_labels_apply(labels, q->labels, "labels", q->mask.paths[i]);
		if (r == 0)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"cannot update \"%s\" field on content info \"%s\"",
					q->mask.paths[i], q->digest);
	}
	return r < 0 ? ctr_fail_errno(err, r, "content %s", q->digest) : CTR_OK;
}

/* Write labels and what follows from them. */
static ctr_code set_labels(struct ctr_txn *txn, const struct query *q, int64_t ns, int64_t node,
			   const struct meta_labels *labels, struct ctr_error *err)
{
	const struct meta_object o = {
		.ns = ns, .node = node, .kind = META_CONTENT, .labels = meta_labels_view(labels)
	};
	AUTO_FREE void *packed = NULL;
	size_t n = 0;

	ctr_code code = meta_labels_check("", o.labels, err);
	if (code == CTR_OK && meta_labels_pack(labels, &packed, &n) < 0)
		code = ctr_fail_errno(err, ENOMEM, "content %s", q->digest);
	if (code == CTR_OK)
		code = txn_exec(txn, err,
				"UPDATE content SET labels = ?, updated = ? WHERE node = ?", "bii",
				packed, n, clock_wall_ns(), node);
	return code == CTR_OK ? meta_object_set(txn, q->call, &o, err) : code;
}

static ctr_code update_row(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct query *q = ud;
	AUTO_LABELS labels = META_LABELS_INIT;
	int64_t ns, node;

	ctr_code code = find(txn, q, &ns, &node, err);
	if (code != CTR_OK)
		return code;
	sqlite3_stmt *st =
		txn_query(txn, err, "SELECT labels FROM content WHERE node = ?", "i", node);
	int r = st ? txn_row(txn, st, err) : -1;
	if (r < 0)
		return txn_code(err);
	if (r > 0)
		code = meta_labels_column(st, 0, &labels, err);
	sqlite3_reset(st);
	if (code == CTR_OK)
		code = apply_mask(&labels, q, err);
	if (code == CTR_OK)
		code = set_labels(txn, q, ns, node, &labels, err);
	return code;
}

ctr_code content_update(const struct ctr_host *h, const struct ctr_call *call, const char *digest,
			struct ctr_labels labels, struct ctr_mask mask, ctr_content_sink sink,
			void *ud, struct ctr_error *err)
{
	struct daemon *d = host_daemon(h);
	struct query q = { .call = call, .digest = digest, .labels = labels, .mask = mask };

	ctr_code code = meta_digest_check(digest, err);
	if (code == CTR_OK)
		code = store_update(d->store, call, update_row, &q, err);
	if (code != CTR_OK)
		return code;
	gc_schedule(d->gc); /* a reference may have gone with a label */
	return content_info(h, call, digest, sink, ud, err);
}

/* ---- remove ---- */

static ctr_code remove_row(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct query *q = ud;
	Containerd__Events__ContentDelete event = CONTAINERD__EVENTS__CONTENT_DELETE__INIT;
	int64_t ns, node;

	ctr_code code = find(txn, q, &ns, &node, err);
	if (code == CTR_OK)
		code = txn_exec(txn, err, "DELETE FROM content WHERE node = ?", "i", node);
	if (code == CTR_OK)
		code = meta_object_remove(txn, node, err);
	event.digest = (char *)(uintptr_t)q->digest;
	return code == CTR_OK
		       ? meta_publish(txn, call_ns(q->call), "/content/delete", &event.base, err)
		       : code;
}

ctr_code content_remove(const struct ctr_host *h, const struct ctr_call *call, const char *digest,
			struct ctr_error *err)
{
	struct daemon *d = host_daemon(h);
	struct query q = { .call = call, .digest = digest };

	ctr_code code = meta_digest_check(digest, err);
	if (code == CTR_OK)
		code = store_update(d->store, call, remove_row, &q, err);
	if (code == CTR_OK)
		gc_schedule(d->gc);
	return code;
}

/* ---- for the writer ---- */

struct hold {
	const struct ctr_call *call;
	const char *digest;
	int here;
	int64_t elsewhere; /* length in another namespace, -1: nowhere */
};

static ctr_code look(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct hold *hold = ud;
	int64_t ns = 0, node = 0;

	hold->here = 0;
	ctr_code code = meta_namespace(txn, hold->call, 0, &ns, err);
	if (code == CTR_OK)
		code = txn_int(txn,
			       txn_query(txn, err,
					 "SELECT size FROM content WHERE digest = ? LIMIT 1", "s",
					 hold->digest),
			       -1, &hold->elsewhere, err);
	if (code != CTR_OK || hold->elsewhere < 0 || !ns)
		return code;
	code = meta_find(txn, ns, META_CONTENT, "", hold->digest, &node, NULL);
	hold->here = code == CTR_OK;
	return code == CTR_NOT_FOUND ? CTR_OK : code;
}

/* Looks again: the collector may have been here since. */
static ctr_code lease_row(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct hold *hold = ud;
	int64_t ns, node;

	ctr_code code = look(txn, hold, err);
	if (code != CTR_OK || !hold->here)
		return code;
	code = meta_namespace(txn, hold->call, 0, &ns, err);
	if (code == CTR_OK)
		code = meta_find(txn, ns, META_CONTENT, "", hold->digest, &node, err);
	return code == CTR_OK ? meta_lease_add(txn, hold->call, node, err) : code;
}

ctr_code content_hold(struct daemon *d, const struct ctr_call *call, const char *digest,
		      int *ret_here, int64_t *ret_elsewhere, struct ctr_error *err)
{
	struct hold hold = { .call = call, .digest = digest, .elsewhere = -1 };

	ctr_code code = store_view(d->store, call, look, &hold, err);
	if (code == CTR_OK && hold.here && *call->lease) {
		code = store_update(d->store, call, lease_row, &hold, err);
	}
	*ret_here = hold.here;
	*ret_elsewhere = hold.here ? -1 : hold.elsewhere;
	return code;
}

struct record {
	const struct ctr_call *call;
	const char *digest;
	int64_t length;
	struct ctr_labels labels;
	int known; /* the namespace had it */
};

static ctr_code insert_row(struct ctr_txn *txn, const struct record *r, int64_t ns, int64_t node,
			   struct ctr_error *err)
{
	AUTO_LABELS labels = META_LABELS_INIT;
	AUTO_FREE void *packed = NULL;
	Containerd__Events__ContentCreate event = CONTAINERD__EVENTS__CONTENT_CREATE__INIT;
	int64_t now = clock_wall_ns();
	size_t n = 0;

	if (meta_labels_copy(&labels, r->labels) < 0 || meta_labels_pack(&labels, &packed, &n) < 0)
		return ctr_fail_errno(err, ENOMEM, "content %s", r->digest);
	const struct meta_object o = {
		.ns = ns, .node = node, .kind = META_CONTENT, .labels = meta_labels_view(&labels)
	};
	ctr_code code = meta_labels_check("", o.labels, err);
	if (code == CTR_OK)
		code = txn_exec(txn, err,
				"INSERT INTO content(node, digest, size, labels, created, updated)"
				" VALUES(?, ?, ?, ?, ?, ?)",
				"isibii", node, r->digest, r->length, packed, n, now, now);
	if (code == CTR_OK)
		code = meta_object_set(txn, r->call, &o, err);
	event.digest = (char *)(uintptr_t)r->digest;
	event.size = r->length;
	return code == CTR_OK
		       ? meta_publish(txn, call_ns(r->call), "/content/create", &event.base, err)
		       : code;
}

static ctr_code record_row(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct record *r = ud;
	int64_t ns, node, there = 0;

	ctr_code code = meta_namespace(txn, r->call, 1, &ns, err);
	if (code == CTR_OK)
		code = meta_node(txn, ns, META_CONTENT, "", r->digest, 1, &node, err);
	if (code == CTR_OK)
		code = txn_int(txn,
			       txn_query(txn, err,
					 "SELECT EXISTS(SELECT 1 FROM content WHERE node = ?)", "i",
					 node),
			       0, &there, err);
	r->known = there != 0;
	if (code == CTR_OK && !there)
		code = insert_row(txn, r, ns, node, err);
	return code == CTR_OK ? meta_lease_add(txn, r->call, node, err) : code;
}

ctr_code content_record(struct daemon *d, const struct ctr_call *call, const char *digest,
			int64_t length, struct ctr_labels labels, struct ctr_error *err)
{
	struct record r = { call, digest, length, labels, 0 };

	ctr_code code = store_update(d->store, call, record_row, &r, err);
	if (code == CTR_OK && r.known)
		return ctr_fail(err, CTR_ALREADY_EXISTS, "content %s", digest);
	return code;
}
