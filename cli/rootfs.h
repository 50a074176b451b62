/* SPDX-License-Identifier: Apache-2.0
 *
 * A look into a snapshot's file system: mounted read-only in a mount namespace of a thread's own,
 * which ends with it.
 */
#ifndef CTR_CLI_ROOTFS_H
#define CTR_CLI_ROOTFS_H

#include "cli/api.h"
#include "oci/user.h"
#include "status/status.h"

/*
 * Resolve a user and groups by the files of the mounts' root. PERMISSION_DENIED without
 * CAP_SYS_ADMIN.
 */
ctr_code rootfs_user(TYPES(Mount) *const *mounts, size_t n, const char *spec,
		     char *const *group_adds, struct oci_user *ret, struct ctr_error *err);
/* The same in the file system of a running process (its /proc/<pid>/root). */
ctr_code process_user(unsigned pid, const char *spec, char *const *group_adds, struct oci_user *ret,
		      struct ctr_error *err);

#endif
