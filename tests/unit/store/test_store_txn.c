/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions: savepoints that harm no other, group commit, events and callbacks after the fsync,
 * a full disk.
 */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "core/call/call.h"

static ctr_code bump(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	(void)ud;
	return txn_exec(txn, err, "UPDATE counter SET value = value + 1 WHERE name = 'snapshot'",
			"");
}

static ctr_code bump_and_fail(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	bump(txn, ud, err);
	txn_event(txn, "default", "/never", "t", NULL, 0, err);
	return ctr_fail(err, CTR_FAILED_PRECONDITION, "no");
}

static ctr_code read_value(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	return txn_int(txn,
		       txn_query(txn, err, "SELECT value FROM counter WHERE name = 'snapshot'", ""),
		       -1, ud, err);
}

static int64_t value(struct store *s)
{
	AUTO_ERROR err = ERROR_INIT;
	int64_t v = 0;

	assert_ok(store_view(s, NULL, read_value, &v, &err), &err);
	return v;
}

struct load {
	struct store *s;
	int rounds;
	atomic_int *failures;
};

static void *load_main(void *ud)
{
	struct load *l = ud;

	for (int i = 0; i < l->rounds; i++) {
		int64_t v;
		int want = i % 5 == 0 ? CTR_FAILED_PRECONDITION : CTR_OK;

		if (store_update(l->s, NULL, want == CTR_OK ? bump : bump_and_fail, NULL, NULL) !=
		    want)
			atomic_fetch_add(l->failures, 1);
		if (i % 3 == 0 && store_view(l->s, NULL, read_value, &v, NULL) != CTR_OK)
			atomic_fetch_add(l->failures, 1);
	}
	return NULL;
}

static void test_ten_thousand_mixed_operations_are_never_busy(void **state)
{
	enum { THREADS = 8, ROUNDS = 1250 };
	struct fixture *f = *state;
	pthread_t t[THREADS];
	atomic_int failures = 0;
	struct load l = { f->store, ROUNDS, &failures };
	int64_t before = value(f->store);
	struct store_stats stats;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, load_main, &l), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(failures, 0);
	assert_int_equal(value(f->store) - before, THREADS * ROUNDS * 4 / 5);
	store_stats(f->store, &stats);
	assert_int_equal(stats.updates, THREADS * ROUNDS);
}

struct gate {
	atomic_int inside, open, done;
};

static ctr_code hold(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct gate *g = ud;

	(void)txn;
	(void)err;
	atomic_store(&g->inside, 1);
	while (!atomic_load(&g->open))
		usleep(100);
	return CTR_OK;
}

static void count_done(void *ud, ctr_code code, struct ctr_error *err)
{
	struct gate *g = ud;

	(void)err;
	if (code == CTR_OK)
		atomic_fetch_add(&g->done, 1);
}

static ctr_code bump_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	(void)ud;
	return bump(txn, NULL, err);
}

static void test_what_queued_up_is_one_commit(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct gate g = { 0 };
	struct store_stats before, after;

	store_stats(f->store, &before);
	assert_ok(store_update_async(f->store, hold, &g, count_done, &err), &err);
	while (!atomic_load(&g.inside))
		usleep(100);
	for (int i = 0; i < 200; i++)
		assert_ok(store_update_async(f->store, bump_fn, &g, count_done, &err), &err);
	atomic_store(&g.open, 1);
	while (atomic_load(&g.done) != 201)
		usleep(100);
	store_stats(f->store, &after);
	assert_int_equal(after.updates - before.updates, 201);
	assert_int_equal(after.commits - before.commits, 1);
}

/* ---- events and callbacks ---- */

struct seen {
	char text[4096];
	size_t n;
	struct store *s;
};

static int on_event(void *ud, const struct event *ev)
{
	struct seen *seen = ud;

	seen->n += (size_t)snprintf(seen->text + seen->n, sizeof(seen->text) - seen->n,
				    "%s:%s:%s:%.*s;", ev->ns, ev->topic, ev->type_url, (int)ev->n,
				    (const char *)ev->payload);
	return 0;
}

static void on_after(void *ud)
{
	struct seen *seen = ud;

	seen->n += (size_t)snprintf(seen->text + seen->n, sizeof(seen->text) - seen->n, "after;");
}

static ctr_code emit(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	ctr_code code = txn_event(txn, "default", "/a/one", "T", "x", 1, err);

	if (code == CTR_OK)
		code = txn_event(txn, "default", "/a/two", "U", "yz", 2, err);
	return code == CTR_OK ? txn_after(txn, on_after, ud, err) : code;
}

static void test_events_come_in_order_and_only_from_what_succeeded(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct seen seen = { .n = 0 };
	struct subscription *sub = NULL;

	assert_int_equal(events_subscribe(f->events, on_event, &seen, &sub), 0);
	assert_int_equal(store_update(f->store, NULL, bump_and_fail, NULL, &err),
			 CTR_FAILED_PRECONDITION);
	assert_ok(store_update(f->store, NULL, emit, &seen, &err), &err);
	events_unsubscribe(f->events, sub);
	assert_string_equal(seen.text, "default:/a/one:T:x;default:/a/two:U:yz;after;");
}

