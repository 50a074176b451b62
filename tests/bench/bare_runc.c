/* SPDX-License-Identifier: Apache-2.0
 *
 * The floor under every start: create, start, wait and delete one container with an OCI runtime and nothing else.
 * bare-runc RUNTIME ROOT BUNDLE ID; stdio is /dev/null; the exit code is the container's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"
#include "base/spawn.h"

static char *env[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, NULL };

static int run(const char *runtime, char *const *argv)
{
	const struct spawn s = { .path = runtime, .argv = argv, .envp = env, .cwd_fd = -1 };
	int pidfd = -1, r;
	siginfo_t info = { 0 };
	pid_t pid;

	r = spawn_start(&s, &pid, &pidfd);
	if (r < 0) {
		fprintf(stderr, "bare-runc: start '%s': %s\n", runtime, strerrordesc_np(-r));
		return -1;
	}
	r = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
	fd_close(&pidfd);
	if (r < 0 || info.si_code != CLD_EXITED || info.si_status != 0) {
		fprintf(stderr, "bare-runc: '%s %s' failed with %d\n", runtime, argv[3],
			info.si_status);
		return -1;
	}
	return 0;
}

static int wait_container(const char *pid_file)
{
	AUTO_FREE char *text = NULL;
	siginfo_t info = { 0 };
	uint32_t pid;

	if (io_read_file(AT_FDCWD, pid_file, 32, &text, NULL) < 0 || parse_u32(text, &pid) < 0)
		return -1;
	AUTO_CLOSE int pidfd = fd_pidfd_open((pid_t)pid);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	if (pidfd >= 0)
		while (poll(&p, 1, -1) < 0 && errno == EINTR)
			;
	return waitid(P_PID, pid, &info, WEXITED) < 0 ? -1 : info.si_status;
}

int main(int argc, char **argv)
{
	char pid_file[4096], global[] = "--root", create[] = "create", bundle[] = "--bundle",
			     start[] = "start", delete[] = "delete", pid_flag[] = "--pid-file";

	if (argc != 5) {
		fprintf(stderr, "usage: bare-runc RUNTIME ROOT BUNDLE ID\n");
		return 2;
	}
	snprintf(pid_file, sizeof(pid_file), "%s/init.pid", argv[3]);
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* the container's init becomes ours when `create` ends */

	char *const creates[] = { argv[1], global,   argv[2],  create,  bundle,
				  argv[3], pid_flag, pid_file, argv[4], NULL };
	char *const starts[] = { argv[1], global, argv[2], start, argv[4], NULL };
	char *const deletes[] = { argv[1], global, argv[2], delete, argv[4], NULL };
	if (run(argv[1], creates) < 0 || run(argv[1], starts) < 0)
		return 125;
	int status = wait_container(pid_file);
	if (run(argv[1], deletes) < 0 || status < 0)
		return 125;
	return status;
}
