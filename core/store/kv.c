/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.store.v1": a plugin's own keys and values. The transaction knows whose they are; a
 * plugin can name no other's.
 */
#include <string.h>

#include "core/daemon.h"
#include "core/store/internal.h"
#include "core/store/service.h"

static ctr_code check_key(const char *key, struct ctr_error *err)
{
	size_t n = strnlen(key, CTR_STORE_KEY_MAX + 1);

	if (n == 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "a key must not be empty");
	if (n > CTR_STORE_KEY_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "key '%.64s...' is longer than %d bytes",
				key, CTR_STORE_KEY_MAX);
	return CTR_OK;
}

static ctr_code kv_update(const struct ctr_host *h, const struct ctr_call *call, ctr_txn_fn fn,
			  void *ud, struct ctr_error *err)
{
	return store_update_as(host_daemon(h)->store, host_plugin_uri(h), call, fn, ud, err);
}

static ctr_code kv_view(const struct ctr_host *h, const struct ctr_call *call, ctr_txn_fn fn,
			void *ud, struct ctr_error *err)
{
	return store_view_as(host_daemon(h)->store, host_plugin_uri(h), call, fn, ud, err);
}

/* The sink gets a copy: it may get and put in its turn. */
static ctr_code kv_get(struct ctr_txn *txn, const char *key, ctr_row_sink sink, void *ud,
		       struct ctr_error *err)
{
	sqlite3_stmt *st =
		txn_query(txn, err, "SELECT value FROM plugin_kv WHERE plugin = ? AND key = ?",
			  "ss", txn->plugin, key);
	int r = st ? txn_row(txn, st, err) : -1;
	AUTO_FREE void *copy = NULL;
	size_t n;

	if (r <= 0)
		return r < 0 ? txn_code(err) : ctr_fail(err, CTR_NOT_FOUND, "key '%s'", key);
	const void *value = row_blob(st, 0, &n);

	copy = malloc(n ? n : 1);
	if (copy && n)
		memcpy(copy, value, n);
	sqlite3_reset(st);
	return copy ? sink(ud, key, copy, n)
		    : ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "key '%s': out of memory", key);
}

static ctr_code kv_put(struct ctr_txn *txn, const char *key, const void *value, uint64_t n,
		       struct ctr_error *err)
{
	ctr_code code = check_key(key, err);

	if (code != CTR_OK)
		return code;
	if (n > CTR_STORE_VALUE_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"the value of key '%s' is longer than %d bytes", key,
				CTR_STORE_VALUE_MAX);
	return txn_exec(txn, err,
			"INSERT INTO plugin_kv(plugin, key, value) VALUES(?, ?, ?)"
			" ON CONFLICT(plugin, key) DO UPDATE SET value = excluded.value",
			"ssb", txn->plugin, key, value, (size_t)n);
}

/* A key that is not there is no error. */
static ctr_code kv_del(struct ctr_txn *txn, const char *key, struct ctr_error *err)
{
	return txn_exec(txn, err, "DELETE FROM plugin_kv WHERE plugin = ? AND key = ?", "ss",
			txn->plugin, key);
}

/* A statement of its own: the sink may walk too. */
static ctr_code kv_walk(struct ctr_txn *txn, const char *prefix, ctr_row_sink sink, void *ud,
			struct ctr_error *err)
{
	static const char sql[] =
		"SELECT key, value FROM plugin_kv WHERE plugin = ? AND key >= ? ORDER BY key";
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(txn->conn->db, sql, -1, &st, NULL);
	ctr_code code = rc == SQLITE_OK ? CTR_OK : conn_fail(txn->conn, rc, err);

	if (code == CTR_OK) {
		sqlite3_bind_text(st, 1, txn->plugin, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, prefix, -1, SQLITE_STATIC);
	}
	while (code == CTR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		size_t n;
		const char *key = row_text(st, 0);
		const void *value = row_blob(st, 1, &n);

		if (strncmp(key, prefix, strlen(prefix)) != 0) {
			rc = SQLITE_DONE;
			break;
		}
		code = sink(ud, key, value, n);
	}
	if (code == CTR_OK && rc != SQLITE_DONE)
		code = conn_fail(txn->conn, rc, err);
	sqlite3_finalize(st);
	return code;
}

const struct ctr_store_ops store_ops = {
	.size = sizeof(store_ops),
	.update = kv_update,
	.view = kv_view,
	.get = kv_get,
	.put = kv_put,
	.del = kv_del,
	.walk = kv_walk,
};

int store_provide(struct daemon *d)
{
	int r = daemon_provide(d, CTR_SERVICE_STORE, &store_ops, sizeof(store_ops));

	return r == 0 ? daemon_provide(d, CTR_SERVICE_SNAPGRAPH, &snapgraph_ops,
				       sizeof(snapgraph_ops))
		      : r;
}
