/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC server and client: answers, statuses, the four kinds of calls, deadlines, cancels, lost and
 * closing peers.
 */
#include "grpc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"

static void test_unary(void **state)
{
	struct fixture *f = *state;

	fixture_call(f, "/t.S/Echo", "hello", 5);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n, 5);
	assert_memory_equal(f->data, "hello", 5);

	fixture_call(f, "/t.S/Echo", NULL, 0);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n, 0);
	fixture_until(f, &f->closes, 2);
	assert_int_equal(f->cancels, 0);
	assert_int_equal(grpc_server_calls(f->server), 0);
	assert_int_equal(grpc_server_conns(f->server), 1);
}

static void test_many_in_flight(void **state)
{
	struct fixture *f = *state;
	const struct grpc_request rq = { .path = "/t.S/Echo", .data = "x", .n = 1 };

	for (int i = 0; i < 500; i++)
		assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, NULL), 0);
	fixture_until(f, &f->n_done, 500);
	assert_int_equal(f->bytes, 500);
}

static void test_status_text(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *path;
		ctr_code code;
		const char *text;
	} cases[] = {
		{ "/t.S/Refuse", CTR_CONFLICT, "thing 'x\xc3\xa4' is busy\n100%" },
		{ "/t.S/Nope", CTR_UNIMPLEMENTED, "unknown method Nope for service t.S" },
		{ "/a.B/C", CTR_UNIMPLEMENTED, "unknown service a.B" },
		{ "/a", CTR_UNIMPLEMENTED, "malformed method name: \"/a\"" },
		{ "t.S/Echo", CTR_UNIMPLEMENTED, "unknown method Echo for service t.S" },
		{ "/t.S/Echo/x", CTR_UNIMPLEMENTED, "unknown service t.S/Echo" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture_call(f, cases[i].path, NULL, 0);
		assert_int_equal(f->code, cases[i].code);
		assert_string_equal(f->text, cases[i].text);
	}
}

static void test_metadata_and_deadline_travel(void **state)
{
	struct fixture *f = *state;
	const struct grpc_pair pairs[] = { { "containerd-namespace", "moby" },
					   { "containerd-namespace", "two" } };
	const struct grpc_request rq = { .path = "/t.S/Meta",
					 .metadata = pairs,
					 .n_metadata = 2,
					 .deadline_ns = clock_now_ns() + 9 * NS_PER_SEC };

	assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, NULL), 0);
	fixture_until(f, &f->n_done, 1);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n, 4);
	assert_memory_equal(f->data, "moby", 4);
}

static void test_metadata_has_a_limit(void **state)
{
	struct fixture *f = *state;
	char value[20000];
	const struct grpc_pair pairs[] = { { "a", value }, { "b", value } };
	const struct grpc_request rq = { .path = "/t.S/Echo", .metadata = pairs, .n_metadata = 2 };

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, NULL), 0);
	fixture_until(f, &f->n_done, 1);
	assert_int_equal(f->code, CTR_RESOURCE_EXHAUSTED);
	fixture_call(f, "/t.S/Echo", "x", 1);
	assert_int_equal(f->code, CTR_OK);
}

static struct grpc_stream *open_stream(struct fixture *f, const char *path, const void *data,
				       size_t n)
{
	const struct grpc_request rq = { .path = path, .data = data, .n = n };
	struct grpc_stream *st;

	assert_int_equal(grpc_client_open(f->client, &rq, &fixture_stream, f, &st), 0);
	return st;
}

static void test_server_stream(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(grpc_stream_half_close(open_stream(f, "/t.S/Count", "\x64", 1)), 0);
	fixture_until(f, &f->n_done, 1);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n_messages, 100);
}

static void test_client_stream(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st = open_stream(f, "/t.S/Sum", "ab", 2);

	assert_int_equal(grpc_stream_send(st, "abc", 3), 0);
	assert_int_equal(grpc_stream_half_close(st), 0);
	fixture_until(f, &f->n_done, 1);
	assert_int_equal(f->code, CTR_OK);
	assert_int_equal(f->n_messages, 1);
	assert_int_equal(f->data[0], '5');
	assert_int_equal(f->half_closes, 1);
}

static void test_bidi_stream(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st = open_stream(f, "/t.S/Bidi", NULL, 0);
	static char big[300000];

	for (int i = 0; i < 4; i++)
		assert_int_equal(grpc_stream_send(st, big, sizeof(big)), 0);
	assert_int_equal(grpc_stream_send(st, NULL, 0), 0);
	fixture_until(f, &f->n_messages, 5);
	assert_int_equal(f->bytes, 4 * sizeof(big));
	assert_int_equal(grpc_stream_half_close(st), 0);
	fixture_until(f, &f->n_done, 1);
	assert_int_equal(f->code, CTR_OK);
	fixture_until(f, &f->closes, 1);
	assert_int_equal(f->cancels, 0);
}

