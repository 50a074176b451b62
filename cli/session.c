/* SPDX-License-Identifier: Apache-2.0
 *
 * A process in the foreground. Output: FIFO to our stdout and stderr, blocking there, so a slow
 * reader of ours slows the container and nothing is lost. Input: cli/input.c. Signals come through
 * a signalfd, three interrupts end us.
 */
#include "cli/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cli/api.h"
#include "cli/container.h"
#include "cli/files.h"
#include "cli/input.h"
#include "cli/pbutil.h"
#include "cli/term.h"

#define CHUNK          65536
#define DRAIN_LIMIT_NS (2 * NS_PER_SEC) /* without a byte, after the end */
#define FORCED_EXIT    3                /* interrupts */

struct output {
	struct session *session;
	int fd, to;
	struct loop_fd *watch;
};

struct session {
	struct cli *c;
	struct rpc *rpc;
	struct session_options o;
	char *dir; /* ours, to be removed; NULL for attach */
	char *paths[3];
	struct output out[2];
	struct input *input;
	struct term term;
	int signal_fd;
	struct loop_fd *signal_watch;
	int interrupts, detached, ended, forced;
	int64_t last_byte_ns;
};

static void output_close(struct output *o)
{
	loop_del_fd(o->watch);
	o->watch = NULL;
	fd_close(&o->fd);
}

static int outputs_open(const struct session *s)
{
	return s->out[0].fd >= 0 || s->out[1].fd >= 0;
}

static void on_output(void *ud, uint32_t events)
{
	struct output *o = ud;
	struct session *s = o->session;
	char data[CHUNK];
	ssize_t n = read(o->fd, data, sizeof(data));

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		s->last_byte_ns = clock_now_ns();
		if (o->to < 0 || io_write_full(o->to, data, (size_t)n) == 0)
			return;
	}
	/* the last writer is gone, or nobody reads us any more */
	output_close(o);
	if (s->ended && !outputs_open(s))
		loop_stop(s->c->loop);
}

static void send_signal(struct session *s, int sig)
{
	TASKS(KillRequest) req = TASKS_INIT(KILL_REQUEST);
	struct rpc_pending *p = NULL;

	req.container_id = pb_str(s->o.id);
	req.exec_id = pb_str(s->o.exec_id ? s->o.exec_id : "");
	req.signal = (uint32_t)sig;
	/* the answer does not matter: the process may be gone */
	if (rpc_start(s->rpc, TASKS_SERVICE, "Kill", &req, &p, NULL) == CTR_OK)
		rpc_forget(p);
}

static void send_size(struct session *s)
{
	TASKS(ResizePtyRequest) req = TASKS_INIT(RESIZE_PTY_REQUEST);
	struct rpc_pending *p = NULL;
	unsigned width, height;

	if (!s->o.tty || term_size(STDOUT_FILENO, &width, &height) < 0)
		return;
	req.container_id = pb_str(s->o.id);
	req.exec_id = pb_str(s->o.exec_id ? s->o.exec_id : "");
	req.width = width;
	req.height = height;
	if (rpc_start(s->rpc, TASKS_SERVICE, "ResizePty", &req, &p, NULL) == CTR_OK)
		rpc_forget(p);
}

static void on_signal(void *ud, uint32_t events)
{
	struct session *s = ud;
	struct signalfd_siginfo info;

	(void)events;
	if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		send_size(s);
		return;
	}
	if ((info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM) &&
	    ++s->interrupts >= FORCED_EXIT) {
		cli_note("got %d signals to end: leaving, the container goes on", s->interrupts);
		s->forced = 1;
		loop_stop(s->c->loop);
		return;
	}
	send_signal(s, (int)info.ssi_signo);
}

/* The end of our input: the process is to see it too. */
static void on_input_end(void *ud)
{
	struct session *s = ud;
	TASKS(CloseIORequest) req = TASKS_INIT(CLOSE_IOREQUEST);
	struct rpc_pending *p = NULL;

	req.container_id = pb_str(s->o.id);
	req.exec_id = pb_str(s->o.exec_id ? s->o.exec_id : "");
	req.stdin = 1;
	if (rpc_start(s->rpc, TASKS_SERVICE, "CloseIO", &req, &p, NULL) == CTR_OK)
		rpc_forget(p);
}

