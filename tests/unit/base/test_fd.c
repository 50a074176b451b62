/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors: close-on-exec everywhere, and messages that carry descriptors.
 */
#include "temp.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/fd.h"

static int is_cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void close_keeps_errno_and_clears(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), raw = fd;

	(void)state;
	errno = EXDEV;
	fd_close(&fd);
	assert_int_equal(fd, -1);
	fd_close(&fd);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(fcntl(raw, F_GETFD), -1);
	fd = 77777;
	errno = EXDEV;
	fd_close(&fd); /* never open: EBADF stays inside */
	assert_int_equal(errno, EXDEV);
}

static void scope_closes_unless_handed_over(void **state)
{
	int before = count_fds(), kept;

	(void)state;
	{
		AUTO_CLOSE int a = open("/dev/null", O_RDONLY | O_CLOEXEC);
		AUTO_CLOSE int b = open("/dev/null", O_RDONLY | O_CLOEXEC);

		assert_true(a >= 0);
		kept = take_fd(&b);
		assert_int_equal(b, -1);
	}
	assert_int_equal(count_fds(), before + 1);
	fd_close(&kept);
}

static void everything_made_is_close_on_exec(void **state)
{
	int p[2], s[2], copy, pidfd;

	(void)state;
	assert_int_equal(fd_pipe(p, O_NONBLOCK), 0);
	assert_int_equal(fd_socketpair(SOCK_STREAM, s), 0);
	copy = fd_dup(p[0]);
	pidfd = fd_pidfd_open(getpid());
	assert_true(copy >= 3);
	if (unsupported(pidfd))
		pidfd = fd_dup(copy);
	assert_true(is_cloexec(p[0]) && is_cloexec(p[1]) && is_cloexec(s[0]) && is_cloexec(s[1]));
	assert_true(is_cloexec(copy) && is_cloexec(pidfd));
	assert_true(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	fd_close(&p[0]);
	fd_close(&p[1]);
	fd_close(&s[0]);
	fd_close(&s[1]);
	fd_close(&copy);
	fd_close(&pidfd);
	assert_int_equal(fd_dup(-1), -EBADF);
	assert_int_equal(fd_pipe(p, 0x7fffffff), -EINVAL);
	assert_int_equal(fd_socketpair(999, s), -EINVAL);
	assert_true(fd_pidfd_open(-1) < 0);
}

static void nonblock_both_ways(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(fd_pipe(p, 0), 0);
	assert_int_equal(fd_set_nonblock(p[0], 1), 0);
	assert_true(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(p[0], 1), 0);
	assert_int_equal(fd_set_nonblock(p[0], 0), 0);
	assert_false(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(-1, 1), -EBADF);
	fd_close(&p[0]);
	fd_close(&p[1]);
}

static void descriptors_pass(void **state)
{
	int s[2], p[2], got[FD_PASS_MAX];
	size_t n = FD_PASS_MAX;
	char data[8], c;

	(void)state;
	assert_int_equal(fd_socketpair(SOCK_SEQPACKET, s), 0);
	assert_int_equal(fd_pipe(p, 0), 0);
	assert_int_equal(fd_send(s[0], "hello", 5, p, 2), 5);
	assert_int_equal(fd_recv(s[1], data, sizeof(data), got, &n), 5);
	assert_memory_equal(data, "hello", 5);
	assert_int_equal(n, 2);
	assert_true(is_cloexec(got[0]) && is_cloexec(got[1]));
	assert_int_equal(write(got[1], "x", 1), 1);
	assert_int_equal(read(p[0], &c, 1), 1);

	assert_int_equal(fd_send(s[0], "y", 1, NULL, 0), 1);
	n = 1;
	assert_int_equal(fd_recv(s[1], data, sizeof(data), got, &n), 1);
	assert_int_equal(n, 0);
	for (int i = 0; i < 2; i++) {
		fd_close(&s[i]);
		fd_close(&p[i]);
	}
	close(got[0]);
	close(got[1]);
}

static void the_full_number_passes(void **state)
{
	int s[2], fds[FD_PASS_MAX], got[FD_PASS_MAX];
	size_t n = FD_PASS_MAX;
	char c;

	(void)state;
	assert_int_equal(fd_socketpair(SOCK_STREAM, s), 0);
	for (int i = 0; i < FD_PASS_MAX; i++)
		fds[i] = s[0];
	assert_int_equal(fd_send(s[0], "x", 1, fds, FD_PASS_MAX), 1);
	assert_int_equal(fd_recv(s[1], &c, 1, got, &n), 1);
	assert_int_equal(n, FD_PASS_MAX);
	for (int i = 0; i < FD_PASS_MAX; i++)
		close(got[i]);
	fd_close(&s[0]);
	fd_close(&s[1]);
}

static void surplus_descriptors_are_closed(void **state)
{
	int s[2], before, got[2] = { -7, -7 };
	size_t n;
	char c;

	(void)state;
	assert_int_equal(fd_socketpair(SOCK_SEQPACKET, s), 0);
	before = count_fds();
	for (size_t room = 0; room < 3; room++) {
		assert_int_equal(fd_send(s[0], "x", 1, (int[]){ s[0], s[0], s[0] }, 3), 1);
		n = room;
		assert_int_equal(fd_recv(s[1], &c, 1, got, &n), -EMSGSIZE);
		assert_int_equal(n, room);
		assert_int_equal(count_fds(), before);
	}
	assert_int_equal(got[0], -7);
	assert_int_equal(fd_send(s[0], "x", 1, s, 1), 1);
	assert_int_equal(fd_recv(s[1], &c, 1, NULL, NULL), -EMSGSIZE);
	assert_int_equal(count_fds(), before);
	fd_close(&s[0]);
	fd_close(&s[1]);
}

static void a_truncated_packet_is_an_error(void **state)
{
	int s[2], before, got[1];
	size_t n = 1;
	char c;

	(void)state;
	assert_int_equal(fd_socketpair(SOCK_SEQPACKET, s), 0);
	before = count_fds();
	assert_int_equal(fd_send(s[0], "xy", 2, s, 1), 2);
	assert_int_equal(fd_recv(s[1], &c, 1, got, &n), -EMSGSIZE);
	assert_int_equal(count_fds(), before);
	fd_close(&s[0]);
	fd_close(&s[1]);
}

static void failures_are_reported(void **state)
{
	int s[2], fds[FD_PASS_MAX + 1] = { 0 };
	size_t n = 0;
	char c;

	(void)state;
	assert_int_equal(fd_socketpair(SOCK_STREAM | SOCK_NONBLOCK, s), 0);
	assert_int_equal(fd_recv(s[0], &c, 1, NULL, &n), -EAGAIN);
	assert_int_equal(fd_send(s[0], "x", 1, fds, FD_PASS_MAX + 1), -EINVAL);
	assert_int_equal(fd_send(s[0], "", 0, fds, 1), -EINVAL);
	fds[0] = -1;
	assert_int_equal(fd_send(s[0], "x", 1, fds, 1), -EBADF);
	fd_close(&s[1]);
	assert_int_equal(fd_send(s[0], "x", 1, NULL, 0), -EPIPE); /* and no SIGPIPE */
	assert_int_equal(fd_recv(s[0], &c, 1, NULL, &n), 0);
	fd_close(&s[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(close_keeps_errno_and_clears),
		CASE(scope_closes_unless_handed_over),
		CASE(everything_made_is_close_on_exec),
		CASE(nonblock_both_ways),
		CASE(descriptors_pass),
		CASE(the_full_number_passes),
		CASE(surplus_descriptors_are_closed),
		CASE(a_truncated_packet_is_an_error),
		CASE(failures_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
