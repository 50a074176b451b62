/* SPDX-License-Identifier: Apache-2.0
 *
 * The database: one SQLite file (WAL, synchronous=FULL), one writer connection on one thread with
 * group commit, and read connections beside it. A write is a closure; each is a SAVEPOINT in the
 * group's transaction, answered after the group's fsync. Readers never wait for the writer. Only
 * core/ sees SQL. See docs/store.md.
 */
#ifndef CTR_CORE_STORE_H
#define CTR_CORE_STORE_H

#include <sqlite3.h>

#include <ctr/call.h>
#include <ctr/store.h>

#include "status/status.h"

struct events;
struct store;

/*
 * Open or make <root_fd>/<name>, migrate it, start the writer. events may be NULL (tools);
 * published after each fsync.
 */
ctr_code store_open(const char *path, struct events *events, struct store **ret,
		    struct ctr_error *err);
void store_close(struct store *s); /* finishes what is queued; NULL allowed */

/*
 * Run fn on the writer's thread inside a savepoint; durable when it returns CTR_OK, undone
 * otherwise. Adds call->rows to the same savepoint. Blocks: not from the loop's thread, not from
 * inside a closure. call may be NULL.
 */
ctr_code store_update(struct store *s, const struct ctr_call *call, ctr_txn_fn fn, void *ud,
		      struct ctr_error *err);
/*
 * The same without waiting: done(ud, code, err) runs on the writer's thread after the fsync.
 * -ENOMEM as CTR_RESOURCE_EXHAUSTED.
 */
ctr_code store_update_async(struct store *s, ctr_txn_fn fn, void *ud,
			    void (*done)(void *ud, ctr_code code, struct ctr_error *err),
			    struct ctr_error *err);
/*
 * Run fn on a read connection: one consistent snapshot. Any thread; the loop's thread too, for
 * point reads.
 */
ctr_code store_view(struct store *s, const struct ctr_call *call, ctr_txn_fn fn, void *ud,
		    struct ctr_error *err);

/*
 * Inside a closure. A statement by its SQL text (static storage: the text's address is the cache
 * key), reset and unbound. NULL with err set when it does not compile.
 */
sqlite3_stmt *txn_stmt(struct ctr_txn *txn, const char *sql, struct ctr_error *err);
/*
 * Step a statement that returns no row: SQLITE_DONE becomes CTR_OK, a constraint
 * CTR_ALREADY_EXISTS, the rest by its class.
 */
ctr_code txn_run(struct ctr_txn *txn, sqlite3_stmt *stmt, struct ctr_error *err);
/* Step: 1 a row, 0 no more, -1 failure with err set. */
int txn_row(struct ctr_txn *txn, sqlite3_stmt *stmt, struct ctr_error *err);
/*
 * The same in one go. types has a letter for each parameter of the statement: 'i' an int64_t, 's' a
 * string (NULL is SQL's NULL), 'b' bytes as (const void *, size_t). txn_exec: a statement without
 * rows. txn_query: bound, for txn_row(); NULL with err set on failure. Of one text only one can be
 * stepped at a time.
 */
ctr_code txn_exec(struct ctr_txn *txn, struct ctr_error *err, const char *sql, const char *types,
		  ...);
sqlite3_stmt *txn_query(struct ctr_txn *txn, struct ctr_error *err, const char *sql,
			const char *types, ...);
/* The first column of the first row, or fallback when there is none. */
ctr_code txn_int(struct ctr_txn *txn, sqlite3_stmt *stmt, int64_t fallback, int64_t *ret,
		 struct ctr_error *err);
/* Columns: text is never NULL; bytes are valid until the next step. */
const char *row_text(sqlite3_stmt *stmt, int column);
const void *row_blob(sqlite3_stmt *stmt, int column, size_t *ret_n);
/*
 * What a function without err's code returns: the code that err holds, or CTR_INTERNAL when err is
 * NULL.
 */
ctr_code txn_code(const struct ctr_error *err);
/* Rows changed by the last txn_run. */
int txn_changes(struct ctr_txn *txn);
/*
 * Publish this event after the fsync, in commit order, when the closure succeeds. Bytes are copied.
 * payload is a packed message.
 */
ctr_code txn_event(struct ctr_txn *txn, const char *ns, const char *topic, const char *type_url,
		   const void *payload, size_t n, struct ctr_error *err);
/*
 * Run fn(ud) on the writer's thread after the fsync when the closure succeeds (for example to
 * discard bytes).
 */
ctr_code txn_after(struct ctr_txn *txn, void (*fn)(void *ud), void *ud, struct ctr_error *err);

struct store_stats {
	uint64_t commits, updates; /* group commits (fsyncs) and closures since start */
};
void store_stats(struct store *s, struct store_stats *ret);

#endif
