/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer: one thread, one connection. It takes what has queued up, runs each closure as a
 * SAVEPOINT of one transaction, commits (one fsync), and only then publishes events and answers.
 * What arrives during the fsync is the next group; there is no timer. It checkpoints the log when
 * that is large, or once after a second without work.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "core/call/call.h"
#include "core/store/internal.h"

#define CLOSURE_SLOW_NS (50 * NS_PER_MSEC)

static ctr_code step(struct store *s, const char *sql, struct ctr_error *err)
{
	sqlite3_stmt *st = conn_stmt(&s->w, sql, err);

	if (!st)
		return err ? err->code : CTR_INTERNAL;
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? CTR_OK : conn_fail(&s->w, rc, err);
}

/*
 * Pages that this transaction adds to the file must be on disk before it is promised anything: a
 * checkpoint that runs out of space would leave a log that can only grow. A closure that fits into
 * free pages (any removal) needs none.
 */
static ctr_code reserve_pages(struct store *s, struct ctr_error *err)
{
	int64_t pages = 0;
	ctr_code code = conn_int(&s->w, "PRAGMA page_count", &pages, err);

	if (code != CTR_OK || s->no_reserve || pages * STORE_PAGE <= s->room_bytes)
		return code;
	sqlite3_int64 want = pages * STORE_PAGE;
	int rc = sqlite3_file_control(s->w.db, "main", SQLITE_FCNTL_SIZE_HINT, &want);

	if (rc != SQLITE_OK)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED,
				"database '%s': no space left on device", s->path);
	s->room_bytes = (want + STORE_CHUNK - 1) / STORE_CHUNK * STORE_CHUNK;
	return CTR_OK;
}

ctr_code writer_reserve(struct store *s, struct ctr_error *err)
{
	char wal[4096];
	int n = snprintf(wal, sizeof(wal), "%s-wal", s->path);

	if (n < 0 || (size_t)n >= sizeof(wal))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "database '%s': path is too long",
				s->path);
	AUTO_CLOSE int fd = open(wal, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return ctr_fail_errno(err, errno, "open '%s'", wal);
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, STORE_WAL_RESERVE) < 0) {
		int e = errno;

		if (e == ENOSPC || e == EDQUOT)
			log_warn(
				"database '%s': no space to reserve for its log; removals may fail",
				s->path);
		else
			s->no_reserve = 1; /* a file system without fallocate */
	}
	return CTR_OK;
}

static int on_wal(void *ud, sqlite3 *db, const char *name, int pages)
{
	struct store *s = ud;

	(void)db;
	(void)name;
	s->wal_pages = pages;
	s->tidy = 1;
	return SQLITE_OK;
}

static void checkpoint(struct store *s)
{
	int in_log = 0, moved = 0;
	int rc = sqlite3_wal_checkpoint_v2(s->w.db, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log,
					   &moved);

	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		log_warn("database '%s': checkpoint: %s; tried again after the next commit",
			 s->path, sqlite3_errmsg(s->w.db));
	if (rc == SQLITE_OK && in_log == moved) {
		s->wal_pages = 0;
		s->room_bytes = 0; /* the file may have been cut back */
	}
}

static ctr_code run_closure(struct store *s, struct job *j)
{
	int64_t began_ns = clock_now_ns();
	struct call_rows *rows = j->call ? j->call->rows : NULL;
	ctr_code code = j->call ? call_check(j->call, j->err) : CTR_OK;

	if (code == CTR_OK)
		code = j->fn(&j->txn, j->ud, j->err);
	if (code == CTR_OK && rows && !rows->done) {
		code = rows->fn(&j->txn, rows->ud, j->err);
		j->rows_ran = code == CTR_OK;
	}
	if (code == CTR_OK)
		code = reserve_pages(s, j->err);
	int64_t took_ns = clock_now_ns() - began_ns;

	if (took_ns > CLOSURE_SLOW_NS)
		log_warn("a transaction of %s took %" PRId64 " ms of the writer's thread",
			 str_or(j->txn.plugin, "the core"), took_ns / NS_PER_MSEC);
	return code;
}

