/* SPDX-License-Identifier: Apache-2.0
 *
 * Flow control and memory: limits both ways, peers that do not read, handlers that do not consume,
 * parked streams.
 */
#include "grpc_fixture.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"

#define MIB (1u << 20)

static struct grpc_stream *open_stream(struct fixture *f, const char *path, const void *data,
				       size_t n)
{
	const struct grpc_request rq = { .path = path, .data = data, .n = n };
	struct grpc_stream *st;

	assert_int_equal(grpc_client_open(f->client, &rq, &fixture_stream, f, &st), 0);
	return st;
}

static void test_large_message_both_ways(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *data = calloc(1, 16 * MIB);

	fixture_call(f, "/t.S/Size", data, 16 * MIB);
	assert_int_equal(f->code, CTR_OK);
	assert_memory_equal(f->data, "16777216", 8);
	fixture_call(f, "/t.S/Echo", data, 5 * MIB);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n, 5 * MIB);
}

static int setup_small(void **state)
{
	const struct grpc_limits limits = { .message_bytes = 1000,
					    .queue_bytes = 4000,
					    .low_bytes = 500 };

	return fixture_setup_limits(state, &limits);
}

static void test_message_over_the_limit(void **state)
{
	struct fixture *f = *state;
	char data[1001] = { 0 };

	fixture_call(f, "/t.S/Echo", data, 1000);
	assert_int_equal(f->code, CTR_OK);
	fixture_call(f, "/t.S/Echo", data, 1001);
	assert_int_equal(f->code, CTR_RESOURCE_EXHAUSTED);
	assert_string_equal(f->text, "grpc: received message larger than max (1001 vs. 1000)");
	assert_int_equal(f->cancels, 0);

	/* The connection goes on, and the same holds for answers. */
	fixture_call(f, "/t.S/Echo", data, 1000);
	assert_int_equal(f->code, CTR_OK);
}

static void test_answer_over_the_limit(void **state)
{
	struct fixture *f = *state;

	open_stream(f, "/t.S/Bidi", NULL, 0);
	fixture_until_size(f, &f->n_parked, 1);
	assert_int_equal(grpc_call_reply(f->parked[0], calloc(1, 1001), 1001), -90 /* EMSGSIZE */);
	fixture_until(f, &f->n_done, 1);
	assert_int_equal(f->code, CTR_RESOURCE_EXHAUSTED);
	assert_string_equal(f->text, "trying to send message larger than max (1001 vs. 1000)");
	fixture_until(f, &f->cancels, 1);
}

static void test_full_queue_ends_the_call(void **state)
{
	struct fixture *f = *state;
	int r = 0;

	open_stream(f, "/t.S/Bidi", NULL, 0);
	fixture_until_size(f, &f->n_parked, 1);
	/* No turn of the loop between: nothing leaves. */
	for (int i = 0; i < 5 && r == 0; i++)
		r = grpc_call_reply(f->parked[0], calloc(1, 1000), 1000);
	assert_int_equal(r, -105 /* ENOBUFS */);
	assert_true(grpc_call_queued_bytes(f->parked[0]) <= 4000);
	fixture_until(f, &f->n_done, 1);
	assert_int_equal(f->code, CTR_RESOURCE_EXHAUSTED);
	assert_int_equal(f->cancels, 1);
	fixture_until(f, &f->closes, 1);
	assert_int_equal(grpc_call_queued_bytes(f->parked[0]), 0);
}

/* A stream of 1 MiB pieces that are sent as the queue drains. */
struct feeder {
	struct fixture *f;
	unsigned sent, want, drained, closed;
};

static void feed(struct grpc_call *call)
{
	struct feeder *fd = grpc_call_service(call)->ud;

	while (fd->sent < fd->want && grpc_call_queued_bytes(call) < 2 * MIB) {
		if (grpc_call_reply(call, calloc(1, MIB), MIB) < 0)
			return;
		fd->sent++;
	}
	if (fd->sent == fd->want)
		grpc_call_finish(call, CTR_OK, NULL);
}

static void feed_start(struct grpc_call *call, const void *data, size_t n)
{
	(void)data;
	(void)n;
	feed(call);
}

static void feed_drained(struct grpc_call *call)
{
	struct feeder *fd = grpc_call_service(call)->ud;

	fd->drained++;
	feed(call);
}

static void feed_closed(struct grpc_call *call)
{
	struct feeder *fd = grpc_call_service(call)->ud;

	fd->closed++;
}

static const struct grpc_method feed_methods[] = {
	{ .name = "Feed",
	  .flags = GRPC_SERVER_STREAM,
	  .unary = feed_start,
	  .drained = feed_drained,
	  .closed = feed_closed },
};

static void test_drained_feeds_a_long_answer(void **state)
{
	struct fixture *f = *state;
	struct feeder fd = { .f = f, .want = 40 };
	const struct grpc_service service = {
		.name = "t.F", .methods = feed_methods, .n_methods = 1, .ud = &fd
	};

	assert_int_equal(grpc_server_register(f->server, &service), 0);
	grpc_stream_half_close(open_stream(f, "/t.F/Feed", "", 0));
	fixture_until(f, &f->n_done, 1);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n_messages, 40);
	assert_int_equal(f->bytes, (size_t)40 * MIB);
	assert_true(fd.drained > 0);
	fixture_until(f, &fd.closed, 1);
}

static void stop(void *ud)
{
	loop_stop(ud);
}