static void test_server_may_end_first(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st = open_stream(f, "/t.S/Bidi", NULL, 0);

	assert_int_equal(grpc_stream_send(st, "a", 1), 0);
	fixture_until(f, &f->n_messages, 1);
	grpc_call_finish(f->parked[0], CTR_ABORTED, "enough");
	fixture_until(f, &f->n_done, 1);
	assert_int_equal(f->code, CTR_ABORTED);
	assert_string_equal(f->text, "enough");
	fixture_until(f, &f->closes, 1);
	assert_int_equal(f->cancels, 0);
	assert_int_equal(grpc_server_calls(f->server), 0);
}

static void test_deadline(void **state)
{
	struct fixture *f = *state;
	const struct grpc_request rq = { .path = "/t.S/Park",
					 .deadline_ns = clock_now_ns() + 20 * NS_PER_MSEC };

	assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, NULL), 0);
	fixture_until(f, &f->n_done, 1);
	assert_int_equal(f->code, CTR_DEADLINE_EXCEEDED);
	assert_string_equal(f->text, "context deadline exceeded");
	fixture_until(f, &f->closes, 1);
	assert_int_equal(f->cancels, 1);
	assert_int_equal(f->n_parked, 1);
	/* The object is still good, and says so. */
	assert_true(grpc_call_over(f->parked[0]));
	grpc_call_finish(f->parked[0], CTR_OK, NULL);
	assert_int_not_equal(grpc_call_reply(f->parked[0], NULL, 0), 0);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	const struct grpc_request rq = { .path = "/t.S/Park" };
	struct grpc_stream *st;

	assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, &st), 0);
	fixture_until_size(f, &f->n_parked, 1);
	grpc_stream_cancel(st);
	fixture_until(f, &f->cancels, 1);
	fixture_until(f, &f->closes, 1);
	fixture_call(f, "/t.S/Echo", "x", 1);
	assert_int_equal(f->n_done, 1);
	assert_int_equal(f->cancels, 1);
}

static void test_20000_fast_cancels(void **state)
{
	struct fixture *f = *state;
	const struct grpc_request rq = { .path = "/t.S/Park" };

	for (unsigned round = 1; round <= 20; round++) {
		struct grpc_stream *st[1000];

		for (size_t i = 0; i < ARRAY_SIZE(st); i++)
			assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, &st[i]),
					 0);
		fixture_until_size(f, &f->n_parked, 1000);
		for (size_t i = 0; i < ARRAY_SIZE(st); i++)
			grpc_stream_cancel(st[i]);
		fixture_until(f, &f->closes, round * 1000);
		fixture_unpark(f);
	}
	assert_int_equal(f->cancels, 20000);
	assert_int_equal(f->n_done, 0);
	fixture_call(f, "/t.S/Echo", "x", 1);
	assert_int_equal(f->code, CTR_OK);
}

static void test_lost_client(void **state)
{
	struct fixture *f = *state;
	const struct grpc_request rq = { .path = "/t.S/Park" };

	for (int i = 0; i < 10; i++)
		assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, NULL), 0);
	open_stream(f, "/t.S/Bidi", NULL, 0);
	fixture_until_size(f, &f->n_parked, 11);
	grpc_client_free(take_ptr(&f->client));
	assert_int_equal(f->n_done, 11);
	assert_int_equal(f->code, CTR_UNAVAILABLE);
	assert_int_equal(f->closed, 0);
	fixture_until(f, &f->closes, 11);
	assert_int_equal(f->cancels, 11);
	assert_int_equal(grpc_server_conns(f->server), 0);
	/* Replies after that go nowhere. */
	for (size_t i = 0; i < f->n_parked; i++)
		assert_int_not_equal(grpc_call_reply(f->parked[i], NULL, 0), 0);
}

static void test_lost_server(void **state)
{
	struct fixture *f = *state;
	const struct grpc_request rq = { .path = "/t.S/Park" };

	for (int i = 0; i < 10; i++)
		assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, NULL), 0);
	fixture_until_size(f, &f->n_parked, 10);
	grpc_server_free(take_ptr(&f->server));
	assert_int_equal(f->cancels, 10);
	assert_int_equal(f->closes, 10);
	fixture_until(f, &f->closed, 1);
	assert_int_equal(f->n_done, 10);
	assert_int_equal(f->code, CTR_UNAVAILABLE);
	assert_false(grpc_client_is_open(f->client));
	assert_int_not_equal(grpc_client_call(f->client, &rq, fixture_done, f, NULL), 0);
	/* Calls outlive the server. */
	assert_int_not_equal(grpc_call_reply(f->parked[0], NULL, 0), 0);
	grpc_call_finish(f->parked[0], CTR_OK, NULL);
	grpc_call_consume(f->parked[0]);
}

