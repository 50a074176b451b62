/* SPDX-License-Identifier: Apache-2.0
 *
 * The logger reads the container's pipes itself: the shim copies nothing and keeps no end of them.
 * It gets no environment but CONTAINER_ID and CONTAINER_NAMESPACE.
 */
#include "shim/logger.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/spawn.h"
#include "base/str.h"
#include "shim/kids.h"

struct logger {
	struct kid kid;
	struct loop *loop;
	struct loop_child *child;
	int pidfd; /* for signals; the loop has its own */
	int ready_fd;
	struct loop_fd *ready_watch;
	struct loop_timer *timer; /* ready limit, then grace */
	int needs_byte;
	int stopping;
	logger_ready_fn fn;
	void *ud;
};

static void answer(struct logger *l, int r)
{
	logger_ready_fn fn = l->fn;

	l->fn = NULL;
	loop_del_fd(l->ready_watch);
	l->ready_watch = NULL;
	fd_close(&l->ready_fd);
	loop_del_timer(l->timer);
	l->timer = NULL;
	if (fn)
		fn(l->ud, r);
}

static void kill_logger(struct logger *l, int sig)
{
	if (l->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, l->pidfd, sig, NULL, 0u);
}

static void logger_free(struct logger *l)
{
	list_del(&l->kid.node);
	loop_del_timer(l->timer);
	loop_del_fd(l->ready_watch);
	fd_close(&l->ready_fd);
	fd_close(&l->pidfd);
	free(l);
}

static void gone(void *ud, const siginfo_t *info)
{
	struct logger *l = ud;

	l->child = NULL;
	list_del(&l->kid.node);
	fd_close(&l->pidfd);
	if (l->stopping) {
		logger_free(l);
		return;
	}
	if (info->si_code != CLD_EXITED || info->si_status != 0)
		log_warn("logging program ended with %s %d",
			 info->si_code == CLD_EXITED ? "status" : "signal", info->si_status);
	if (l->fn)
		answer(l, -ECHILD);
}

static void ready(void *ud, uint32_t events)
{
	struct logger *l = ud;
	char byte;
	ssize_t n = read(l->ready_fd, &byte, 1);

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	answer(l, n == 1 || (n == 0 && !l->needs_byte) ? 0 : -EPIPE);
}

static void not_ready(void *ud)
{
	struct logger *l = ud;

	l->timer = NULL;
	answer(l, -ETIMEDOUT);
}

static void too_long(void *ud)
{
	struct logger *l = ud;

	l->timer = NULL;
	kill_logger(l, SIGKILL);
}

static int spawn_it(struct logger *l, const struct uri *u, const char *ns, const char *id,
		    const int fds[3])
{
	AUTO_STRV argv = NULL;
	AUTO_FREE char *env_id = str_printf("CONTAINER_ID=%s", id);
	AUTO_FREE char *env_ns = str_printf("CONTAINER_NAMESPACE=%s", ns);
	char *const envp[] = { env_id, env_ns, NULL };
	const struct spawn_fd map[] = { { fds[0], 3 }, { fds[1], 4 }, { fds[2], 5 } };
	struct spawn s = SPAWN_INIT;
	AUTO_CLOSE int pidfd = -1;
	pid_t pid;
	int r;

	if (!env_id || !env_ns || strv_push(&argv, u->path) < 0)
		return -ENOMEM;
	for (char **q = u->query; *q; q++) /* a key without a value is one argument */
		if (((q - u->query) % 2 == 0 || **q) && strv_push(&argv, *q) < 0)
			return -ENOMEM;
	s.path = u->path;
	s.argv = argv;
	s.envp = envp;
	s.fds = map;
	s.n_fds = ARRAY_SIZE(map);
	s.new_group = 1;
	r = spawn_start(&s, &pid, &pidfd);
	if (r < 0)
		return r;
	l->pidfd = fd_dup(pidfd);
	r = loop_add_child(l->loop, pidfd, gone, l, &l->child);
	if (r < 0) {
		kill_logger(l, SIGKILL); /* the orphan reaper takes it from here */
		return r;
	}
	(void)take_fd(&pidfd);
	l->kid.pid = pid;
	return 0;
}

static int start(struct logger *l, const struct uri *u, const char *ns, const char *id,
		 int ret_fds[2])
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, rdy[2] = { -1, -1 };
	int r = fd_pipe(out, 0);

	if (r == 0)
		r = fd_pipe(err, 0);
	if (r == 0)
		r = fd_pipe(rdy, 0);
	if (r == 0)
		r = spawn_it(l, u, ns, id, (const int[3]){ out[0], err[0], rdy[1] });
	if (r == 0) {
		l->ready_fd = take_fd(&rdy[0]);
		ret_fds[0] = take_fd(&out[1]);
		ret_fds[1] = take_fd(&err[1]);
	}
	for (int i = 0; i < 2; i++) {
		fd_close(&out[i]);
		fd_close(&err[i]);
		fd_close(&rdy[i]);
	}
	return r;
}

int logger_start(struct loop *loop, struct list *kids, const struct uri *u, const char *ns,
		 const char *id, int byte, logger_ready_fn fn, void *ud, struct logger **ret,
		 int ret_fds[2])
{
	struct logger *l = calloc(1, sizeof(*l));
	int fds[2] = { -1, -1 };
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct logger){ .loop = loop, .pidfd = -1, .ready_fd = -1, .needs_byte = byte };
	list_init(&l->kid.node);
	r = start(l, u, ns, id, fds);
	if (r < 0) {
		logger_free(l);
		return r;
	}
	list_add(kids, &l->kid.node);
	r = loop_add_fd(loop, l->ready_fd, EPOLLIN, ready, l, &l->ready_watch);
	if (r == 0)
		r = loop_add_timer(loop, clock_now_ns() + LOGGER_READY_NS, not_ready, l, &l->timer);
	if (r < 0) {
		fd_close(&fds[0]);
		fd_close(&fds[1]);
		logger_stop(l);
		return r;
	}
	l->fn = fn;
	l->ud = ud;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	*ret = l;
	return 0;
}

void logger_stop(struct logger *l)
{
	if (!l)
		return;
	l->fn = NULL;
	answer(l, 0); /* ends the wait, calls nobody */
	if (!l->child) {
		logger_free(l);
		return;
	}
	l->stopping = 1;
	kill_logger(l, SIGTERM);
	if (loop_add_timer(l->loop, clock_now_ns() + LOGGER_GRACE_NS, too_long, l, &l->timer) < 0)
		kill_logger(l, SIGKILL);
}