static void on_detach(void *ud)
{
	struct session *s = ud;

	s->detached = 1;
	loop_stop(s->c->loop);
}

static ctr_code make_fifos(struct session *s, struct ctr_error *err)
{
	static const char *const names[] = { "stdin", "stdout", "stderr" };
	const int wanted[] = { s->o.input, 1, !s->o.tty };
	ctr_code code = files_fifo_dir(s->c, s->o.id, s->o.exec_id, &s->dir, err);

	if (code != CTR_OK)
		return code;
	for (int i = 0; i < 3; i++) {
		s->paths[i] = wanted[i] ? str_printf("%s/%s", s->dir, names[i]) : str_dup("");
		if (!s->paths[i])
			return ctr_fail_errno(err, ENOMEM, "fifo");
		if (wanted[i] && mkfifo(s->paths[i], 0600) < 0)
			return ctr_fail_errno(err, errno, "make fifo '%s'", s->paths[i]);
	}
	return CTR_OK;
}

static ctr_code open_output(struct session *s, int i, int to, struct ctr_error *err)
{
	const char *path = s->paths[i + 1];
	struct output *o = &s->out[i];

	if (!path[0])
		return CTR_OK;
	/* non-blocking: succeeds without a writer, and the end is seen when one has come and gone */
	o->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (o->fd < 0)
		return ctr_fail_errno(err, errno, "open '%s'", path);
	o->to = to;
	return CTR_OK;
}

static ctr_code new_session(struct cli *c, const struct session_options *o, struct session **ret,
			    struct ctr_error *err)
{
	struct session *s;

	if (o->tty && o->input && !isatty(STDIN_FILENO))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"the input is not a terminal: leave -t out");
	s = calloc(1, sizeof(*s));
	if (!s)
		return ctr_fail_errno(err, ENOMEM, "session");
	s->c = c;
	s->o = *o;
	s->signal_fd = -1;
	s->term = (struct term)TERM_INIT;
	for (int i = 0; i < 2; i++)
		s->out[i] = (struct output){ .session = s, .fd = -1, .to = -1 };
	*ret = s;
	return cli_rpc(c, &s->rpc, err);
}

static ctr_code open_streams(struct session *s, struct ctr_error *err)
{
	ctr_code code = CTR_OK;

	if (!s->o.no_stdout)
		code = open_output(s, 0, STDOUT_FILENO, err);
	if (code == CTR_OK && !s->o.no_stderr)
		code = open_output(s, 1, STDERR_FILENO, err);
	if (code == CTR_OK && s->paths[0][0])
		code = input_open(s->c->loop, s->paths[0], s->o.tty, on_input_end, on_detach, s,
				  &s->input, err);
	return code;
}

ctr_code session_open(struct cli *c, const struct session_options *o, struct session **ret,
		      struct ctr_error *err)
{
	AUTO_SESSION s = NULL;
	ctr_code code = new_session(c, o, &s, err);

	if (code == CTR_OK)
		code = make_fifos(s, err);
	if (code == CTR_OK)
		code = open_streams(s, err);
	if (code == CTR_OK)
		*ret = take_ptr(&s);
	return code;
}

ctr_code session_attach(struct cli *c, const struct session_options *o, const char *stdin_path,
			const char *stdout_path, const char *stderr_path, struct session **ret,
			struct ctr_error *err)
{
	const char *const paths[] = { o->input ? stdin_path : NULL, stdout_path, stderr_path };
	AUTO_SESSION s = NULL;
	ctr_code code = new_session(c, o, &s, err);

	for (int i = 0; code == CTR_OK && i < 3; i++) {
		s->paths[i] = str_dup(paths[i] ? paths[i] : "");
		if (!s->paths[i])
			code = ctr_fail_errno(err, ENOMEM, "session");
	}
	if (code == CTR_OK)
		code = open_streams(s, err);
	if (code == CTR_OK)
		*ret = take_ptr(&s);
	return code;
}

const char *session_stdin(const struct session *s)
{
	return s->paths[0];
}

