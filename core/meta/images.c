/* SPDX-License-Identifier: Apache-2.0
 *
 * The images service: a name, its target, labels. The record keeps its target alive, and by the
 * target's labels all that hangs on it.
 */
#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/str.h"
#include "containerd/services/images/v1/image_events.pb-c.h"
#include "core/call/call.h"
#include "core/gc/gc.h"
#include "core/meta/clone.h"
#include "core/meta/filter.h"
#include "core/meta/message.h"
#include "core/meta/meta.h"
#include "core/meta/records.h"

#define COLUMNS "media_type, digest, size, annotations, labels, created, updated"

struct op {
	struct daemon *d;
	const struct ctr_call *call;
	const struct ctr_image *wanted;
	const char *name, *target; /* target: of remove */
	struct ctr_mask mask;
	int64_t epoch_ns;
	const struct filter *filter;
	ctr_image_sink sink;
	void *ud;
	int64_t ns, node;
	struct ctr_image *result; /* of create and update, when there is a sink */
};

static ctr_code oom(struct ctr_error *err)
{
	return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
}

/* ---- reading ---- */

static ctr_code with_row(sqlite3_stmt *st, int at, const char *name, ctr_image_sink sink, void *ud,
			 struct ctr_error *err)
{
	AUTO_LABELS labels = META_LABELS_INIT, annotations = META_LABELS_INIT;
	ctr_code code = meta_labels_column(st, at + 3, &annotations, err);

	if (code == CTR_OK)
		code = meta_labels_column(st, at + 4, &labels, err);
	if (code != CTR_OK)
		return code;
	const struct ctr_image image = {
		.size = sizeof(image),
		.name = name,
		.target = {
			.size = sizeof(image.target),
			.media_type = row_text(st, at),
			.digest = row_text(st, at + 1),
			.length_bytes = sqlite3_column_int64(st, at + 2),
			.annotations = meta_labels_view(&annotations),
		},
		.labels = meta_labels_view(&labels),
		.created_ns = sqlite3_column_int64(st, at + 5),
		.updated_ns = sqlite3_column_int64(st, at + 6),
	};

	return sink(ud, &image);
}

ctr_code image_row(struct ctr_txn *txn, int64_t node, const char *name, ctr_image_sink sink,
		   void *ud, struct ctr_error *err)
{
	sqlite3_stmt *st =
		txn_query(txn, err, "SELECT " COLUMNS " FROM image WHERE node = ?", "i", node);
	int r = st ? txn_row(txn, st, err) : -1;

	if (r <= 0)
		return r < 0 ? txn_code(err)
			     : ctr_fail(err, CTR_DATA_LOSS, "image \"%s\" has no record", name);
	ctr_code code = with_row(st, 0, name, sink, ud, err);

	sqlite3_reset(st);
	return code;
}

static ctr_code find(struct ctr_txn *txn, struct op *op, struct ctr_error *err)
{
	ctr_code code = meta_namespace(txn, op->call, 0, &op->ns, err);

	return code == CTR_OK ? meta_find(txn, op->ns, META_IMAGE, "", op->name, &op->node, err)
			      : code;
}

static ctr_code get_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	ctr_code code = find(txn, op, err);

	return code == CTR_OK ? image_row(txn, op->node, op->name, op->sink, op->ud, err) : code;
}

ctr_code image_get(struct daemon *d, const struct ctr_call *call, const char *name,
		   ctr_image_sink sink, void *ud, struct ctr_error *err)
{
	struct op op = { .d = d, .call = call, .name = name, .sink = sink, .ud = ud };

	return store_view(d->store, call, get_fn, &op, err);
}

static int field(const void *obj, const char *const *path, size_t n, const char **ret)
{
	const struct ctr_image *image = obj;

	if (str_eq(path[0], "name"))
		return filter_string(image->name, n, ret);
	if (str_eq(path[0], "target") && n == 2 && str_eq(path[1], "digest"))
		return filter_string(image->target.digest, 1, ret);
	if (str_eq(path[0], "target") && n == 2 && str_eq(path[1], "mediatype"))
		return filter_string(image->target.media_type, 1, ret);
	if (str_eq(path[0], "labels"))
		return filter_labels(image->labels, path + 1, n - 1, ret);
	if (str_eq(path[0], "annotations"))
		return filter_labels(image->target.annotations, path + 1, n - 1, ret);
	return 0;
}

