/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies, ends and consumption from several threads at once, against cancels and the end of the
 * server. Says most under ThreadSanitizer.
 */
#include "grpc_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"

#define THREADS 4
#define CALLS   400

/* A pool without a queue limit: what the daemon's own is to the server. */
struct pool {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t threads[THREADS];
	struct grpc_call *queue[CALLS * 2];
	size_t head, tail;
	int stop;
	struct grpc_service service;
	atomic_uint answered;
	unsigned closes;
};

static struct grpc_call *next_call(struct pool *p)
{
	struct grpc_call *call = NULL;

	pthread_mutex_lock(&p->lock);
	while (p->head == p->tail && !p->stop)
		pthread_cond_wait(&p->more, &p->lock);
	if (p->head < p->tail)
		call = p->queue[p->head++];
	pthread_mutex_unlock(&p->lock);
	return call;
}

static void put_call(struct pool *p, struct grpc_call *call)
{
	pthread_mutex_lock(&p->lock);
	assert_true(p->tail < ARRAY_SIZE(p->queue));
	p->queue[p->tail++] = grpc_call_ref(call);
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
}

static void *work(void *ud)
{
	struct pool *p = ud;
	struct grpc_call *call;

	while ((call = next_call(p))) {
		if (grpc_call_method(call)->flags & GRPC_CLIENT_STREAM) {
			grpc_call_reply(call, calloc(1, 10), 10);
			grpc_call_consume(call);
		} else if (grpc_call_method(call)->flags & GRPC_SERVER_STREAM) {
			for (int i = 0; i < 10; i++)
				grpc_call_reply(call, calloc(1, 1000), 1000);
			(void)grpc_call_queued_bytes(call);
			grpc_call_finish(call, CTR_OK, NULL);
		} else if (!grpc_call_over(call)) {
			grpc_call_reply(call, calloc(1, 3), 3);
		}
		atomic_fetch_add(&p->answered, 1);
		grpc_call_unref(call);
	}

	return NULL;
}

static void unary(struct grpc_call *call, const void *data, size_t n)
{
	(void)data;
	(void)n;
	grpc_call_set_data(call, malloc(16), free);
	put_call(grpc_call_service(call)->ud, call);
}

static void message(struct grpc_call *call, const void *data, size_t n)
{
	(void)data;
	(void)n;
	put_call(grpc_call_service(call)->ud, call);
}

static void half_close(struct grpc_call *call)
{
	grpc_call_finish(call, CTR_OK, NULL);
}

static void closed(struct grpc_call *call)
{
	struct pool *p = grpc_call_service(call)->ud;

	p->closes++;
}

static const struct grpc_method methods[] = {
	{ .name = "One", .unary = unary, .closed = closed },
	{ .name = "Ten", .flags = GRPC_SERVER_STREAM, .unary = unary, .closed = closed },
	{ .name = "Each",
	  .flags = GRPC_SERVER_STREAM | GRPC_CLIENT_STREAM,
	  .message = message,
	  .half_close = half_close,
	  .closed = closed },
};

static void pool_start(struct pool *p, struct fixture *f)
{
	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	p->service =
		(struct grpc_service){ .name = "t.P", .methods = methods, .n_methods = 3, .ud = p };
	assert_int_equal(grpc_server_register(f->server, &p->service), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&p->threads[i], NULL, work, p), 0);
}

static void pool_stop(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->stop = 1;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
}

static void test_replies_from_threads(void **state)
{
	const struct grpc_request one = { .path = "/t.P/One" },
				  ten = { .path = "/t.P/Ten", .data = "", .n = 0 };
	struct fixture *f = *state;
	struct grpc_stream *st;
	struct pool p;

	pool_start(&p, f);
	for (int i = 0; i < CALLS / 2; i++) {
		assert_int_equal(grpc_client_call(f->client, &one, fixture_done, f, NULL), 0);
		assert_int_equal(grpc_client_open(f->client, &ten, &fixture_stream, f, &st), 0);
		assert_int_equal(grpc_stream_half_close(st), 0);
	}
	fixture_until(f, &f->n_done, CALLS);
	assert_int_equal(f->n_messages, 10 * CALLS / 2);
	fixture_until(f, &p.closes, CALLS);
	pool_stop(&p);
}

static void test_consume_from_threads(void **state)
{
	const struct grpc_request each = { .path = "/t.P/Each" };
	struct fixture *f = *state;
	struct grpc_stream *st[4];
	struct pool p;

	pool_start(&p, f);
	for (size_t i = 0; i < ARRAY_SIZE(st); i++) {
		assert_int_equal(grpc_client_open(f->client, &each, &fixture_stream, f, &st[i]), 0);
		for (int m = 0; m < 50; m++)
			assert_int_equal(grpc_stream_send(st[i], "0123456789", 10), 0);
		assert_int_equal(grpc_stream_half_close(st[i]), 0);
	}
	fixture_until(f, &f->n_done, ARRAY_SIZE(st));
	assert_int_equal(f->n_messages, 50 * ARRAY_SIZE(st));
	assert_int_equal(f->code, CTR_OK);
	fixture_until(f, &p.closes, ARRAY_SIZE(st));
	pool_stop(&p);
}

static void test_cancels_race_with_replies(void **state)
{
	const struct grpc_request one = { .path = "/t.P/One" },
				  ten = { .path = "/t.P/Ten", .data = "", .n = 0 };
	struct fixture *f = *state;
	struct grpc_stream *st[CALLS];
	struct pool p;

	pool_start(&p, f);
	for (size_t i = 0; i < CALLS; i += 2) {
		assert_int_equal(grpc_client_call(f->client, &one, fixture_done, f, &st[i]), 0);
		assert_int_equal(grpc_client_open(f->client, &ten, &fixture_stream, f, &st[i + 1]),
				 0);
		assert_int_equal(grpc_stream_half_close(st[i + 1]), 0);
	}
	/* The last request alone is left to be answered: when it is, the others have been
	 * cancelled before or after. */
	for (size_t i = 0; i < CALLS; i++)
		grpc_stream_cancel(st[i]);
	fixture_call(f, "/t.P/One", "", 0);
	assert_int_equal(f->code, CTR_OK);
	pool_stop(&p);
	assert_int_equal(f->n_done, 1);
}

static void test_server_ends_while_threads_reply(void **state)
{
	const struct grpc_request one = { .path = "/t.P/One" };
	struct fixture *f = *state;
	struct pool p;

	pool_start(&p, f);
	for (size_t i = 0; i < CALLS; i++)
		assert_int_equal(grpc_client_call(f->client, &one, fixture_done, f, NULL), 0);
	fixture_until(f, &f->n_done, 1);
	grpc_server_free(take_ptr(&f->server));
	fixture_until(f, &f->n_done, CALLS);
	pool_stop(&p);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_replies_from_threads),
		T(test_consume_from_threads),
		T(test_cancels_race_with_replies),
		T(test_server_ends_while_threads_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
