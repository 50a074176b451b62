/* SPDX-License-Identifier: Apache-2.0
 *
 * The leases service. A lease is a root; what it holds are edges from its node, so a resource need
 * not exist yet.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/ident.h"
#include "base/str.h"
#include "core/call/call.h"
#include "core/gc/gc.h"
#include "core/meta/filter.h"
#include "core/meta/meta.h"
#include "core/meta/records.h"

struct op {
	const struct ctr_call *call;
	const char *id;
	struct meta_labels labels;
	int64_t created_ns, ns, node;
	const struct filter *filter;
	const struct ctr_lease_resource *resource;
	ctr_lease_sink sink;
	ctr_lease_resource_sink resource_sink;
	void *ud;
};

/* ---- create ---- */

static ctr_code create_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	AUTO_FREE void *labels = NULL;
	size_t n = 0;
	int64_t live = 0;
	ctr_code code = meta_namespace(txn, op->call, 1, &op->ns, err);

	if (code == CTR_OK)
		code = meta_node(txn, op->ns, META_LEASE, "", op->id, 1, &op->node, err);
	if (code == CTR_OK)
		code = txn_int(
			txn,
			txn_query(txn, err, "SELECT live FROM node WHERE id = ?", "i", op->node), 0,
			&live, err);
	if (code == CTR_OK && live)
		return ctr_fail(err, CTR_ALREADY_EXISTS, "lease \"%s\"", op->id);
	if (code == CTR_OK && meta_labels_pack(&op->labels, &labels, &n) < 0)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (code == CTR_OK)
		code = txn_exec(txn, err,
				"INSERT INTO lease(node, labels, created) VALUES(?, ?, ?)", "ibi",
				op->node, labels, n, op->created_ns);
	if (code != CTR_OK)
		return code;
	const struct meta_object o = {
		.ns = op->ns,
		.node = op->node,
		.kind = META_LEASE,
		.labels = meta_labels_view(&op->labels),
		.root = 1,
	};

	return meta_object_set(txn, op->call, &o, err);
}

#define ID_ROOM 48

/* "<nanosecond>-<4 characters>", as containerd makes them. */
static ctr_code make_id(char ret[ID_ROOM], struct ctr_error *err)
{
	unsigned char random[3];
	char text[base64_room(sizeof(random))];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return ctr_fail(err, CTR_INTERNAL, "no random bytes for a lease's id");
	base64_encode(random, sizeof(random), 1, 0, text);
	snprintf(ret, ID_ROOM, "%" PRId64 "-%s", clock_wall_ns() % NS_PER_SEC, text);
	return CTR_OK;
}

static ctr_code hand_out(const struct op *op)
{
	const struct ctr_lease lease = {
		.size = sizeof(lease),
		.id = op->id,
		.labels = meta_labels_view(&op->labels),
		.created_ns = op->created_ns,
	};

	return op->sink ? op->sink(op->ud, &lease) : CTR_OK;
}

ctr_code lease_create(struct daemon *d, const struct ctr_call *call, const struct ctr_lease *lease,
		      ctr_lease_sink sink, void *ud, struct ctr_error *err)
{
	struct op op = {
		.call = call, .id = lease->id, .sink = sink, .ud = ud, .created_ns = clock_wall_ns()
	};
	ctr_code code = meta_labels_check("lease.Labels", lease->labels, err);
	char id[ID_ROOM];

	if (code == CTR_OK && !*lease->id) {
		code = make_id(id, err);
		op.id = id;
	}
	if (code == CTR_OK && meta_labels_copy(&op.labels, lease->labels) < 0)
		code = ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (code == CTR_OK)
		code = store_update(d->store, call, create_fn, &op, err);
	if (code == CTR_OK)
		code = hand_out(&op);
	meta_labels_done(&op.labels);
	return code;
}

/* ---- remove and list ---- */

static ctr_code find(struct ctr_txn *txn, struct op *op, struct ctr_error *err)
{
	ctr_code code = meta_namespace(txn, op->call, 0, &op->ns, err);

	return code == CTR_OK ? meta_find(txn, op->ns, META_LEASE, "", op->id, &op->node, err)
			      : code;
}

