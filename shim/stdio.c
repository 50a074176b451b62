/* SPDX-License-Identifier: Apache-2.0
 *
 * Forms of output: nothing, a fifo or file (bare path, fifo://), file://, binary:// and
 * binary-v2://, ctrlog://. The last three take both streams, named by the first. Output always
 * passes through a pipe of ours (or the console), so a process never holds a descriptor of a host
 * file; standard input that is a fifo is given to the process as it is.
 */
#include "shim/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/str.h"
#include "shim/attach.h"
#include "shim/console.h"
#include "shim/logfile.h"
#include "shim/logger.h"
#include "shim/logsink.h"
#include "shim/sink.h"
#include "shim/uri.h"

struct stdio {
	struct loop *loop;
	int bundle_fd;
	int terminal;
	char *console_name;
	int console_listen_fd;
	int console_fd; /* for resize */
	int child[3];
	int stdin_keep_fd; /* our write end of the stdin fifo: no end of file before CloseIO */
	int stdin_fd;      /* a terminal's stdin, until its console is there */
	struct sink *out_sink[2];
	struct copy *out[2];
	struct sink *in_sink; /* console, or pipe for attached input */
	struct copy *in;
	struct sink *log; /* borrowed: out_sink[0] when that is a log */
	struct attach *attach;
	struct logger *logger;
	stdio_ready_fn ready;
	void *ready_ud;
	struct loop_timer *idle_timer;
	loop_fn idle;
	void *idle_ud;
};

static void idle_due(void *ud)
{
	struct stdio *io = ud;

	io->idle_timer = NULL;
	if (io->idle && !stdio_busy(io))
		io->idle(io->idle_ud);
}

/* From inside a copy, which must not be freed there: tell later. */
static void changed(void *ud)
{
	struct stdio *io = ud;

	if (io->idle && !io->idle_timer)
		(void)loop_add_timer(io->loop, clock_now_ns(), idle_due, io, &io->idle_timer);
}

/* Input from attach clients. */
static ptrdiff_t attach_input(void *ud, const char *data, size_t n)
{
	struct stdio *io = ud;

	return io->in_sink ? io->in_sink->ops->write(io->in_sink, 0, data, n) : (ptrdiff_t)n;
}

static void attach_input_close(void *ud)
{
	struct stdio *io = ud;

	if (!io->terminal && io->in_sink)
		io->in_sink->ops->end(io->in_sink, 0);
}

static void attach_resize(void *ud, unsigned int columns, unsigned int rows)
{
	struct stdio *io = ud;

	if (io->console_fd >= 0)
		(void)console_resize(io->console_fd, columns, rows);
}

static void attach_drained(void *ud)
{
	struct stdio *io = ud;

	if (io->log)
		sink_resume(io->log);
}

static const struct attach_ops attach_ops = {
	.input = attach_input,
	.input_close = attach_input_close,
	.resize = attach_resize,
	.drained = attach_drained,
};

static void input_resumed(void *ud)
{
	struct stdio *io = ud;

	if (io->attach)
		attach_resume_input(io->attach);
}

static int own_pipe(const struct stdio_config *cfg, int ret[2])
{
	int r = fd_pipe(ret, 0);

	if (r == 0 && (cfg->uid || cfg->gid) &&
	    (fchown(ret[0], cfg->uid, cfg->gid) < 0 || fchown(ret[1], cfg->uid, cfg->gid) < 0))
		r = -errno;
	if (r < 0) {
		fd_close(&ret[0]);
		fd_close(&ret[1]);
	}
	return r;
}

/* Start copying output stream (1, 2) into its sink; a terminal's copy begins with its console. */
static int start_output(struct stdio *io, const struct stdio_config *cfg, int stream,
			struct sink *sink)
{
	int ends[2];
	int r;

	if (io->terminal)
		return 0;
	r = own_pipe(cfg, ends);
	if (r < 0)
		return r;
	io->child[stream] = ends[1];
	r = copy_new(io->loop, ends[0], sink, stream, &io->out[stream - 1]);
	if (r == 0)
		copy_on_change(io->out[stream - 1], changed, io);
	return r;
}