static ctr_code filtered(void *ud, const struct ctr_image *image)
{
	const struct op *op = ud;

	return filter_match(op->filter, field, image) ? op->sink(op->ud, image) : CTR_OK;
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
		       "SELECT key, " COLUMNS " FROM node JOIN image ON node = id"
		       " WHERE ns = ? AND node.kind = ? AND sub = '' ORDER BY key",
		       "ii", op->ns, (int64_t)META_IMAGE);
	while (st && (r = txn_row(txn, st, err)) > 0) {
		code = with_row(st, 1, row_text(st, 0), filtered, op, err);
		if (code != CTR_OK)
			return code;
	}
	return r < 0 ? txn_code(err) : CTR_OK;
}

ctr_code image_list(struct daemon *d, const struct ctr_call *call, struct ctr_filters filters,
		    ctr_image_sink sink, void *ud, struct ctr_error *err)
{
	AUTO_FILTER *filter = NULL;
	ctr_code code = filter_parse(filters.items, filters.n, &filter, err);
	struct op op = { .d = d, .call = call, .filter = filter, .sink = sink, .ud = ud };

	return code == CTR_OK ? store_view(d->store, call, list_fn, &op, err) : code;
}

/* ---- writing ---- */

static ctr_code check(const struct ctr_image *image, struct ctr_error *err)
{
	const struct ctr_descriptor *t = &image->target;

	if (!*image->name)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "image name must not be empty");
	ctr_code code = meta_labels_check("image.Labels", image->labels, err);

	if (code != CTR_OK)
		return code;
	if (!digest_valid(t->digest))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"Target.Digest \"%.200s\" invalid: invalid checksum digest format",
				t->digest);
	if (t->length_bytes <= 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "Target.Size must be greater than zero");
	if (!*t->media_type)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "Target.MediaType must be set");
	return CTR_OK;
}

struct packed {
	void *labels, *annotations;
	size_t n_labels, n_annotations;
};

static void packed_done(struct packed *p)
{
	free(p->labels);
	free(p->annotations);
}

static int pack_labels(struct ctr_labels from, void **ret, size_t *ret_n)
{
	AUTO_LABELS labels = META_LABELS_INIT;
	int r = meta_labels_copy(&labels, from);

	return r < 0 ? r : meta_labels_pack(&labels, ret, ret_n);
}

static ctr_code write_row(struct ctr_txn *txn, int64_t node, const struct ctr_image *image,
			  struct ctr_error *err)
{
	AUTO(packed_done) struct packed p = { 0 };
	const struct ctr_descriptor *t = &image->target;

	if (pack_labels(image->labels, &p.labels, &p.n_labels) < 0 ||
	    pack_labels(t->annotations, &p.annotations, &p.n_annotations) < 0)
		return oom(err);
	return txn_exec(
		txn, err,
		"INSERT OR REPLACE INTO image(node, " COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
		"issibbii", node, t->media_type, t->digest, t->length_bytes, p.annotations,
		p.n_annotations, p.labels, p.n_labels, image->created_ns, image->updated_ns);
}

static ctr_code write_object(struct ctr_txn *txn, const struct op *op,
			     const struct ctr_image *image, struct ctr_error *err)
{
	const struct meta_ref target = { .kind = META_CONTENT, .key = image->target.digest };
	const struct meta_object o = {
		.ns = op->ns,
		.node = op->node,
		.kind = META_IMAGE,
		.labels = image->labels,
		.refs = &target,
		.n_refs = 1,
		.root = 1,
	};
	ctr_code code = write_row(txn, op->node, image, err);

	return code == CTR_OK ? meta_object_set(txn, op->call, &o, err) : code;
}

