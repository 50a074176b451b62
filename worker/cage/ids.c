/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a worker is: its user, no groups, the capabilities of its role and no way to get another.
 * Once, in the single-threaded process that enters the cage.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/cage/parts.h"

#define CAP(c) (UINT64_C(1) << CAP_##c)

/*
 * What unpack needs to make files as a layer says; measured one by one. Compare reads what root may
 * read.
 */
static const uint64_t role_caps[WORKER_ROLES] = {
	[ROLE_FETCH] = 0,
	[ROLE_PARSE] = 0,
	[ROLE_UNPACK] = CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | CAP(MKNOD) |
			CAP(SETFCAP),
	[ROLE_COMPARE] = CAP(DAC_READ_SEARCH),
	[ROLE_IMPORT] = 0,
};

#define LOCKED_BITS                                                                                \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                           \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |   \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* The bounding set goes too, and uid 0 stops being a source of capabilities. Needs CAP_SETPCAP. */
static ctr_code bound(uint64_t keep, struct ctr_error *err)
{
	for (int cap = 0; cap < 64; cap++) {
		if (keep & UINT64_C(1) << cap)
			continue;
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) <= 0)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return ctr_fail_errno(err, errno, "drop capability %d", cap);
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (prctl(PR_SET_SECUREBITS, LOCKED_BITS, 0, 0, 0) < 0)
		return ctr_fail_errno(err, errno, "lock the secure bits");
	return CTR_OK;
}

static ctr_code set_caps(uint64_t keep, struct ctr_error *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)keep, .permitted = (uint32_t)keep },
		{ .effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32) },
	};

	if (syscall(SYS_capset, &head, data) < 0)
		return ctr_fail_errno(err, errno, "set capabilities");
	return CTR_OK;
}

static ctr_code become(const struct cage_params *p, struct ctr_error *err)
{
	uid_t uid = p->uid ? p->uid : 65534;
	gid_t gid = p->gid ? p->gid : 65534;

	if (setgroups(0, NULL) < 0)
		return ctr_fail_errno(err, errno, "drop groups");
	if (p->role != ROLE_FETCH && p->role != ROLE_PARSE && p->role != ROLE_IMPORT)
		return CTR_OK;
	if (setresgid(gid, gid, gid) < 0)
		return ctr_fail_errno(err, errno, "become group %u", gid);
	if (setresuid(uid, uid, uid) < 0)
		return ctr_fail_errno(err, errno, "become user %u", uid);
	return CTR_OK;
}

ctr_code cage_ids(const struct cage_params *p, const struct cage_state *state,
		  struct ctr_error *err)
{
	uint64_t keep = geteuid() == 0 ? role_caps[p->role] : 0;
	ctr_code code = CTR_OK;

	/* NO_SETUID_FIXUP keeps capabilities across setresuid: set_caps() drops them itself. */
	if (geteuid() == 0)
		code = bound(keep, err);
	/* A user namespace of our own has one user, whom it is already. */
	if (code == CTR_OK && geteuid() == 0 && !state->user_namespace)
		code = become(p, err);
	if (code == CTR_OK)
		code = set_caps(keep, err);
	if (code != CTR_OK)
		return code;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return ctr_fail_errno(err, errno, "clear dumpable");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return ctr_fail_errno(err, errno, "set no_new_privs");
	return CTR_OK;
}