/* A fifo (whose reader may be absent) or a file to append to. */
static int open_path(const char *path, int *ret_fd, int *ret_fifo)
{
	AUTO_CLOSE int probe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (probe < 0 || fstat(probe, &st) < 0)
		return -errno;
	if (!S_ISFIFO(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return -EINVAL;
	fd = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	*ret_fifo = S_ISFIFO(st.st_mode);
	*ret_fd = take_fd(&fd);
	return 0;
}

static int open_plain(struct stdio *io, const struct stdio_config *cfg, const char *path,
		      int stream)
{
	int fd = -1, is_fifo = 0;
	int r = open_path(path, &fd, &is_fifo);

	if (r == 0)
		r = fd_sink_new(io->loop, fd, is_fifo, &io->out_sink[stream - 1]);
	return r < 0 ? r : start_output(io, cfg, stream, io->out_sink[stream - 1]);
}

static int open_file(struct stdio *io, const struct stdio_config *cfg, const char *path)
{
	int r = make_parent_dirs(path);
	int streams = io->terminal ? 1 : 2;

	for (int i = 1; r == 0 && i <= streams; i++) {
		int fd = open(path,
			      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
			      0644);

		r = fd < 0 ? -errno : fd_sink_new(io->loop, fd, 0, &io->out_sink[i - 1]);
		if (r == 0)
			r = start_output(io, cfg, i, io->out_sink[i - 1]);
	}
	return r;
}

static int open_attach_input(struct stdio *io, const struct stdio_config *cfg)
{
	int ends[2];
	int r = own_pipe(cfg, ends);

	if (r < 0)
		return r;
	io->child[0] = ends[0];
	return fd_sink_new(io->loop, ends[1], 0, &io->in_sink);
}

static ctr_code open_log(struct stdio *io, const struct stdio_config *cfg, const struct uri *u,
			 struct ctr_error *err)
{
	struct log_options o;
	const char *bad = "";
	int streams = io->terminal ? 1 : 2;
	unsigned int flags = io->terminal ? ATTACH_HAS_CONSOLE | ATTACH_HAS_STDIN : 0;
	int r;

	if (log_options_parse(u->query, &o, &bad) < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "log uri '%s': wrong option '%s'",
				cfg->out, bad);
	r = log_sink_new(u->path, &o, streams, &io->out_sink[0]);
	if (r < 0)
		return ctr_fail_errno(err, r, "open log '%s'", u->path);
	io->log = io->out_sink[0];
	if (o.attach_stdin && !io->terminal && !*str_or(cfg->in, "")) {
		flags |= ATTACH_HAS_STDIN;
		r = open_attach_input(io, cfg);
	}
	for (int i = 1; r == 0 && i <= streams; i++)
		r = start_output(io, cfg, i, io->log);
	if (r == 0 && cfg->attach)
		r = attach_new(io->loop, io->bundle_fd, flags, &attach_ops, io, &io->attach);
	if (r < 0)
		return ctr_fail_errno(err, r, "set up output to log '%s'", u->path);
	log_sink_set_attach(io->log, io->attach);
	if (io->in_sink) {
		io->in_sink->resumed = input_resumed;
		io->in_sink->resumed_ud = io;
	}
	return CTR_OK;
}

static void logger_ready(void *ud, int r)
{
	struct stdio *io = ud;
	stdio_ready_fn fn = io->ready;
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code = CTR_OK;

	io->ready = NULL;
	if (r < 0)
		code = ctr_fail_errno(&err, r, "wait for the logging program to be ready");
	fn(io->ready_ud, code, &err);
}

static ctr_code open_binary(struct stdio *io, const struct stdio_config *cfg, const struct uri *u,
			    struct ctr_error *err)
{
	int fds[2];
	int r = logger_start(io->loop, cfg->kids, u, cfg->ns, cfg->id,
			     strcmp(u->scheme, "binary-v2") == 0, logger_ready, io, &io->logger,
			     fds);

	if (r < 0)
		return ctr_fail_errno(err, r, "start logging program '%s'", u->path);
	if (!io->terminal) {
		io->child[1] = fds[0];
		io->child[2] = fds[1];
		return CTR_OK;
	}
	fd_close(&fds[1]);
	r = fd_sink_new(io->loop, fds[0], 0, &io->out_sink[0]);
	return r < 0 ? ctr_fail_errno(err, r, "set up logging program '%s'", u->path) : CTR_OK;
}

static ctr_code open_output(struct stdio *io, const struct stdio_config *cfg, const char *s,
			    int stream, struct ctr_error *err)
{
	AUTO_URI u = { 0 };
	int r = uri_parse(s, &u);

	if (r < 0)
		return ctr_fail_errno(err, r, "standard stream '%s'", s);
	if (strcmp(u.scheme, "") == 0 || strcmp(u.scheme, "fifo") == 0)
		r = open_plain(io, cfg, u.path, stream);
	else if (stream == 2)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "standard error '%s' alone has a scheme",
				s);
	else if (strcmp(u.scheme, "file") == 0)
		r = open_file(io, cfg, u.path);
	else if (strcmp(u.scheme, "ctrlog") == 0)
		return open_log(io, cfg, &u, err);
	else if (strcmp(u.scheme, "binary") == 0 || strcmp(u.scheme, "binary-v2") == 0)
		return open_binary(io, cfg, &u, err);
	else
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "unknown STDIO scheme %s", u.scheme);
	return r < 0 ? ctr_fail_errno(err, r, "open standard stream '%s'", s) : CTR_OK;
}

