/* SPDX-License-Identifier: Apache-2.0
 *
 * A container's cgroups, v1 and v2: where they are, which processes are in them, and their files'
 * forms.
 */
#ifndef CTR_SHIM_CGROUP_H
#define CTR_SHIM_CGROUP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_ROOT     "/sys/fs/cgroup"
#define CGROUP_FILE_MAX 65536
#define CGROUP_PIDS_MAX 65536

struct cgroup {
	int v2;     /* the unified hierarchy is the only one */
	char *text; /* of /proc/PID/cgroup, as it was when the container was made */
};

int cgroup_init(struct cgroup *cg, pid_t pid); /* 0 or -errno */
void cgroup_done(struct cgroup *cg);
int cgroup_is_v2(void); /* of this machine: 1 or 0 */

/*
 * The directory of a v1 controller ("memory"), or of the v2 cgroup (controller NULL). Caller frees;
 * NULL when the container has none. The first form is pure: from text alone, below root.
 */
char *cgroup_dir_from(const char *text, const char *root, const char *controller);
char *cgroup_dir(const struct cgroup *cg, const char *controller);

/* The pids of all processes in it and in cgroups below. Caller frees *ret. 0 or -errno. */
int cgroup_pids(const struct cgroup *cg, pid_t **ret, size_t *ret_n);

/* A file of dir; NULL when it is not there or too large. Caller frees. */
char *cgroup_read(const char *dir, const char *file);
uint64_t cgroup_read_u64(const char *dir,
			 const char *file); /* 0 when missing, UINT64_MAX for "max" */
/* The number after "key " at a line's begin in text; other when there is none. Pure. */
uint64_t cgroup_key(const char *text, const char *key, uint64_t other);
/* The number after "key=" in one line of "k=v k=v". Pure. */
uint64_t cgroup_pair(const char *line, const char *key);
uint64_t
cgroup_number(const char *s); /* leading digits; UINT64_MAX for "max" and what does not fit */

/* Put pid into the cgroup called name, made where missing, in every hierarchy. 0 or -errno. */
int cgroup_join(const char *name, pid_t pid);

#endif
