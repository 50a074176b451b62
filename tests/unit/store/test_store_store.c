/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening, refusing, migrating and reading the database beside the writer.
 */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "core/call/call.h"

static ctr_code put(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	return txn_exec(txn, err, "INSERT INTO counter VALUES(?, 7)", "s", (const char *)ud);
}

struct get {
	const char *name;
	int64_t value;
};

static ctr_code get(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct get *g = ud;

	return txn_int(
		txn, txn_query(txn, err, "SELECT value FROM counter WHERE name = ?", "s", g->name),
		-1, &g->value, err);
}

static void test_what_was_answered_is_there_after_reopen(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct get g = { .name = "a" };
	char name[] = "a";

	assert_ok(store_update(f->store, NULL, put, name, &err), &err);
	store_close(f->store);
	fixture_open(f);
	assert_ok(store_view(f->store, NULL, get, &g, &err), &err);
	assert_int_equal(g.value, 7);
}

static void test_the_file_is_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char path[128];
	static const char *const suffixes[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void test_a_file_that_is_no_database_is_refused_and_kept(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct store *s = NULL;
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "%s/other", f->dir);
	write_file(path, "this is no database at all\n");
	assert_int_equal(store_open(path, NULL, &s, &err), CTR_DATA_LOSS);
	assert_null(s);
	assert_non_null(strstr(error_text(&err), path));
	assert_non_null(strstr(error_text(&err), "not a database"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 27 * 200);
}

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_a_newer_schema_is_refused_by_number(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct store *s = NULL;

	store_close(f->store);
	f->store = NULL;
	run_sql(f->path, "PRAGMA user_version=99");
	assert_int_equal(store_open(f->path, NULL, &s, &err), CTR_FAILED_PRECONDITION);
	assert_non_null(strstr(error_text(&err), "schema version 99"));
	run_sql(f->path, "PRAGMA user_version=1");
	fixture_open(f);
}

static void test_another_programs_database_is_refused(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct store *s = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/foreign.db", f->dir);
	run_sql(path, "CREATE TABLE t(a)");
	assert_int_equal(store_open(path, NULL, &s, &err), CTR_FAILED_PRECONDITION);
	assert_non_null(strstr(error_text(&err), "belongs to another program"));
}

static void test_a_missing_folder_is_named(void **state)
{
	AUTO_ERROR err = ERROR_INIT;
	struct store *s = NULL;

	(void)state;
	assert_int_equal(store_open("/tmp/ctr-no-such-folder/meta.db", NULL, &s, &err),
			 CTR_NOT_FOUND);
	assert_non_null(strstr(error_text(&err), "/tmp/ctr-no-such-folder/meta.db"));
}

struct gate {
	atomic_int inside, open;
};

static ctr_code wait_inside(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct gate *g = ud;

	(void)txn;
	(void)err;
	atomic_store(&g->inside, 1);
	while (!atomic_load(&g->open))
		usleep(100);
	return CTR_OK;
}

struct update_arg {
	struct store *s;
	struct gate *g;
};

static void *update_thread(void *ud)
{
	struct update_arg *a = ud;

	return store_update(a->s, NULL, wait_inside, a->g, NULL) == CTR_OK ? NULL : ud;
}

static void test_readers_do_not_wait_for_the_writer(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct gate g = { 0 };
	struct update_arg a = { f->store, &g };
	struct get got = { .name = "snapshot" };
	pthread_t t;
	void *failed;

	assert_int_equal(pthread_create(&t, NULL, update_thread, &a), 0);
	while (!atomic_load(&g.inside))
		usleep(100);
	for (int i = 0; i < 100; i++)
		assert_ok(store_view(f->store, NULL, get, &got, &err), &err);
	assert_int_equal(got.value, 1);
	atomic_store(&g.open, 1);
	pthread_join(t, &failed);
	assert_null(failed);
}

static ctr_code view_inside(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct fixture *f = ud;
	struct get g = { .name = "graph" };

	(void)txn;
	return store_view(f->store, NULL, get, &g, err);
}

static void test_a_read_inside_a_read_is_an_error_not_a_deadlock(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;

	assert_int_equal(store_view(f->store, NULL, view_inside, f, &err), CTR_INTERNAL);
}

static ctr_code write_in_view(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	(void)ud;
	return txn_exec(txn, err, "DELETE FROM counter", "");
}

static void test_a_view_cannot_write(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct get g = { .name = "graph" };

	assert_int_not_equal(store_view(f->store, NULL, write_in_view, NULL, &err), CTR_OK);
	assert_ok(store_view(f->store, NULL, get, &g, &err), &err);
	assert_true(g.value > 0);
}

static void test_a_cancelled_call_changes_nothing(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct ctr_call call;
	struct get g = { .name = "b" };
	char name[] = "b";

	call_init(&call, "default");
	call_cancel(&call, CTR_CANCELLED);
	assert_int_equal(store_update(f->store, &call, put, name, &err), CTR_CANCELLED);
	assert_int_equal(store_view(f->store, &call, get, &g, &err), CTR_CANCELLED);
	call_done(&call);
	assert_ok(store_view(f->store, NULL, get, &g, &err), &err);
	assert_int_equal(g.value, -1);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_what_was_answered_is_there_after_reopen),
		T(test_the_file_is_private),
		T(test_a_file_that_is_no_database_is_refused_and_kept),
		T(test_a_newer_schema_is_refused_by_number),
		T(test_another_programs_database_is_refused),
		T(test_a_missing_folder_is_named),
		T(test_readers_do_not_wait_for_the_writer),
		T(test_a_read_inside_a_read_is_an_error_not_a_deadlock),
		T(test_a_view_cannot_write),
		T(test_a_cancelled_call_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
