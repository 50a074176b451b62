/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.store.v1": a plugin's own rows in the daemon's database, as keys and values. A write transaction is a
 * closure that runs on the writer's thread inside the group's transaction; a failed one harms no other.
 */
#ifndef CTR_STORE_H
#define CTR_STORE_H

#include <ctr/plugin.h>

#define CTR_SERVICE_STORE "ctr.store.v1"

struct ctr_txn; /* valid inside the closure only */

/* Reads and writes rows; does no I/O, calls no plugin, at most 5 ms. May run more than once on no account. */
typedef ctr_code (*ctr_txn_fn)(struct ctr_txn *txn, void *ud, struct ctr_error *err);
/* Borrowed while it runs. */
typedef ctr_code (*ctr_row_sink)(void *ud, const char *key, const void *value, uint64_t n);

#define CTR_STORE_KEY_MAX   512     /* bytes of a key */
#define CTR_STORE_VALUE_MAX 1048576 /* bytes of a value */

struct ctr_store_ops {
	uint32_t size, reserved;
	/* Durable when it returns CTR_OK; otherwise nothing of it happened. Not from the loop's thread. */
	ctr_code (*update)(const struct ctr_host *h, const struct ctr_call *call, ctr_txn_fn fn,
			   void *ud, struct ctr_error *err);
	/* A consistent read; fn must not write. */
	ctr_code (*view)(const struct ctr_host *h, const struct ctr_call *call, ctr_txn_fn fn,
			 void *ud, struct ctr_error *err);
	/* Inside a closure. get: CTR_NOT_FOUND. */
	ctr_code (*get)(struct ctr_txn *txn, const char *key, ctr_row_sink sink, void *ud,
			struct ctr_error *err);
	ctr_code (*put)(struct ctr_txn *txn, const char *key, const void *value, uint64_t n,
			struct ctr_error *err);
	ctr_code (*del)(struct ctr_txn *txn, const char *key, struct ctr_error *err);
	/* Keys that begin with prefix, in order. */
	ctr_code (*walk)(struct ctr_txn *txn, const char *prefix, ctr_row_sink sink, void *ud,
			 struct ctr_error *err);
};

#endif
