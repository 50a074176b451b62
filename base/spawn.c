/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs by posix_spawn(3). The child starts with an empty signal mask, default dispositions and
 * only the descriptors it was given. Owns one piece of process-wide state: the RLIMIT_NOFILE of
 * before spawn_raise_nofile(), which children get (docs/spawn.md).
 */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"

#define FDS_MAX     64  /* descriptors of one child */
#define TO_MAX      255 /* highest number one may get there */
#define SPARE_SLOTS 64  /* free numbers below the old limit that make lowering it harmless */
#define READ_STEP   4096
#define LATE_MAX    ((size_t)1 << 20) /* read after the end of the program: what a pipe can hold */

/*
 * The limits of before and after spawn_raise_nofile(); the lock keeps one child's limit from
 * another's.
 */
static struct {
	pthread_mutex_t lock; /* held over posix_spawn; guards no memory, only our own limit */
	int raised;           /* this and the rest are set once, before threads */
	struct rlimit old, now;
} nofile = { .lock = PTHREAD_MUTEX_INITIALIZER };

int spawn_raise_nofile(void)
{
	struct rlimit limit;

	if (nofile.raised)
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	nofile.old = nofile.now = limit;
	nofile.now.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &nofile.now) < 0)
		return -errno;
	nofile.raised = nofile.old.rlim_cur != nofile.now.rlim_cur;
	return 0;
}

static int listed_to(const struct spawn *s, int to)
{
	for (size_t i = 0; i < s->n_fds; i++) {
		if (s->fds[i].to == to)
			return 1;
	}
	return 0;
}

static int listed_from(const struct spawn *s, int from)
{
	for (size_t i = 0; i < s->n_fds; i++) {
		if (s->fds[i].from == from)
			return 1;
	}
	return 0;
}

static int check(const struct spawn *s)
{
	if (!s->path || s->path[0] != '/' || !s->argv || !s->argv[0])
		return -EINVAL;
	if (s->n_fds > FDS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < s->n_fds; i++) {
		if (s->fds[i].from < 0 || s->fds[i].to < 0 || s->fds[i].to > TO_MAX)
			return -EINVAL;
		for (size_t k = 0; k < i; k++) {
			if (s->fds[k].to == s->fds[i].to)
				return -EINVAL;
		}
	}
	return 0;
}

/*
 * Move every descriptor above the highest target first, then down to its number: whatever the order
 * and the overlaps, no target overwrites a source that is still needed. What else is open
 * at the numbers in between is the child's copy of something it shall not have.
 */
static int map_fds(posix_spawn_file_actions_t *actions, const struct spawn *s, int highest)
{
	int parked[FDS_MAX], next = highest + 1, e = 0;

	for (size_t i = 0; e == 0 && i < s->n_fds; i++) {
		while (listed_from(s, next))
			next++;
		parked[i] = next++;
		e = posix_spawn_file_actions_adddup2(actions, s->fds[i].from, parked[i]);
	}
	for (size_t i = 0; e == 0 && i < s->n_fds; i++)
		e = posix_spawn_file_actions_adddup2(actions, parked[i], s->fds[i].to);
	return e;
}

static int plan_fds(posix_spawn_file_actions_t *actions, const struct spawn *s)
{
	int highest = STDERR_FILENO, e;

	for (size_t i = 0; i < s->n_fds; i++)
		highest = MAX(highest, s->fds[i].to);
	/* First, since its number may be somebody's target. */
	e = s->cwd_fd >= 0 ? posix_spawn_file_actions_addfchdir_np(actions, s->cwd_fd) : 0;
	if (e == 0)
		e = map_fds(actions, s, highest);
	for (int fd = 0; e == 0 && fd <= highest; fd++) {
		if (listed_to(s, fd))
			continue;
		if (fd <= STDERR_FILENO)
			e = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
		else
			e = posix_spawn_file_actions_addclose(actions, fd);
	}
	if (e == 0)
		e = posix_spawn_file_actions_addclosefrom_np(actions, highest + 1);
	return e;
}

static int plan_attr(posix_spawnattr_t *attr, const struct spawn *s)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	if (s->new_session)
		flags |= POSIX_SPAWN_SETSID; /* a new session is a new group too */
	else if (s->new_group)
		flags |= POSIX_SPAWN_SETPGROUP;
	posix_spawnattr_setpgroup(attr, 0);
	return posix_spawnattr_setflags(attr, flags);
}

/* Can our own limit go down for a moment without any thread noticing? */
static int can_lower(void)
{
	if (nofile.old.rlim_cur < 2 * SPARE_SLOTS)
		return 0;
	for (int fd = (int)nofile.old.rlim_cur - SPARE_SLOTS; fd < (int)nofile.old.rlim_cur; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			return 0;
	}
	return 1;
}

/*
 * The child copies our limit when it is made, so ours is lowered around posix_spawn, which is over
 * when the child has executed. Meanwhile no thread can open a number beyond the old limit; none has
 * to, as the kernel gives the lowest free number and SPARE_SLOTS below the limit are free. If they
 * are not, the daemon is that busy, ours stays up and the child's goes down right after: it may
 * have read the higher limit before.
 */
