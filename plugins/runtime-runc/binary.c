/* SPDX-License-Identifier: Apache-2.0
 *
 * Run a shim's binary for one verb in the bundle: its output is collected on the loop, a time limit ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime.h"

struct run {
	struct task *task; /* a reference */
	struct buf output;
	int out_fd, pid_fd;
	void *out_watch, *timer;
	binary_done done;
	void *ud;
};

static void run_free(struct run *r)
{
	struct runtime *rt = r->task->rt;

	rt->loop->del_fd(rt->host, r->out_watch);
	rt->loop->del_timer(rt->host, r->timer);
	fd_close(&r->out_fd);
	fd_close(&r->pid_fd);
	buf_done(&r->output);
	task_unref(r->task);
	free(r);
}

/* What is in the pipe now; more than the limit is dropped, so that the writer never blocks. */
static void drain(struct run *r)
{
	char data[4096];
	ssize_t n;

	while ((n = read(r->out_fd, data, sizeof(data))) > 0)
		(void)buf_append(&r->output, data, (size_t)n);
}

static void on_output(void *ud, uint32_t events)
{
	struct run *r = ud;

	drain(r);
	if (events & (EPOLLHUP | EPOLLERR)) {
		r->task->rt->loop->del_fd(r->task->rt->host, r->out_watch);
		r->out_watch = NULL;
	}
}

/* The process has ended; a grandchild may hold the pipe open, so its end is not waited for. */
static void on_end(void *ud, int32_t how, int32_t status)
{
	struct run *r = ud;

	drain(r);
	r->done(r->ud, how == CLD_EXITED && status == 0, str_or(r->output.data, ""), r->output.len);
	run_free(r);
}

static void on_limit(void *ud)
{
	struct run *r = ud;

	r->timer = NULL;
	r->task->rt->host->log(r->task->rt->host, CTR_LOG_WARN,
			       "shim %s: its binary does not end: killed", r->task->key);
	(void)syscall(SYS_pidfd_send_signal, r->pid_fd, SIGKILL, NULL, 0);
}

static char **environment(struct task *t)
{
	struct runtime *rt = t->rt;
	const char *const fixed[][2] = {
		{ "PATH", rt->path },
		{ "GOMAXPROCS", "2" },
		{ "MAX_SHIM_VERSION", "2" },
		{ "TTRPC_ADDRESS", rt->ttrpc->ttrpc_address(rt->host) },
		{ "GRPC_ADDRESS", rt->ttrpc->grpc_address(rt->host) },
		{ "NAMESPACE", t->ns },
		{ "CTR_SHIM_SOCKET_DIR", rt->socket_dir },
	};
	char **env = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		AUTO_FREE char *pair = str_printf("%s=%s", fixed[i][0], fixed[i][1]);
		if (!pair || strv_push(&env, pair) < 0)
			goto fail;
	}
	for (uint64_t i = 0; i < rt->n_env; i++)
		if (strv_push(&env, rt->env[i]) < 0)
			goto fail;
	return env;
fail:
	strv_free(env);
	return NULL;
}

static char **arguments(struct task *t, const char *verb, int with_bundle)
{
	const char *const args[] = {
		t->binary,
		"-namespace",
		t->ns,
		"-address",
		t->rt->ttrpc->grpc_address(t->rt->host),
		"-publish-binary",
		"/proc/self/exe",
		"-id",
		t->id,
		with_bundle ? "-bundle" : verb,
		t->bundle,
		verb,
	};
	size_t n = with_bundle ? ARRAY_SIZE(args) : ARRAY_SIZE(args) - 2;
	char **argv = NULL;

	for (size_t i = 0; i < n; i++)
		if (strv_push(&argv, args[i]) < 0) {
			strv_free(argv);
			return NULL;
		}
	return argv;
}

/* pidfd of a process that the host reaps: taken before the loop can reap it, so it is the right one. */
static int pidfd_of(int32_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

ctr_code binary_run(struct task *t, const char *verb, int with_bundle, int64_t limit_ns,
		    binary_done done, void *ud, struct ctr_error *err)
{
	struct runtime *rt = t->rt;
	AUTO_STRV argv = arguments(t, verb, with_bundle);
	AUTO_STRV env = environment(t);
	AUTO_CLOSE int cwd = bundle_open(t);
	int out[2];

	struct run *r = calloc(1, sizeof(*r));
	if (!r || !argv || !env) {
		free(r);
		return rt->host->fail_errno(err, ENOMEM, "run '%s'", t->binary);
	}
	task_ref(t);
	*r = (struct run){ .task = t,
			   .output = BUF_INIT(ANSWER_MAX),
			   .out_fd = -1,
			   .pid_fd = -1,
			   .done = done,
			   .ud = ud };

	int e = cwd < 0 ? cwd : fd_pipe(out, 0);
	if (e < 0) {
		run_free(r);
		return rt->host->fail_errno(err, e, "run '%s'", t->binary);
	}
	r->out_fd = out[0];
	AUTO_CLOSE int write_end = out[1];
	(void)fd_set_nonblock(r->out_fd, 1);

	/* stderr of `delete` is not its answer; that of `start` is its error text. */
	const struct ctr_spawn_fd fds[] = { { write_end, 1 }, { write_end, 2 } };
	const struct ctr_spawn_args args = {
		.size = sizeof(args),
		.path = t->binary,
		.argv = (const char *const *)argv,
		.envp = (const char *const *)env,
		.fds = fds,
		.n_fds = with_bundle ? 1 : 2,
		.cwd_fd = cwd,
		.flags = CTR_SPAWN_CWD | CTR_SPAWN_GROUP,
	};
	int32_t pid;
	ctr_code code =
		rt->loop->add_fd(rt->host, r->out_fd, EPOLLIN, on_output, r, &r->out_watch, err);
	if (code == CTR_OK)
		code = rt->spawn->watch(rt->host, &args, on_end, r, &pid, err);
	if (code != CTR_OK) {
		run_free(r);
		return rt->host->wrap(err, "run '%s'", t->binary);
	}
	r->pid_fd = pidfd_of(pid);
	if (r->pid_fd >= 0)
		(void)rt->loop->add_timer(rt->host, clock_now_ns() + limit_ns, on_limit, r,
					  &r->timer, NULL);
	return CTR_OK;
}
