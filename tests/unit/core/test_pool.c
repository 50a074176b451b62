/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool: every job runs once, never on more threads than allowed, a full queue refuses, and one
 * client's queue does not stand before another's.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "core/pool/pool.h"

/* Jobs wait here until the test opens it. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int open, inside;
};

#define GATE_INIT                                                                                  \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER                \
	}

static void gate_pass(void *ud)
{
	struct gate *g = ud;

	pthread_mutex_lock(&g->lock);
	g->inside++;
	pthread_cond_broadcast(&g->cond);
	while (!g->open)
		pthread_cond_wait(&g->cond, &g->lock);
	g->inside--;
	pthread_mutex_unlock(&g->lock);
}

static void gate_open(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->open = 1;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->lock);
}

static void gate_await(struct gate *g, int inside)
{
	pthread_mutex_lock(&g->lock);
	while (g->inside < inside)
		pthread_cond_wait(&g->cond, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void count(void *ud)
{
	atomic_fetch_add((atomic_int *)ud, 1);
}

static void every_job_runs_once(void **state)
{
	struct pool *p;
	atomic_int n = 0;

	(void)state;
	assert_int_equal(pool_new("test", 3, 10000, &p), 0);
	for (uint64_t i = 0; i < 5000; i++)
		assert_int_equal(pool_run(p, i % 7, count, &n), 0);
	pool_free(p);
	assert_int_equal(atomic_load(&n), 5000);
}

static void full_queue_refuses(void **state)
{
	struct gate gate = GATE_INIT;
	struct pool *p;
	atomic_int n = 0;

	(void)state;
	assert_int_equal(pool_new("test", 2, 3, &p), 0);
	assert_int_equal(pool_run(p, 1, gate_pass, &gate), 0);
	assert_int_equal(pool_run(p, 2, gate_pass, &gate), 0);
	gate_await(&gate, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pool_run(p, 3, count, &n), 0);
	assert_int_equal(pool_run(p, 4, count, &n), -EAGAIN);
	gate_open(&gate);
	pool_free(p);
	assert_int_equal(atomic_load(&n), 3);
}

/* Who ran when, on the one thread of the pool. */
struct note {
	struct log *log;
	char who;
};

struct log {
	char text[16];
	size_t n;
};

static void write_note(void *ud)
{
	const struct note *note = ud;

	note->log->text[note->log->n++] = note->who;
}

static void clients_take_turns(void **state)
{
	struct gate gate = GATE_INIT;
	struct log log = { .n = 0 };
	struct note a = { .log = &log, .who = 'a' }, b = { .log = &log, .who = 'b' },
		    c = { .log = &log, .who = 'c' };
	struct pool *p;

	(void)state;
	assert_int_equal(pool_new("test", 1, 100, &p), 0);
	assert_int_equal(pool_run(p, 9, gate_pass, &gate), 0);
	gate_await(&gate, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pool_run(p, 'a', write_note, &a), 0);
	assert_int_equal(pool_run(p, 'b', write_note, &b), 0);
	assert_int_equal(pool_run(p, 'b', write_note, &b), 0);
	assert_int_equal(pool_run(p, 'c', write_note, &c), 0);
	gate_open(&gate);
	pool_free(p);
	assert_string_equal(log.text, "abcabaa");
}

static void drain_waits_and_says_so(void **state)
{
	struct gate gate = GATE_INIT;
	struct pool *p;
	atomic_int n = 0;
	int64_t later = clock_now_ns() + 60 * NS_PER_SEC;

	(void)state;
	assert_int_equal(pool_new("test", 2, 100, &p), 0);
	assert_int_equal(pool_drain(p, later), 0);
	assert_int_equal(pool_run(p, 1, gate_pass, &gate), 0);
	assert_int_equal(pool_drain(p, clock_now_ns() - 1), -ETIMEDOUT);
	gate_open(&gate);
	for (int i = 0; i < 10; i++)
		assert_int_equal(pool_run(p, 1, count, &n), 0);
	assert_in_range(pool_drain(p, later), 0, 1);
	assert_int_equal(atomic_load(&n), 10);
	pool_free(p);
	pool_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_runs_once),
		cmocka_unit_test(full_queue_refuses),
		cmocka_unit_test(clients_take_turns),
		cmocka_unit_test(drain_waits_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
