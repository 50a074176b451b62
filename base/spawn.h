/* SPDX-License-Identifier: Apache-2.0
 *
 * Start a program: the only way a process is made outside the shim's children and the worker's
 * cage. posix_spawn, absolute path, explicit environment, empty signal mask, default dispositions,
 * the original RLIMIT_NOFILE, and no descriptor but those that are given. Thread-safe.
 */
#ifndef CTR_BASE_SPAWN_H
#define CTR_BASE_SPAWN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spawn_fd {
	int from, to; /* descriptor here, number there */
};

struct spawn {
	const char *path;           /* absolute */
	char *const *argv;          /* NULL-terminated, argv[0] included */
	char *const *envp;          /* NULL: empty */
	int cwd_fd;                 /* directory, or -1: stay */
	const struct spawn_fd *fds; /* overlaps allowed; 0, 1 and 2 not listed are /dev/null */
	size_t n_fds;               /* at most 64, numbers there at most 255 */
	int new_group;              /* own process group */
	int new_session;            /* own session */
	int64_t run_until_ns; /* spawn_run(): kill it then and return -ETIMEDOUT; 0: wait for ever */
};
#define SPAWN_INIT                                                                                 \
	{                                                                                          \
		.cwd_fd = -1                                                                       \
	}

/* 0 and the pid (and, when ret_pidfd is not NULL, its pidfd, close-on-exec), or -errno. */
int spawn_start(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd);
/*
 * Start, wait, and capture stdout and stderr together up to max bytes; what exceeds them is read
 * and dropped. *ret_output is NUL-terminated, the caller frees it. *ret_status as waitpid(2). Each
 * may be NULL. Blocks.
 */
int spawn_run(const struct spawn *s, size_t max, char **ret_output, int *ret_status);
/*
 * Keep the RLIMIT_NOFILE soft limit of now for children, then raise our own to the hard limit.
 * Once, in main.
 */
int spawn_raise_nofile(void);

#endif
