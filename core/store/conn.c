/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection: its settings, its cache of prepared statements (by the address of their text),
 * and the one place that turns SQLite's results into codes and messages. A connection is used by
 * one thread at a time.
 */
#include "core/store/internal.h"

static ctr_code class_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
	case SQLITE_NOMEM:
		return CTR_RESOURCE_EXHAUSTED;
	case SQLITE_CONSTRAINT:
		return CTR_ALREADY_EXISTS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return CTR_DATA_LOSS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return CTR_UNAVAILABLE;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return CTR_FAILED_PRECONDITION;
	case SQLITE_TOOBIG:
		return CTR_INVALID_ARGUMENT;
	case SQLITE_INTERRUPT:
		return CTR_CANCELLED;
	default:
		return CTR_INTERNAL;
	}
}

ctr_code conn_fail(struct conn *c, int rc, struct ctr_error *err)
{
	const char *file = c->db ? sqlite3_db_filename(c->db, "main") : NULL;
	ctr_code code = class_of(rc);

	return ctr_fail(err, code, "database '%s': %s", file ? file : "",
			c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc));
}

ctr_code conn_exec(struct conn *c, const char *sql, struct ctr_error *err)
{
	int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? CTR_OK : conn_fail(c, rc, err);
}

sqlite3_stmt *conn_stmt(struct conn *c, const char *sql, struct ctr_error *err)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->stmts[i].sql != sql)
			continue;
		sqlite3_reset(c->stmts[i].st);
		sqlite3_clear_bindings(c->stmts[i].st);
		return c->stmts[i].st;
	}
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 32;
		struct stmt *grown = reallocarray(c->stmts, cap, sizeof(*grown));

		if (!grown) {
			ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
			return NULL;
		}
		c->stmts = grown;
		c->cap = cap;
	}
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);

	if (rc != SQLITE_OK) {
		conn_fail(c, rc, err);
		return NULL;
	}
	c->stmts[c->n++] = (struct stmt){ .sql = sql, .st = st };
	return st;
}

ctr_code conn_int(struct conn *c, const char *sql, int64_t *ret, struct ctr_error *err)
{
	sqlite3_stmt *st = conn_stmt(c, sql, err);

	if (!st)
		return err ? err->code : CTR_INTERNAL;
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return rc == SQLITE_ROW ? CTR_OK : conn_fail(c, rc, err);
}

void conn_reset(struct conn *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (sqlite3_stmt_busy(c->stmts[i].st))
			sqlite3_reset(c->stmts[i].st);
}

void conn_trim(struct conn *c)
{
	if (c->db)
		sqlite3_db_release_memory(c->db);
}

ctr_code conn_open(struct conn *c, const char *path, int write, struct ctr_error *err)
{
	const int flags =
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (write ? SQLITE_OPEN_CREATE : 0);
	int rc = sqlite3_open_v2(path, &c->db, flags, NULL);

	if (rc != SQLITE_OK) {
		ctr_code code = ctr_fail(err, class_of(rc), "open database '%s': %s", path,
					 c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc));
		conn_close(c);
		return code;
	}
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, 5000);
	sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, 64 * 1024 * 1024);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 128, 64);
	ctr_code code =
		conn_exec(c,
			  "PRAGMA foreign_keys=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
			  "PRAGMA trusted_schema=OFF; PRAGMA wal_autocheckpoint=0;",
			  err);

	if (code == CTR_OK && write) {
		int chunk = STORE_CHUNK;

		sqlite3_file_control(c->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
		code = conn_exec(
			c,
			"PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			"PRAGMA cache_size=-1024; PRAGMA journal_size_limit=-1;",
			err);
	} else if (code == CTR_OK) {
		code = conn_exec(c, "PRAGMA cache_size=-256; PRAGMA query_only=ON;", err);
	}
	if (code != CTR_OK)
		conn_close(c);
	return code;
}

void conn_close(struct conn *c)
{
	for (size_t i = 0; i < c->n; i++)
		sqlite3_finalize(c->stmts[i].st);
	free(c->stmts);
	sqlite3_close_v2(c->db);
	*c = (struct conn){ 0 };
}
