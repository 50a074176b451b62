/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop: order, deletion at every moment, children, posts from threads, and silence when idle.
 * Each test has a loop of its own and ends it by loop_stop().
 */
#include "temp.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/macros.h"
#include "base/spawn.h"

struct world {
	struct loop *loop;
	int a[2], b[2]; /* pipes */
	struct loop_fd *wa, *wb;
	struct loop_timer *timer, *other_timer;
	struct loop_child *child;
	siginfo_t info;
	char trace[256];
	int n, order;
	int extra;
};

static int world_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	return !w || loop_new(&w->loop) < 0 || fd_pipe(w->a, O_NONBLOCK) < 0 ||
	       fd_pipe(w->b, O_NONBLOCK) < 0;
}

static int world_down(void **state)
{
	struct world *w = *state;

	loop_free(w->loop);
	for (int i = 0; i < 2; i++) {
		fd_close(&w->a[i]);
		fd_close(&w->b[i]);
	}
	free(w);
	return 0;
}

#define LOOP_CASE(fn) cmocka_unit_test_setup_teardown(fn, world_up, world_down)

static void note(struct world *w, char c)
{
	size_t n = strlen(w->trace);

	if (n + 1 < sizeof(w->trace)) {
		w->trace[n] = c;
		w->trace[n + 1] = '\0';
	}
}

static void stop_now(void *ud)
{
	struct world *w = ud;

	loop_stop(w->loop);
}

/* Stop, but not in the turn that posts this: what was due in it and in the next has run by then. */
static void post_stop(void *ud)
{
	struct world *w = ud;

	assert_int_equal(loop_post(w->loop, stop_now, w), 0);
}

static void run(struct world *w)
{
	assert_int_equal(loop_run(w->loop), 0);
}

static void ready(int fd)
{
	assert_int_equal(write(fd, "x", 1), 1);
}

static void drain(int fd)
{
	char room[64];

	while (read(fd, room, sizeof(room)) > 0)
		;
}

/* descriptors */

static void read_a(void *ud, uint32_t events)
{
	struct world *w = ud;

	assert_true(events & EPOLLIN);
	assert_true(loop_here(w->loop));
	drain(w->a[0]);
	note(w, 'a');
	if (++w->n == 3)
		loop_stop(w->loop);
	else
		ready(w->a[1]);
}

static void readiness_calls_again_and_again(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add_fd(w->loop, w->a[0], EPOLLIN, read_a, w, &w->wa), 0);
	assert_false(loop_here(w->loop));
	ready(w->a[1]);
	run(w);
	assert_string_equal(w->trace, "aaa");
	assert_false(loop_here(w->loop));
	loop_del_fd(w->wa);
	loop_del_fd(NULL);
}

/* Both are ready in one batch; whichever comes first deletes the other and itself. */
static void delete_both(void *ud, uint32_t events)
{
	struct world *w = ud;

	(void)events;
	note(w, 'x');
	loop_del_fd(w->wa);
	loop_del_fd(w->wb);
	loop_del_fd(w->wa); /* not yet freed: harmless */
	loop_post(w->loop, post_stop, w);
}

static void deletion_silences_the_rest_of_the_batch(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add_fd(w->loop, w->a[0], EPOLLIN, delete_both, w, &w->wa), 0);
	assert_int_equal(loop_add_fd(w->loop, w->b[0], EPOLLIN, delete_both, w, &w->wb), 0);
	ready(w->a[1]);
	ready(w->b[1]);
	run(w);
	assert_string_equal(w->trace, "x");
}

static void never(void *ud, uint32_t events)
{
	(void)ud;
	(void)events;
	fail_msg("called for another's event");
}

/* The other's descriptor is closed and its number taken by a new one in the same batch. */
static void replace_other(void *ud, uint32_t events)
{
	struct world *w = ud;
	int fresh[2];

	(void)events;
	note(w, 'r');
	loop_del_fd(w->wa);
	loop_del_fd(w->wb);
	for (int i = 0; i < 2; i++) {
		fd_close(&w->a[i]);
		fd_close(&w->b[i]);
	}
	assert_int_equal(fd_pipe(fresh, O_NONBLOCK), 0);
	w->a[0] = fresh[0];
	w->a[1] = fresh[1];
	assert_int_equal(fd_pipe(fresh, O_NONBLOCK), 0);
	w->b[0] = fresh[0];
	w->b[1] = fresh[1];
	assert_int_equal(loop_add_fd(w->loop, w->a[0], EPOLLIN, never, w, &w->wa), 0);
	assert_int_equal(loop_add_fd(w->loop, w->b[0], EPOLLIN, never, w, &w->wb), 0);
	loop_post(w->loop, post_stop, w);
}

