/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.spawn.v1": the way a plugin starts a process. Plugins never fork, and change no state of this process.
 */
#ifndef CTR_SPAWN_H
#define CTR_SPAWN_H

#include <ctr/plugin.h>

#define CTR_SERVICE_SPAWN "ctr.spawn.v1"

/* An array element: frozen. */
struct ctr_spawn_fd {
	int32_t from, to; /* descriptor here, number there */
};

#define CTR_SPAWN_CWD   1u /* start in cwd_fd; otherwise in "/" */
#define CTR_SPAWN_GROUP 2u /* in a process group of its own */

struct ctr_spawn_args {
	uint32_t size, flags;
	const char *path;                      /* absolute */
	const char *const *argv, *const *envp; /* end with NULL; envp NULL: empty */
	const struct ctr_spawn_fd
		*fds; /* 0, 1 and 2 not listed are /dev/null; all others are closed */
	uint64_t n_fds;
	int32_t cwd_fd, reserved; /* a directory, with CTR_SPAWN_CWD */
};

struct ctr_spawn_ops {
	uint32_t size, reserved;
	/* Any thread. *ret_pidfd is the caller's: poll it, reap with waitid(P_PIDFD). Codes of the errno table. */
	ctr_code (*start)(const struct ctr_host *h, const struct ctr_spawn_args *args,
			  int32_t *ret_pid, int32_t *ret_pidfd, struct ctr_error *err);
	/* The same, but the host reaps it and calls done once (loop's thread, must not block) with si_code as how and si_status as status
	 * of waitid(2). */
	ctr_code (*watch)(const struct ctr_host *h, const struct ctr_spawn_args *args,
			  void (*done)(void *ud, int32_t how, int32_t status), void *ud,
			  int32_t *ret_pid, struct ctr_error *err);
	/* Absolute path of a helper that is installed beside the daemon ("ctr-worker"). Borrowed. */
	const char *(*helper)(const struct ctr_host *h, const char *name);
};

#endif
