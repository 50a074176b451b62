/* SPDX-License-Identifier: Apache-2.0
 *
 * What a closure may do: run statements, and queue events and callbacks for after the fsync. A
 * transaction lives on one thread; its lists are handed to nobody.
 */
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/events/events.h"
#include "core/store/internal.h"

struct txn_event {
	struct list in_txn;
	struct event ev;
	char bytes[]; /* the strings and the payload */
};

struct txn_after {
	struct list in_txn;
	void (*fn)(void *ud);
	void *ud;
};

void txn_init(struct ctr_txn *txn, struct store *s, struct conn *c, const char *plugin, int write)
{
	*txn = (struct ctr_txn){ .store = s, .conn = c, .plugin = plugin, .write = write };
	list_init(&txn->events);
	list_init(&txn->after);
}

void txn_done(struct ctr_txn *txn)
{
	list_for_safe (it, &txn->events) {
		list_del(it);
		free(list_entry(it, struct txn_event, in_txn));
	}
	list_for_safe (it, &txn->after) {
		list_del(it);
		free(list_entry(it, struct txn_after, in_txn));
	}
	txn->n_events = 0;
}

void txn_publish(struct ctr_txn *txn)
{
	list_for (it, &txn->events) {
		struct txn_event *e = list_entry(it, struct txn_event, in_txn);
		AUTO_ERROR err = ERROR_INIT;

		if (txn->store->events &&
		    events_publish(txn->store->events, &e->ev, &err) != CTR_OK)
			log_warn("event %s of namespace %s is lost: %s", e->ev.topic, e->ev.ns,
				 error_text(&err));
	}
	list_for (it, &txn->after) {
		struct txn_after *a = list_entry(it, struct txn_after, in_txn);

		a->fn(a->ud);
	}
	txn_done(txn);
}

sqlite3_stmt *txn_stmt(struct ctr_txn *txn, const char *sql, struct ctr_error *err)
{
	return conn_stmt(txn->conn, sql, err);
}

ctr_code txn_run(struct ctr_txn *txn, sqlite3_stmt *stmt, struct ctr_error *err)
{
	int rc = sqlite3_step(stmt);
	ctr_code code = CTR_OK;

	if (rc == SQLITE_ROW)
		code = ctr_fail(err, CTR_INTERNAL, "statement returned a row: %s",
				sqlite3_sql(stmt));
	else if (rc != SQLITE_DONE)
		code = conn_fail(txn->conn, rc, err);
	sqlite3_reset(stmt);
	return code;
}

