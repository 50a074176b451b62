/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.spawn.v1": plugins' processes, started through base/spawn.h, and the paths of our
 * own helpers. Any thread; ends of watched processes are told on the loop's.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/spawn.h"
#include "base/str.h"
#include "core/daemon.h"
#include "core/host/internal.h"

#include <ctr/spawn.h>

#define SPAWN_FDS_MAX 64

struct helpers {
	pthread_mutex_t lock; /* guards paths */
	struct map *paths;    /* name -> path from malloc */
	char *libexec;
};

struct watch {
	struct loop *loop;
	void (*done)(void *ud, int32_t how, int32_t status);
	void *ud;
	int pidfd;
};

static ctr_code check_args(const struct ctr_spawn_args *args, struct ctr_error *err)
{
	if (args->size < sizeof(*args))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"start a process: the arguments are cut off");
	if (args->flags & ~(CTR_SPAWN_CWD | CTR_SPAWN_GROUP))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "start a process: unknown flags 0x%x",
				args->flags);
	if (!args->path || args->path[0] != '/' || !args->argv || !args->argv[0])
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"start '%s': not an absolute path with arguments",
				args->path ? args->path : "");
	if (args->n_fds > SPAWN_FDS_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "start '%s': more than %d descriptors",
				args->path, SPAWN_FDS_MAX);
	return CTR_OK;
}

static ctr_code start(const struct ctr_spawn_args *args, pid_t *ret_pid, int *ret_pidfd,
		      struct ctr_error *err)
{
	struct spawn_fd fds[SPAWN_FDS_MAX];
	struct spawn s = SPAWN_INIT;
	ctr_code code = check_args(args, err);
	int r;

	if (code != CTR_OK)
		return code;
	for (uint64_t i = 0; i < args->n_fds; i++)
		fds[i] = (struct spawn_fd){ .from = args->fds[i].from, .to = args->fds[i].to };
	s.path = args->path;
	/* posix_spawn takes char *, and writes to none of them. */
	s.argv = (char *const *)(uintptr_t)args->argv;
	s.envp = (char *const *)(uintptr_t)args->envp;
	s.fds = fds;
	s.n_fds = (size_t)args->n_fds;
	s.new_group = (args->flags & CTR_SPAWN_GROUP) != 0;
	if (args->flags & CTR_SPAWN_CWD)
		s.cwd_fd = args->cwd_fd;
	r = spawn_start(&s, ret_pid, ret_pidfd);
	return r < 0 ? ctr_fail_errno(err, r, "start '%s'", args->path) : CTR_OK;
}

static ctr_code ops_start(const struct ctr_host *h, const struct ctr_spawn_args *args,
			  int32_t *ret_pid, int32_t *ret_pidfd, struct ctr_error *err)
{
	pid_t pid;
	int pidfd;
	ctr_code code = start(args, &pid, &pidfd, err);

	(void)h;
	if (code != CTR_OK)
		return code;
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return CTR_OK;
}

static void child_done(void *ud, const siginfo_t *info)
{
	struct watch *w = ud;

	w->done(w->ud, info->si_code, info->si_status);
	free(w);
}

/* It cannot be watched: the promise to tell of its end is kept by ending it. */
static void end_unwatched(struct watch *w)
{
	siginfo_t info = { 0 };

	log_error("a process cannot be watched, out of memory or descriptors: it is killed");
	(void)syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	fd_close(&w->pidfd);
	child_done(w, &info);
}

static void add_child(void *ud)
{
	struct watch *w = ud;

	if (loop_add_child(w->loop, w->pidfd, child_done, w, NULL) < 0)
		end_unwatched(w);
}

static ctr_code ops_watch(const struct ctr_host *h, const struct ctr_spawn_args *args,
			  void (*done)(void *ud, int32_t how, int32_t status), void *ud,
			  int32_t *ret_pid, struct ctr_error *err)
{
	struct watch *w = malloc(sizeof(*w));
	pid_t pid;
	ctr_code code;

	if (!w)
		return ctr_fail_errno(err, ENOMEM, "start '%s'", args->path);
	*w = (struct watch){ .loop = host_daemon(h)->loop, .done = done, .ud = ud };
	code = start(args, &pid, &w->pidfd, err);
	if (code != CTR_OK) {
		free(w);
		return code;
	}
	*ret_pid = pid;
	/* Posted even from the loop's own thread: done is never called from inside watch(). */
	if (loop_post(w->loop, add_child, w) < 0) {
		(void)syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
		(void)waitid(P_PIDFD, (id_t)w->pidfd, NULL, WEXITED);
		fd_close(&w->pidfd);
		free(w);
		return ctr_fail_errno(err, ENOMEM, "watch '%s'", args->path);
	}
	return CTR_OK;
}

static const char *ops_helper(const struct ctr_host *h, const char *name)
{
	struct helpers *helpers = host_daemon(h)->helpers;
	char *path;

	pthread_mutex_lock(&helpers->lock);
	path = map_get(helpers->paths, name);
	if (!path) {
		path = str_printf("%s/%s", helpers->libexec, name);
		if (path && map_put(helpers->paths, name, path) < 0) {
			free(path);
			path = NULL;
		}
	}
	pthread_mutex_unlock(&helpers->lock);
	return path;
}

static int helpers_new(const char *libexec, struct helpers **ret)
{
	struct helpers *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	if (pthread_mutex_init(&h->lock, NULL) != 0) {
		free(h);
		return -ENOMEM;
	}
	h->paths = map_new();
	h->libexec = str_dup(libexec);
	if (!h->paths || !h->libexec) {
		helpers_free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

void helpers_free(struct helpers *h)
{
	size_t pos = 0;
	char *path;

	if (!h)
		return;
	while (h->paths && (path = map_next(h->paths, &pos, NULL)))
		free(path);
	map_free(h->paths);
	pthread_mutex_destroy(&h->lock);
	free(h->libexec);
	free(h);
}

static const struct ctr_spawn_ops host_spawn_ops = {
	.size = sizeof(host_spawn_ops),
	.start = ops_start,
	.watch = ops_watch,
	.helper = ops_helper,
};

int host_provide(struct daemon *d)
{
	int r = helpers_new(d->libexec, &d->helpers);

	if (r == 0)
		r = daemon_provide(d, CTR_SERVICE_SPAWN, &host_spawn_ops, sizeof(host_spawn_ops));
	if (r == 0)
		r = daemon_provide(d, CTR_SERVICE_MOUNT, &host_mount_ops, sizeof(host_mount_ops));
	return r;
}
