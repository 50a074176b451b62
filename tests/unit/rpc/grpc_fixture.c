/* SPDX-License-Identifier: Apache-2.0
 *
 * The server and client of the gRPC tests; see grpc_fixture.h.
 */
#include "grpc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"

#define GUARD_NS (100 * NS_PER_SEC)

static struct fixture *fx(const struct grpc_call *call)
{
	return grpc_call_service(call)->ud;
}

static void *copy_of(const void *data, size_t n)
{
	void *copy = malloc(n > 0 ? n : 1);

	assert_non_null(copy);
	if (n > 0)
		memcpy(copy, data, n);
	return copy;
}

static void echo(struct grpc_call *call, const void *data, size_t n)
{
	assert_int_equal(grpc_call_reply(call, copy_of(data, n), n), 0);
}

static void park(struct grpc_call *call, const void *data, size_t n)
{
	struct fixture *f = fx(call);

	(void)data;
	(void)n;
	assert_true(f->n_parked < ARRAY_SIZE(f->parked));
	f->parked[f->n_parked++] = grpc_call_ref(call);
}

static void refuse(struct grpc_call *call, const void *data, size_t n)
{
	(void)data;
	(void)n;
	grpc_call_finish(call, CTR_CONFLICT, "thing 'x\xc3\xa4' is busy\n100%");
	/* What comes later is ignored. */
	grpc_call_finish(call, CTR_INTERNAL, "no");
	assert_int_not_equal(grpc_call_reply(call, copy_of("x", 1), 1), 0);
}

static void meta(struct grpc_call *call, const void *data, size_t n)
{
	const char *ns = grpc_call_metadata(call, "containerd-namespace");
	int64_t left = grpc_call_deadline_ns(call) - clock_now_ns();

	(void)data;
	(void)n;
	assert_null(grpc_call_metadata(call, "containerd"));
	assert_null(grpc_call_metadata(call, "te"));
	assert_int_equal(grpc_call_peer(call)->pid, getpid());
	assert_true(left > 0 && left <= 10 * NS_PER_SEC);
	assert_int_equal(grpc_call_reply(call, copy_of(ns, strlen(ns)), strlen(ns)), 0);
}

static void size_of(struct grpc_call *call, const void *data, size_t n)
{
	char text[32];
	void *mine = grpc_call_take(call);

	assert_non_null(mine);
	assert_memory_equal(mine, data, MIN(n, 64));
	free(mine);
	snprintf(text, sizeof(text), "%zu", n);
	assert_int_equal(grpc_call_reply(call, copy_of(text, strlen(text)), strlen(text)), 0);
}

static void count_up(struct grpc_call *call, const void *data, size_t n)
{
	assert_int_equal(n, 1);
	for (char c = 0; c < *(const char *)data; c++)
		assert_int_equal(grpc_call_reply(call, copy_of(&c, 1), 1), 0);
	grpc_call_finish(call, CTR_OK, NULL);
}

static void opened(struct grpc_call *call)
{
	struct fixture *f = fx(call);

	f->opens++;
	f->parked[f->n_parked++] = grpc_call_ref(call);
}

static void bidi_message(struct grpc_call *call, const void *data, size_t n)
{
	struct fixture *f = fx(call);

	f->messages++;
	f->message_bytes += n;
	if (f->keep_messages)
		return;
	grpc_call_consume(call);
	assert_int_equal(grpc_call_reply(call, copy_of(data, n), n), 0);
}

static void bidi_half_close(struct grpc_call *call)
{
	fx(call)->half_closes++;
	grpc_call_finish(call, CTR_OK, NULL);
}

static void sum_message(struct grpc_call *call, const void *data, size_t n)
{
	(void)data;
	fx(call)->messages++;
	fx(call)->message_bytes += n;
	grpc_call_consume(call);
}

static void sum_half_close(struct grpc_call *call)
{
	char digit = (char)('0' + fx(call)->message_bytes);

	fx(call)->half_closes++;
	assert_int_equal(grpc_call_reply(call, copy_of(&digit, 1), 1), 0);
}

static void cancelled(struct grpc_call *call)
{
	assert_true(grpc_call_over(call));
	fx(call)->cancels++;
}

static void closed(struct grpc_call *call)
{
	assert_true(grpc_call_over(call));
	fx(call)->closes++;
}

#define ENDS .cancel = cancelled, .closed = closed

