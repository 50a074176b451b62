/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets: mode and group, a live owner refused, a dead one taken over, adoption, peers.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "rpc/listener.h"

struct fixture {
	struct loop *loop;
	char dir[64], path[96], lock[112];
	struct ucred peer;
	int accepted;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(loop_new(&f->loop), 0);
	snprintf(f->dir, sizeof(f->dir), "/tmp/ctr-listener-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/a.sock", f->dir);
	snprintf(f->lock, sizeof(f->lock), "%s.lock", f->path);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	unlink(f->lock);
	assert_int_equal(rmdir(f->dir), 0);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void accepted(void *ud, int fd, const struct ucred *peer)
{
	struct fixture *f = ud;

	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	f->accepted++;
	f->peer = *peer;
	close(fd);
	loop_stop(f->loop);
}

static struct listener *open_ok(struct fixture *f, mode_t mode)
{
	AUTO_ERROR err = ERROR_INIT;
	struct listener *l = NULL;

	assert_int_equal(
		listener_open(f->loop, f->path, mode, LISTENER_KEEP_GID, accepted, f, &l, &err),
		CTR_OK);
	return l;
}

static void expect_refusal(struct fixture *f, ctr_code code, const char *part)
{
	AUTO_ERROR err = ERROR_INIT;
	struct listener *l = NULL;

	assert_int_equal(
		listener_open(f->loop, f->path, 0600, LISTENER_KEEP_GID, accepted, f, &l, &err),
		code);
	assert_non_null(strstr(error_text(&err), part));
	assert_non_null(strstr(error_text(&err), f->path));
}

static void test_accepts_with_credentials(void **state)
{
	struct fixture *f = *state;
	struct listener *l = open_ok(f, 0660);
	struct stat st;
	int fd = unix_connect(f->path);

	assert_true(fd >= 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	loop_run(f->loop);
	assert_int_equal(f->accepted, 1);
	assert_int_equal(f->peer.pid, getpid());
	assert_int_equal(f->peer.uid, getuid());
	close(fd);
	listener_free(l);
	assert_int_equal(access(f->path, F_OK), -1);
	assert_int_equal(access(f->lock, F_OK), -1);
}

static void test_live_owner_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct listener *l = open_ok(f, 0600);

	expect_refusal(f, CTR_ALREADY_EXISTS, "is served by a live daemon");
	listener_free(l);
	listener_free(open_ok(f, 0600));
}

static int foreign_socket(const char *path, int listening)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	if (listening)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void test_live_stranger_is_left_alone(void **state)
{
	struct fixture *f = *state;
	int fd = foreign_socket(f->path, 1);

	expect_refusal(f, CTR_ALREADY_EXISTS, "is served by a live daemon");
	close(fd);
}

static void test_dead_socket_is_taken_over(void **state)
{
	struct fixture *f = *state;

	close(foreign_socket(f->path, 1));
	assert_int_equal(access(f->path, F_OK), 0);
	listener_free(open_ok(f, 0600));
}

static void test_successor_keeps_its_path(void **state)
{
	struct fixture *f = *state;
	struct listener *l = open_ok(f, 0600);
	int fd;

	unlink(f->path);
	fd = foreign_socket(f->path, 1);
	listener_free(l);
	assert_int_equal(access(f->path, F_OK), 0);
	close(fd);
}

static void test_other_files_are_left_alone(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(io_write_file(AT_FDCWD, f->path, "x", 1, 0600, 0), 0);
	expect_refusal(f, CTR_FAILED_PRECONDITION, "is no socket");
	assert_int_equal(access(f->path, F_OK), 0);
}

static void test_missing_folder_and_long_path(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct listener *l = NULL;
	char path[300];

	snprintf(path, sizeof(path), "%s/no/a.sock", f->dir);
	assert_int_equal(
		listener_open(f->loop, path, 0600, LISTENER_KEEP_GID, accepted, f, &l, &err),
		CTR_NOT_FOUND);
	snprintf(path, sizeof(path), "%s/%0120d", f->dir, 1);
	assert_int_not_equal(
		listener_open(f->loop, path, 0600, LISTENER_KEEP_GID, accepted, f, &l, &err),
		CTR_OK);
	assert_int_equal(unix_connect(path), -ENAMETOOLONG);
	assert_int_equal(unix_connect(""), -EINVAL);
}

static void test_adopt(void **state)
{
	struct fixture *f = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct listener *l = NULL;
	int fds[2], fd = foreign_socket(f->path, 1), client;

	assert_int_equal(listener_adopt(f->loop, fd, accepted, f, &l, &err), CTR_OK);
	client = unix_connect(f->path);
	assert_true(client >= 0);
	loop_run(f->loop);
	assert_int_equal(f->accepted, 1);
	close(client);
	listener_free(l);
	assert_int_equal(access(f->path, F_OK), 0);

	assert_int_equal(fd_socketpair(SOCK_STREAM, fds), 0);
	assert_int_equal(listener_adopt(f->loop, fds[0], accepted, f, &l, &err),
			 CTR_INVALID_ARGUMENT);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_accepts_with_credentials, setup, teardown),
		cmocka_unit_test_setup_teardown(test_live_owner_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_live_stranger_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_socket_is_taken_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_successor_keeps_its_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_files_are_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_folder_and_long_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adopt, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