static int spawn_limited(const struct spawn *s, const posix_spawn_file_actions_t *actions,
			 const posix_spawnattr_t *attr, char *const *envp, pid_t *ret_pid)
{
	int lowered, e;

	if (!nofile.raised)
		return posix_spawn(ret_pid, s->path, actions, attr, s->argv, envp);

	pthread_mutex_lock(&nofile.lock);
	lowered = can_lower() && setrlimit(RLIMIT_NOFILE, &nofile.old) == 0;
	e = posix_spawn(ret_pid, s->path, actions, attr, s->argv, envp);
	if (lowered)
		setrlimit(RLIMIT_NOFILE, &nofile.now); /* soft up to hard is always allowed */
	else if (e == 0)
		prlimit(*ret_pid, RLIMIT_NOFILE, &nofile.old, NULL); /* not reaped: its pid */
	pthread_mutex_unlock(&nofile.lock);
	return e;
}

static int launch(const struct spawn *s, pid_t *ret_pid)
{
	static char *const no_env[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int e;

	e = posix_spawn_file_actions_init(&actions);
	if (e != 0)
		return -e;
	e = posix_spawnattr_init(&attr);
	if (e == 0) {
		e = plan_fds(&actions, s);
		if (e == 0)
			e = plan_attr(&attr, s);
		if (e == 0)
			e = spawn_limited(s, &actions, &attr, s->envp ? s->envp : no_env, ret_pid);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	return -e;
}

/* A child that nobody will ever know of. Its pid is ours until it is waited for. */
static void kill_and_reap(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int spawn_start(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd)
{
	int r = check(s), pidfd = -1;
	pid_t pid;

	if (r < 0)
		return r;
	r = launch(s, &pid);
	if (r < 0)
		return r;
	if (ret_pidfd) {
		pidfd = fd_pidfd_open(pid);
		if (pidfd < 0) {
			kill_and_reap(pid);
			return pidfd;
		}
		*ret_pidfd = pidfd;
	}
	if (ret_pid)
		*ret_pid = pid;
	return 0;
}

/* What is to be read now, at most READ_STEP bytes: > 0 bytes, 0 at the end, or -errno. */
static ssize_t drain(int fd, struct buf *out)
{
	char step[READ_STEP];
	ssize_t n;

	do
		n = read(fd, step, sizeof(step));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* Beyond the maximum the program may go on writing; it is not kept. */
	size_t kept = MIN((size_t)n, out->max - out->len);
	int r = buf_append(out, step, kept);

	return r < 0 ? r : n;
}

static int ms_left(int64_t until_ns)
{
	if (until_ns == 0)
		return -1;
	int64_t left = until_ns - clock_now_ns();

	if (left <= 0)
		return 0;
	return (int)MIN(left / NS_PER_MSEC + 1, (int64_t)INT32_MAX);
}

/*
 * Until the program ends: a grandchild that holds the pipe, or goes on filling it, delays nobody.
 */
static int capture(const struct spawn *s, int pidfd, int fd, struct buf *out)
{
	struct pollfd p[2] = { { .fd = pidfd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	size_t late = 0;

	for (;;) {
		int ms = ms_left(s->run_until_ns), n = poll(p, 2, ms);
		ssize_t got = 0;

		if (n < 0 && errno != EINTR)
			return -errno;
		if (ms == 0 && (n <= 0 || !p[0].revents))
			return -ETIMEDOUT;
		if (n <= 0)
			continue;
		if (p[1].revents)
			got = drain(fd, out);
		if (got < 0 && got != -EAGAIN)
			return (int)got;
		if (p[1].revents && got == 0)
			p[1].fd = -1; /* poll(2) ignores it from now on */
		if (p[0].revents) {
			late += got > 0 ? (size_t)got : LATE_MAX;
			if (late >= LATE_MAX)
				return 0;
		}
	}
}

/* Start it with both outputs on a pipe; the reading end does not block. */
static int start_piped(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd, int *ret_reader)
{
	struct spawn own = *s;
	struct spawn_fd fds[FDS_MAX];
	int pipe_fds[2], r;

	if (s->n_fds > FDS_MAX - 2)
		return -E2BIG;
	r = fd_pipe(pipe_fds, 0);
	if (r < 0)
		return r;
	AUTO_CLOSE int reader = pipe_fds[0];
	AUTO_CLOSE int writer = pipe_fds[1];

	r = fd_set_nonblock(reader, 1);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n_fds; i++)
		fds[i] = s->fds[i];
	fds[own.n_fds++] = (struct spawn_fd){ .from = writer, .to = STDOUT_FILENO };
	fds[own.n_fds++] = (struct spawn_fd){ .from = writer, .to = STDERR_FILENO };
	own.fds = fds;
	r = spawn_start(&own, ret_pid, ret_pidfd);
	if (r < 0)
		return r;
	*ret_reader = take_fd(&reader);
	return 0;
}

int spawn_run(const struct spawn *s, size_t max, char **ret_output, int *ret_status)
{
	AUTO_BUF out = BUF_INIT(max);
	AUTO_CLOSE int reader = -1;
	AUTO_CLOSE int pidfd = -1;
	AUTO_FREE char *output = NULL;
	int status, r;
	pid_t pid;

	r = start_piped(s, &pid, &pidfd, &reader);
	if (r < 0)
		return r;
	r = capture(s, pidfd, reader, &out);
	if (r < 0) {
		kill_and_reap(pid);
		return r;
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	output = buf_take(&out, NULL);
	if (!output)
		return -ENOMEM;
	if (ret_output)
		*ret_output = take_ptr(&output);
	if (ret_status)
		*ret_status = status;
	return 0;
}