static ctr_code remove_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	ctr_code code = find(txn, op, err);

	if (code == CTR_OK)
		code = txn_exec(txn, err, "DELETE FROM lease WHERE node = ?", "i", op->node);
	return code == CTR_OK ? meta_object_remove(txn, op->node, err) : code;
}

ctr_code lease_remove(struct daemon *d, const struct ctr_call *call, const char *id, int32_t sync,
		      struct ctr_error *err)
{
	struct op op = { .call = call, .id = id };
	ctr_code code = store_update(d->store, call, remove_fn, &op, err);

	if (code != CTR_OK)
		return code;
	if (sync && d->gc)
		return gc_run(d->gc, call, err);
	gc_schedule(d->gc);
	return CTR_OK;
}

static int field(const void *obj, const char *const *path, size_t n, const char **ret)
{
	const struct op *op = obj;

	if (str_eq(path[0], "id"))
		return filter_string(op->id, n, ret);
	if (str_eq(path[0], "labels"))
		return filter_labels(meta_labels_view(&op->labels), path + 1, n - 1, ret);
	return 0;
}

static ctr_code list_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	ctr_code code = meta_namespace(txn, op->call, 0, &op->ns, err);
	sqlite3_stmt *st;
	int r = -1;

	if (code != CTR_OK)
		return code;
	st = txn_query(txn, err,
		       "SELECT key, labels, created FROM node JOIN lease ON node = id"
		       " WHERE ns = ? AND node.kind = ? AND sub = '' ORDER BY key",
		       "ii", op->ns, (int64_t)META_LEASE);
	while (st && (r = txn_row(txn, st, err)) > 0) {
		op->id = row_text(st, 0);
		op->created_ns = sqlite3_column_int64(st, 2);
		code = meta_labels_column(st, 1, &op->labels, err);
		if (code == CTR_OK && filter_match(op->filter, field, op))
			code = hand_out(op);
		if (code != CTR_OK)
			return code;
	}
	return r < 0 ? txn_code(err) : CTR_OK;
}

ctr_code lease_list(struct daemon *d, const struct ctr_call *call, struct ctr_filters filters,
		    ctr_lease_sink sink, void *ud, struct ctr_error *err)
{
	AUTO_FILTER *filter = NULL;
	ctr_code code = filter_parse(filters.items, filters.n, &filter, err);
	struct op op = { .call = call, .filter = filter, .sink = sink, .ud = ud };

	if (code == CTR_OK)
		code = store_view(d->store, call, list_fn, &op, err);
	meta_labels_done(&op.labels);
	return code;
}

/* ---- resources ---- */

static const struct {
	const char *type; /* "snapshots" is followed by '/' and the snapshotter */
	enum meta_kind kind;
} types[] = {
	{ "content", META_CONTENT },
	{ "snapshots", META_SNAPSHOT },
	{ "ingests", META_INGEST },
	{ "images", META_IMAGE },
};

/* What a resource names, as containerd reads it. */
static ctr_code parse_resource(const struct ctr_lease_resource *r, enum meta_kind *ret_kind,
			       const char **ret_sub, struct ctr_error *err)
{
	const char *slash = strchrnul(r->type, '/');
	const size_t n = (size_t)(slash - r->type);
	size_t i = 0;

	while (i < ARRAY_SIZE(types) &&
	       (strlen(types[i].type) != n || memcmp(types[i].type, r->type, n) != 0))
		i++;
	if (i == ARRAY_SIZE(types))
		return ctr_fail(err, CTR_UNIMPLEMENTED, "resource type %s not supported yet",
				r->type);
	*ret_kind = types[i].kind;
	*ret_sub = *slash ? slash + 1 : "";
	if (*ret_kind == META_SNAPSHOT) {
		if (!**ret_sub || strchr(*ret_sub, '/'))
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"invalid snapshot resource type %s", r->type);
	} else if (*slash) {
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "invalid resource type %s", r->type);
	}
	if (*ret_kind == META_CONTENT && !digest_valid(r->id))
		return ctr_fail(
			err, CTR_INVALID_ARGUMENT,
			"invalid content resource id %.200s: invalid checksum digest format",
			r->id);
	return CTR_OK;
}

