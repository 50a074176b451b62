/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the cage, private to this folder; cage.c holds their order.
 */
#ifndef CTR_WORKER_CAGE_PARTS_H
#define CTR_WORKER_CAGE_PARTS_H

#include "worker/cage/cage.h"

/* limits.c: niceness, I/O priority, resource limits. */
ctr_code cage_limits(const struct cage_params *p, struct ctr_error *err);

/*
 * root.c: namespaces and the new root. Needs CAP_SYS_ADMIN, or makes a user namespace to have it.
 */
ctr_code cage_namespaces(const struct cage_params *p, struct cage_state *state,
			 struct ctr_error *err);
ctr_code cage_root(const struct cage_params *p, struct ctr_error *err);

/*
 * copy.c: dir (absolute) with its files, symlinks followed, to the same path below root_fd, owned
 * by uid.
 */
ctr_code cage_copy_dir(int root_fd, int from_fd, const char *dir, uint32_t uid, uint32_t gid,
		       struct ctr_error *err);
/* Directories of an absolute path below root_fd, 0755; the last one's descriptor or -errno. */
int cage_make_dirs(int root_fd, const char *path);

/* ids.c: user, groups, capabilities, securebits, no_new_privs. */
ctr_code cage_ids(const struct cage_params *p, const struct cage_state *state,
		  struct ctr_error *err);

/* landlock.c: *ret_abi 0 when the kernel has none. */
ctr_code cage_landlock(enum worker_role role, int *ret_abi, struct ctr_error *err);

/* filter.c: the role's seccomp allow-list, loaded. */
ctr_code cage_filter(enum worker_role role, struct ctr_error *err);

#endif
