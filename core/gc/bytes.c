/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes behind rows that are gone. A blob's bytes are shared by namespaces and may be getting a new
 * row at this moment: pins keep the two apart. What cannot be removed is logged and found again by
 * its plugin at the next start.
 */
#include <errno.h>
#include <string.h>

#include <ctr/content.h>
#include <ctr/snapshotter.h>

#include "base/log.h"
#include "base/str.h"
#include "core/daemon.h"
#include "core/gc/internal.h"
#include "core/registry/registry.h"

/* ---- pins: few at a time, so a list ---- */

struct pin {
	struct pin *next;
	unsigned count; /* pinned */
	int removing;
	char *digest;
};

/* Under mu. */
static struct pin **find_pin(struct gc *gc, const char *digest)
{
	struct pin **at = &gc->pins;

	while (*at && !str_eq((*at)->digest, digest))
		at = &(*at)->next;
	return at;
}

/* Under mu. The pin of digest, made when missing; NULL on OOM. */
static struct pin *get_pin(struct gc *gc, const char *digest)
{
	struct pin **at = find_pin(gc, digest);

	if (!*at) {
		struct pin *p = calloc(1, sizeof(*p));

		if (p)
			p->digest = str_dup(digest);
		if (!p || !p->digest) {
			free(p);
			return NULL;
		}
		*at = p;
	}
	return *at;
}

/* Under mu. */
static void drop_pin(struct gc *gc, const char *digest)
{
	struct pin **at = find_pin(gc, digest), *p = *at;

	if (!p || p->count || p->removing)
		return;
	*at = p->next;
	free(p->digest);
	free(p);
}

void gc_free_pins(struct gc *gc)
{
	while (gc->pins) {
		struct pin *p = gc->pins;

		gc->pins = p->next;
		free(p->digest);
		free(p);
	}
}

int gc_pin(struct gc *gc, const char *digest)
{
	int r = 0;

	if (!gc)
		return 0;
	pthread_mutex_lock(&gc->mu);
	struct pin *p = get_pin(gc, digest);

	if (p) {
		p->count++; /* before the wait, so that it stays */
		while (p->removing)
			pthread_cond_wait(&gc->changed, &gc->mu);
	} else {
		r = -ENOMEM;
	}
	pthread_mutex_unlock(&gc->mu);
	return r;
}

void gc_unpin(struct gc *gc, const char *digest)
{
	if (!gc)
		return;
	pthread_mutex_lock(&gc->mu);
	struct pin *p = *find_pin(gc, digest);

	if (p && p->count)
		p->count--;
	drop_pin(gc, digest);
	pthread_mutex_unlock(&gc->mu);
}

/* 1: nobody may pin digest until removing_end(). */
static int removing_begin(struct gc *gc, const char *digest)
{
	pthread_mutex_lock(&gc->mu);
	struct pin *p = get_pin(gc, digest);
	int ok = p && p->count == 0;

	if (ok)
		p->removing = 1;
	else if (p)
		drop_pin(gc, digest);
	pthread_mutex_unlock(&gc->mu);
	return ok;
}

static void removing_end(struct gc *gc, const char *digest)
{
	pthread_mutex_lock(&gc->mu);
	struct pin *p = *find_pin(gc, digest);

	if (p)
		p->removing = 0;
	drop_pin(gc, digest);
	pthread_cond_broadcast(&gc->changed);
	pthread_mutex_unlock(&gc->mu);
}

/* ---- removal ---- */

struct used {
	const char *digest;
	int64_t used;
};

static ctr_code used_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct used *u = ud;

	return txn_int(txn,
		       txn_query(txn, err, "SELECT EXISTS(SELECT 1 FROM content WHERE digest = ?)",
				 "s", u->digest),
		       0, &u->used, err);
}

/* A pinned blob is skipped: whoever pins it gives it a row, or drops it. */
static ctr_code remove_content(struct gc *gc, const char *digest, struct ctr_error *err)
{
	struct used u = { .digest = digest };

	if (!removing_begin(gc, digest))
		return CTR_OK;
	ctr_code code = store_view(gc->d->store, NULL, used_fn, &u, err);

	if (code == CTR_OK && !u.used)
		code = gc->backend.content(gc->backend.self, digest, err);
	removing_end(gc, digest);
	return code;
}

static ctr_code remove_one(struct gc *gc, const struct remains *r, struct ctr_error *err)
{
	if (r->kind == META_CONTENT)
		return remove_content(gc, r->key, err);
	if (r->kind == META_INGEST)
		return gc->backend.ingest(gc->backend.self, r->key, err);
	return gc->backend.snapshot(gc->backend.self, r->where, r->key, err);
}

void gc_remove_bytes(struct gc *gc, struct remains_list *remains)
{
	for (const struct remains *r = remains->first; r; r = r->next) {
		AUTO_ERROR err = ERROR_INIT;
		ctr_code code = remove_one(gc, r, &err);

		if (code == CTR_OK || code == CTR_NOT_FOUND)
			continue;
		pthread_mutex_lock(&gc->mu);
		gc->stats.bytes_failed++;
		pthread_mutex_unlock(&gc->mu);
		log_warn("collector: bytes of %s%s%s are left to the next start: %s", r->where,
			 *r->where ? " " : "", r->key, error_text(&err));
	}
}

void gc_drop_blob(struct gc *gc, const char *digest)
{
	AUTO_ERROR err = ERROR_INIT;

	if (!gc)
		return;
	ctr_code code = remove_content(gc, digest, &err);

	if (code != CTR_OK && code != CTR_NOT_FOUND)
		log_warn("collector: bytes of %s are left to the next start: %s", digest,
			 error_text(&err));
}

/* ---- the plugins ---- */

static ctr_code plugin_content(void *self, const char *digest, struct ctr_error *err)
{
	struct daemon *d = self;
	const void *table;
	void *plugin;
	ctr_code code =
		registry_find(d->registry, CTR_KIND_CONTENT, NULL, &table, &plugin, NULL, err);
	const struct ctr_content_ops *ops = table;

	return code == CTR_OK ? ops->remove(plugin, NULL, digest, err) : code;
}

static ctr_code plugin_ingest(void *self, const char *ref, struct ctr_error *err)
{
	struct daemon *d = self;
	const void *table;
	void *plugin;
	ctr_code code =
		registry_find(d->registry, CTR_KIND_CONTENT, NULL, &table, &plugin, NULL, err);
	const struct ctr_content_ops *ops = table;

	return code == CTR_OK ? ops->abort(plugin, NULL, ref, err) : code;
}

static ctr_code plugin_snapshot(void *self, const char *snapshotter, const char *key,
				struct ctr_error *err)
{
	struct daemon *d = self;
	const void *table;
	void *plugin;
	ctr_code code = registry_find(d->registry, CTR_KIND_SNAPSHOTTER, snapshotter, &table,
				      &plugin, NULL, err);
	const struct ctr_snapshotter_ops *ops = table;

	if (code != CTR_OK)
		return ctr_fail(err, CTR_UNAVAILABLE, "snapshotter '%s' is not loaded",
				snapshotter);
	return ops->remove(plugin, NULL, key, err);
}

void gc_default_backend(struct gc *gc)
{
	gc->backend = (struct gc_backend){
		.content = plugin_content,
		.ingest = plugin_ingest,
		.snapshot = plugin_snapshot,
		.self = gc->d,
	};
}
