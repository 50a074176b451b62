/* SPDX-License-Identifier: Apache-2.0
 *
 * Events reach the daemon in order: at once, after it was away, and not for ever when it refuses.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "containerd/events/task.pb-c.h"
#include "containerd/services/events/ttrpc/v1/events.pb-c.h"

#include "base/clock.h"
#include "base/macros.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "rpc/ttrpc_server.h"
#include "shim/events.h"
#include "tree.h"

struct fix {
	char dir[32];
	char *path;
	struct loop *loop;
	struct events *events;
	struct ttrpc_server *daemon;
	struct ttrpc_service service;
	ctr_code answer;
	uint32_t pids[2 * EVENTS_KEPT]; /* of the starts that came */
	size_t n;
	int flushed;
};

static void forward(struct ttrpc_call *call, const void *data, size_t n)
{
	struct fix *f = ttrpc_call_ud(call);
	Containerd__Services__Events__Ttrpc__V1__ForwardRequest *rq =
		pb_unpack(&containerd__services__events__ttrpc__v1__forward_request__descriptor,
			  data, n, 4096);
	Containerd__Events__TaskStart *ev;

	assert_non_null(rq);
	assert_string_equal(rq->envelope->namespace_, "ns");
	assert_string_equal(rq->envelope->topic, "/tasks/start");
	assert_non_null(rq->envelope->timestamp);
	ev = pb_any_unpack(rq->envelope->event, &containerd__events__task_start__descriptor, 4096);
	assert_non_null(ev);
	if (f->answer == CTR_OK) {
		f->pids[f->n++] = ev->pid;
		ttrpc_call_reply(call, "", 0);
	} else {
		ttrpc_call_finish(call, f->answer, "no");
	}
	pb_free(ev);
	pb_free(rq);
}

static const struct ttrpc_method methods[] = { { .name = "Forward", .start = forward } };

static void start_daemon(struct fix *f)
{
	f->service = (struct ttrpc_service){ .name = "containerd.services.events.ttrpc.v1.Events",
					     .methods = methods,
					     .n_methods = 1,
					     .ud = f };
	assert_int_equal(ttrpc_server_new(f->loop, 0, &f->daemon), 0);
	assert_int_equal(ttrpc_server_register(f->daemon, &f->service), 0);
	assert_int_equal(ttrpc_server_listen(f->daemon, f->path, 0600, (gid_t)-1, NULL), CTR_OK);
}

static void stop_daemon(struct fix *f)
{
	ttrpc_server_free(f->daemon);
	f->daemon = NULL;
	(void)unlink(f->path);
}

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/ctr-events-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->path = str_printf("%s/d", f->dir);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(events_new(f->loop, f->path, "ns", &f->events), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fix *f = *state;

	events_free(f->events);
	ttrpc_server_free(f->daemon);
	loop_free(f->loop);
	assert_int_equal(tree_remove(f->dir), 0);
	free(f->path);
	free(f);
	return 0;
}

static void stop(void *ud)
{
	loop_stop(ud);
}

static void turn(struct fix *f)
{
	struct loop_timer *t;

	assert_int_equal(loop_add_timer(f->loop, clock_now_ns() + NS_PER_MSEC, stop, f->loop, &t),
			 0);
	assert_int_equal(loop_run(f->loop), 0);
}

static void publish(struct fix *f, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++) {
		Containerd__Events__TaskStart ev = CONTAINERD__EVENTS__TASK_START__INIT;

		ev.pid = i;
		events_publish(f->events, "/tasks/start", &ev);
	}
}

static void wait_for(struct fix *f, size_t n)
{
	for (int i = 0; i < 5000 && f->n < n; i++)
		turn(f);
	assert_int_equal(f->n, n);
}

static void check_order(const struct fix *f)
{
	for (size_t i = 0; i < f->n; i++)
		assert_int_equal(f->pids[i], i);
}

static void come_in_order(void **state)
{
	struct fix *f = *state;

	start_daemon(f);
	publish(f, 0, 20);
	wait_for(f, 20);
	check_order(f);
}

static void wait_for_a_daemon_that_is_away(void **state)
{
	struct fix *f = *state;

	start_daemon(f);
	publish(f, 0, 2);
	wait_for(f, 2);
	stop_daemon(f);
	turn(f);
	publish(f, 2, 10);
	turn(f);
	assert_int_equal(f->n, 2);
	/* when the daemon is back and calls, then they come at once */
	start_daemon(f);
	events_kick(f->events);
	wait_for(f, 12);
	check_order(f);
}

static void are_dropped_when_refused(void **state)
{
	struct fix *f = *state;

	start_daemon(f);
	f->answer = CTR_INVALID_ARGUMENT;
	publish(f, 100, 1);
	for (int i = 0; i < 20; i++)
		turn(f);
	f->answer = CTR_OK;
	publish(f, 0, 1);
	wait_for(f, 1);
	check_order(f);
}

static void are_kept_up_to_a_limit(void **state)
{
	struct fix *f = *state;

	publish(f, 0, EVENTS_KEPT + 10); /* the first ten go */
	start_daemon(f);
	events_kick(f->events);
	wait_for(f, EVENTS_KEPT);
	assert_int_equal(f->pids[0], 10);
}

static void flushed(void *ud)
{
	((struct fix *)ud)->flushed++;
}

static void flush_tells_when_all_are_out(void **state)
{
	struct fix *f = *state;

	events_flush(f->events, clock_now_ns() + NS_PER_SEC, flushed, f);
	assert_int_equal(f->flushed, 1); /* nothing was queued */
	start_daemon(f);
	publish(f, 0, 3);
	events_flush(f->events, clock_now_ns() + 10 * NS_PER_SEC, flushed, f);
	for (int i = 0; i < 5000 && f->flushed < 2; i++)
		turn(f);
	assert_int_equal(f->n, 3);
	stop_daemon(f);
	turn(f);
	publish(f, 3, 1);
	events_flush(f->events, clock_now_ns() + 5 * NS_PER_MSEC, flushed, f);
	for (int i = 0; i < 5000 && f->flushed < 3; i++)
		turn(f);
	assert_int_equal(f->flushed, 3); /* the limit */
	assert_int_equal(f->n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(come_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wait_for_a_daemon_that_is_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(are_dropped_when_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(are_kept_up_to_a_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(flush_tells_when_all_are_out, set_up, tear_down),
	};
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignore, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