/* 0, or -1 when SQLite has undone the whole group (out of space or memory, I/O error). */
static int run_job(struct store *s, struct job *j)
{
	j->code = step(s, "SAVEPOINT job", j->err);
	if (j->code != CTR_OK)
		return sqlite3_get_autocommit(s->w.db) ? -1 : 0;
	j->code = run_closure(s, j);
	conn_reset(&s->w);
	if (sqlite3_get_autocommit(s->w.db)) {
		if (j->code == CTR_OK)
			j->code = ctr_fail(j->err, CTR_INTERNAL,
					   "database '%s': transaction was undone", s->path);
		return -1;
	}
	if (j->code == CTR_OK)
		j->code = step(s, "RELEASE job", j->err);
	if (j->code != CTR_OK) {
		step(s, "ROLLBACK TO job", NULL);
		step(s, "RELEASE job", NULL);
		txn_done(&j->txn);
	}
	return 0;
}

static void answer(struct store *s, struct job *j)
{
	if (j->done) {
		j->done(j->ud, j->code, j->err);
		error_done(&j->own_err);
		free(j);
		return;
	}
	pthread_mutex_lock(&s->mu);
	j->finished = 1;
	pthread_cond_signal(&j->cond); /* the job is its waiter's again when mu is released */
	pthread_mutex_unlock(&s->mu);
}

static void answer_all(struct store *s, struct list *jobs)
{
	list_for_safe (it, jobs) {
		struct job *j = list_entry(it, struct job, in_queue);

		list_del(it);
		if (j->code == CTR_OK) {
			if (j->rows_ran)
				j->call->rows->done = 1;
			txn_publish(&j->txn);
		}
		txn_done(&j->txn);
		atomic_fetch_add_explicit(&s->updates, 1, memory_order_relaxed);
		answer(s, j);
	}
}

/* Whoever thought to have succeeded learns that the group was undone. */
static void fail_all(struct store *s, struct list *jobs, const struct ctr_error *why)
{
	list_for (it, jobs) {
		struct job *j = list_entry(it, struct job, in_queue);

		if (j->code == CTR_OK)
			j->code = ctr_fail(j->err, why->code, "%s", error_text(why));
	}
	if (!sqlite3_get_autocommit(s->w.db))
		conn_exec(&s->w, "ROLLBACK", NULL);
}

/*
 * Runs jobs from the front of todo; what SQLite made impossible to finish stays there for the next
 * group.
 */
static void run_group(struct store *s, struct list *todo)
{
	AUTO_ERROR err = ERROR_INIT;
	struct list ran;
	int undone = 0;

	list_init(&ran);
	ctr_code code = step(s, "BEGIN IMMEDIATE", &err);
	int before = sqlite3_total_changes(s->w.db);

	while (!list_empty(todo) && !undone) {
		struct list *it = todo->next;
		struct job *j = list_entry(it, struct job, in_queue);

		list_del(it);
		list_add(&ran, it);
		j->code = CTR_OK;
		if (code != CTR_OK)
			continue;
		undone = run_job(s, j) < 0;
		if (undone)
			code = ctr_fail(&err, j->code, "%s", error_text(j->err));
	}
	if (code == CTR_OK)
		code = step(s, "COMMIT", &err);
	if (code != CTR_OK)
		fail_all(s, &ran, &err);
	else if (sqlite3_total_changes(s->w.db) != before)
		atomic_fetch_add_explicit(&s->commits, 1, memory_order_relaxed);
	answer_all(s, &ran);
}

