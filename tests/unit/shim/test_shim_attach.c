/* SPDX-License-Identifier: Apache-2.0
 *
 * The log sink and its attach clients: frames both ways, a slow client is dropped, the log is
 * complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "shim/attach.h"
#include "shim/logsink.h"
#include "tree.h"

struct fix {
	char dir[32];
	int dir_fd;
	char *log;
	struct loop *loop;
	struct sink *sink;
	struct attach *attach;
	struct copy *copy;
	int in;
	char input[64];
	size_t input_len, input_room;
	int input_closed;
	unsigned int columns, rows;
};

static ptrdiff_t input(void *ud, const char *data, size_t n)
{
	struct fix *f = ud;
	size_t take = n < f->input_room ? n : f->input_room;

	if (take == 0)
		return -EAGAIN;
	memcpy(f->input + f->input_len, data, take);
	f->input_len += take;
	f->input_room -= take;
	return (ptrdiff_t)take;
}

static void input_close(void *ud)
{
	((struct fix *)ud)->input_closed = 1;
}

static void resize(void *ud, unsigned int columns, unsigned int rows)
{
	struct fix *f = ud;

	f->columns = columns;
	f->rows = rows;
}

static void drained(void *ud)
{
	sink_resume(((struct fix *)ud)->sink);
}

static const struct attach_ops ops = { input, input_close, resize, drained };

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	const struct log_options o = { .format = LOG_FORMAT_CRI, .max_files = 1 };
	int ends[2];

	strcpy(f->dir, "/tmp/ctr-attach-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->log = str_printf("%s/log", f->dir);
	f->input_room = sizeof(f->input);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(log_sink_new(f->log, &o, 1, &f->sink), 0);
	assert_int_equal(attach_new(f->loop, f->dir_fd, ATTACH_HAS_STDIN, &ops, f, &f->attach), 0);
	log_sink_set_attach(f->sink, f->attach);
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
	log_sink_set_attach(f->sink, NULL);
	attach_free(f->attach, f->dir_fd);
	assert_int_equal(faccessat(f->dir_fd, ATTACH_NAME, F_OK, 0), -1); /* the socket is gone */
	sink_free(f->sink);
	loop_free(f->loop);
	fd_close(&f->in);
	fd_close(&f->dir_fd);
	assert_int_equal(tree_remove(f->dir), 0);
	free(f->log);
	free(f);
	return 0;
}

static void stop(void *ud)
{
	loop_stop(ud);
}

static void turn_for(struct fix *f, int64_t ns)
{
	struct loop_timer *t;

	assert_int_equal(loop_add_timer(f->loop, clock_now_ns() + ns, stop, f->loop, &t), 0);
	assert_int_equal(loop_run(f->loop), 0);
}

static void turn(struct fix *f)
{
	turn_for(f, NS_PER_MSEC);
}

static int client(struct fix *f)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unsigned char hello[5];

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", f->dir, ATTACH_NAME);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	turn(f);
	assert_int_equal(read(fd, hello, sizeof(hello)), 5);
	assert_memory_equal(hello, "\5\0\0\1\2", 5);
	return fd;
}

static void sends_output_to_all_and_to_the_log(void **state)
{
	struct fix *f = *state;
	AUTO_CLOSE int a = client(f);
	AUTO_CLOSE int b = client(f);
	AUTO_FREE char *log = NULL;
	char got[16];

	assert_int_equal(io_write_full(f->in, "line\n", 5), 0);
	turn(f);
	assert_int_equal(read(a, got, sizeof(got)), 9);
	assert_memory_equal(got, "\1\0\0\5line\n", 9);
	assert_int_equal(read(b, got, sizeof(got)), 9);
	fd_close(&f->in);
	turn(f);
	assert_int_equal(read(a, got, sizeof(got)), 0); /* the end is the end */
	assert_int_equal(io_read_file(AT_FDCWD, f->log, 4096, &log, NULL), 0);
	assert_non_null(strstr(log, " stdout F line\n"));
}

