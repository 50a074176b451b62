/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects for the collector, made through the primitives that the records use, and a backend that
 * writes down which bytes it was told to remove. On top of tests/unit/meta/fixture.h.
 */
#ifndef CTR_TEST_GC_WORLD_H
#define CTR_TEST_GC_WORLD_H

#include "../meta/fixture.h"

#include "core/gc/internal.h"

struct world {
	struct fixture *f;
	char log[65536];
	size_t n_log;
};

static inline ctr_code world_log(struct world *w, const char *what, const char *key)
{
	w->n_log +=
		(size_t)snprintf(w->log + w->n_log, sizeof(w->log) - w->n_log, "%s %s;", what, key);
	return CTR_OK;
}

static inline ctr_code world_content(void *self, const char *digest, struct ctr_error *err)
{
	(void)err;
	return world_log(self, "content", digest);
}

static inline ctr_code world_ingest(void *self, const char *ref, struct ctr_error *err)
{
	(void)err;
	return world_log(self, "ingest", ref);
}

static inline ctr_code world_snapshot(void *self, const char *snapshotter, const char *key,
				      struct ctr_error *err)
{
	(void)snapshotter;
	(void)err;
	return world_log(self, "snapshot", key);
}

static inline int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	void *f = NULL;

	assert_non_null(w);
	fixture_setup(&f);
	w->f = f;
	assert_int_equal(gc_new(&w->f->d, &w->f->d.gc), 0);
	w->f->d.gc->backend = (struct gc_backend){ world_content, world_ingest, world_snapshot, w };
	*state = w;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;
	void *f = w->f;

	gc_free(w->f->d.gc);
	fixture_teardown(&f);
	free(w);
	return 0;
}

/* One object of content, snapshot or ingest. */
struct thing {
	enum meta_kind kind;
	const char *key, *parent; /* parent: of a snapshot */
	struct ctr_labels labels;
	const char *lease;  /* "" : made by a call without one */
	int64_t expires_ns; /* of an ingest */
	const struct ctr_call *call;
};

static inline ctr_code thing_row(struct ctr_txn *txn, const struct thing *t, int64_t ns,
				 int64_t node, struct ctr_error *err)
{
	int64_t parent = 0, zero = 0;
	char backend[300];

	if (t->kind == META_CONTENT)
		return txn_exec(txn, err,
				"INSERT OR REPLACE INTO content VALUES(?, ?, 1, x'', 0, 0)", "is",
				node, t->key);
	if (t->kind == META_INGEST)
		return txn_exec(txn, err, "INSERT OR REPLACE INTO ingest VALUES(?, ?, '', 0, 0, 0)",
				"is", node, t->key);
	if (t->parent && *t->parent) {
		ctr_code code = meta_node(txn, ns, META_SNAPSHOT, "s", t->parent, 1, &parent, err);

		if (code != CTR_OK)
			return code;
	}
	snprintf(backend, sizeof(backend), "b-%s", t->key);
	return txn_exec(
		txn, err,
		"INSERT OR REPLACE INTO snapshot VALUES(?, 's', ?, 3, nullif(?, ?), x'', 0, 0)",
		"isii", node, backend, parent, zero);
}

static inline ctr_code thing_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	const struct thing *t = ud;
	const struct meta_ref parent = { .kind = META_SNAPSHOT, .sub = "s", .key = t->parent };
	struct meta_object o = {
		.kind = t->kind, .labels = t->labels, .refs = &parent, .n_refs = 1
	};
	struct ctr_call call;
	ctr_code code;

	o.root = t->kind == META_INGEST;
	o.expires_ns = t->expires_ns;
	call_child(&call, t->call, CTR_NO_DEADLINE);
	call.lease = t->lease;
	code = meta_namespace(txn, &call, 1, &o.ns, err);
	if (code == CTR_OK)
		code = meta_node(txn, o.ns, t->kind, t->kind == META_SNAPSHOT ? "s" : "", t->key, 1,
				 &o.node, err);
	if (code == CTR_OK)
		code = thing_row(txn, t, o.ns, o.node, err);
	if (code == CTR_OK)
		code = meta_object_set(txn, &call, &o, err);
	call_done(&call);
	return code;
}

static inline void make(struct world *w, struct thing t)
{
	struct fixture *f = w->f;

	t.call = &f->call;
	if (!t.lease)
		t.lease = "somebody";
	assert_ok(store_update(f->d.store, NULL, thing_fn, &t, &f->err));
}

struct count {
	const char *sql;
	int64_t n;
};

static inline ctr_code count_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct count *c = ud;

	return txn_int(txn, txn_query(txn, err, c->sql, ""), -1, &c->n, err);
}

static inline int64_t count(struct world *w, const char *sql)
{
	struct fixture *f = w->f;
	struct count c = { .sql = sql };

	assert_ok(store_view(f->d.store, NULL, count_fn, &c, &f->err));
	return c.n;
}

static inline void collect(struct world *w)
{
	struct fixture *f = w->f;

	w->n_log = 0;
	w->log[0] = '\0';
	assert_ok(gc_run(f->d.gc, NULL, &f->err));
}

#endif