static void a_reused_number_gets_no_old_event(void **state)
{
	struct world *w = *state;

	loop_add_fd(w->loop, w->a[0], EPOLLIN, replace_other, w, &w->wa);
	loop_add_fd(w->loop, w->b[0], EPOLLIN, replace_other, w, &w->wb);
	ready(w->a[1]);
	ready(w->b[1]);
	run(w);
	assert_string_equal(w->trace, "r");
}

/* Takes the other's interest away while its event is already fetched. */
static void mute_other(void *ud, uint32_t events)
{
	struct world *w = ud;

	(void)events;
	note(w, 'm');
	drain(w->a[0]);
	drain(w->b[0]);
	assert_int_equal(loop_mod_fd(w->wa, 0), 0);
	assert_int_equal(loop_mod_fd(w->wb, 0), 0);
	loop_post(w->loop, post_stop, w);
}

static void interest_taken_away_counts_at_once(void **state)
{
	struct world *w = *state;

	loop_add_fd(w->loop, w->a[0], EPOLLIN, mute_other, w, &w->wa);
	loop_add_fd(w->loop, w->b[0], EPOLLIN, mute_other, w, &w->wb);
	ready(w->a[1]);
	ready(w->b[1]);
	run(w);
	assert_string_equal(w->trace, "m");
}

static void hung_up(void *ud, uint32_t events)
{
	struct world *w = ud;

	w->extra = (int)events;
	loop_stop(w->loop);
}

static void hang_up_is_told_and_interest_changes(void **state)
{
	struct world *w = *state;

	loop_add_fd(w->loop, w->a[1], 0, hung_up, w, &w->wa);
	assert_int_equal(loop_mod_fd(w->wa, EPOLLOUT), 0);
	assert_int_equal(loop_mod_fd(w->wa, EPOLLOUT), 0);
	run(w);
	assert_int_equal(w->extra, EPOLLOUT);
	assert_int_equal(loop_mod_fd(w->wa, 0), 0);
	fd_close(&w->a[0]);
	run(w);
	assert_int_equal(w->extra, EPOLLERR);
	loop_del_fd(w->wa);
	assert_int_equal(loop_mod_fd(w->wa, EPOLLOUT), -ENOENT);
}

static void bad_descriptors_are_refused(void **state)
{
	struct world *w = *state;
	AUTO_CLOSE int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	assert_int_equal(loop_add_fd(w->loop, -1, EPOLLIN, never, w, &w->wa), -EBADF);
	assert_int_equal(loop_add_fd(w->loop, file, EPOLLIN, never, w, &w->wa), -EPERM);
	assert_null(w->wa);
	assert_int_equal(loop_add_fd(w->loop, w->a[0], EPOLLIN, never, w, NULL), 0);
	assert_int_equal(loop_add_fd(w->loop, w->a[0], EPOLLIN, never, w, NULL), -EEXIST);
	assert_int_equal(loop_add_child(w->loop, -1, NULL, w, &w->child), -EBADF);
}

/* timers */

struct tick {
	struct world *w;
	char name;
};

static void tick(void *ud)
{
	struct tick *t = ud;

	note(t->w, t->name);
}

