/* SPDX-License-Identifier: Apache-2.0
 *
 * The start verb: makes the listening socket, starts this program again with it, and says where it
 * is. Nothing but that answer may be printed; on failure the daemon takes all output as the error's
 * text.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/path.h"
#include "base/spawn.h"
#include "base/str.h"
#include "shim/address.h"
#include "shim/bootstrap.h"
#include "shim/cgroup.h"
#include "shim/oomscore.h"
#include "shim/shim.h"

#define OOM_SCORE_MAX 1000

static int complain(const struct ctr_error *err)
{
	(void)fprintf(stderr, "%s: %s\n", SHIM_NAME, error_text(err));
	return EXIT_FAILURE;
}

/*
 * The daemon's score and one more: the shim goes first. Not being allowed to is no reason to fail.
 */
static void adjust_oom_score(pid_t pid)
{
	int score;

	if (oom_score_get(getppid(), &score) == 0)
		(void)oom_score_set(pid, MIN(score + 1, OOM_SCORE_MAX));
}

static ctr_code spawn_server(const struct invocation *in, const struct bootstrap *b,
			     const char *grpc, int listen_fd, pid_t *ret_pid, struct ctr_error *err)
{
	const char *ttrpc = b->ttrpc_address ? b->ttrpc_address : in->ttrpc_address;
	AUTO_FREE char *env_ttrpc = str_printf("TTRPC_ADDRESS=%s", ttrpc);
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *const envp[] = { env_ttrpc, NULL };
	const struct spawn_fd fds[] = { { listen_fd, SHIM_LISTEN_FD } };
	const char *const head[] = { SHIM_NAME,
				     "-namespace",
				     in->flags.namespace_,
				     "-id",
				     in->flags.id,
				     "-address",
				     grpc,
				     in->flags.debug || b->debug ? "-debug" : NULL,
				     NULL };
	AUTO_STRV argv = NULL;
	struct spawn s = SPAWN_INIT;
	pid_t pid;
	int r = 0;

	if (n < 0)
		return ctr_fail_errno(err, -errno, "find this program's file");
	exe[n] = '\0';
	for (const char *const *p = head; r == 0 && *p; p++)
		r = strv_push(&argv, *p);
	s.path = exe;
	s.argv = argv;
	s.envp = envp;
	s.fds = fds;
	s.n_fds = ARRAY_SIZE(fds);
	s.new_session = 1;
	if (r == 0)
		r = env_ttrpc ? spawn_start(&s, &pid, NULL) : -ENOMEM;
	if (r < 0)
		return ctr_fail_errno(err, r, "start '%s'", exe);
	if (b->options.shim_cgroup && *b->options.shim_cgroup) {
		r = cgroup_join(b->options.shim_cgroup, pid);
		if (r < 0) {
			(void)kill(pid, SIGKILL);
			return ctr_fail_errno(err, r, "move the shim into cgroup '%s'",
					      b->options.shim_cgroup);
		}
	}
	adjust_oom_score(pid);
	*ret_pid = pid;
	return CTR_OK;
}

static ctr_code read_stdin(const struct invocation *in, struct bootstrap *ret,
			   struct ctr_error *err)
{
	AUTO_FREE char *data = NULL;
	size_t n;
	int r = io_read_fd(STDIN_FILENO, BOOTSTRAP_MAX, &data, &n);

	if (r < 0)
		return ctr_fail_errno(err, r, "read standard input");
	return bootstrap_decode(data, n, in->flags.id, ret, err);
}

static ctr_code make_socket(const struct invocation *in, const struct bootstrap *b,
			    const char *grpc, char **ret_path, int *ret_fd, struct ctr_error *err)
{
	const char *dir = b->socket_dir ? b->socket_dir : str_or(in->socket_dir, SOCKET_DIR);
	AUTO_FREE char *group = group_id(in->flags.id);
	AUTO_FREE char *path = group ? address_path(dir, grpc, in->flags.namespace_, group) : NULL;
	AUTO_CLOSE int dir_fd = path_own_dir(dir, 0700);
	int fd;

	if (!path)
		return ctr_fail_errno(err, -ENOMEM, "socket address");
	if (dir_fd < 0)
		return ctr_fail_errno(err, dir_fd, "make socket directory '%s'", dir);
	fd = address_listen(path);
	if (fd < 0 && fd != -EEXIST)
		return ctr_fail_errno(err, fd, "listen at '%s'", path);
	if (b->socket_dir && symlink(b->socket_dir, "s") < 0 && errno != EEXIST) {
		ctr_code code =
			ctr_fail_errno(err, -errno, "make symlink 's' to '%s'", b->socket_dir);

		if (fd >= 0)
			(void)unlink(path);
		fd_close(&fd);
		return code;
	}
	*ret_fd = fd;
	*ret_path = take_ptr(&path);
	return CTR_OK;
}

static ctr_code answer(const struct bootstrap *b, const char *path, struct ctr_error *err)
{
	AUTO_FREE char *address = str_printf("unix://%s", path);
	AUTO_FREE void *data = NULL;
	size_t n;
	int r = address ? 0 : -ENOMEM;

	if (r == 0 && b->params) {
		r = bootstrap_result(address, &data, &n);
	} else if (r == 0) {
		r = io_write_file(AT_FDCWD, "address", address, strlen(address), 0644, 0);
		n = strlen(address);
		data = r == 0 ? take_ptr(&address) : NULL;
	}
	if (r == 0)
		r = io_write_full(STDOUT_FILENO, data, n);
	return r < 0 ? ctr_fail_errno(err, r, "answer with the socket's address") : CTR_OK;
}

int cmd_start(const struct invocation *in)
{
	AUTO_BOOTSTRAP b = { 0 };
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	const char *grpc;
	pid_t pid = 0;

	/* A daemon that died meanwhile reads no answer: that must be an error here, not the end. */
	(void)sigaction(SIGPIPE, &ignore, NULL);
	if (read_stdin(in, &b, &err) != CTR_OK)
		return complain(&err);
	grpc = b.grpc_address ? b.grpc_address : str_or(in->flags.address, "");
	if (make_socket(in, &b, grpc, &path, &fd, &err) != CTR_OK)
		return complain(&err);
	if (fd >= 0 && spawn_server(in, &b, grpc, fd, &pid, &err) != CTR_OK) {
		(void)unlink(path);
		return complain(&err);
	}
	if (answer(&b, path, &err) == CTR_OK)
		return EXIT_SUCCESS;
	if (pid > 0) {
		(void)kill(pid, SIGKILL); /* nobody will ever know where it listens */
		(void)unlink(path);
	}
	return complain(&err);
}