/* Does the first output string speak for both streams? */
static int takes_both(const char *out)
{
	return strstr(out, "://") && !str_starts(out, "fifo://");
}

static int open_input(struct stdio *io, const struct stdio_config *cfg, const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISFIFO(st.st_mode)) {
		io->stdin_keep_fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (io->stdin_keep_fd < 0)
			return -errno;
		if ((cfg->uid || cfg->gid) && fchown(fd, cfg->uid, cfg->gid) < 0)
			return -errno;
	}
	if (io->terminal) {
		io->stdin_fd = take_fd(&fd);
		return 0;
	}
	r = fd_set_nonblock(fd, 0);
	if (r == 0)
		io->child[0] = take_fd(&fd);
	return r;
}

static ctr_code open_all(struct stdio *io, const struct stdio_config *cfg, struct ctr_error *err)
{
	const char *in = str_or(cfg->in, ""), *out = str_or(cfg->out, ""),
		   *errs = str_or(cfg->err, "");
	ctr_code code = CTR_OK;
	int r;

	if (*out)
		code = open_output(io, cfg, out, 1, err);
	if (code == CTR_OK && *errs && !io->terminal && !takes_both(out))
		code = open_output(io, cfg, errs, 2, err);
	if (code != CTR_OK)
		return code;
	r = *in ? open_input(io, cfg, in) : 0;
	if (r < 0)
		return ctr_fail_errno(err, r, "open standard input '%s'", in);
	if (!io->terminal)
		return CTR_OK;
	io->console_name = str_dup(cfg->console_name);
	if (!io->console_name)
		return ctr_fail_errno(err, -ENOMEM, "console socket");
	io->console_listen_fd = listen_below(io->bundle_fd, cfg->console_name);
	if (io->console_listen_fd < 0)
		return ctr_fail_errno(err, io->console_listen_fd, "listen at console socket '%s'",
				      cfg->console_name);
	return CTR_OK;
}

ctr_code stdio_open(const struct stdio_config *cfg, stdio_ready_fn fn, void *ud, struct stdio **ret,
		    struct ctr_error *err)
{
	struct stdio *io = calloc(1, sizeof(*io));
	ctr_code code;

	if (!io)
		return ctr_fail_errno(err, -ENOMEM, "standard streams");
	io->loop = cfg->loop;
	io->bundle_fd = cfg->bundle_fd;
	io->terminal = cfg->terminal;
	io->console_listen_fd = io->console_fd = io->stdin_keep_fd = io->stdin_fd = -1;
	io->child[0] = io->child[1] = io->child[2] = -1;
	io->ready = fn;
	io->ready_ud = ud;
	code = open_all(io, cfg, err);
	if (code != CTR_OK) {
		stdio_free(io);
		return code;
	}
	*ret = io;
	if (!io->logger)
		fn(ud, CTR_OK, NULL);
	return CTR_OK;
}

