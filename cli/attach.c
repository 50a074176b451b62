/* SPDX-License-Identifier: Apache-2.0
 *
 * attach: through the shim's attach socket in the bundle (many at a time, nobody holds the
 * container back), or, for a container that was started in the foreground, through its FIFOs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cli/attachwire.h"
#include "cli/container.h"
#include "cli/input.h"
#include "cli/pbutil.h"
#include "cli/task.h"
#include "cli/term.h"
#include "cli/verbs.h"

#define RUNTIME_DIR "io.containerd.runtime.v2.task"
#define CHUNK       32768

struct attached {
	struct cli *c;
	int sock;
	struct attach_decoder decoder;
	struct term term;
	struct loop_fd *sock_watch, *stdin_watch, *signal_watch;
	int signal_fd, tty, input, key_state, stdin_open;
	int detached, ended, error;
};

static void leave(struct attached *a, int error)
{
	a->ended = 1;
	a->error = error;
	loop_stop(a->c->loop);
}

static void send_frame(struct attached *a, enum attach_type type, const void *data, size_t n)
{
	unsigned char head[ATTACH_HEAD];

	attach_head(type, n, head);
	if (io_write_full(a->sock, head, sizeof(head)) < 0 ||
	    (n && io_write_full(a->sock, data, n) < 0))
		leave(a, 0);
}

static void send_size(struct attached *a)
{
	unsigned width, height;
	unsigned char data[4];

	if (!a->tty || term_size(STDOUT_FILENO, &width, &height) < 0)
		return;
	data[0] = (unsigned char)(width >> 8);
	data[1] = (unsigned char)width;
	data[2] = (unsigned char)(height >> 8);
	data[3] = (unsigned char)height;
	send_frame(a, ATTACH_TYPE_RESIZE, data, sizeof(data));
}

static void on_frame(void *ud, enum attach_type type, const char *data, size_t n)
{
	struct attached *a = ud;
	int r = 0;

	if (type == ATTACH_TYPE_STDOUT)
		r = io_write_full(STDOUT_FILENO, data, n);
	else if (type == ATTACH_TYPE_STDERR)
		r = io_write_full(STDERR_FILENO, data, n);
	if (r < 0)
		leave(a, 0);
}

static void on_socket(void *ud, uint32_t events)
{
	struct attached *a = ud;
	char data[CHUNK];
	ssize_t n = read(a->sock, data, sizeof(data));

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		leave(a, n < 0 ? -errno : 0);
	else if (attach_decode(&a->decoder, data, (size_t)n, on_frame, a) < 0)
		leave(a, -EPROTO);
}

static void on_stdin(void *ud, uint32_t events)
{
	struct attached *a = ud;
	char data[CHUNK], out[CHUNK + 1];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));
	int detach = 0;
	size_t len;

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		loop_del_fd(a->stdin_watch);
		a->stdin_watch = NULL;
		a->stdin_open = 0;
		send_frame(a, ATTACH_TYPE_STDIN_CLOSE, NULL, 0);
		return;
	}
	len = detach_filter(&a->key_state, data, (size_t)n, out, &detach);
	if (len > 0)
		send_frame(a, ATTACH_TYPE_STDIN, a->tty ? out : data, a->tty ? len : (size_t)n);
	if (detach && a->tty) {
		a->detached = 1;
		leave(a, 0);
	}
}

static void on_signal(void *ud, uint32_t events)
{
	struct attached *a = ud;
	struct signalfd_siginfo info;

	(void)events;
	if (read(a->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		send_size(a);
}

/* The path may be longer than a socket address: go by a descriptor of its directory. */
static int connect_in(const char *dir)
{
	AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_FREE char *path = dir_fd < 0 ? NULL : str_printf("/proc/self/fd/%d/attach", dir_fd);
	int sock;

	if (dir_fd < 0)
		return -errno;
	if (!path || strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int e = -errno;

		fd_close(&sock);
		return e;
	}
	return sock;
}

static int begin(struct attached *a)
{
	sigset_t set;
	int r = loop_add_fd(a->c->loop, a->sock, EPOLLIN, on_socket, a, &a->sock_watch);

	if (r == 0 && a->tty && a->input)
		r = term_raw(&a->term, STDIN_FILENO);
	if (r == 0 && a->input)
		r = loop_add_fd(a->c->loop, STDIN_FILENO, EPOLLIN, on_stdin, a, &a->stdin_watch);
	/* a file: epoll does not take it, and it never makes us wait */
	if (r == -EPERM) {
		for (a->stdin_open = 1; a->stdin_open && !a->ended;)
			on_stdin(a, EPOLLIN);
		r = 0;
	}
	if (r < 0)
		return r;
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	a->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	send_size(a);
	return a->signal_fd < 0 ? -errno
				: loop_add_fd(a->c->loop, a->signal_fd, EPOLLIN, on_signal, a,
					      &a->signal_watch);
}

static ctr_code by_socket(struct cli *c, int sock, int tty, int *ret_detached,
			  struct ctr_error *err)
{
	struct attached a = {
		.c = c, .sock = sock, .tty = tty, .signal_fd = -1, .term = TERM_INIT
	};
	int r;

