/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables, as a list of migrations: number n of the list takes a database from version n to n +
 * 1. A released entry never changes. The version is SQLite's user_version; the application id tells
 * our files from other people's.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/macros.h"
#include "core/store/internal.h"

#define APPLICATION_ID 0x63747264 /* "ctrd" */

/*
 * node: the identity of everything that can be named by a reference, whether it exists (live) or
 * not. edge: src keeps dst. What an object is made of stands in the table of its kind, whose key is
 * the node's number.
 */
static const char v1_graph[] =
	"CREATE TABLE namespace(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, labels BLOB NOT "
	"NULL,"
	" created INTEGER NOT NULL, updated INTEGER NOT NULL);"
	"CREATE TABLE node(id INTEGER PRIMARY KEY, ns INTEGER NOT NULL REFERENCES namespace(id),"
	" kind INTEGER NOT NULL, sub TEXT NOT NULL, key TEXT NOT NULL, live INTEGER NOT NULL "
	"DEFAULT 0,"
	" root INTEGER NOT NULL DEFAULT 0, expires INTEGER NOT NULL DEFAULT 0, touched INTEGER NOT "
	"NULL DEFAULT 0,"
	" UNIQUE(ns, kind, sub, key));"
	"CREATE INDEX node_root ON node(expires) WHERE live = 1 AND root = 1;"
	"CREATE INDEX node_name ON node(id) WHERE live = 0;"
	"CREATE INDEX node_touched ON node(touched) WHERE touched > 0;"
	"CREATE TABLE edge(src INTEGER NOT NULL, dst INTEGER NOT NULL, why INTEGER NOT NULL,"
	" PRIMARY KEY(src, dst, why)) WITHOUT ROWID;"
	"CREATE INDEX edge_dst ON edge(dst, why);";

static const char v1_objects[] =
	"CREATE TABLE content(node INTEGER PRIMARY KEY REFERENCES node(id), digest TEXT NOT NULL, "
	"size INTEGER NOT NULL,"
	" labels BLOB NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL);"
	"CREATE INDEX content_digest ON content(digest);"
	"CREATE TABLE ingest(node INTEGER PRIMARY KEY REFERENCES node(id), backend_ref TEXT NOT "
	"NULL,"
	" expected TEXT NOT NULL, total INTEGER NOT NULL, started INTEGER NOT NULL, updated "
	"INTEGER NOT NULL);"
	"CREATE TABLE snapshot(node INTEGER PRIMARY KEY REFERENCES node(id), snapshotter TEXT NOT "
	"NULL,"
	" backend_key TEXT NOT NULL, kind INTEGER NOT NULL, parent INTEGER REFERENCES node(id), "
	"labels BLOB NOT NULL,"
	" created INTEGER NOT NULL, updated INTEGER NOT NULL);"
	"CREATE UNIQUE INDEX snapshot_backend ON snapshot(snapshotter, backend_key);"
	"CREATE INDEX snapshot_parent ON snapshot(parent);"
	"CREATE TABLE image(node INTEGER PRIMARY KEY REFERENCES node(id), media_type TEXT NOT NULL,"
	" digest TEXT NOT NULL, size INTEGER NOT NULL, annotations BLOB NOT NULL, labels BLOB NOT "
	"NULL,"
	" created INTEGER NOT NULL, updated INTEGER NOT NULL);"
	"CREATE TABLE container(node INTEGER PRIMARY KEY REFERENCES node(id), image TEXT NOT NULL,"
	" runtime TEXT NOT NULL, options_url TEXT, options BLOB, spec_url TEXT, spec BLOB, "
	"snapshotter TEXT NOT NULL,"
	" snapshot_key TEXT NOT NULL, sandbox TEXT NOT NULL, extensions BLOB NOT NULL, labels BLOB "
	"NOT NULL,"
	" created INTEGER NOT NULL, updated INTEGER NOT NULL);"
	"CREATE TABLE lease(node INTEGER PRIMARY KEY REFERENCES node(id), labels BLOB NOT NULL,"
	" created INTEGER NOT NULL);";

static const char v1_plugins[] =
	"CREATE TABLE plugin_kv(plugin TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
	" PRIMARY KEY(plugin, key)) WITHOUT ROWID;"
	"CREATE TABLE graph(id INTEGER PRIMARY KEY, plugin TEXT NOT NULL, key TEXT NOT NULL, kind "
	"INTEGER NOT NULL,"
	" parent INTEGER REFERENCES graph(id), labels BLOB NOT NULL, inodes INTEGER NOT NULL, "
	"bytes INTEGER NOT NULL,"
	" created INTEGER NOT NULL, updated INTEGER NOT NULL, UNIQUE(plugin, key));"
	"CREATE INDEX graph_parent ON graph(parent);"
	"CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO counter VALUES('graph', 1);"
	"INSERT INTO counter VALUES('snapshot', 1);";

struct migration {
	const char *sql[4]; /* run in this order, all in one transaction */
};

static const struct migration migrations[] = {
	{ { v1_graph, v1_objects, v1_plugins, NULL } },
};

static ctr_code migrate_one(struct conn *c, size_t from, struct ctr_error *err)
{
	char set[96];
	ctr_code code = conn_exec(c, "BEGIN IMMEDIATE", err);

	for (size_t i = 0;
	     code == CTR_OK && i < ARRAY_SIZE(migrations[from].sql) && migrations[from].sql[i]; i++)
		code = conn_exec(c, migrations[from].sql[i], err);
	if (code == CTR_OK) {
		snprintf(set, sizeof(set),
			 "PRAGMA user_version=%zu; PRAGMA application_id=%d; COMMIT", from + 1,
			 APPLICATION_ID);
		code = conn_exec(c, set, err);
	}
	if (code != CTR_OK) {
		conn_exec(c, "ROLLBACK", NULL);
		return ctr_wrap(err, "migrate to schema version %zu", from + 1);
	}
	return CTR_OK;
}

ctr_code schema_migrate(struct conn *c, const char *path, struct ctr_error *err)
{
	int64_t version = 0, application = 0, tables = 0;
	ctr_code code = conn_int(c, "PRAGMA user_version", &version, err);

	if (code == CTR_OK)
		code = conn_int(c, "PRAGMA application_id", &application, err);
	if (code == CTR_OK)
		code = conn_int(c, "SELECT count(*) FROM sqlite_master", &tables, err);
	if (code != CTR_OK)
		return code;
	if (application != APPLICATION_ID && (application || version || tables))
		return ctr_fail(err, CTR_FAILED_PRECONDITION,
				"database '%s' belongs to another program (application id %" PRId64
				")",
				path, application);
	if (version < 0 || version > (int64_t)ARRAY_SIZE(migrations))
		return ctr_fail(err, CTR_FAILED_PRECONDITION,
				"database '%s' has schema version %" PRId64
				", newer than %zu, the newest that this "
				"ctrd knows; run the version that wrote it",
				path, version, ARRAY_SIZE(migrations));
	for (size_t from = (size_t)version; code == CTR_OK && from < ARRAY_SIZE(migrations); from++)
		code = migrate_one(c, from, err);
	return code;
}
