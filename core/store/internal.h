/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the store share: connections with their statement caches, the transaction
 * behind the SDK's struct ctr_txn, the writer's queue and the readers. Nobody outside core/store
 * includes this.
 */
#ifndef CTR_CORE_STORE_INTERNAL_H
#define CTR_CORE_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "core/store/store.h"

#define STORE_READERS     5 /* slot 0 is the loop's */
#define STORE_GROUP_MAX   256
#define STORE_QUEUE_MAX   65536
#define STORE_PAGE        4096
#define STORE_CHUNK       (256 * 1024)      /* the file grows by this, reserved before it is used */
#define STORE_WAL_RESERVE (4 * 1024 * 1024) /* disk space that the log owns from the start */
#define STORE_WAL_PAGES   512               /* checkpoint when the log holds more */
#define STORE_WAL_IDLE    128 /* the same once nothing is to do; fewer are not worth the next sync */
#define STORE_IDLE_NS     (1000 * NS_PER_MSEC)
#define STORE_EVENTS_MAX  4096 /* of one transaction */

struct stmt {
	const char *sql;
	sqlite3_stmt *st;
};

struct conn {
	sqlite3 *db;
	struct stmt *stmts;
	size_t n, cap;
};

struct ctr_txn {
	struct store *store;
	struct conn *conn;
	const char *plugin; /* whose rows the kv service sees; "" for the core */
	int write;
	size_t n_events;
	struct list events, after; /* struct txn_event, struct txn_after */
};

/* One queued closure; on its caller's stack, or from malloc when asynchronous. */
struct job {
	struct list in_queue;
	struct ctr_txn txn;
	const struct ctr_call *call;
	ctr_txn_fn fn;
	void *ud;
	ctr_code code;
	struct ctr_error *err;
	struct ctr_error own_err; /* err points here when asynchronous */
	void (*done)(void *ud, ctr_code code, struct ctr_error *err);
	pthread_cond_t cond; /* of the waiting caller; unused when asynchronous */
	int finished;        /* under mu */
	int rows_ran;
};

struct reader {
	struct conn conn;
	int busy;
};

struct store {
	char *path;
	struct events *events;
	struct conn w; /* the writer's thread alone, after store_open */
	pthread_t writer;
	int started;
	int64_t room_bytes; /* of the database file, known to be on disk; writer only */
	int wal_pages;      /* written since the last complete checkpoint; writer only */
	int tidy;           /* something was written since the last idle second; writer only */
	int no_reserve;     /* the file system cannot reserve; writer only */

	pthread_mutex_t mu; /* guards queue, n_queued, stop and every job's finished */
	pthread_cond_t work;
	struct list queue;
	size_t n_queued;
	int stop;

	pthread_mutex_t readers_mu; /* guards readers[].busy and the opening of their connections */
	pthread_cond_t readers_free;
	struct reader readers[STORE_READERS];
	pthread_t loop_thread;

	pthread_mutex_t ids_mu; /* guards the four below: numbers of the snapshot graph */
	uint64_t id_next, id_limit;
	uint64_t *ids_open; /* given out, not yet a row */
	size_t n_ids_open;

	atomic_uint_fast64_t commits, updates;
};

/* conn.c */
ctr_code conn_open(struct conn *c, const char *path, int write, struct ctr_error *err);
void conn_close(struct conn *c);
ctr_code conn_exec(struct conn *c, const char *sql, struct ctr_error *err);
ctr_code conn_int(struct conn *c, const char *sql, int64_t *ret, struct ctr_error *err);
sqlite3_stmt *conn_stmt(struct conn *c, const char *sql, struct ctr_error *err);
void conn_reset(struct conn *c); /* every statement still in use */
ctr_code conn_fail(struct conn *c, int rc, struct ctr_error *err);
void conn_trim(struct conn *c); /* give memory back */

/* schema.c */
ctr_code schema_migrate(struct conn *c, const char *path, struct ctr_error *err);

/* txn.c */
void txn_init(struct ctr_txn *txn, struct store *s, struct conn *c, const char *plugin, int write);
void txn_done(struct ctr_txn *txn);
void txn_publish(struct ctr_txn *txn); /* events, then afters; both are gone afterwards */

/* writer.c, reader.c */
ctr_code writer_start(struct store *s, struct ctr_error *err);
void writer_stop(struct store *s);
ctr_code writer_reserve(struct store *s, struct ctr_error *err);
void readers_trim(struct store *s);
ctr_code store_update_as(struct store *s, const char *plugin, const struct ctr_call *call,
			 ctr_txn_fn fn, void *ud, struct ctr_error *err);
ctr_code store_view_as(struct store *s, const char *plugin, const struct ctr_call *call,
		       ctr_txn_fn fn, void *ud, struct ctr_error *err);

#endif