static void timers_run_in_order_of_time(void **state)
{
	struct world *w = *state;
	int64_t now = clock_now_ns();
	struct tick ticks[26];
	struct loop_timer *timers[26], *end;
	int at[26];

	/* Added in a scattered order; those of even letters are deleted again. */
	for (int i = 0; i < 26; i++) {
		at[i] = i * 7 % 26;
		ticks[i] = (struct tick){ w, (char)('a' + at[i]) };
		assert_int_equal(
			loop_add_timer(w->loop, now + at[i] * 10000, tick, &ticks[i], &timers[i]),
			0);
	}
	for (int i = 0; i < 26; i++) {
		if (at[i] % 2 == 0)
			loop_del_timer(timers[i]);
	}
	loop_del_timer(NULL);
	assert_int_equal(loop_add_timer(w->loop, now + NS_PER_MSEC, stop_now, w, &end), 0);
	run(w);
	assert_true(clock_now_ns() >= now + NS_PER_MSEC);
	assert_string_equal(w->trace, "bdfhjlnprtvxz");
}

static void equal_times_run_in_order_of_addition(void **state)
{
	struct world *w = *state;
	struct tick ticks[20];

	for (int i = 0; i < 20; i++) {
		ticks[i] = (struct tick){ w, (char)('a' + i) };
		loop_add_timer(w->loop, 0, tick, &ticks[i], NULL);
	}
	loop_add_timer(w->loop, 0, stop_now, w, NULL);
	run(w);
	assert_string_equal(w->trace, "abcdefghijklmnopqrst");
}

static void delete_other_timer(void *ud)
{
	struct world *w = ud;

	note(w, 'd');
	loop_del_timer(w->timer); /* this one: gone already */
	loop_del_timer(w->other_timer);
	loop_post(w->loop, post_stop, w);
}

static void a_timer_may_delete_itself_and_others(void **state)
{
	struct world *w = *state;
	struct tick never_tick = { w, '!' };

	loop_add_timer(w->loop, 1, delete_other_timer, w, &w->timer);
	loop_add_timer(w->loop, 2, tick, &never_tick, &w->other_timer);
	run(w);
	assert_string_equal(w->trace, "d");
}

static void again(void *ud)
{
	struct world *w = ud;

	w->n++;
	loop_add_timer(w->loop, -5, again, w, NULL); /* always due */
}

static void stop_by_fd(void *ud, uint32_t events)
{
	(void)events;
	stop_now(ud);
}

static void a_timer_without_end_starves_nobody(void **state)
{
	struct world *w = *state;

	loop_add_timer(w->loop, 0, again, w, NULL);
	loop_add_fd(w->loop, w->a[0], EPOLLIN, stop_by_fd, w, &w->wa);
	ready(w->a[1]);
	run(w);
	assert_true(w->n < 5);
}

static void many_timers_at_once_all_run(void **state)
{
	struct world *w = *state;
	struct tick t = { w, '.' };

	for (int i = 0; i < 2000; i++)
		assert_int_equal(loop_add_timer(w->loop, 1, tick, &t, NULL), 0);
	loop_add_timer(w->loop, 1, stop_now, w, NULL);
	run(w);
	assert_int_equal(strlen(w->trace), sizeof(w->trace) - 1);
}

static void set_earlier(void *ud)
{
	struct world *w = ud;

	/* The timerfd is armed for an hour: the earlier one must move it. */
	assert_int_equal(loop_add_timer(w->loop, clock_now_ns() + NS_PER_MSEC, stop_now, w, NULL),
			 0);
}

static void an_earlier_timer_moves_the_alarm(void **state)
{
	struct world *w = *state;
	struct tick t = { w, '!' };

	loop_add_timer(w->loop, clock_now_ns() + 3600 * NS_PER_SEC, tick, &t, &w->timer);
	loop_add_timer(w->loop, NO_DEADLINE, tick, &t, NULL);
	loop_post(w->loop, set_earlier, w);
	run(w);
	assert_string_equal(w->trace, "");
	loop_del_timer(w->timer);
}

/* children */

static int start(const char *script, pid_t *ret_pid)
{
	char sh[] = "sh", c[] = "-c", *argv[] = { sh, c, (char *)(uintptr_t)script, NULL };
	struct spawn s = { .path = "/bin/sh", .argv = argv, .cwd_fd = -1 };
	int pidfd = -1, r = spawn_start(&s, ret_pid, &pidfd);

	if (unsupported(r))
		skip();
	assert_int_equal(r, 0);
	return pidfd;
}

static void ended(void *ud, const siginfo_t *info)
{
	struct world *w = ud;

	w->info = *info;
	w->n++;
	loop_del_child(w->child); /* gone already: harmless within the turn */
	loop_stop(w->loop);
}