static void takes_input_in_any_cut(void **state)
{
	struct fix *f = *state;
	AUTO_CLOSE int a = client(f);
	static const char frames[] = "\0\0\0\3abc\3\0\0\4\0\120\0\30\0\0\0\2de\4\0\0\0";

	for (size_t i = 0; i < sizeof(frames) - 1; i++) {
		assert_int_equal(write(a, frames + i, 1), 1);
		turn(f);
	}
	assert_int_equal(f->input_len, 5);
	assert_memory_equal(f->input, "abcde", 5);
	assert_int_equal(f->columns, 80);
	assert_int_equal(f->rows, 24);
	assert_int_equal(f->input_closed, 1);
}

static void input_waits_for_the_process(void **state)
{
	struct fix *f = *state;
	AUTO_CLOSE int a = client(f);

	f->input_room = 2;
	assert_int_equal(write(a, "\0\0\0\4wxyz", 8), 8);
	turn(f);
	assert_int_equal(f->input_len, 2);
	f->input_room = 8;
	attach_resume_input(f->attach);
	turn(f);
	assert_memory_equal(f->input, "wxyz", 4);
}

static void drops_a_client_that_talks_nonsense(void **state)
{
	static const char *const wrong[] = { "\1\0\0\1", "\3\0\0\5", "\0\2\0\0", "\4\0\0\1" };
	struct fix *f = *state;
	char got[4];

	errno = 0;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		AUTO_CLOSE int a = client(f);

		assert_int_equal(write(a, wrong[i], 4), 4);
		turn(f);
		assert_true(read(a, got, sizeof(got)) <= 0 && errno != EAGAIN);
	}
}

/* Write as the process would until n bytes are taken; returns nanoseconds. */
static int64_t write_all(struct fix *f, size_t n)
{
	char block[4096];
	int64_t begin = clock_now_ns();

	memset(block, 'x', sizeof(block));
	block[sizeof(block) - 1] = '\n';
	assert_int_equal(fd_set_nonblock(f->in, 1), 0);
	while (n > 0) {
		ssize_t w = write(f->in, block, n < sizeof(block) ? n : sizeof(block));

		if (w > 0)
			n -= (size_t)w;
		else
			turn(f);
	}
	while (copy_blocked(f->copy))
		turn(f);
	turn(f);
	return clock_now_ns() - begin;
}

static void a_slow_client_is_dropped_and_the_log_is_complete(void **state)
{
	struct fix *f = *state;
	AUTO_CLOSE int a = client(f);
	const size_t n = 4 << 20;
	struct stat st;
	int64_t ns = write_all(f, n);
	char rest[65536];
	ssize_t got;

	assert_true(ns < 10 * ATTACH_STALL_NS);
	assert_int_equal(stat(f->log, &st), 0);
	assert_true((size_t)st.st_size > n);
	do
		got = read(a, rest, sizeof(rest));
	while (got > 0);
	assert_int_equal(got, 0);
}

static void a_client_that_keeps_up_gets_everything(void **state)
{
	struct fix *f = *state;
	AUTO_CLOSE int a = client(f);
	size_t sent = 0, got = 0, total = 1 << 20;
	char block[4096];

	memset(block, 'x', sizeof(block));
	assert_int_equal(fd_set_nonblock(f->in, 1), 0);
	while (got < total) { /* headers come on top */
		ssize_t w = sent < total ? write(f->in, block, sizeof(block)) : -1;
		ssize_t r;

		sent += w > 0 ? (size_t)w : 0;
		if (w > 0)
			continue;
		turn(f);
		while ((r = read(a, block, sizeof(block))) > 0)
			got += (size_t)r;
		assert_true(r < 0 && errno == EAGAIN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sends_output_to_all_and_to_the_log, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(takes_input_in_any_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(input_waits_for_the_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(drops_a_client_that_talks_nonsense, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_slow_client_is_dropped_and_the_log_is_complete,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_client_that_keeps_up_gets_everything, set_up,
						tear_down),
	};
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignore, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