/* Wait for work. Fills group; 0 when the store closes and nothing is left. */
static int take_work(struct store *s, struct list *group)
{
	int more = 1;

	pthread_mutex_lock(&s->mu);
	while (s->n_queued == 0 && !s->stop) {
		if (!s->tidy) {
			pthread_cond_wait(&s->work, &s->mu);
			continue;
		}
		int64_t at_ns = clock_now_ns() + STORE_IDLE_NS;
		struct timespec at = { .tv_sec = at_ns / NS_PER_SEC,
				       .tv_nsec = at_ns % NS_PER_SEC };

		if (pthread_cond_timedwait(&s->work, &s->mu, &at) != ETIMEDOUT || s->n_queued ||
		    s->stop)
			continue;
		pthread_mutex_unlock(&s->mu);
		if (s->wal_pages >= STORE_WAL_IDLE)
			checkpoint(s);
		s->tidy = 0; /* once: what a reader held back goes with the next commit's */
		conn_trim(&s->w);
		readers_trim(s);
		pthread_mutex_lock(&s->mu);
	}
	for (size_t i = 0; i < STORE_GROUP_MAX && !list_empty(&s->queue); i++) {
		struct list *it = s->queue.next;

		list_del(it);
		list_add(group, it);
		s->n_queued--;
	}
	if (list_empty(group))
		more = 0;
	pthread_mutex_unlock(&s->mu);
	return more;
}

static void *writer_main(void *ud)
{
	struct store *s = ud;
	struct list group;

	list_init(&group);
	while (take_work(s, &group)) {
		while (!list_empty(&group))
			run_group(s, &group);
		if (s->wal_pages >= STORE_WAL_PAGES)
			checkpoint(s);
	}
	return NULL;
}

ctr_code writer_start(struct store *s, struct ctr_error *err)
{
	sqlite3_wal_hook(s->w.db, on_wal, s);
	int r = pthread_create(&s->writer, NULL, writer_main, s);

	if (r)
		return ctr_fail_errno(err, r, "start the store's writer");
	s->started = 1;
	return CTR_OK;
}

void writer_stop(struct store *s)
{
	if (!s->started)
		return;
	pthread_mutex_lock(&s->mu);
	s->stop = 1;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->mu);
	pthread_join(s->writer, NULL);
	s->started = 0;
}

/* Under mu. */
static ctr_code enqueue(struct store *s, struct job *j, struct ctr_error *err)
{
	if (s->stop)
		return ctr_fail(err, CTR_UNAVAILABLE, "database '%s' is closing", s->path);
	if (s->n_queued >= STORE_QUEUE_MAX)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED,
				"database '%s': %d transactions are waiting", s->path,
				STORE_QUEUE_MAX);
	list_add(&s->queue, &j->in_queue);
	s->n_queued++;
	pthread_cond_signal(&s->work);
	return CTR_OK;
}

ctr_code store_update_as(struct store *s, const char *plugin, const struct ctr_call *call,
			 ctr_txn_fn fn, void *ud, struct ctr_error *err)
{
	AUTO_ERROR local = ERROR_INIT;
	struct job j = { .call = call, .fn = fn, .ud = ud, .err = &local };
	ctr_code code;

	txn_init(&j.txn, s, &s->w, plugin, 1);
	pthread_cond_init(&j.cond, NULL);
	pthread_mutex_lock(&s->mu);
	code = enqueue(s, &j, &local);
	while (code == CTR_OK && !j.finished)
		pthread_cond_wait(&j.cond, &s->mu);
	pthread_mutex_unlock(&s->mu);
	pthread_cond_destroy(&j.cond);
	if (code == CTR_OK)
		code = j.code;
	if (code != CTR_OK) {
		local.code = code;
		ctr_move_error(err, &local);
	}
	return code;
}

ctr_code store_update(struct store *s, const struct ctr_call *call, ctr_txn_fn fn, void *ud,
		      struct ctr_error *err)
{
	return store_update_as(s, "", call, fn, ud, err);
}

ctr_code store_update_async(struct store *s, ctr_txn_fn fn, void *ud,
			    void (*done)(void *ud, ctr_code code, struct ctr_error *err),
			    struct ctr_error *err)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	j->fn = fn;
	j->ud = ud;
	j->done = done;
	j->err = &j->own_err;
	txn_init(&j->txn, s, &s->w, "", 1);
	pthread_mutex_lock(&s->mu);
	ctr_code code = enqueue(s, j, err);

	pthread_mutex_unlock(&s->mu);
	if (code != CTR_OK)
		free(j);
	return code;
}
