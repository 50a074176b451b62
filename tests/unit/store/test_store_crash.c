/* SPDX-License-Identifier: Apache-2.0
 *
 * kill -9 in the middle of work: after each, the file opens, nothing that was answered is missing,
 * nothing is half done.
 */
#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define WRITERS 4
#define ROUNDS  12

/* Shared with the child. */
struct progress {
	atomic_int_fast64_t answered[WRITERS];
};

struct writer {
	struct store *s;
	int number;
	struct progress *p;
};

/* One row more in two tables, and a counter of each writer. */
static ctr_code step_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	const struct writer *w = ud;
	char name[16], key[48];
	int64_t n = 0;

	snprintf(name, sizeof(name), "w%d", w->number);
	ctr_code code = txn_exec(txn, err,
				 "INSERT INTO counter VALUES(?, 1) ON CONFLICT(name) DO UPDATE SET "
				 "value = value + 1",
				 "s", name);

	if (code == CTR_OK)
		code = txn_int(
			txn,
			txn_query(txn, err, "SELECT value FROM counter WHERE name = ?", "s", name),
			0, &n, err);
	snprintf(key, sizeof(key), "%s-%lld", name, (long long)n);
	if (code == CTR_OK)
		code = txn_exec(txn, err, "INSERT INTO plugin_kv VALUES('a', ?, zeroblob(300))",
				"s", key);
	if (code == CTR_OK)
		code = txn_exec(txn, err, "INSERT INTO plugin_kv VALUES('b', ?, zeroblob(300))",
				"s", key);
	if (code == CTR_OK && n % 7 == 0) {
		snprintf(key, sizeof(key), "%s-%lld", name, (long long)(n - 3));
		code = txn_exec(txn, err, "DELETE FROM plugin_kv WHERE key = ?", "s", key);
	}
	return code;
}

static void *writer_main(void *ud)
{
	struct writer *w = ud;

	while (store_update(w->s, NULL, step_fn, w, NULL) == CTR_OK)
		atomic_fetch_add(&w->p->answered[w->number], 1);
	return NULL;
}

static void child_main(const char *path, struct progress *p)
{
	struct store *s = NULL;
	struct writer w[WRITERS];
	pthread_t t[WRITERS];

	if (store_open(path, NULL, &s, NULL) != CTR_OK)
		_exit(1);
	for (int i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ s, i, p };
		if (pthread_create(&t[i], NULL, writer_main, &w[i]) != 0)
			_exit(1);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	_exit(2); /* the writers end only by a failure */
}

struct check {
	struct progress *p;
	int64_t odd, unequal, missing;
};

static ctr_code check_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct check *c = ud;
	ctr_code code = txn_int(txn,
				txn_query(txn, err,
					  "SELECT count(*) FROM (SELECT key FROM plugin_kv GROUP "
					  "BY key HAVING count(*) <> 2)",
					  ""),
				-1, &c->odd, err);

	if (code == CTR_OK)
		code = txn_int(txn,
			       txn_query(txn, err,
					 "SELECT (SELECT ifnull(sum(value - value / 7), 0) FROM "
					 "counter WHERE name LIKE 'w%')"
					 " - (SELECT count(*) FROM plugin_kv WHERE plugin = 'a')",
					 ""),
			       -1, &c->unequal, err);
	for (int i = 0; code == CTR_OK && i < WRITERS; i++) {
		char name[16];
		int64_t n = 0;

		snprintf(name, sizeof(name), "w%d", i);
		code = txn_int(
			txn,
			txn_query(txn, err, "SELECT value FROM counter WHERE name = ?", "s", name),
			0, &n, err);
		c->missing += n < (int64_t)atomic_load(&c->p->answered[i]);
	}
	return code;
}

static ctr_code integrity_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	sqlite3_stmt *st = txn_query(txn, err, "PRAGMA integrity_check", "");
	int r = st ? txn_row(txn, st, err) : -1;

	(void)ud;
	return r == 1 && strcmp(row_text(st, 0), "ok") == 0 ? CTR_OK : CTR_DATA_LOSS;
}

static int64_t answered(struct progress *p)
{
	int64_t n = 0;

	for (int i = 0; i < WRITERS; i++)
		n += (int64_t)atomic_load(&p->answered[i]);
	return n;
}

static void test_a_killed_daemon_loses_nothing_it_answered(void **state)
{
	struct fixture *f = *state;
	struct progress *p =
		mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned seed = (unsigned)getpid();
	int64_t target = 0;

	assert_true(p != MAP_FAILED);
	for (int round = 0; round < ROUNDS; round++) {
		AUTO_ERROR err = ERROR_INIT;
		struct check c = { .p = p };
		int status;

		store_close(f->store);
		f->store = NULL;
		seed = seed * 1664525u + 1013904223u;
		target = answered(p) + 1 + (int64_t)(seed >> 16) % 150;
		pid_t pid = fork();

		if (pid == 0)
			child_main(f->path, p);
		assert_true(pid > 0);
		while (answered(p) < target && waitpid(pid, &status, WNOHANG) == 0)
			usleep(50);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		fixture_open(f);
		assert_ok(store_view(f->store, NULL, integrity_fn, NULL, &err), &err);
		assert_ok(store_view(f->store, NULL, check_fn, &c, &err), &err);
		assert_int_equal(c.odd, 0);
		assert_int_equal(c.unequal, 0);
		assert_int_equal(c.missing, 0);
	}
	munmap(p, sizeof(*p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_killed_daemon_loses_nothing_it_answered,
						fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