static void test_client_that_does_not_read(void **state)
{
	struct fixture *f = *state;
	struct feeder fd = { .f = f, .want = 1000 };
	const struct grpc_service service = {
		.name = "t.F", .methods = feed_methods, .n_methods = 1, .ud = &fd
	};
	struct loop *other;
	struct grpc_client *idle;
	struct grpc_stream *st;
	const struct grpc_request rq = { .path = "/t.F/Feed", .data = "", .n = 0 };
	struct loop_timer *t;

	/* Its loop runs just long enough to send the request. */
	assert_int_equal(loop_new(&other), 0);
	assert_int_equal(grpc_server_register(f->server, &service), 0);
	assert_int_equal(grpc_client_new(other, fixture_serve(f), NULL, NULL, &idle), 0);
	assert_int_equal(grpc_client_open(idle, &rq, &fixture_stream, f, &st), 0);
	assert_int_equal(grpc_stream_half_close(st), 0);
	assert_int_equal(loop_add_timer(other, clock_now_ns() + 5 * NS_PER_MSEC, stop, other, &t),
			 0);
	loop_run(other);

	fixture_until(f, &fd.sent, 1);
	fixture_spin(f, 30);
	assert_true(fd.sent <= 4);
	/* Others are served meanwhile. */
	fixture_call(f, "/t.S/Echo", "x", 1);
	assert_int_equal(f->code, CTR_OK);
	grpc_client_free(idle);
	loop_free(other);
	fixture_until(f, &fd.closed, 1);
}

static void test_handler_that_does_not_consume_stops_the_sender(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st;
	static char data[100000];

	f->keep_messages = 1;
	st = open_stream(f, "/t.S/Bidi", NULL, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(grpc_stream_send(st, data, sizeof(data)), 0);
	assert_int_equal(grpc_stream_half_close(st), 0);
	fixture_until(f, &f->messages, 1);
	fixture_spin(f, 30);
	assert_int_equal(f->messages, 1);
	/* One window has left the sender, no more: 10 MB less 1 MiB and some are still there. */
	assert_true(grpc_stream_queued_bytes(st) > 8 * MIB);
	fixture_call(f, "/t.S/Echo", "x", 1);
	assert_int_equal(f->code, CTR_OK);

	/* Each consume brings one message, in order and whole. */
	for (unsigned i = 2; i <= 100; i++) {
		grpc_call_consume(f->parked[0]);
		fixture_until(f, &f->messages, i);
		assert_int_equal(f->half_closes, 0);
	}
	assert_int_equal(f->message_bytes, 100 * sizeof(data));
	grpc_call_consume(f->parked[0]);
	fixture_until(f, &f->half_closes, 1);
	fixture_until(f, &f->closes, 1);
}

static void test_many_small_unconsumed_messages(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st;

	f->keep_messages = 1;
	st = open_stream(f, "/t.S/Sum", NULL, 0);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(grpc_stream_send(st, "abc", 3), 0);
	assert_int_equal(grpc_stream_half_close(st), 0);
	/* Sum consumes: all of them come in one go. */
	fixture_until(f, &f->half_closes, 1);
	assert_int_equal(f->messages, 3000);
}

static size_t heap(void)
{
	return mallinfo2().uordblks;
}

static void test_1000_parked_streams(void **state)
{
	struct fixture *f = *state;
	const struct grpc_request rq = { .path = "/t.S/Subscribe", .data = "0123456789", .n = 10 };
	size_t before, each;

	grpc_stream_half_close(open_stream(f, "/t.S/Subscribe", "x", 1));
	fixture_until_size(f, &f->n_parked, 1);
	before = heap();
	for (int i = 0; i < 1000; i++) {
		struct grpc_stream *st;

		assert_int_equal(grpc_client_open(f->client, &rq, &fixture_stream, f, &st), 0);
		assert_int_equal(grpc_stream_half_close(st), 0);
	}
	fixture_until_size(f, &f->n_parked, 1001);
	each = (heap() - before) / 1000;
	print_message("a parked stream, client and server together: %zu bytes\n", each);
	/* mallinfo knows nothing of a sanitizer's heap. */
	assert_true(each < 2600);

	/* An event for all of them. */
	for (size_t i = 0; i < f->n_parked; i++)
		assert_int_equal(grpc_call_reply(f->parked[i], calloc(1, 100), 100), 0);
	fixture_until(f, &f->n_messages, 1001);
	assert_int_equal(f->cancels, 0);
}

static void test_parked_stream_holds_no_buffer(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st = open_stream(f, "/t.S/Bidi", NULL, 0);
	AUTO_FREE char *data = calloc(1, 8 * MIB);
	size_t before;

	assert_int_equal(grpc_stream_send(st, "x", 1), 0);
	fixture_until(f, &f->n_messages, 1);
	before = heap();
	assert_int_equal(grpc_stream_send(st, data, 8 * MIB), 0);
	fixture_until(f, &f->n_messages, 2);
	fixture_spin(f, 5);
	assert_int_equal(grpc_call_queued_bytes(f->parked[0]), 0);
	assert_true(heap() < before + 20000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define S(name) cmocka_unit_test_setup_teardown(name, setup_small, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_large_message_both_ways),
		S(test_message_over_the_limit),
		S(test_answer_over_the_limit),
		S(test_full_queue_ends_the_call),
		T(test_drained_feeds_a_long_answer),
		T(test_client_that_does_not_read),
		T(test_handler_that_does_not_consume_stops_the_sender),
		T(test_many_small_unconsumed_messages),
		T(test_1000_parked_streams),
		T(test_parked_stream_holds_no_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