static ctr_code publish_created(struct ctr_txn *txn, const struct op *op,
				const struct ctr_image *image, struct ctr_error *err)
{
	Containerd__Services__Images__V1__ImageCreate event;
	struct message_map map = MESSAGE_MAP_INIT;
	ctr_code code = message_map_fill(
		&map, image->labels,
		&containerd__services__images__v1__image_create__labels_entry__descriptor, err);

	if (code != CTR_OK)
		return code;
	containerd__services__images__v1__image_create__init(&event);
	event.name = lent(image->name);
	event.n_labels = map.n;
	event.labels = (void *)map.entries;
	code = meta_publish(txn, call_ns(op->call), "/images/create", &event.base, err);
	message_map_done(&map);
	return code;
}

static ctr_code create_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	struct ctr_image image = *op->wanted;
	int64_t live = 0;
	ctr_code code = meta_namespace(txn, op->call, 1, &op->ns, err);

	if (code == CTR_OK)
		code = meta_node(txn, op->ns, META_IMAGE, "", image.name, 1, &op->node, err);
	if (code == CTR_OK)
		code = txn_int(
			txn,
			txn_query(txn, err, "SELECT live FROM node WHERE id = ?", "i", op->node), 0,
			&live, err);
	if (code == CTR_OK && live)
		return ctr_fail(err, CTR_ALREADY_EXISTS, "image \"%s\"", image.name);
	image.created_ns = image.updated_ns = op->epoch_ns ? op->epoch_ns : clock_wall_ns();
	if (code == CTR_OK)
		code = write_object(txn, op, &image, err);
	if (code == CTR_OK && meta_label(image.labels, "containerd.io/gc.expire"))
		code = meta_lease_add(txn, op->call, op->node, err);
	if (code == CTR_OK)
		code = publish_created(txn, op, &image, err);
	if (code == CTR_OK && op->sink)
		code = image_row(txn, op->node, image.name, image_keep, &op->result, err);
	return code;
}

/* Run a writing closure, then hand out what it kept. */
static ctr_code write_and_tell(struct op *op, ctr_txn_fn fn, struct ctr_error *err)
{
	ctr_code code = store_update(op->d->store, op->call, fn, op, err);

	if (code == CTR_OK && op->sink)
		code = op->sink(op->ud, op->result);
	free(op->result);
	return code;
}

ctr_code image_create(struct daemon *d, const struct ctr_call *call, const struct ctr_image *image,
		      int64_t epoch_ns, ctr_image_sink sink, void *ud, struct ctr_error *err)
{
	struct op op = {
		.d = d, .call = call, .wanted = image, .name = image->name, .epoch_ns = epoch_ns
	};
	ctr_code code = check(image, err);

	op.sink = sink;
	op.ud = ud;
	return code == CTR_OK ? write_and_tell(&op, create_fn, err) : code;
}

/* ---- update ---- */

struct change {
	struct op *op;
	struct ctr_txn *txn;
	struct ctr_error *err;
};

static ctr_code apply_path(struct ctr_image *image, struct meta_labels *labels,
			   struct meta_labels *annotations, const struct ctr_image *wanted,
			   const char *path, struct ctr_error *err)
{
	int r = meta_labels_apply(labels, wanted->labels, "labels", path);

	if (r == 0)
		r = meta_labels_apply(annotations, wanted->target.annotations, "annotations", path);
	if (r == 0 && str_eq(path, "target")) {
		image->target = wanted->target;
		r = meta_labels_copy(annotations, wanted->target.annotations) < 0 ? -1 : 1;
	}
	if (r < 0)
		return oom(err);
	return r > 0 ? CTR_OK
		     : ctr_fail(err, CTR_INVALID_ARGUMENT,
				"cannot update \"%s\" field on image \"%s\"", path, image->name);
}

static ctr_code publish_updated(const struct change *ch, const struct ctr_image *image)
{
	Containerd__Services__Images__V1__ImageUpdate event;
	struct message_map map = MESSAGE_MAP_INIT;
	ctr_code code = message_map_fill(
		&map, image->labels,
		&containerd__services__images__v1__image_update__labels_entry__descriptor, ch->err);

	if (code != CTR_OK)
		return code;
	containerd__services__images__v1__image_update__init(&event);
	event.name = lent(image->name);
	event.n_labels = map.n;
	event.labels = (void *)map.entries;
	code = meta_publish(ch->txn, call_ns(ch->op->call), "/images/update", &event.base, ch->err);
	message_map_done(&map);
	return code;
}