static const struct grpc_method methods[] = {
	{ .name = "Echo", .unary = echo, ENDS },
	{ .name = "Park", .unary = park, ENDS },
	{ .name = "Refuse", .unary = refuse, ENDS },
	{ .name = "Meta", .unary = meta, ENDS },
	{ .name = "Size", .unary = size_of, ENDS },
	{ .name = "Count", .flags = GRPC_SERVER_STREAM, .unary = count_up, ENDS },
	{ .name = "Subscribe", .flags = GRPC_SERVER_STREAM, .unary = park, ENDS },
	{ .name = "Bidi",
	  .flags = GRPC_SERVER_STREAM | GRPC_CLIENT_STREAM,
	  .open = opened,
	  .message = bidi_message,
	  .half_close = bidi_half_close,
	  ENDS },
	{ .name = "Sum",
	  .flags = GRPC_CLIENT_STREAM,
	  .open = opened,
	  .message = sum_message,
	  .half_close = sum_half_close,
	  ENDS },
};

static void too_long(void *ud)
{
	(void)ud;
	fail_msg("the test hangs");
}

static void on_closed(void *ud)
{
	struct fixture *f = ud;

	f->closed++;
	loop_stop(f->loop);
}

int fixture_serve(struct fixture *f)
{
	const struct ucred me = { .pid = getpid(), .uid = getuid(), .gid = getgid() };
	int fds[2];

	assert_int_equal(fd_socketpair(SOCK_STREAM, fds), 0);
	assert_int_equal(grpc_server_serve(f->server, fds[0], &me), 0);
	return fds[1];
}

int fixture_setup_limits(void **state, const struct grpc_limits *limits)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(loop_add_timer(f->loop, clock_now_ns() + GUARD_NS, too_long, f, &f->guard),
			 0);
	assert_int_equal(grpc_server_new(f->loop, limits, &f->server), 0);
	f->service = (struct grpc_service){
		.name = "t.S", .methods = methods, .n_methods = ARRAY_SIZE(methods), .ud = f
	};
	assert_int_equal(grpc_server_register(f->server, &f->service), 0);
	assert_int_not_equal(grpc_server_register(f->server, &f->service), 0);
	assert_int_equal(grpc_client_new(f->loop, fixture_serve(f), on_closed, f, &f->client), 0);
	*state = f;
	return 0;
}

int fixture_setup(void **state)
{
	return fixture_setup_limits(state, NULL);
}

void fixture_unpark(struct fixture *f)
{
	while (f->n_parked > 0)
		grpc_call_unref(f->parked[--f->n_parked]);
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	grpc_client_free(f->client);
	grpc_server_free(f->server);
	fixture_unpark(f);
	loop_del_timer(f->guard);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void keep(struct fixture *f, const void *data, size_t n)
{
	f->n = n;
	f->bytes += n;
	if (n > 0)
		memcpy(f->data, data, MIN(n, sizeof(f->data)));
}

void fixture_done(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	struct fixture *f = ud;

	keep(f, data, n);
	f->code = code;
	snprintf(f->text, sizeof(f->text), "%s", message);
	f->n_done++;
	loop_stop(f->loop);
}

static void stream_message(void *ud, const void *data, size_t n)
{
	struct fixture *f = ud;

	f->n_messages++;
	keep(f, data, n);
	loop_stop(f->loop);
}

static void stream_end(void *ud, ctr_code code, const char *message)
{
	struct fixture *f = ud;

	f->code = code;
	snprintf(f->text, sizeof(f->text), "%s", message);
	f->n_done++;
	loop_stop(f->loop);
}

const struct grpc_stream_ops fixture_stream = { .message = stream_message, .end = stream_end };

void fixture_call(struct fixture *f, const char *path, const void *data, size_t n)
{
	const struct grpc_request rq = { .path = path, .data = data, .n = n };
	unsigned want = f->n_done + 1;

	assert_int_equal(grpc_client_call(f->client, &rq, fixture_done, f, NULL), 0);
	fixture_until(f, &f->n_done, want);
}

static struct loop *spinning;

static void stop(void *ud)
{
	struct loop_timer **t = ud;

	*t = NULL;
	loop_stop(spinning);
}

/* At least a few rounds, however busy the machine is. */
void fixture_spin(struct fixture *f, int64_t ms)
{
	int64_t end = clock_now_ns() + ms * NS_PER_MSEC;

	spinning = f->loop;
	for (int rounds = 0; rounds < 3 || clock_now_ns() < end; rounds++) {
		struct loop_timer *t = NULL;

		assert_int_equal(
			loop_add_timer(f->loop, clock_now_ns() + NS_PER_MSEC, stop, &t, &t), 0);
		while (t)
			loop_run(f->loop);
	}
}

static void tick(struct fixture *f)
{
	fixture_spin(f, 0);
}

void fixture_until(struct fixture *f, const unsigned *counter, unsigned want)
{
	while (*counter < want)
		tick(f);
}

void fixture_until_size(struct fixture *f, const size_t *counter, size_t want)
{
	while (*counter < want)
		tick(f);
}
