/* SPDX-License-Identifier: Apache-2.0
 *
 * The cage of one worker process (docs/worker.md). Entered once, by a single-threaded process,
 * before it reads the first foreign byte; nothing given up here can be had back.
 */
#ifndef CTR_WORKER_CAGE_H
#define CTR_WORKER_CAGE_H

#include <stddef.h>
#include <stdint.h>

#include "status/status.h"
#include "worker/role.h"

/*
 * Built with a sanitizer: its shadow is terabytes of address space, and its leak check forks at
 * exit.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAGE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CAGE_SANITIZED 1
#endif
#endif
#ifndef CAGE_SANITIZED
#define CAGE_SANITIZED 0
#endif

struct cage_params {
	enum worker_role role;
	uint32_t uid, gid;       /* fetch and parse become them; 0: 65534 */
	int nice;                /* 0 to 19 */
	int ioprio;              /* as Cage.ioprio */
	uint64_t memory_bytes;   /* RLIMIT_AS; 0: the role's default */
	int target_mount_fd;     /* unpack: detached mount that becomes '/'; else -1 */
	char *const *hosts_dirs; /* fetch: copied into the cage, same paths */
	size_t n_hosts_dirs;
	const char *ca_bundle; /* fetch: NULL or "" : none but the system's */
	int best_effort;       /* go on with what can be had */
};

struct cage_state {
	int landlock_abi; /* 0: not present */
	int seccomp, mount_namespace, network_namespace;
	int user_namespace; /* not root: a user namespace of its own, one user in it */
};

/*
 * OK, or FAILED_PRECONDITION (a part that must be had cannot be) or the errno table's code: the
 * process must then end without reading anything foreign.
 */
ctr_code cage_enter(const struct cage_params *p, struct cage_state *ret, struct ctr_error *err);

#endif