void stdio_child_fds(const struct stdio *io, int ret[3])
{
	memcpy(ret, io->child, sizeof(io->child));
}

void stdio_close_child_fds(struct stdio *io)
{
	for (size_t i = 0; i < ARRAY_SIZE(io->child); i++)
		fd_close(&io->child[i]);
}

/* Connect the console to the sinks and sources that were opened for it. */
static int console_start(struct stdio *io, int fd)
{
	int in = fd_dup(fd);
	int r = in < 0 ? in : fd_sink_new(io->loop, in, 0, &io->in_sink);

	if (r == 0) {
		io->in_sink->resumed = input_resumed;
		io->in_sink->resumed_ud = io;
	}
	if (r == 0 && io->stdin_fd >= 0)
		r = copy_new(io->loop, take_fd(&io->stdin_fd), io->in_sink, 0, &io->in);
	if (r == 0 && !io->out_sink[0]) { /* output that nobody wants still has to flow */
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		r = null < 0 ? -errno : fd_sink_new(io->loop, null, 0, &io->out_sink[0]);
	}
	if (r == 0) {
		int out = fd_dup(fd);

		r = out < 0 ? out : copy_new(io->loop, out, io->out_sink[0], 1, &io->out[0]);
	}
	if (r == 0)
		copy_on_change(io->out[0], changed, io);
	return r;
}

ctr_code stdio_take_console(struct stdio *io, struct ctr_error *err)
{
	int fd, r;

	if (!io->terminal)
		return CTR_OK;
	fd = console_receive(io->console_listen_fd);
	fd_close(&io->console_listen_fd);
	(void)unlinkat(io->bundle_fd, io->console_name, 0);
	if (fd < 0)
		return ctr_fail_errno(err, fd, "receive the console from the runtime");
	io->console_fd = fd;
	r = console_start(io, fd);
	return r < 0 ? ctr_fail_errno(err, r, "set up the console") : CTR_OK;
}

ctr_code stdio_resize(struct stdio *io, unsigned int columns, unsigned int rows,
		      struct ctr_error *err)
{
	int r = io->console_fd >= 0 ? console_resize(io->console_fd, columns, rows) : 0;

	return r < 0 ? ctr_fail_errno(err, r, "resize the console") : CTR_OK;
}

void stdio_close_stdin(struct stdio *io)
{
	fd_close(&io->stdin_keep_fd);
	if (!io->terminal && io->in_sink)
		io->in_sink->ops->end(io->in_sink, 0);
}

void stdio_drain(struct stdio *io)
{
	for (size_t i = 0; i < ARRAY_SIZE(io->out); i++)
		if (io->out[i])
			copy_drain(io->out[i]);
}

int stdio_busy(const struct stdio *io)
{
	for (size_t i = 0; i < ARRAY_SIZE(io->out); i++)
		if (io->out[i] && copy_blocked(io->out[i]))
			return 1;
	return 0;
}

void stdio_on_idle(struct stdio *io, loop_fn fn, void *ud)
{
	io->idle = fn;
	io->idle_ud = ud;
}

void stdio_free(struct stdio *io)
{
	if (!io)
		return;
	io->idle = NULL;
	loop_del_timer(io->idle_timer);
	stdio_close_child_fds(io);
	copy_free(io->in);
	for (size_t i = 0; i < ARRAY_SIZE(io->out); i++)
		copy_free(io->out[i]);
	if (io->log)
		log_sink_set_attach(io->log, NULL);
	attach_free(io->attach, io->bundle_fd);
	for (size_t i = 0; i < ARRAY_SIZE(io->out_sink); i++)
		sink_free(io->out_sink[i]);
	sink_free(io->in_sink);
	logger_stop(io->logger);
	if (io->console_listen_fd >= 0)
		(void)unlinkat(io->bundle_fd, io->console_name, 0);
	fd_close(&io->console_listen_fd);
	fd_close(&io->console_fd);
	fd_close(&io->stdin_keep_fd);
	fd_close(&io->stdin_fd);
	free(io->console_name);
	free(io);
}
