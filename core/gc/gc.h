/* SPDX-License-Identifier: Apache-2.0
 *
 * The collector: what no root reaches is removed, rows first, bytes after. Marking reads a snapshot
 * of the database and disturbs nobody; removal goes through the writer in small rechecked batches.
 * See docs/gc.md.
 */
#ifndef CTR_CORE_GC_H
#define CTR_CORE_GC_H

#include <stdint.h>

#include "status/status.h"

struct ctr_call;
struct daemon;
struct gc;

int gc_new(struct daemon *d,
	   struct gc **ret); /* d->store must be there; the rest of d is looked at when needed */
void gc_free(struct gc *gc); /* waits for a run; NULL allowed */

/*
 * Something was removed, or lost a reference: collect soon. Any thread, never blocks. gc NULL
 * allowed.
 */
void gc_schedule(struct gc *gc);
/*
 * A whole collection that begins after this call, bytes included. Any thread but the loop's and the
 * writer's.
 */
ctr_code gc_run(struct gc *gc, const struct ctr_call *call, struct ctr_error *err);

/*
 * A blob's bytes are about to be given a row, or are being read on behalf of one that may go: until
 * gc_unpin() the collector leaves bytes of this digest alone, and gc_pin() waits while it is
 * removing them. Pins count. Use: pin, let the content plugin commit, write the row, unpin. gc NULL
 * allowed. 0 or -ENOMEM.
 */
int gc_pin(struct gc *gc, const char *digest);
void gc_unpin(struct gc *gc, const char *digest);
/*
 * The row was not written after all: remove the bytes unless somebody has a row for them or pins
 * them. After gc_unpin(). May block. gc NULL allowed.
 */
void gc_drop_blob(struct gc *gc, const char *digest);

struct gc_stats {
	uint64_t runs, removed, bytes_failed; /* since start */
	int64_t last_mark_ns, last_ns; /* duration of the last run's mark, and of all of it */
};
void gc_stats(struct gc *gc, struct gc_stats *ret);

/* The service "ctr.gc.v0". 0 or -ENOMEM. */
int gc_provide(struct daemon *d);

#endif
