/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams by name: who gets them, what waits, and that each side may go first.
 */
#include "tests/unit/transfer/unit.h"

#include <stdlib.h>
#include <string.h>

#include "core/call/call.h"
#include "rpc/pb.h"
#include "tests/unit/transfer/fake_client.h"

struct world {
	struct fake_daemon *f;
	const struct ctr_streams_ops *ops;
	struct ctr_call call, other;
	struct fake_client client;
	struct ctr_stream *theirs; /* the client's side */
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->f = fake_daemon_new();
	w->ops = fake_ops(w->f);
	call_init(&w->call, "ns");
	call_init(&w->other, "other");
	*state = w;
	return w->ops->open(fake_host(w->f), &w->call, "one", &fake_peer, &w->client, &w->theirs,
			    NULL);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	if (w->theirs)
		w->ops->closed(w->theirs);
	fake_daemon_free(w->f);
	free(w);
	return 0;
}

static ctr_code deliver(struct world *w, const char *text)
{
	const struct ctr_any any = { "type", text, strlen(text) };

	return w->ops->deliver(w->theirs, &any, NULL);
}

static void a_taken_id_is_refused_in_containerds_words(void **state)
{
	struct world *w = *state;
	struct fake_client second = { .code = 0 };
	struct ctr_stream *s = NULL;
	AUTO_ERROR err = ERROR_INIT;

	assert_int_equal(
		w->ops->open(fake_host(w->f), &w->call, "one", &fake_peer, &second, &s, &err),
		CTR_UNKNOWN);
	assert_string_equal(error_text(&err), "already exists");
	assert_int_equal(second.released, 0); /* the caller still has it */
	/* in another namespace it is another stream */
	assert_int_equal(
		w->ops->open(fake_host(w->f), &w->other, "one", &fake_peer, &second, &s, &err),
		CTR_OK);
	w->ops->closed(s);
	assert_int_equal(second.released, 1);
}

static void ids_have_a_limit(void **state)
{
	struct world *w = *state;
	char id[1024];
	struct ctr_stream *s = NULL;

	memset(id, 'x', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	assert_int_equal(
		w->ops->open(fake_host(w->f), &w->call, id, &fake_peer, &w->client, &s, NULL),
		CTR_INVALID_ARGUMENT);
	assert_int_equal(
		w->ops->open(fake_host(w->f), &w->call, "", &fake_peer, &w->client, &s, NULL),
		CTR_INVALID_ARGUMENT);
}

static void one_taker_in_the_right_namespace(void **state)
{
	struct world *w = *state;
	struct ctr_stream *s = NULL, *again = NULL;

	assert_int_equal(streams_get(fake_streams(w->f), &w->other, "one", &s, NULL),
			 CTR_NOT_FOUND);
	assert_int_equal(streams_get(fake_streams(w->f), &w->call, "two", &s, NULL), CTR_NOT_FOUND);
	assert_int_equal(streams_get(fake_streams(w->f), &w->call, "one", &s, NULL), CTR_OK);
	assert_int_equal(streams_get(fake_streams(w->f), &w->call, "one", &again, NULL),
			 CTR_NOT_FOUND);
	stream_close(s, CTR_OK, NULL);
	assert_int_equal(w->client.finished, 1);
	assert_int_equal(w->client.released, 0);
}

static void messages_arrive_in_order_and_end(void **state)
{
	struct world *w = *state;
	struct ctr_stream *s = NULL;
	Google__Protobuf__Any *any = NULL;

	assert_int_equal(deliver(w, "a"), CTR_OK); /* before it is taken */
	assert_int_equal(streams_get(fake_streams(w->f), &w->call, "one", &s, NULL), CTR_OK);
	assert_int_equal(deliver(w, "b"), CTR_OK);
	w->ops->half_close(w->theirs);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(stream_recv(s, &w->call, &any, NULL), CTR_OK);
		assert_non_null(any);
		assert_int_equal(any->value.data[0], 'a' + i);
		pb_free(any);
	}
	assert_int_equal(stream_recv(s, &w->call, &any, NULL), CTR_OK);
	assert_null(any);
	stream_close(s, CTR_OK, NULL);
}