static void a_child_is_reaped_once(void **state)
{
	struct world *w = *state;
	int before = count_fds();
	pid_t pid;

	assert_int_equal(loop_add_child(w->loop, start("exit 7", &pid), ended, w, &w->child), 0);
	run(w);
	assert_int_equal(w->n, 1);
	assert_int_equal(w->info.si_pid, pid);
	assert_int_equal(w->info.si_code, CLD_EXITED);
	assert_int_equal(w->info.si_status, 7);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(count_fds(), before);

	assert_int_equal(loop_add_child(w->loop, start("kill -15 $$", &pid), ended, w, &w->child),
			 0);
	run(w);
	assert_int_equal(w->info.si_code, CLD_KILLED);
	assert_int_equal(w->info.si_status, SIGTERM);
}

static void a_child_reaped_elsewhere_has_no_status(void **state)
{
	struct world *w = *state;
	pid_t pid;
	int pidfd = start("exit 7", &pid);

	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(loop_add_child(w->loop, pidfd, ended, w, &w->child), 0);
	run(w);
	assert_int_equal(w->n, 1);
	assert_int_equal(w->info.si_pid, 0);
}

static void a_deleted_child_is_not_told(void **state)
{
	struct world *w = *state;
	int before = count_fds();
	pid_t pid;

	assert_int_equal(loop_add_child(w->loop, start("exit 0", &pid), ended, w, &w->child), 0);
	loop_del_child(w->child);
	loop_del_child(NULL);
	assert_int_equal(count_fds(), before);
	loop_post(w->loop, post_stop, w);
	run(w);
	assert_int_equal(w->n, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid); /* reaping is the caller's again */
}

/* posts */

struct posted {
	struct world *w;
	int i;
};

static void in_order(void *ud)
{
	struct posted *p = ud;

	assert_int_equal(p->i, p->w->order);
	p->w->order++;
}

static void posts_run_in_order(void **state)
{
	static struct posted p[1000];
	struct world *w = *state;

	for (int i = 0; i < 1000; i++) {
		p[i] = (struct posted){ w, i };
		assert_int_equal(loop_post(w->loop, in_order, &p[i]), 0);
	}
	loop_post(w->loop, stop_now, w);
	run(w);
	assert_int_equal(w->order, 1000);
}

static void post_again(void *ud)
{
	struct world *w = ud;

	w->n++;
	assert_int_equal(loop_post(w->loop, post_again, w), 0);
}

static void a_flood_of_posts_starves_nobody(void **state)
{
	struct world *w = *state;

	loop_post(w->loop, post_again, w);
	loop_add_fd(w->loop, w->a[0], EPOLLIN, stop_by_fd, w, &w->wa);
	loop_add_timer(w->loop, 0, again, w, NULL);
	ready(w->a[1]);
	run(w);
	assert_true(w->n < 3000); /* what is still queued is dropped by loop_free() */
}

static void count(void *ud)
{
	struct world *w = ud;

	if (++w->n == 4 * 2000)
		loop_stop(w->loop);
}

static void *send_many(void *arg)
{
	struct world *w = arg;

	for (int i = 0; i < 2000; i++) {
		if (loop_post(w->loop, count, w) < 0)
			return w;
		if (loop_here(w->loop))
			return w;
	}
	return NULL;
}

static void posts_of_threads_all_arrive(void **state)
{
	struct world *w = *state;
	pthread_t threads[4];
	void *bad;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, send_many, w);
	run(w);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	assert_int_equal(w->n, 8000);
}

/* start and stop */

static void *stop_from_thread(void *arg)
{
	stop_now(arg);
	return NULL;
}

static void a_thread_may_stop_it(void **state)
{
	struct world *w = *state;
	pthread_t thread;

	for (int i = 0; i < 50; i++) {
		pthread_create(&thread, NULL, stop_from_thread, w);
		run(w);
		pthread_join(thread, NULL);
	}
	loop_stop(w->loop); /* before the run: it ends at once */
	run(w);
}

static void nested(void *ud)
{
	struct world *w = ud;

	assert_int_equal(loop_run(w->loop), -EBUSY);
	loop_stop(w->loop);
}