static ctr_code add_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	struct ctr_call leased;
	enum meta_kind kind;
	const char *sub;
	int64_t node = 0;
	ctr_code code = parse_resource(op->resource, &kind, &sub, err);

	if (code == CTR_OK)
		code = find(txn, op, err);
	if (code == CTR_OK)
		code = meta_node(txn, op->ns, kind, sub, op->resource->id, 1, &node, err);
	if (code != CTR_OK)
		return code;
	call_child(&leased, op->call, CTR_NO_DEADLINE);
	leased.lease = op->id;
	code = meta_lease_add(txn, &leased, node, err);
	call_done(&leased);
	return code;
}

ctr_code lease_add_resource(struct daemon *d, const struct ctr_call *call, const char *id,
			    const struct ctr_lease_resource *resource, struct ctr_error *err)
{
	struct op op = { .call = call, .id = id, .resource = resource };

	return store_update(d->store, call, add_fn, &op, err);
}

static ctr_code drop_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	enum meta_kind kind;
	const char *sub;
	int64_t node = 0;
	ctr_code code = parse_resource(op->resource, &kind, &sub, err);

	if (code == CTR_OK)
		code = find(txn, op, err);
	if (code == CTR_OK)
		code = meta_node(txn, op->ns, kind, sub, op->resource->id, 0, &node, err);
	return code == CTR_OK
		       ? txn_exec(txn, err,
				  "DELETE FROM edge WHERE src = ? AND dst = ? AND why IN (3, 4)",
				  "ii", op->node, node)
		       : code;
}

ctr_code lease_remove_resource(struct daemon *d, const struct ctr_call *call, const char *id,
			       const struct ctr_lease_resource *resource, struct ctr_error *err)
{
	struct op op = { .call = call, .id = id, .resource = resource };
	ctr_code code = store_update(d->store, call, drop_fn, &op, err);

	if (code == CTR_OK)
		gc_schedule(d->gc);
	return code;
}

static ctr_code hand_out_resource(const struct op *op, sqlite3_stmt *st)
{
	AUTO_BUF type = BUF_INIT(8192);
	const int64_t kind = sqlite3_column_int64(st, 0);
	const char *sub = row_text(st, 1);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if ((int64_t)types[i].kind == kind)
			buf_printf(&type, "%s%s%s", types[i].type, *sub ? "/" : "", sub);
	if (buf_failed(&type) || !type.data)
		return CTR_RESOURCE_EXHAUSTED;
	const struct ctr_lease_resource resource = {
		.size = sizeof(resource),
		.type = type.data,
		.id = row_text(st, 2),
	};

	return op->resource_sink(op->ud, &resource);
}

static ctr_code resources_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	ctr_code code = find(txn, op, err);
	sqlite3_stmt *st;
	int r = -1;

	if (code != CTR_OK)
		return code;
	st = txn_query(txn, err,
		       "SELECT kind, sub, key FROM edge JOIN node ON node.id = dst WHERE src = ? "
		       "AND why IN (3, 4)"
		       " AND kind IN (1, 2, 3, 6) ORDER BY kind, sub, key",
		       "i", op->node);
	while (st && (r = txn_row(txn, st, err)) > 0) {
		code = hand_out_resource(op, st);
		if (code != CTR_OK)
			return code;
	}
	return r < 0 ? txn_code(err) : CTR_OK;
}

ctr_code lease_resources(struct daemon *d, const struct ctr_call *call, const char *id,
			 ctr_lease_resource_sink sink, void *ud, struct ctr_error *err)
{
	struct op op = { .call = call, .id = id, .resource_sink = sink, .ud = ud };

	return store_view(d->store, call, resources_fn, &op, err);
}
