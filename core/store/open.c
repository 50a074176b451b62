/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing the database: the file is made 0600 and durable, migrated, its log's space
 * reserved, and the writer started. A file that is no database of ours is an error that names it;
 * nothing is ever deleted.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "core/store/internal.h"

#define IDS_AT_ONCE 64 /* snapshot numbers that one row update sets aside */

/*
 * Made before SQLite opens it, for the mode; closed before too, since any close drops SQLite's
 * POSIX locks.
 */
static ctr_code make_file(const char *path, struct ctr_error *err)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return ctr_fail_errno(err, errno, "open database '%s'", path);
	return CTR_OK;
}

static ctr_code sync_folder(const char *path, struct ctr_error *err)
{
	AUTO_FREE char *folder = str_dup(path);

	if (!folder)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	char *slash = strrchr(folder, '/');

	if (slash)
		*slash = '\0';
	AUTO_CLOSE int fd =
		open(slash ? str_or(folder, "/") : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : path_sync_dir(fd);

	if (r < 0)
		return ctr_fail_errno(err, r, "sync the folder of '%s'", path);
	return CTR_OK;
}

/*
 * The first transaction of a run: numbers of the snapshot graph that were set aside by an earlier
 * run are never given out again, since orphaned bytes may lie under them. It also makes the log, so
 * that its space can be reserved.
 */
static ctr_code first_commit(struct store *s, struct ctr_error *err)
{
	int64_t next = 0;
	ctr_code code =
		conn_int(&s->w, "SELECT value FROM counter WHERE name = 'graph'", &next, err);
	char sql[128];

	if (code != CTR_OK)
		return code;
	s->id_next = (uint64_t)next;
	s->id_limit = s->id_next + IDS_AT_ONCE;
	snprintf(sql, sizeof(sql), "UPDATE counter SET value = %" PRIu64 " WHERE name = 'graph'",
		 s->id_limit);
	return conn_exec(&s->w, sql, err);
}

static ctr_code open_writer(struct store *s, struct ctr_error *err)
{
	ctr_code code = make_file(s->path, err);

	if (code == CTR_OK)
		code = conn_open(&s->w, s->path, 1, err);
	if (code == CTR_OK)
		code = schema_migrate(&s->w, s->path, err);
	if (code == CTR_OK)
		code = first_commit(s, err);
	if (code == CTR_OK)
		code = sync_folder(s->path, err);
	if (code == CTR_OK)
		code = writer_reserve(s, err);
	if (code == CTR_OK)
		code = conn_open(&s->readers[0].conn, s->path, 0, err);
	return code;
}

static struct store *store_new(const char *path, struct events *events)
{
	struct store *s = calloc(1, sizeof(*s));
	pthread_condattr_t monotonic;

	if (!s)
		return NULL;
	s->path = str_dup(path);
	s->events = events;
	s->loop_thread = pthread_self();
	list_init(&s->queue);
	pthread_mutex_init(&s->mu, NULL);
	pthread_mutex_init(&s->readers_mu, NULL);
	pthread_mutex_init(&s->ids_mu, NULL);
	pthread_cond_init(&s->readers_free, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->work, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return s;
}

ctr_code store_open(const char *path, struct events *events, struct store **ret,
		    struct ctr_error *err)
{
	struct store *s = store_new(path, events);
	ctr_code code;

	if (!s || !s->path || !sqlite3_threadsafe()) {
		store_close(s);
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "open database '%s': %s", path,
				sqlite3_threadsafe() ? "out of memory"
						     : "SQLite was built without threads");
	}
	code = open_writer(s, err);
	if (code == CTR_OK)
		code = writer_start(s, err);
	if (code != CTR_OK) {
		store_close(s);
		return code;
	}
	*ret = s;
	return CTR_OK;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	writer_stop(s);
	for (size_t i = 0; i < STORE_READERS; i++)
		conn_close(&s->readers[i].conn);
	conn_close(&s->w);
	pthread_mutex_destroy(&s->mu);
	pthread_mutex_destroy(&s->readers_mu);
	pthread_mutex_destroy(&s->ids_mu);
	pthread_cond_destroy(&s->readers_free);
	pthread_cond_destroy(&s->work);
	free(s->ids_open);
	free(s->path);
	free(s);
}

void store_stats(struct store *s, struct store_stats *ret)
{
	*ret = (struct store_stats){
		.commits = atomic_load_explicit(&s->commits, memory_order_relaxed),
		.updates = atomic_load_explicit(&s->updates, memory_order_relaxed),
	};
}