	a.input = !arg_on(&c->args, "no-stdin") && (!tty || isatty(STDIN_FILENO));
	r = begin(&a);
	while (r == 0 && !a.ended)
		r = loop_run(c->loop);
	term_restore(&a.term);
	loop_del_fd(a.sock_watch);
	loop_del_fd(a.stdin_watch);
	loop_del_fd(a.signal_watch);
	fd_close(&a.signal_fd);
	attach_decoder_done(&a.decoder);
	*ret_detached = a.detached;
	r = r < 0 ? r : a.error;
	return r < 0 ? ctr_fail_errno(err, r, "attach socket") : CTR_OK;
}

static ctr_code by_fifos(struct cli *c, const char *id, const Containerd__V1__Types__Process *p,
			 int *ret_detached, unsigned *ret_exit, struct ctr_error *err)
{
	const struct session_options so = {
		.id = id,
		.tty = p->terminal,
		.input = !arg_on(&c->args, "no-stdin") && p->stdin[0],
		.forward_signals = !p->terminal,
	};
	AUTO_SESSION s = NULL;
	AUTO_PENDING waiting = NULL;
	ctr_code code;

	if (strstr(p->stdout, "://"))
		return ctr_fail(
			err, CTR_FAILED_PRECONDITION,
			"its output goes to '%s' and its shim has no attach socket: see logs",
			p->stdout);
	code = session_attach(c, &so, p->stdin, p->stdout, p->stderr, &s, err);
	if (code == CTR_OK)
		code = task_wait_begin(c, id, NULL, &waiting, err);
	if (code == CTR_OK)
		code = session_begin(s, err);
	if (code == CTR_OK)
		code = session_wait(s, take_ptr(&waiting), ret_exit, ret_detached, err);
	if (code == CTR_OK && !*ret_detached)
		session_drain(s);
	return code;
}

/* The exit status, once the output has ended. */
static ctr_code exit_status(struct cli *c, const char *id, unsigned *ret, struct ctr_error *err)
{
	AUTO_PB TASKS(WaitResponse) *resp = NULL;
	AUTO_PENDING waiting = NULL;
	ctr_code code = task_wait_begin(c, id, NULL, &waiting, err);

	if (code == CTR_OK)
		code = rpc_finish(take_ptr(&waiting), &resp, err);
	if (code == CTR_OK)
		*ret = resp->exit_status;
	return code;
}

/*
 * The bundle is the working directory of the shim, which is the parent of the container's first
 * process.
 */
static char *bundle_of(unsigned pid, const char *id)
{
	AUTO_FREE char *stat_path = str_printf("/proc/%u/stat", pid);
	AUTO_FREE char *cwd_path = NULL;
	AUTO_FREE char *text = NULL;
	char bundle[4096];
	unsigned parent = 0;
	const char *p;
	ssize_t n;

	if (!stat_path || io_read_file(AT_FDCWD, stat_path, sizeof(bundle), &text, NULL) < 0)
		return NULL;
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %*c %9u", &parent) != 1 || parent <= 1)
		return NULL;
	cwd_path = str_printf("/proc/%u/cwd", parent);
	n = cwd_path ? readlink(cwd_path, bundle, sizeof(bundle) - 1) : -1;
	if (n <= 0)
		return NULL;
	bundle[n] = 0;
	return str_ends(bundle, id) ? str_dup(bundle) : NULL;
}

static int open_socket(struct cli *c, const char *id, unsigned pid)
{
	const char *slash = strrchr(c->address, '/');
	AUTO_FREE char *usual =
		str_printf("%.*s/" RUNTIME_DIR "/%s/%s", (int)(slash ? slash - c->address : 0),
			   c->address, c->ns, id);
	AUTO_FREE char *found = NULL;
	int sock = usual ? connect_in(usual) : -ENOMEM;

	if (sock >= 0)
		return sock;
	found = bundle_of(pid, id);
	return found ? connect_in(found) : sock;
}

ctr_code verb_attach(struct cli *c, struct ctr_error *err)
{
	AUTO_PB TASKS(GetResponse) *state = NULL;
	AUTO_FREE char *id = NULL;
	AUTO_CLOSE int sock = -1;
	unsigned status = 0;
	int detached = 0;
	ctr_code code;

	c->subject = c->args.rest[0];
	code = container_id(c, c->args.rest[0], &id, err);
	if (code == CTR_OK) {
		code = task_get(c, id, NULL, &state, err);
		if (code == CTR_NOT_FOUND)
			code = ctr_fail(err, CTR_FAILED_PRECONDITION, "it is not running");
	}
	if (code != CTR_OK)
		return code;
	sock = open_socket(c, id, state->process->pid);
	if (sock >= 0) {
		code = by_socket(c, sock, state->process->terminal, &detached, err);
		if (code == CTR_OK && !detached)
			code = exit_status(c, id, &status, err);
	} else {
		code = by_fifos(c, id, state->process, &detached, &status, err);
	}
	if (code == CTR_OK)
		c->exit_code = (int)status & 0xff;
	return code;
}
