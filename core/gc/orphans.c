/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes without a row: what a crash left between a row and its bytes. Looked for once, in a
 * daemon's first run, and only among what is older than this daemon (a snapshot's age is in its
 * key, "<namespace>/<time>/<key>"), so that what is being made now is never taken for an orphan.
 * Blobs are removed under the collector's pins.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <ctr/content.h>
#include <ctr/snapshotter.h>

#include "base/log.h"
#include "base/str.h"
#include "core/daemon.h"
#include "core/gc/internal.h"
#include "core/registry/registry.h"

#define ORPHANS_MAX 100000 /* of one plugin in one run; further ones are for the next start */

/* Names that a plugin has, and of which those with a row are taken out. */
struct names {
	char **list;
	size_t n, room;
	int64_t before_ns;
	const char *snapshotter; /* NULL: blobs */
	struct store *store;
};

static ctr_code without_rows(struct names *s, struct ctr_error *err);

static void names_done(struct names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i]);
	free(s->list);
}

static ctr_code keep(struct names *s, const char *name)
{
	/* What has a row makes room; what is left is orphans, and as many as one run takes. */
	if (s->n >= ORPHANS_MAX && (without_rows(s, NULL) != CTR_OK || s->n >= ORPHANS_MAX))
		return CTR_OK;
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		char **grown = reallocarray(s->list, room, sizeof(*grown));

		if (!grown)
			return CTR_RESOURCE_EXHAUSTED;
		s->list = grown;
		s->room = room;
	}
	s->list[s->n] = str_dup(name);
	return s->list[s->n] ? (s->n++, CTR_OK) : CTR_RESOURCE_EXHAUSTED;
}

static ctr_code on_blob(void *ud, const struct ctr_blob_info *info)
{
	struct names *s = ud;

	return info->created_ns < s->before_ns ? keep(s, info->digest) : CTR_OK;
}

int gc_key_time(const char *backend_key, int64_t *ret_ns)
{
	const char *number = strchr(backend_key, '/'),
		   *end = number ? strchr(number + 1, '/') : NULL;
	char text[24];

	if (!end || end - number - 1 <= 0 || (size_t)(end - number - 1) >= sizeof(text))
		return -EINVAL;
	memcpy(text, number + 1, (size_t)(end - number - 1));
	text[end - number - 1] = '\0';
	return parse_i64(text, ret_ns);
}

static ctr_code on_snapshot(void *ud, const struct ctr_snapshot_info *info)
{
	struct names *s = ud;
	int64_t made_ns;

	if (gc_key_time(info->name, &made_ns) < 0 || made_ns >= s->before_ns)
		return CTR_OK;
	return keep(s, info->name);
}

/* Take out of the list what has a row. */
static ctr_code without_rows_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct names *s = ud;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		int64_t used = 0;
		sqlite3_stmt *st =
			s->snapshotter
				? txn_query(txn, err,
					    "SELECT 1 FROM snapshot WHERE snapshotter = ? AND "
					    "backend_key = ?",
					    "ss", s->snapshotter, s->list[i])
				: txn_query(txn, err, "SELECT 1 FROM content WHERE digest = ?", "s",
					    s->list[i]);
		ctr_code code = txn_int(txn, st, 0, &used, err);

		if (code != CTR_OK)
			return code;
		char *name = s->list[i];

		s->list[i] = s->list[n];
		s->list[n] = name;
		n += !used;
	}
	while (s->n > n)
		free(s->list[--s->n]);
	return CTR_OK;
}

static ctr_code without_rows(struct names *s, struct ctr_error *err)
{
	return store_view(s->store, NULL, without_rows_fn, s, err);
}

static void content_orphans(struct gc *gc, const struct ctr_content_ops *ops, void *plugin)
{
	AUTO(names_done) struct names s = { .store = gc->d->store, .before_ns = gc->began_ns };
	AUTO_ERROR err = ERROR_INIT;
	struct remains_list remains;
	ctr_code code = ops->walk(plugin, NULL, on_blob, &s, &err);

	if (code == CTR_OK)
		code = without_rows(&s, &err);
	if (code != CTR_OK) {
		log_warn("collector: blobs without a row are not looked for: %s", error_text(&err));
		return;
	}
	remains_init(&remains);
	for (size_t i = 0; i < s.n; i++)
		(void)remains_add(&remains, META_CONTENT, "", s.list[i]);
	gc_remove_bytes(gc, &remains);
	remains_free(&remains);
	if (s.n)
		log_info("collector: removed %zu blobs that no namespace has", s.n);
}

/*
 * One pass over the list: what went is taken out of it. A parent goes in a later pass than its
 * children.
 */
static size_t remove_pass(const struct ctr_snapshotter_ops *ops, void *plugin, struct names *s)
{
	size_t n = 0, removed = 0;

	for (size_t i = s->n; i-- > 0;) { /* children are younger, mostly */
		ctr_code code = ops->remove(plugin, NULL, s->list[i], NULL);

		if (code != CTR_OK && code != CTR_NOT_FOUND)
			continue;
		free(take_ptr(&s->list[i]));
		removed++;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i])
			s->list[n++] = s->list[i];
	s->n = n;
	return removed;
}

static void snapshot_orphans(struct gc *gc, const char *id, const struct ctr_snapshotter_ops *ops,
			     void *plugin)
{
	AUTO(names_done)
	struct names s = { .store = gc->d->store, .snapshotter = id, .before_ns = gc->began_ns };
	AUTO_ERROR err = ERROR_INIT;
	size_t removed = 0;
	ctr_code code = ops->walk(plugin, NULL, on_snapshot, &s, &err);

	if (code == CTR_OK)
		code = without_rows(&s, &err);
	if (code != CTR_OK) {
		log_warn("collector: snapshots of %s without a row are not looked for: %s", id,
			 error_text(&err));
		return;
	}
	for (size_t pass = 1; pass && s.n; removed += pass)
		pass = remove_pass(ops, plugin, &s);
	if (removed)
		log_info("collector: removed %zu snapshots of %s that no namespace has", removed,
			 id);
}

void gc_remove_orphans(struct gc *gc)
{
	struct registry *r = gc->d->registry;
	const void *table;
	const char *id;
	void *plugin;

	if (!r)
		return;
	if (registry_find(r, CTR_KIND_CONTENT, NULL, &table, &plugin, NULL, NULL) == CTR_OK)
		content_orphans(gc, table, plugin);
	for (uint32_t i = 0; registry_nth(r, CTR_KIND_SNAPSHOTTER, i, &table, &plugin, &id) == 0;
	     i++)
		snapshot_orphans(gc, id, table, plugin);
}
