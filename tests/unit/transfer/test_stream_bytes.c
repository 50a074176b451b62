/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte streams: windows are granted and kept to, pieces have their limit, foreign messages are
 * refused.
 */
#include "tests/unit/transfer/unit.h"

#include <stdlib.h>
#include <string.h>

#include "containerd/types/transfer/streaming.pb-c.h"
#include "core/call/call.h"
#include "rpc/pb.h"
#include "tests/unit/transfer/fake_client.h"

struct world {
	struct fake_daemon *f;
	const struct ctr_streams_ops *ops;
	struct ctr_call call;
	struct fake_client client;
	struct ctr_stream *theirs, *ours;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->f = fake_daemon_new();
	w->ops = fake_ops(w->f);
	call_init(&w->call, "ns");
	*state = w;
	if (w->ops->open(fake_host(w->f), &w->call, "s", &fake_peer, &w->client, &w->theirs,
			 NULL) != CTR_OK)
		return -1;
	return streams_get(fake_streams(w->f), &w->call, "s", &w->ours, NULL);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	stream_close(w->ours, CTR_OK, NULL);
	w->ops->closed(w->theirs);
	fake_daemon_free(w->f);
	free(w);
	return 0;
}

static void deliver(struct world *w, const void *message)
{
	Google__Protobuf__Any any;

	assert_int_equal(pb_any_pack(message, 1 << 20, &any), 0);
	const struct ctr_any out = { any.type_url, any.value.data, any.value.len };
	assert_int_equal(w->ops->deliver(w->theirs, &out, NULL), CTR_OK);
	pb_any_done(&any);
}

static void send_data(struct world *w, const char *text)
{
	Containerd__Types__Transfer__Data data = CONTAINERD__TYPES__TRANSFER__DATA__INIT;

	data.data.data = (uint8_t *)(uintptr_t)text;
	data.data.len = strlen(text);
	deliver(w, &data);
}

static void grant(struct world *w, int32_t n)
{
	Containerd__Types__Transfer__WindowUpdate update =
		CONTAINERD__TYPES__TRANSFER__WINDOW_UPDATE__INIT;

	update.update = n;
	deliver(w, &update);
}

static void a_reader_grants_a_window_first(void **state)
{
	struct world *w = *state;
	struct stream_reader r = { .stream = w->ours, .call = &w->call };
	void *data = NULL;
	size_t n = 0;

	send_data(w, ""); /* an empty piece is no end */
	send_data(w, "hello");
	assert_int_equal(stream_read(&r, &data, &n, NULL), CTR_OK);
	assert_int_equal(n, 5);
	assert_memory_equal(data, "hello", 5);
	free(data);
	assert_string_equal(w->client.sent[0], "containerd.types.transfer.WindowUpdate");
	assert_int_equal(w->client.n_sent, 1);
	w->ops->half_close(w->theirs);
	assert_int_equal(stream_read(&r, &data, &n, NULL), CTR_OK);
	assert_int_equal(n, 0);
	assert_int_equal(w->client.n_sent, 2); /* again, since some of the window was used */
}

static void a_writer_keeps_to_the_window(void **state)
{
	struct world *w = *state;
	struct stream_writer out = { .stream = w->ours, .call = &w->call };
	char *data = calloc(1, 100000);
	Containerd__Types__Transfer__Data *last;

	assert_int_equal(call_cancellable(&w->call), 0);
	grant(w, 1000);
	grant(w, 65536);
	grant(w, 65536);
	assert_int_equal(stream_write(&out, data, 100000, NULL), CTR_OK);
	/* 1000, three times 32 KiB, and the rest */
	assert_int_equal(w->client.n_sent, 5);
	last = containerd__types__transfer__data__unpack(NULL, w->client.n_last,
							 (uint8_t *)w->client.last);
	assert_int_equal(last->data.len, 100000 - 1000 - 3 * 32768);
	containerd__types__transfer__data__free_unpacked(last, NULL);
	assert_true(out.window >= 0);
	call_cancel(&w->call, CTR_CANCELLED);
	out.window = 0;
	assert_int_equal(stream_write(&out, data, 1, NULL), CTR_CANCELLED);
	call_done(&w->call);
	free(data);
}

static void foreign_messages_are_refused(void **state)
{
	struct world *w = *state;
	struct stream_reader r = { .stream = w->ours, .call = &w->call };
	struct stream_writer out = { .stream = w->ours, .call = &w->call };
	void *data = NULL;
	size_t n = 0;

	grant(w, 1);
	assert_int_equal(stream_read(&r, &data, &n, NULL), CTR_INVALID_ARGUMENT);
	send_data(w, "x");
	assert_int_equal(stream_write(&out, "x", 1, NULL), CTR_INVALID_ARGUMENT);
	grant(w, -5);
	assert_int_equal(stream_write(&out, "x", 1, NULL), CTR_INVALID_ARGUMENT);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_reader_grants_a_window_first),
		IN_WORLD(a_writer_keeps_to_the_window),
		IN_WORLD(foreign_messages_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