int txn_row(struct ctr_txn *txn, sqlite3_stmt *stmt, struct ctr_error *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		conn_fail(txn->conn, rc, err);
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

ctr_code txn_code(const struct ctr_error *err)
{
	return err && err->code != CTR_OK ? err->code : CTR_INTERNAL;
}

const char *row_text(sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	return text ? (const char *)text : "";
}

const void *row_blob(sqlite3_stmt *stmt, int column, size_t *ret_n)
{
	const void *blob = sqlite3_column_blob(stmt, column);

	*ret_n = blob ? (size_t)sqlite3_column_bytes(stmt, column) : 0;
	return blob;
}

static int bind_bytes(sqlite3_stmt *st, int at, const void *data, size_t n,
		      sqlite3_destructor_type how)
{
	if (n > INT32_MAX)
		return SQLITE_TOOBIG;
	return n ? sqlite3_bind_blob(st, at, data, (int)n, how) : sqlite3_bind_zeroblob(st, at, 0);
}

static int bind_all(sqlite3_stmt *st, sqlite3_destructor_type how, const char *types, va_list ap)
{
	int rc = SQLITE_OK;

	for (int at = 1; *types && rc == SQLITE_OK; types++, at++) {
		const void *data;

		switch (*types) {
		case 'i':
			rc = sqlite3_bind_int64(st, at, va_arg(ap, int64_t));
			break;
		case 's':
			rc = sqlite3_bind_text(st, at, va_arg(ap, const char *), -1, how);
			break;
		case 'b':
			data = va_arg(ap, const void *);
			rc = bind_bytes(st, at, data, va_arg(ap, size_t), how);
			break;
		default:
			rc = SQLITE_MISUSE;
		}
	}
	return rc;
}

ctr_code txn_exec(struct ctr_txn *txn, struct ctr_error *err, const char *sql, const char *types,
		  ...)
{
	sqlite3_stmt *st = txn_stmt(txn, sql, err);
	va_list ap;

	if (!st)
		return txn_code(err);
	va_start(ap, types);
	int rc = bind_all(st, SQLITE_STATIC, types, ap);

	va_end(ap);
	ctr_code code = rc == SQLITE_OK ? txn_run(txn, st, err) : conn_fail(txn->conn, rc, err);

	sqlite3_clear_bindings(st); /* they point to the caller's */
	return code;
}

sqlite3_stmt *txn_query(struct ctr_txn *txn, struct ctr_error *err, const char *sql,
			const char *types, ...)
{
	sqlite3_stmt *st = txn_stmt(txn, sql, err);
	va_list ap;

	if (!st)
		return NULL;
	va_start(ap, types);
	int rc = bind_all(st, SQLITE_TRANSIENT, types, ap);

	va_end(ap);
	if (rc == SQLITE_OK)
		return st;
	conn_fail(txn->conn, rc, err);
	return NULL;
}

ctr_code txn_int(struct ctr_txn *txn, sqlite3_stmt *stmt, int64_t fallback, int64_t *ret,
		 struct ctr_error *err)
{
	int r = stmt ? txn_row(txn, stmt, err) : -1;

	if (r < 0)
		return txn_code(err);
	*ret = r ? sqlite3_column_int64(stmt, 0) : fallback;
	sqlite3_reset(stmt);
	return CTR_OK;
}

int txn_changes(struct ctr_txn *txn)
{
	return sqlite3_changes(txn->conn->db);
}

static const char *put(char **at, const void *data, size_t n)
{
	char *start = *at;

	if (n)
		memcpy(start, data, n);
	*at += n;
	return start;
}

ctr_code txn_event(struct ctr_txn *txn, const char *ns, const char *topic, const char *type_url,
		   const void *payload, size_t n, struct ctr_error *err)
{
	const size_t n_ns = strlen(ns) + 1, n_topic = strlen(topic) + 1,
		     n_type = strlen(type_url) + 1;

	if (!txn->write)
		return ctr_fail(err, CTR_INTERNAL, "event %s in a read transaction", topic);
	if (txn->n_events >= STORE_EVENTS_MAX)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED,
				"more than %d events in one transaction", STORE_EVENTS_MAX);
	struct txn_event *e = malloc(sizeof(*e) + n_ns + n_topic + n_type + n);

	if (!e)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "event %s: out of memory", topic);
	char *at = e->bytes;

	e->ev = (struct event){ .timestamp_ns = clock_wall_ns(), .n = n };
	e->ev.ns = put(&at, ns, n_ns);
	e->ev.topic = put(&at, topic, n_topic);
	e->ev.type_url = put(&at, type_url, n_type);
	e->ev.payload = put(&at, payload, n);
	list_add(&txn->events, &e->in_txn);
	txn->n_events++;
	return CTR_OK;
}

ctr_code txn_after(struct ctr_txn *txn, void (*fn)(void *ud), void *ud, struct ctr_error *err)
{
	struct txn_after *a = txn->write ? malloc(sizeof(*a)) : NULL;

	if (!a)
		return ctr_fail(err, txn->write ? CTR_RESOURCE_EXHAUSTED : CTR_INTERNAL,
				txn->write ? "out of memory" : "callback in a read transaction");
	*a = (struct txn_after){ .fn = fn, .ud = ud };
	list_add(&txn->after, &a->in_txn);
	return CTR_OK;
}
