/* SPDX-License-Identifier: Apache-2.0
 *
 * Landlock on top of the private root, where the kernel has it: what a role may do with files and
 * the network even if it finds a descriptor that it should not have. Needs no right but
 * no_new_privs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "worker/cage/parts.h"

/* Bits of ABI 2 and later, which Debian 12's header does not name. */
#define FS_REFER        (UINT64_C(1) << 13) /* 2 */
#define FS_TRUNCATE     (UINT64_C(1) << 14) /* 3 */
#define FS_IOCTL_DEV    (UINT64_C(1) << 15) /* 5 */
#define NET_BIND_TCP    (UINT64_C(1) << 0)  /* 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)  /* 4 */
#define SCOPE_ABSTRACT  (UINT64_C(1) << 0)  /* 6 */
#define SCOPE_SIGNAL    (UINT64_C(1) << 1)  /* 6 */

#define FS_READ                                                                                    \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_ALL_1   ((UINT64_C(1) << 13) - 1)
#define FS_WRITE_1 (FS_ALL_1 & ~FS_READ)
#define MAKE_NEVER (LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_EXECUTE)

/* The kernel's structure as of ABI 6; older kernels are given the part they know. */
struct ruleset_attr {
	uint64_t fs, net, scoped;
};

static size_t attr_size(int abi)
{
	if (abi >= 6)
		return sizeof(struct ruleset_attr);
	return abi >= 4 ? offsetof(struct ruleset_attr, scoped)
			: offsetof(struct ruleset_attr, net);
}

static uint64_t fs_known(int abi)
{
	uint64_t all = FS_ALL_1;

	if (abi >= 2)
		all |= FS_REFER;
	if (abi >= 3)
		all |= FS_TRUNCATE;
	if (abi >= 5)
		all |= FS_IOCTL_DEV;
	return all;
}

/* What is forbidden unless allowed below '/', and what is allowed there. */
static void rules_of(enum worker_role role, int abi, struct ruleset_attr *attr,
		     uint64_t *ret_allowed)
{
	attr->net = NET_BIND_TCP | (role == ROLE_FETCH ? 0 : NET_CONNECT_TCP);
	attr->scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	switch (role) {
	case ROLE_FETCH:
		attr->fs = fs_known(abi);
		*ret_allowed = FS_READ;
		break;
	case ROLE_PARSE:
	case ROLE_IMPORT:
		attr->fs = fs_known(abi);
		*ret_allowed = 0;
		break;
	case ROLE_UNPACK:
		attr->fs = fs_known(abi);
		*ret_allowed = fs_known(abi) & ~(MAKE_NEVER | FS_IOCTL_DEV);
		break;
	case ROLE_COMPARE: /* its directories arrive later as descriptors; it never makes a file */
		attr->fs = (fs_known(abi) & ~(uint64_t)FS_READ) | LANDLOCK_ACCESS_FS_EXECUTE;
		*ret_allowed = 0;
		break;
	}
}

static int allow_below_root(int ruleset, uint64_t allowed)
{
	AUTO_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -errno;
	struct landlock_path_beneath_attr below = { .allowed_access = allowed, .parent_fd = root };
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0)
		return -errno;
	return 0;
}

ctr_code cage_landlock(enum worker_role role, int *ret_abi, struct ctr_error *err)
{
	int abi =
		(int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset_attr attr = { 0 };
	uint64_t allowed = 0;

	*ret_abi = 0;
	/*
	 * The first version forbids links and renames between directories whatever the rules say.
	 */
	if (abi < 1 || (role == ROLE_UNPACK && abi < 2))
		return CTR_OK;
	rules_of(role, abi, &attr, &allowed);
	AUTO_CLOSE int set = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size(abi), 0);
	if (set < 0)
		return ctr_fail_errno(err, errno, "make landlock rules");
	int r = allowed ? allow_below_root(set, allowed) : 0;
	if (r < 0)
		return ctr_fail_errno(err, r, "add a landlock rule");
	if (syscall(SYS_landlock_restrict_self, set, 0) < 0)
		return ctr_fail_errno(err, errno, "enforce landlock rules");
	*ret_abi = abi;
	return CTR_OK;
}