static void idle(void *ud)
{
	++*(unsigned *)ud;
}

static void test_shutdown_lets_calls_end(void **state)
{
	struct fixture *f = *state;
	const struct grpc_request rq = { .path = "/t.S/Park" };
	unsigned idles = 0;

	assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, NULL), 0);
	fixture_until_size(f, &f->n_parked, 1);
	grpc_server_shutdown(f->server, idle, &idles);
	fixture_spin(f, 5);
	assert_int_equal(idles, 0);
	assert_int_equal(f->closed, 0);

	/* Nothing new is taken. */
	assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, NULL), -32 /* EPIPE */);
	assert_int_equal(grpc_call_reply(f->parked[0], NULL, 0), 0);
	fixture_until(f, &idles, 1);
	assert_int_equal(f->n_done, 1);
	assert_int_equal(f->code, CTR_OK);
	fixture_until(f, &f->closed, 1);
}

static void test_wait(void **state)
{
	struct fixture *f = *state;
	const struct grpc_request ok = { .path = "/t.S/Echo", .data = "abc", .n = 3 };
	const struct grpc_request bad = { .path = "/t.S/Refuse" };
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE void *data = NULL;
	size_t n = 0;

	assert_int_equal(grpc_client_wait(f->client, &ok, &data, &n, &err), CTR_OK);
	assert_int_equal(n, 3);
	assert_memory_equal(data, "abc", 3);
	assert_int_equal(grpc_client_wait(f->client, &ok, NULL, NULL, &err), CTR_OK);
	assert_int_equal(grpc_client_wait(f->client, &bad, NULL, NULL, &err), CTR_CONFLICT);
	assert_string_equal(error_text(&err), "thing 'x\xc3\xa4' is busy\n100%");
	grpc_server_free(take_ptr(&f->server));
	assert_int_equal(grpc_client_wait(f->client, &ok, NULL, NULL, &err), CTR_UNAVAILABLE);
}

static void free_client(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	struct fixture *f = ud;

	fixture_done(ud, code, message, data, n);
	grpc_client_free(take_ptr(&f->client));
}

static void test_client_may_be_freed_in_a_callback(void **state)
{
	struct fixture *f = *state;
	const struct grpc_request rq = { .path = "/t.S/Echo", .data = "x", .n = 1 };
	const struct grpc_request late = { .path = "/t.S/Park",
					   .deadline_ns = clock_now_ns() + NS_PER_MSEC };

	assert_int_equal(grpc_client_call(f->client, &rq, free_client, f, NULL), 0);
	assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, NULL), 0);
	fixture_until(f, &f->n_done, 2);
	fixture_until(f, &f->closes, 2);

	assert_int_equal(grpc_client_new(f->loop, fixture_serve(f), NULL, NULL, &f->client), 0);
	assert_int_equal(grpc_client_call(f->client, &late, free_client, f, NULL), 0);
	fixture_until(f, &f->n_done, 3);
	assert_int_equal(f->code, CTR_DEADLINE_EXCEEDED);
}

static void test_connect_by_path(void **state)
{
	struct fixture *f = *state;
	char dir[] = "/tmp/ctr-grpc-XXXXXX", path[64];
	AUTO_ERROR err = ERROR_INIT;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s.sock", dir);
	grpc_client_free(take_ptr(&f->client));
	assert_int_equal(grpc_client_connect(f->loop, path, NULL, NULL, &f->client),
			 -2 /* ENOENT */);
	assert_int_equal(grpc_server_listen(f->server, path, 0600, (gid_t)-1, &err), CTR_OK);
	assert_int_equal(grpc_client_connect(f->loop, path, NULL, NULL, &f->client), 0);
	fixture_call(f, "/t.S/Echo", "x", 1);
	assert_int_equal(f->code, CTR_OK);
	grpc_server_free(take_ptr(&f->server));
	assert_int_equal(rmdir(dir), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_unary),
		T(test_many_in_flight),
		T(test_status_text),
		T(test_metadata_and_deadline_travel),
		T(test_metadata_has_a_limit),
		T(test_server_stream),
		T(test_client_stream),
		T(test_bidi_stream),
		T(test_server_may_end_first),
		T(test_deadline),
		T(test_cancel),
		T(test_20000_fast_cancels),
		T(test_lost_client),
		T(test_lost_server),
		T(test_shutdown_lets_calls_end),
		T(test_wait),
		T(test_client_may_be_freed_in_a_callback),
		T(test_connect_by_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