static void a_full_queue_makes_the_client_wait(void **state)
{
	struct world *w = *state;
	struct ctr_stream *s = NULL;
	Google__Protobuf__Any *any = NULL;
	char *big = calloc(1, 100001);
	ctr_code code = CTR_OK;
	int n = 0;

	memset(big, 'x', 100000);
	assert_int_equal(streams_get(fake_streams(w->f), &w->call, "one", &s, NULL), CTR_OK);
	while (code == CTR_OK && n < 100) {
		code = deliver(w, big);
		n++;
	}
	assert_int_equal(code, CTR_PENDING);
	assert_true(n <= 4);
	for (int i = 0; i < n; i++) {
		assert_int_equal(stream_poll(s, &any, NULL), CTR_OK);
		assert_non_null(any);
		pb_free(any);
	}
	assert_int_equal(w->client.resumed, 1);
	assert_int_equal(stream_poll(s, &any, NULL), CTR_OK);
	assert_null(any);
	stream_close(s, CTR_OK, NULL);
	free(big);
}

static void closing_lets_a_waiting_client_go(void **state)
{
	struct world *w = *state;
	struct ctr_stream *s = NULL;
	char *big = calloc(1, 300001);

	memset(big, 'x', 300000);
	assert_int_equal(streams_get(fake_streams(w->f), &w->call, "one", &s, NULL), CTR_OK);
	assert_int_equal(deliver(w, big), CTR_PENDING);
	stream_close(s, CTR_INVALID_ARGUMENT, "no");
	assert_int_equal(w->client.resumed, 1);
	assert_int_equal(w->client.code, CTR_INVALID_ARGUMENT);
	assert_int_equal(deliver(w, "more"), CTR_CANCELLED);
	free(big);
}

static void a_client_that_goes_is_noticed(void **state)
{
	struct world *w = *state;
	struct ctr_stream *s = NULL, *fresh = NULL;
	Google__Protobuf__Any *any = NULL, message = GOOGLE__PROTOBUF__ANY__INIT;
	struct fake_client second = { .code = 0 };

	assert_int_equal(streams_get(fake_streams(w->f), &w->call, "one", &s, NULL), CTR_OK);
	w->ops->closed(w->theirs);
	w->theirs = NULL;
	assert_int_equal(w->client.released, 0); /* our side has it still */
	assert_int_equal(stream_recv(s, &w->call, &any, NULL), CTR_CANCELLED);
	assert_int_equal(stream_send(s, &message, NULL), CTR_CANCELLED);
	/* its name is free again */
	assert_int_equal(
		w->ops->open(fake_host(w->f), &w->call, "one", &fake_peer, &second, &fresh, NULL),
		CTR_OK);
	w->ops->closed(fresh);
	stream_close(s, CTR_OK, NULL);
	assert_int_equal(w->client.released, 1);
}

static void a_cancelled_call_stops_waiting(void **state)
{
	struct world *w = *state;
	struct ctr_stream *s = NULL;
	Google__Protobuf__Any *any = NULL;

	assert_int_equal(call_cancellable(&w->call), 0);
	assert_int_equal(streams_get(fake_streams(w->f), &w->call, "one", &s, NULL), CTR_OK);
	call_cancel(&w->call, CTR_CANCELLED);
	assert_int_equal(stream_recv(s, &w->call, &any, NULL), CTR_CANCELLED);
	stream_close(s, CTR_OK, NULL);
	call_done(&w->call);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_taken_id_is_refused_in_containerds_words),
		IN_WORLD(ids_have_a_limit),
		IN_WORLD(one_taker_in_the_right_namespace),
		IN_WORLD(messages_arrive_in_order_and_end),
		IN_WORLD(a_full_queue_makes_the_client_wait),
		IN_WORLD(closing_lets_a_waiting_client_go),
		IN_WORLD(a_client_that_goes_is_noticed),
		IN_WORLD(a_cancelled_call_stops_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
