/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs as children: this program runs itself, and the child reports what it was given.
 */
#include "temp.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/str.h"

#define A(literal) ((char[]){ literal }) /* argv's strings are not const */

static char self[512];

/* the child's side */

static int report_fds(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		char link[64], target[256];
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		printf("%d=%s\n", fd, str_starts(target, "pipe:") ? "pipe" : target);
	}
	return 0;
}

static int report_state(void)
{
	sigset_t mask;
	struct rlimit limit;
	int blocked = 0, handled = 0;
	char cwd[512];

	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int sig = 1; sig < 32; sig++) {
		struct sigaction sa;

		blocked += sigismember(&mask, sig) == 1;
		if (sigaction(sig, NULL, &sa) == 0)
			handled += sa.sa_handler != SIG_DFL && sig != SIGSEGV && sig != SIGBUS &&
				   sig != SIGFPE; /* sanitizers take these */
	}
	getrlimit(RLIMIT_NOFILE, &limit);
	printf("blocked=%d handled=%d nofile=%ju group=%d session=%d cwd=%s\n", blocked, handled,
	       (uintmax_t)limit.rlim_cur, getpgrp() == getpid(), getsid(0) == getpid(),
	       getcwd(cwd, sizeof(cwd)));
	return 0;
}

static int child(int argc, char **argv)
{
	if (str_eq(argv[1], "fds"))
		return report_fds();
	if (str_eq(argv[1], "state"))
		return report_state();
	if (str_eq(argv[1], "env"))
		for (char **e = environ; *e; e++)
			puts(*e);
	if (str_eq(argv[1], "cat")) /* what the numbers 5 and 7 hold */
		for (int fd = 5; fd <= 7; fd += 2)
			io_copy(fd, STDOUT_FILENO, UINT64_MAX, NULL);
	if (str_eq(argv[1], "flood"))
		for (int i = 0; i < 100000; i++)
			fputs("0123456789", i % 2 ? stdout : stderr);
	if (str_eq(argv[1], "endless"))
		for (;;)
			fputs("0123456789", stdout);
	if (str_eq(argv[1], "hang"))
		for (;;)
			pause();
	return argc - 2;
}

/* the parent's side */

static char *run(struct spawn *s, const char *what)
{
	char *argv[] = { self, (char *)(uintptr_t)what, NULL };
	char *out = NULL;
	int status = -1;

	s->path = self;
	s->argv = argv;
	assert_int_equal(spawn_run(s, 1 << 20, &out, &status), 0);
	assert_int_equal(status, 0);
	return out;
}