static ctr_code change_row(void *ud, const struct ctr_image *old)
{
	static const char *const all[] = { "labels", "target" };
	struct change *ch = ud;
	const struct ctr_mask *mask = &ch->op->mask;
	const char *const *paths = mask->n ? mask->paths : all;
	const size_t n = mask->n ? mask->n : ARRAY_SIZE(all);
	AUTO_LABELS labels = META_LABELS_INIT, annotations = META_LABELS_INIT;
	struct ctr_image image = *old;
	ctr_code code = CTR_OK;

	if (meta_labels_copy(&labels, old->labels) < 0 ||
	    meta_labels_copy(&annotations, old->target.annotations) < 0)
		return oom(ch->err);
	for (size_t i = 0; code == CTR_OK && i < n; i++)
		code = apply_path(&image, &labels, &annotations, ch->op->wanted, paths[i], ch->err);
	if (code != CTR_OK)
		return code;
	image.labels = meta_labels_view(&labels);
	image.target.annotations = meta_labels_view(&annotations);
	image.updated_ns = ch->op->epoch_ns ? ch->op->epoch_ns : clock_wall_ns();
	code = check(&image, ch->err);
	if (code == CTR_OK)
		code = write_object(ch->txn, ch->op, &image, ch->err);
	return code == CTR_OK ? publish_updated(ch, &image) : code;
}

static ctr_code update_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	struct change ch = { .op = op, .txn = txn, .err = err };
	ctr_code code = find(txn, op, err);

	if (code == CTR_OK)
		code = image_row(txn, op->node, op->name, change_row, &ch, err);
	if (code == CTR_OK && op->sink)
		code = image_row(txn, op->node, op->name, image_keep, &op->result, err);
	return code;
}

ctr_code image_update(struct daemon *d, const struct ctr_call *call, const struct ctr_image *image,
		      struct ctr_mask mask, int64_t epoch_ns, ctr_image_sink sink, void *ud,
		      struct ctr_error *err)
{
	struct op op = { .d = d, .call = call, .wanted = image, .name = image->name, .mask = mask };

	op.epoch_ns = epoch_ns;
	op.sink = sink;
	op.ud = ud;
	if (!*image->name)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "image name is required for update");
	ctr_code code = write_and_tell(&op, update_fn, err);

	if (code == CTR_OK)
		gc_schedule(d->gc);
	return code;
}

/* ---- removal ---- */

static ctr_code require_target(struct ctr_txn *txn, const struct op *op, struct ctr_error *err)
{
	int64_t same = 0;
	ctr_code code =
		txn_int(txn,
			txn_query(txn, err, "SELECT 1 FROM image WHERE node = ? AND digest = ?",
				  "is", op->node, op->target),
			0, &same, err);

	if (code == CTR_OK && !same)
		code = ctr_fail(err, CTR_NOT_FOUND, "image \"%s\" with target %s", op->name,
				op->target);
	return code;
}

static ctr_code remove_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;
	Containerd__Services__Images__V1__ImageDelete event;
	ctr_code code = find(txn, op, err);

	if (code == CTR_OK && *op->target)
		code = require_target(txn, op, err);
	if (code == CTR_OK)
		code = txn_exec(txn, err, "DELETE FROM image WHERE node = ?", "i", op->node);
	if (code == CTR_OK)
		code = meta_object_remove(txn, op->node, err);
	if (code != CTR_OK)
		return code;
	containerd__services__images__v1__image_delete__init(&event);
	event.name = lent(op->name);
	return meta_publish(txn, call_ns(op->call), "/images/delete", &event.base, err);
}

ctr_code image_remove(struct daemon *d, const struct ctr_call *call, const char *name,
		      const char *target, int32_t sync, struct ctr_error *err)
{
	struct op op = { .d = d, .call = call, .name = name, .target = str_or(target, "") };
	ctr_code code = store_update(d->store, call, remove_fn, &op, err);

	if (code != CTR_OK)
		return code;
	if (sync && d->gc)
		return gc_run(d->gc, call, err);
	gc_schedule(d->gc);
	return CTR_OK;
}
