/* SPDX-License-Identifier: Apache-2.0
 *
 * Lower weight and resource limits of a worker. Only ever lowers; runs while still privileged.
 */
#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/cage/parts.h"

#define MIB UINT64_C(1048576)

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_BEST_EFFORT 2
#define IOPRIO_IDLE        3
#define IOPRIO_SHIFT       13

/* The default address space by role; codec windows and libcurl's buffers fit many times. */
static const uint64_t memory_default[WORKER_ROLES] = {
	[ROLE_FETCH] = 2048 * MIB,   [ROLE_PARSE] = 512 * MIB,   [ROLE_UNPACK] = 2048 * MIB,
	[ROLE_COMPARE] = 2048 * MIB, [ROLE_IMPORT] = 1024 * MIB,
};

static ctr_code limit(int what, uint64_t value, const char *name, struct ctr_error *err)
{
	struct rlimit now, set;

	if (getrlimit((__rlimit_resource_t)what, &now) < 0)
		return ctr_fail_errno(err, errno, "read limit %s", name);
	set.rlim_max = MIN((rlim_t)value, now.rlim_max);
	set.rlim_cur = set.rlim_max;
	if (setrlimit((__rlimit_resource_t)what, &set) < 0)
		return ctr_fail_errno(err, errno, "set limit %s", name);
	return CTR_OK;
}

static ctr_code weight(const struct cage_params *p, struct ctr_error *err)
{
	if (p->nice > 0 && setpriority(PRIO_PROCESS, 0, MIN(p->nice, 19)) < 0)
		return ctr_fail_errno(err, errno, "set niceness %d", p->nice);
	if (p->ioprio > 0) {
		int value = p->ioprio > 8 ? IOPRIO_IDLE << IOPRIO_SHIFT
					  : IOPRIO_BEST_EFFORT << IOPRIO_SHIFT | (p->ioprio - 1);

		if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) < 0 && errno != ENOSYS)
			return ctr_fail_errno(err, errno, "set I/O priority %d", p->ioprio);
	}
	return CTR_OK;
}

ctr_code cage_limits(const struct cage_params *p, struct ctr_error *err)
{
	ctr_code code = weight(p, err);

	if (code == CTR_OK)
		code = limit(RLIMIT_CORE, 0, "core", err);
	if (code == CTR_OK)
		code = limit(RLIMIT_NOFILE, p->role == ROLE_PARSE ? 64 : 1024, "nofile", err);
	if (code == CTR_OK && p->role == ROLE_PARSE)
		code = limit(RLIMIT_FSIZE, 0, "fsize", err);
	if (code == CTR_OK)
		code = limit(RLIMIT_MEMLOCK, 0, "memlock", err);
	if (code == CTR_OK && !CAGE_SANITIZED)
		code = limit(RLIMIT_AS, p->memory_bytes ? p->memory_bytes : memory_default[p->role],
			     "as", err);
	return code;
}
