/* SPDX-License-Identifier: Apache-2.0
 *
 * The serving shim: one thread, one loop. It is the sub-reaper of its containers' processes, takes
 * the listening socket as descriptor 3, writes its log into the bundle's log fifo, and removes its
 * socket when it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/macros.h"
#include "shim/shim.h"
#include "shim/task.h"

/* What malloc gives back and when: a shim lives for weeks and should be small after each call. */
#define TRIM_BYTES (64 * 1024)
#define MMAP_BYTES (32 * 1024)

#define UNUSED_NS (10 * NS_PER_SEC)

static void signalled(void *ud, uint32_t events)
{
	struct shim *s = ud;
	struct signalfd_siginfo info;

	(void)events;
	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		log_info("ending on signal %u", info.ssi_signo);
		shim_stop(s);
	}
	reap_orphans(s);
}

void shim_stop(struct shim *s)
{
	loop_stop(s->loop);
}

static int watch_signals(struct shim *s)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGHUP, &ignore, NULL) < 0 ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return -errno;
	return loop_add_fd(s->loop, s->signal_fd, EPOLLIN, signalled, s, NULL);
}

/* The daemon reads the fifo; when it is not there, nobody wants to know. */
static void log_to_fifo(void)
{
	AUTO_CLOSE int fd = open("log", O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		(void)dup2(fd, STDERR_FILENO);
}

/*
 * A shim that has no container and nobody connected for a while serves nobody: the daemon died before it asked for one,
 * or before it said that the last one was the last.
 */
static void unused(void *ud)
{
	struct shim *s = ud;

	s->unused_timer = NULL;
	if (s->n_tasks == 0 && ttrpc_server_conns(s->server) == 0) {
		log_info("ending: no container and no connection");
		shim_stop(s);
	}
}

static void watch_unused(void *ud)
{
	struct shim *s = ud;

	loop_del_timer(s->unused_timer);
	s->unused_timer = NULL;
	(void)loop_add_timer(s->loop, clock_now_ns() + UNUSED_NS, unused, s, &s->unused_timer);
}

static ctr_code set_up(struct shim *s, const struct invocation *in, struct ctr_error *err)
{
	AUTO_CLOSE int listening = SHIM_LISTEN_FD;
	ctr_code code;
	int r = loop_new(&s->loop);

	if (r == 0)
		r = watch_signals(s);
	if (r == 0)
		r = events_new(s->loop, in->ttrpc_address, s->ns, &s->events);
	if (r == 0)
		r = ttrpc_server_new(s->loop, TTRPC_SAME_USER, &s->server);
	if (r == 0)
		r = service_register(s);
	if (r < 0)
		return ctr_fail_errno(err, r, "set up the shim");
	if (fcntl(listening, F_SETFD, FD_CLOEXEC) < 0)
		return ctr_fail_errno(err, -errno, "listening socket on descriptor %d",
				      SHIM_LISTEN_FD);
	code = ttrpc_server_adopt(s->server, listening, err);
	if (code == CTR_OK)
		(void)take_fd(&listening);
	ttrpc_server_on_idle(s->server, watch_unused, s);
	watch_unused(s);
	return code;
}

static void tear_down(struct shim *s)
{
	list_for_safe (it, &s->tasks)
		task_free(list_entry(it, struct task, node));
	ttrpc_server_free(s->server);
	events_free(s->events);
	loop_del_timer(s->reap_timer);
	loop_del_timer(s->unused_timer);
	loop_free(s->loop);
	fd_close(&s->signal_fd);
}

/* The path that the listening socket is bound to; "" when it is none. */
static void socket_path(struct sockaddr_un *ret)
{
	socklen_t n = sizeof(*ret) - 1;

	memset(ret, 0, sizeof(*ret));
	if (getsockname(SHIM_LISTEN_FD, (struct sockaddr *)ret, &n) < 0 ||
	    ret->sun_family != AF_UNIX)
		ret->sun_path[0] = '\0';
}

int cmd_serve(const struct invocation *in)
{
	struct shim s = { .ns = in->flags.namespace_, .signal_fd = -1 };
	struct sockaddr_un sun;
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;
	int r = 0;

	(void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	(void)mallopt(M_TOP_PAD, 0);
	log_to_fifo();
	list_init(&s.tasks);
	list_init(&s.kids);
	socket_path(&sun);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		code = ctr_fail_errno(&err, -errno, "become the sub-reaper");
	else
		code = set_up(&s, in, &err);
	if (code == CTR_OK)
		r = loop_run(s.loop);
	if (sun.sun_path[0])
		(void)unlink(sun.sun_path);
	tear_down(&s);
	if (code != CTR_OK)
		log_error("%s", error_text(&err));
	else if (r < 0)
		log_error("event loop: %s", strerrordesc_np(-r));
	return code == CTR_OK && r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
