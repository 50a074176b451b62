/* SPDX-License-Identifier: Apache-2.0
 *
 * Copying: nothing is lost while somebody reads, and nobody waits when nobody does.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "shim/sink.h"
#include "tree.h"

struct fix {
	char dir[32];
	char *fifo;
	struct loop *loop;
	struct sink *sink;
	struct copy *copy;
	int in; /* what the process writes to */
	int changes;
};

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	int ends[2], fd;

	strcpy(f->dir, "/tmp/ctr-sink-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->fifo = str_printf("%s/fifo", f->dir);
	assert_int_equal(mkfifo(f->fifo, 0600), 0);
	assert_int_equal(loop_new(&f->loop), 0);
	fd = open(f->fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	f->in = open(f->fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	close(fd);
	assert_int_equal(fd_sink_new(f->loop, f->in, 1, &f->sink), 0);
	assert_int_equal(fd_pipe(ends, 0), 0);
	assert_int_equal(copy_new(f->loop, ends[0], f->sink, 1, &f->copy), 0);
	f->in = ends[1];
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fix *f = *state;

	copy_free(f->copy);
	sink_free(f->sink);
	loop_free(f->loop);
	fd_close(&f->in);
	assert_int_equal(tree_remove(f->dir), 0);
	free(f->fifo);
	free(f);
	return 0;
}

static void stop(void *ud)
{
	loop_stop(ud);
}

/* Run what is ready. */
static void turn(struct fix *f)
{
	struct loop_timer *t;

	assert_int_equal(loop_add_timer(f->loop, clock_now_ns() + NS_PER_MSEC, stop, f->loop, &t),
			 0);
	assert_int_equal(loop_run(f->loop), 0);
}

static void moves_bytes_to_a_reader(void **state)
{
	struct fix *f = *state;
	AUTO_CLOSE int reader = open(f->fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char got[8];

	assert_int_equal(io_write_full(f->in, "hello", 5), 0);
	turn(f);
	assert_int_equal(read(reader, got, sizeof(got)), 5);
	fd_close(&f->in);
	turn(f);
	assert_true(copy_ended(f->copy));
	assert_int_equal(read(reader, got, sizeof(got)), 0); /* the reader sees the end */
}

static void keeps_bytes_for_a_reader_that_comes_late(void **state)
{
	struct fix *f = *state;
	AUTO_CLOSE int reader = -1;
	char got[8];

	assert_int_equal(io_write_full(f->in, "early", 5), 0);
	turn(f);
	reader = open(f->fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(read(reader, got, sizeof(got)), 5);
}

/* Write n bytes as the process would, running the loop whenever it would wait. */
static void write_all(struct fix *f, size_t n)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	assert_int_equal(fd_set_nonblock(f->in, 1), 0);
	for (int turns = 0; n > 0 && turns < 10000;) {
		ssize_t w = write(f->in, block, n < sizeof(block) ? n : sizeof(block));

		if (w > 0) {
			n -= (size_t)w;
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		turn(f);
		turns++;
	}
	assert_int_equal(n, 0);
}

static void a_missing_reader_never_blocks(void **state)
{
	struct fix *f = *state;

	write_all(f, 1 << 20);
	turn(f);
	assert_false(copy_blocked(f->copy));
}

static void a_vanished_reader_never_blocks(void **state)
{
	struct fix *f = *state;
	AUTO_CLOSE int reader = open(f->fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	/* given a reader that does not read: the copy waits */
	assert_int_equal(fcntl(reader, F_SETPIPE_SZ, 4096), 4096);
	for (int i = 0; i < 8 && !copy_blocked(f->copy); i++) {
		char block[4096] = { 0 };

		assert_int_equal(io_write_full(f->in, block, sizeof(block)), 0);
		turn(f);
	}
	assert_true(copy_blocked(f->copy));
	/* when it goes, then all goes on */
	fd_close(&reader);
	turn(f);
	assert_false(copy_blocked(f->copy));
	write_all(f, 1 << 20);
}

static void a_slow_reader_gets_everything(void **state)
{
	struct fix *f = *state;
	AUTO_CLOSE int reader = open(f->fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t sent = 0, got = 0, total = 1 << 20;
	char block[4096] = { 0 };

	assert_int_equal(fd_set_nonblock(f->in, 1), 0);
	while (got < total) {
		ssize_t w = sent < total ? write(f->in, block, sizeof(block)) : 0;
		ssize_t r;

		sent += w > 0 ? (size_t)w : 0;
		if (w <= 0)
			turn(f);
		r = w <= 0 ? read(reader, block, sizeof(block)) : 0;
		got += r > 0 ? (size_t)r : 0;
	}
	assert_int_equal(got, total);
}

static void count(void *ud)
{
	((struct fix *)ud)->changes++;
}

static void drains_what_the_dead_have_left(void **state)
{
	struct fix *f = *state;
	AUTO_CLOSE int reader = open(f->fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char got[16];

	copy_on_change(f->copy, count, f);
	assert_int_equal(io_write_full(f->in, "last words", 10), 0);
	copy_drain(f->copy);
	assert_int_equal(read(reader, got, sizeof(got)), 10);
	fd_close(&f->in);
	turn(f);
	assert_int_equal(f->changes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(moves_bytes_to_a_reader, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_bytes_for_a_reader_that_comes_late, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_missing_reader_never_blocks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_vanished_reader_never_blocks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_slow_reader_gets_everything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(drains_what_the_dead_have_left, set_up, tear_down),
	};
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignore, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
