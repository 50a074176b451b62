/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the collector share. Nobody outside core/gc (and its tests) includes this.
 */
#ifndef CTR_CORE_GC_INTERNAL_H
#define CTR_CORE_GC_INTERNAL_H

#include <pthread.h>

#include "base/clock.h"
#include "core/gc/gc.h"
#include "core/meta/meta.h"

#define GC_BATCH    500
#define GC_BATCH_NS (5 * NS_PER_MSEC) /* of the writer's thread, for one batch */
#define GC_GRACE_NS                                                                                \
	(5 * NS_PER_SEC) /* what a call without a lease has made stays at least this long */
#define GC_DAY_NS                                                                                  \
	(24 * 3600 * NS_PER_SEC) /* at most between two runs, for ingests that nobody touches */
#define GC_DELAY_NS (100 * NS_PER_MSEC) /* from a removal to the run that it causes */

/*
 * Removes the bytes behind rows that are gone. The default finds plugins in the registry; tests
 * have their own.
 */
struct gc_backend {
	/* CTR_NOT_FOUND counts as done. */
	ctr_code (*content)(void *self, const char *digest, struct ctr_error *err);
	ctr_code (*ingest)(void *self, const char *backend_ref, struct ctr_error *err);
	ctr_code (*snapshot)(void *self, const char *snapshotter, const char *backend_key,
			     struct ctr_error *err);
	void *self;
};

struct pin;
struct loop_timer;

struct gc {
	struct daemon *d;
	struct gc_backend backend;

	pthread_mutex_t mu; /* guards all that follows */
	pthread_cond_t changed;
	int running;
	uint64_t asked, answered; /* tickets: a run answers all who asked before it began */
	ctr_code last_code;
	int queued, again; /* a job is in the pool; it has to run once more */
	int closing;
	int64_t due_ns; /* when the next run is wanted (monotonic), 0: not */
	int posted;     /* the loop has been told to look at due_ns */
	struct pin *pins;
	struct gc_stats stats;

	int64_t began_ns;         /* wall clock when the collector was made; never changes */
	int orphans_done;         /* of the one run at a time */
	struct loop_timer *timer; /* loop's thread only */
};

/* What a mark found: strongly connected groups of garbage, those that refer to others first. */
struct garbage {
	int64_t *ids;      /* in order of removal */
	int64_t *sorted;   /* the same, by number */
	size_t *group_end; /* group i is ids[group_end[i - 1]] .. ids[group_end[i] - 1] */
	size_t n, n_groups;
	int64_t *flat; /* sorted: live, but held flat only, so that their labels keep nothing */
	size_t n_flat;
	int64_t now_ns, grace_ns; /* wall clock of the mark, and the oldest touch that protects */
	int64_t next_expiry_ns;   /* wall clock, 0: none */
	int64_t youngest_ns;      /* the latest touch within the grace, 0: none */
	int64_t n_names;          /* nodes of objects that are not there and that nothing names */
};

void garbage_done(struct garbage *g);
/* mark.c: a closure for store_view; ud is a struct garbage. */
ctr_code gc_mark(struct ctr_txn *txn, void *ud, struct ctr_error *err);
/* order.c: group and order g->ids (n of them, sorted) by the edges among them. */
ctr_code gc_order(struct ctr_txn *txn, struct garbage *g, struct ctr_error *err);

/* Bytes to remove, in order. */
struct remains {
	struct remains *next;
	enum meta_kind kind;
	char *where, *key; /* snapshotter and backend key, or "" and digest or ref */
};

struct remains_list {
	struct remains *first, **last;
};

void remains_init(struct remains_list *l);
int remains_add(struct remains_list *l, enum meta_kind kind, const char *where,
		const char *key); /* 0 or -ENOMEM */
void remains_move(struct remains_list *to, struct remains_list *from);
void remains_free(struct remains_list *l);

/* sweep.c: remove the rows of g in batches; remains are appended as their batches commit. */
ctr_code gc_sweep(struct gc *gc, const struct garbage *g, struct remains_list *remains,
		  uint64_t *ret_removed, struct ctr_error *err);
/* Nodes that are only names, and that nothing uses any more. */
ctr_code gc_sweep_names(struct gc *gc, struct ctr_error *err);

/* orphans.c */
void gc_remove_orphans(struct gc *gc);
int gc_key_time(const char *backend_key, int64_t *ret_ns); /* 0 or -EINVAL */

/* bytes.c */
void gc_remove_bytes(struct gc *gc, struct remains_list *remains);
void gc_default_backend(struct gc *gc);
void gc_free_pins(struct gc *gc);

#endif