static ctr_code rows_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	int *ran = ud;

	(*ran)++;
	return bump(txn, NULL, err);
}

static void test_the_cores_rows_join_the_first_transaction_that_commits(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	int ran = 0;
	struct call_rows rows = { .fn = rows_fn, .ud = &ran };
	struct ctr_call call;
	int64_t before = value(f->store);

	call_init(&call, "default");
	call.rows = &rows;
	assert_int_equal(store_update(f->store, &call, bump_and_fail, NULL, &err),
			 CTR_FAILED_PRECONDITION);
	assert_int_equal(rows.done, 0);
	assert_ok(store_update(f->store, &call, bump, NULL, &err), &err);
	assert_int_equal(rows.done, 1);
	assert_ok(store_update(f->store, &call, bump, NULL, &err), &err);
	call_done(&call);
	assert_int_equal(ran, 1);
	assert_int_equal(value(f->store) - before, 3);
}

static ctr_code bad_sql(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	(void)ud;
	return txn_exec(txn, err, "INSERT INTO nowhere VALUES(1)", "");
}

static ctr_code twice(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	(void)ud;
	return txn_exec(txn, err, "INSERT INTO counter VALUES('graph', 1)", "");
}

static void test_failures_have_codes_and_the_files_name(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;

	assert_int_equal(store_update(f->store, NULL, bad_sql, NULL, &err), CTR_INTERNAL);
	assert_non_null(strstr(error_text(&err), f->path));
	assert_int_equal(store_update(f->store, NULL, twice, NULL, &err), CTR_ALREADY_EXISTS);
	assert_int_equal(store_update(f->store, NULL, twice, NULL, NULL), CTR_ALREADY_EXISTS);
	assert_ok(store_update(f->store, NULL, bump, NULL, &err), &err);
}

/* ---- a full disk: a small tmpfs, when we may mount one ---- */

static ctr_code add_blob(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	static char bytes[16384];
	const int *i = ud;
	char key[32];

	snprintf(key, sizeof(key), "k%d", *i);
	return txn_exec(txn, err, "INSERT INTO plugin_kv VALUES('p', ?, ?)", "sb", key, bytes,
			sizeof(bytes));
}

static ctr_code del_blob(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	const int *i = ud;
	char key[32];

	snprintf(key, sizeof(key), "k%d", *i);
	ctr_code code = txn_exec(txn, err, "DELETE FROM plugin_kv WHERE plugin = 'p' AND key = ?",
				 "s", key);

	if (code == CTR_OK && txn_changes(txn) != 1)
		return ctr_fail(err, CTR_NOT_FOUND, "%s", key);
	return code;
}

static void fill_and_empty(struct store *s, const char *dir)
{
	AUTO_ERROR err = ERROR_INIT;
	char filler[160];
	int n = 0;
	static char bytes[65536];

	for (; n < 20; n++)
		assert_ok(store_update(s, NULL, add_blob, &n, &err), &err);
	snprintf(filler, sizeof(filler), "%s/filler", dir);
	int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	while (write(fd, bytes, sizeof(bytes)) > 0)
		continue;
	while (write(fd, bytes, 4096) > 0)
		continue;
	assert_int_equal(errno, ENOSPC);
	ctr_code code = CTR_OK;

	while (n < 4000 && (code = store_update(s, NULL, add_blob, &n, &err)) == CTR_OK)
		n++;
	assert_int_equal(code, CTR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(error_text(&err), "no space left on device"));
	assert_true(n >= 20);
	for (int i = 0; i < n; i++)
		assert_ok(store_update(s, NULL, del_blob, &i, &err), &err);
	n = 0;
	assert_ok(store_update(s, NULL, add_blob, &n, &err), &err);
	close(fd);
	unlink(filler);
	for (n = 1; n < 100; n++)
		assert_ok(store_update(s, NULL, add_blob, &n, &err), &err);
}

static void test_on_a_full_disk_growth_fails_and_removal_works(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct store *s = NULL;
	char dir[128], path[160];

	snprintf(dir, sizeof(dir), "%s/small", f->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	if (mount("none", dir, "tmpfs", 0, "size=12m") < 0)
		skip();
	snprintf(path, sizeof(path), "%s/meta.db", dir);
	assert_ok(store_open(path, NULL, &s, &err), &err);
	fill_and_empty(s, dir);
	store_close(s);
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_ten_thousand_mixed_operations_are_never_busy),
		T(test_what_queued_up_is_one_commit),
		T(test_events_come_in_order_and_only_from_what_succeeded),
		T(test_the_cores_rows_join_the_first_transaction_that_commits),
		T(test_failures_have_codes_and_the_files_name),
		T(test_on_a_full_disk_growth_fails_and_removal_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