static void it_does_not_nest(void **state)
{
	struct world *w = *state;

	loop_post(w->loop, nested, w);
	run(w);
}

static void stop_and_note(void *ud)
{
	struct world *w = ud;

	note(w, 's');
	loop_stop(w->loop);
}

static void nothing_runs_after_stop_and_nothing_is_lost(void **state)
{
	struct world *w = *state;
	struct tick t = { w, 't' };

	loop_post(w->loop, stop_and_note, w);
	loop_post(w->loop, tick, &t);
	loop_post(w->loop, stop_and_note, w);
	run(w);
	assert_string_equal(w->trace, "s");
	run(w);
	assert_string_equal(w->trace, "sts");
}

static int64_t switches(void)
{
	char line[256];
	long long n = -1;
	FILE *f = fopen("/proc/thread-self/status", "re");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "voluntary_ctxt_switches: %lld", &n);
	fclose(f);
	return n;
}

static int64_t switches_before;

static void look(void *ud)
{
	struct world *w = ud;

	w->extra = (int)(switches() - switches_before);
	loop_stop(w->loop);
}

static void begin_to_idle(void *ud)
{
	struct world *w = ud;

	switches_before = switches();
	assert_int_equal(loop_add_timer(w->loop, clock_now_ns() + 100 * NS_PER_MSEC, look, w, NULL),
			 0);
}

/* All kinds have been used; then only the timer that looks wakes the loop. */
static void an_idle_loop_sleeps(void **state)
{
	struct world *w = *state;
	struct tick t = { w, '.' };

	loop_add_fd(w->loop, w->a[0], EPOLLIN, never, w, &w->wa);
	loop_add_timer(w->loop, 1, tick, &t, NULL);
	loop_add_timer(w->loop, clock_now_ns() + 20 * NS_PER_MSEC, tick, &t, &w->timer);
	loop_del_timer(w->timer);
	loop_post(w->loop, begin_to_idle, w);
	run(w);
	assert_string_equal(w->trace, ".");
	assert_true(w->extra <= 2);
}

static void free_takes_everything_along(void **state)
{
	struct loop *l;
	int before = count_fds(), p[2], pidfd;
	pid_t pid;

	(void)state;
	pidfd = start("exit 0", &pid);
	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(fd_pipe(p, 0), 0);
	loop_add_fd(l, p[0], EPOLLIN, never, NULL, NULL);
	loop_add_timer(l, 1, post_stop, NULL, NULL);
	loop_add_child(l, pidfd, NULL, NULL, NULL);
	loop_post(l, stop_now, NULL);
	loop_free(l);
	loop_free(NULL);
	fd_close(&p[0]);
	fd_close(&p[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(count_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_CASE(readiness_calls_again_and_again),
		LOOP_CASE(deletion_silences_the_rest_of_the_batch),
		LOOP_CASE(a_reused_number_gets_no_old_event),
		LOOP_CASE(interest_taken_away_counts_at_once),
		LOOP_CASE(hang_up_is_told_and_interest_changes),
		LOOP_CASE(bad_descriptors_are_refused),
		LOOP_CASE(timers_run_in_order_of_time),
		LOOP_CASE(equal_times_run_in_order_of_addition),
		LOOP_CASE(a_timer_may_delete_itself_and_others),
		LOOP_CASE(a_timer_without_end_starves_nobody),
		LOOP_CASE(many_timers_at_once_all_run),
		LOOP_CASE(an_earlier_timer_moves_the_alarm),
		LOOP_CASE(a_child_is_reaped_once),
		LOOP_CASE(a_child_reaped_elsewhere_has_no_status),
		LOOP_CASE(a_deleted_child_is_not_told),
		LOOP_CASE(posts_run_in_order),
		LOOP_CASE(a_flood_of_posts_starves_nobody),
		LOOP_CASE(posts_of_threads_all_arrive),
		LOOP_CASE(a_thread_may_stop_it),
		LOOP_CASE(it_does_not_nest),
		LOOP_CASE(nothing_runs_after_stop_and_nothing_is_lost),
		LOOP_CASE(an_idle_loop_sleeps),
		CASE(free_takes_everything_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