const char *session_stdout(const struct session *s)
{
	return s->paths[1];
}

const char *session_stderr(const struct session *s)
{
	return s->paths[2];
}

static ctr_code watch_signals(struct session *s, struct ctr_error *err)
{
	static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	for (size_t i = 0; s->o.forward_signals && i < ARRAY_SIZE(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return ctr_fail_errno(err, errno, "signals");
	r = loop_add_fd(s->c->loop, s->signal_fd, EPOLLIN, on_signal, s, &s->signal_watch);
	return r < 0 ? ctr_fail_errno(err, r, "signals") : CTR_OK;
}

ctr_code session_begin(struct session *s, struct ctr_error *err)
{
	ctr_code code = watch_signals(s, err);
	int r = 0;

	if (code != CTR_OK)
		return code;
	/* not before: what a runtime writes there while it fails to start comes as the error too */
	for (int i = 0; r == 0 && i < 2; i++) {
		if (s->out[i].fd >= 0)
			r = loop_add_fd(s->c->loop, s->out[i].fd, EPOLLIN, on_output, &s->out[i],
					&s->out[i].watch);
	}
	if (r < 0)
		return ctr_fail_errno(err, r, "output");
	if (s->o.tty && s->o.input) {
		r = term_raw(&s->term, STDIN_FILENO);
		if (r < 0)
			return ctr_fail_errno(err, r, "terminal");
	}
	if (s->o.tty)
		send_size(s);
	if (s->input)
		r = input_start(s->input);
	return r < 0 ? ctr_fail_errno(err, r, "standard input") : CTR_OK;
}

static void on_wait_done(void *ud)
{
	struct session *s = ud;

	loop_stop(s->c->loop);
}

ctr_code session_wait(struct session *s, struct rpc_pending *waiting, unsigned *ret_exit,
		      int *ret_detached, struct ctr_error *err)
{
	AUTO_PB TASKS(WaitResponse) *resp = NULL;
	ctr_code code;
	int r = 0;

	rpc_on_done(waiting, on_wait_done, s);
	while (!rpc_is_done(waiting) && !s->detached && !s->forced && r == 0)
		r = loop_run(s->c->loop);
	if (r < 0 || s->detached || s->forced) {
		rpc_cancel(waiting);
		term_restore(&s->term);
		*ret_detached = 1;
		*ret_exit = s->forced ? 128 + SIGINT : 0;
		return r < 0 ? ctr_fail_errno(err, r, "event loop") : CTR_OK;
	}
	code = rpc_finish(waiting, &resp, err);
	if (code != CTR_OK) {
		s->detached = 1; /* its FIFOs stay, to be attached to */
		return code;
	}
	*ret_detached = 0;
	*ret_exit = resp->exit_status;
	return CTR_OK;
}

static void on_idle(void *ud)
{
	struct session *s = ud;

	loop_stop(s->c->loop);
}

void session_drain(struct session *s)
{
	s->ended = 1;
	s->last_byte_ns = clock_now_ns();
	input_close(s->input);
	s->input = NULL;
	while (outputs_open(s)) {
		int64_t until = s->last_byte_ns + DRAIN_LIMIT_NS;
		struct loop_timer *timer = NULL;

		/*
		 * a process that outlives the container's first one may hold the other end for ever
		 */
		if (clock_now_ns() >= until ||
		    loop_add_timer(s->c->loop, until, on_idle, s, &timer) < 0)
			break;
		int r = loop_run(s->c->loop);

		if (clock_now_ns() < until)
			loop_del_timer(timer);
		if (r < 0)
			break;
	}
}

void session_free(struct session *s)
{
	if (!s)
		return;
	term_restore(&s->term);
	input_close(s->input);
	output_close(&s->out[0]);
	output_close(&s->out[1]);
	loop_del_fd(s->signal_watch);
	fd_close(&s->signal_fd);
	if (s->dir && !s->detached && !s->forced)
		files_remove_fifos(s->dir);
	free(s->dir);
	for (int i = 0; i < 3; i++)
		free(s->paths[i]);
	free(s);
}

void auto_session(struct session **s)
{
	session_free(*s);
}