static void exit_status_and_output_come_back(void **state)
{
	char *argv[] = { self, A("exit"), A("a"), A("b"), A("c"), NULL };
	char *sh[] = { A("sh"), A("-c"), A("echo out; echo err >&2; kill -9 $$"), NULL };
	struct spawn s = SPAWN_INIT;
	char *out = NULL;
	int status;

	(void)state;
	s.path = self;
	s.argv = argv;
	assert_int_equal(spawn_run(&s, 100, &out, &status), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_string_equal(out, "");
	free(out);

	s.path = "/bin/sh";
	s.argv = sh;
	assert_int_equal(spawn_run(&s, 100, &out, &status), 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_string_equal(out, "out\nerr\n");
	free(out);
	assert_int_equal(spawn_run(&s, 3, &out, NULL), 0);
	assert_string_equal(out, "out");
	free(out);
	assert_int_equal(spawn_run(&s, 100, NULL, NULL), 0);
}

static void more_output_than_wanted_blocks_nobody(void **state)
{
	struct spawn s = SPAWN_INIT;
	char *argv[] = { self, A("flood"), NULL };
	char *out = NULL;
	int status;

	(void)state;
	s.path = self;
	s.argv = argv;
	assert_int_equal(spawn_run(&s, 1000, &out, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(strlen(out), 1000);
	free(out);
}

static void no_descriptor_but_those_given(void **state)
{
	int leaky = open("/", O_RDONLY | O_DIRECTORY); /* not close-on-exec */
	struct spawn s = SPAWN_INIT;
	AUTO_FREE char *out = NULL;

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_true(dup(leaky) >= 0);
	out = run(&s, "fds");
	assert_string_equal(out, "0=/dev/null\n1=pipe\n2=pipe\n");
	for (int i = 0; i <= 20; i++)
		close(leaky + i);
}

static void targets_may_overlap_sources(void **state)
{
	const struct temp *t = *state;
	struct spawn s = SPAWN_INIT;
	AUTO_FREE char *out = NULL;
	AUTO_FREE char *list = NULL;
	int five, seven, spare[8];

	/* Descriptors 5 and 7 here shall be 7 and 5 there, and 6 shall not be seen. */
	for (int i = 0; i < 8; i++)
		spare[i] = open("/dev/zero", O_RDONLY);
	temp_write(t, "five", "five ");
	temp_write(t, "seven", "seven ");
	five = openat(t->fd, "five", O_RDONLY | O_CLOEXEC);
	seven = openat(t->fd, "seven", O_RDONLY | O_CLOEXEC);
	int keep5 = fcntl(5, F_DUPFD_CLOEXEC, 100), keep7 = fcntl(7, F_DUPFD_CLOEXEC, 100);

	assert_true(dup3(five, 5, O_CLOEXEC) == 5 && dup3(seven, 7, O_CLOEXEC) == 7);
	s.fds = (struct spawn_fd[]){ { 5, 7 }, { 7, 5 } };
	s.n_fds = 2;
	list = run(&s, "fds");
	out = run(&s, "cat");
	if (keep5 >= 0)
		dup3(keep5, 5, O_CLOEXEC);
	if (keep7 >= 0)
		dup3(keep7, 7, O_CLOEXEC);
	close(keep5);
	close(keep7);
	close(five);
	close(seven);
	for (int i = 0; i < 8; i++)
		close(spare[i]);
	assert_string_equal(out, "seven five ");
	assert_null(strstr(list, "6="));
	assert_null(strstr(list, "8="));
}

static void one_source_may_have_many_targets(void **state)
{
	AUTO_CLOSE int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	struct spawn s = SPAWN_INIT;
	AUTO_FREE char *out = NULL;

	(void)state;
	s.fds = (struct spawn_fd[]){ { zero, 0 }, { zero, zero }, { zero, 200 }, { zero, 255 } };
	s.n_fds = 4;
	out = run(&s, "fds");
	assert_non_null(strstr(out, "0=/dev/zero\n1=pipe\n2=pipe\n"));
	assert_non_null(strstr(out, "200=/dev/zero\n255=/dev/zero\n"));

	AUTO_STRV lines = strv_split(out, '\n');

	assert_int_equal(strv_len(lines), 6 + 1); /* and what is behind the last newline */
}

static void mask_dispositions_group_session_cwd(void **state)
{
	const struct temp *t = *state;
	struct spawn s = SPAWN_INIT;
	struct rlimit limit;
	sigset_t all, old;
	char want[256];
	AUTO_FREE char *plain = NULL;
	AUTO_FREE char *group = NULL;
	AUTO_FREE char *session = NULL;

	getrlimit(RLIMIT_NOFILE, &limit);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	s.cwd_fd = t->fd;
	plain = run(&s, "state");
	s.new_group = 1;
	group = run(&s, "state");
	s.new_session = 1;
	session = run(&s, "state");
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	snprintf(want, sizeof(want), "blocked=0 handled=0 nofile=%ju group=0 session=0 cwd=%s\n",
		 (uintmax_t)limit.rlim_cur, t->path);
	assert_string_equal(plain, want);
	assert_non_null(strstr(group, "group=1 session=0"));
	assert_non_null(strstr(session, "group=1 session=1"));
}

static void the_environment_is_what_is_given(void **state)
{
	char *env[] = { A("A=1"), A("B="), NULL };
	struct spawn s = SPAWN_INIT;
	AUTO_FREE char *none = run(&s, "env");
	AUTO_FREE char *two = NULL;

	(void)state;
	assert_string_equal(none, "");
	s.envp = env;
	two = run(&s, "env");
	assert_string_equal(two, "A=1\nB=\n");
}

static void start_gives_pid_and_pidfd(void **state)
{
	char *argv[] = { self, A("hang"), NULL };
	struct spawn s = SPAWN_INIT;
	int pidfd = -1, status;
	pid_t pid = -1;

	(void)state;
	s.path = self;
	s.argv = argv;
	assert_int_equal(spawn_start(&s, &pid, &pidfd), 0);
	assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	fd_close(&pidfd);
}

static void failures_leave_nothing(void **state)
{
	char *argv[] = { A("x"), NULL }, *none[] = { NULL };
	struct spawn_fd twice[] = { { 0, 4 }, { 1, 4 } }, closed[] = { { 999, 4 } };
	struct spawn_fd many[65] = { { 0, 0 } };
	struct spawn s = { .path = "/none", .argv = argv, .cwd_fd = -1 };
	int before = count_fds(), pidfd = -7;
	pid_t pid = -7;
	char *out = NULL;

	(void)state;
	assert_int_equal(spawn_start(&s, &pid, &pidfd), -ENOENT);
	assert_int_equal(spawn_run(&s, 10, &out, NULL), -ENOENT);
	s.path = "/etc/passwd";
	assert_int_equal(spawn_start(&s, &pid, &pidfd), -EACCES);
	s.path = "bin/sh";
	assert_int_equal(spawn_start(&s, &pid, &pidfd), -EINVAL);
	s.path = "/bin/true";
	s.argv = none;
	assert_int_equal(spawn_start(&s, &pid, &pidfd), -EINVAL);
	s.argv = argv;
	s.fds = twice;
	s.n_fds = 2;
	assert_int_equal(spawn_start(&s, &pid, &pidfd), -EINVAL);
	twice[1].to = 256;
	assert_int_equal(spawn_start(&s, &pid, &pidfd), -EINVAL);
	twice[1] = (struct spawn_fd){ -1, 5 };
	assert_int_equal(spawn_start(&s, &pid, &pidfd), -EINVAL);
	s.fds = closed;
	s.n_fds = 1;
	assert_int_equal(spawn_start(&s, &pid, &pidfd), -EBADF);
	s.fds = (struct spawn_fd[]){ { 0, 1 } }; /* spawn_run wants 1 and 2 itself */
	assert_int_equal(spawn_run(&s, 10, &out, NULL), -EINVAL);
	s.fds = many;
	s.n_fds = 65;
	assert_int_equal(spawn_start(&s, &pid, &pidfd), -E2BIG);
	assert_int_equal(spawn_run(&s, 10, &out, NULL), -E2BIG);
	s.n_fds = 0;
	s.cwd_fd = 999;
	assert_int_equal(spawn_start(&s, &pid, &pidfd), -EBADF);
	assert_int_equal(pid, -7);
	assert_int_equal(pidfd, -7);
	assert_null(out);
	assert_int_equal(count_fds(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

static void a_grandchild_on_the_pipe_delays_nobody(void **state)
{
	char *sh[] = { A("sh"), A("-c"), A("echo $$; (exec sleep 60) & echo $!"), NULL };
	struct spawn s = { .path = "/bin/sh", .argv = sh, .cwd_fd = -1 };
	int64_t start = clock_now_ns();
	AUTO_FREE char *out = NULL;
	uint64_t pid;

	(void)state;
	assert_int_equal(spawn_run(&s, 100, &out, NULL), 0);
	assert_true(clock_now_ns() - start < 30 * NS_PER_SEC);
	AUTO_STRV lines = strv_split(out, '\n');

	assert_int_equal(parse_u64(lines[1], &pid), 0);
	kill((pid_t)pid, SIGKILL);
}

static void a_deadline_ends_it(void **state)
{
	static char what[][8] = { "hang", "endless" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		char *argv[] = { self, what[i], NULL };
		struct spawn s = { .path = self, .argv = argv, .cwd_fd = -1 };
		int before = count_fds();
		char *out = NULL;

		s.run_until_ns = clock_now_ns() + 50 * NS_PER_MSEC;
		assert_int_equal(spawn_run(&s, 100, &out, NULL), -ETIMEDOUT);
		assert_null(out);
		assert_int_equal(count_fds(), before);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	}
}

static void *spawn_some(void *arg)
{
	for (int i = 0; i < 8; i++) {
		struct spawn s = SPAWN_INIT;
		AUTO_FREE char *out = run(&s, "state");

		if (!strstr(out, arg))
			return arg;
	}
	return NULL;
}

static rlim_t soft_limit(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur;
}

/* The last test: the process keeps the raised limit. */
static void children_get_the_old_limit(void **state)
{
	struct rlimit limit;
	struct spawn s = SPAWN_INIT;
	char want[] = "nofile=512 ";
	pthread_t threads[4];
	void *bad;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < 1024)
		skip();
	limit.rlim_cur = 512;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(spawn_raise_nofile(), 0);
	assert_int_equal(spawn_raise_nofile(), 0); /* the second call changes nothing */
	assert_true(soft_limit() == limit.rlim_max);

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, spawn_some, want);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	assert_true(soft_limit() == limit.rlim_max);

	/* With the numbers below the old limit in use the child's own limit is set afterwards. */
	AUTO_CLOSE int high = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 500);
	char *sh[] = { A("sh"), A("-c"), A("read x; ulimit -n"), NULL };
	int in[2], out[2];
	char text[16] = "";
	pid_t pid;

	assert_true(high >= 500);
	assert_int_equal(fd_pipe(in, 0), 0);
	assert_int_equal(fd_pipe(out, 0), 0);
	s = (struct spawn){ .path = "/bin/sh", .argv = sh, .cwd_fd = -1, .n_fds = 2 };
	s.fds = (struct spawn_fd[]){ { in[0], 0 }, { out[1], 1 } };
	assert_int_equal(spawn_start(&s, &pid, NULL), 0);
	assert_true(soft_limit() == limit.rlim_max);
	fd_close(&in[1]);
	fd_close(&out[1]);
	assert_true(io_read_full(out[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "512\n");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	fd_close(&in[0]);
	fd_close(&out[0]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(exit_status_and_output_come_back),
		CASE(more_output_than_wanted_blocks_nobody),
		CASE(no_descriptor_but_those_given),
		TEMP_CASE(targets_may_overlap_sources),
		CASE(one_source_may_have_many_targets),
		TEMP_CASE(mask_dispositions_group_session_cwd),
		CASE(the_environment_is_what_is_given),
		CASE(start_gives_pid_and_pidfd),
		CASE(failures_leave_nothing),
		CASE(a_grandchild_on_the_pipe_delays_nobody),
		CASE(a_deadline_ends_it),
		CASE(children_get_the_old_limit),
	};

	if (argc > 1)
		return child(argc, argv);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	if (unsupported(fd_pidfd_open(0)))
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
