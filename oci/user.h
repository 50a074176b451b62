/* SPDX-License-Identifier: Apache-2.0
 *
 * Users and groups by the files of a container's root file system: /etc/passwd and /etc/group,
 * found without ever leaving the root, at most 1 MiB of each, numbers checked, wrong ones refused.
 */
#ifndef CTR_OCI_USER_H
#define CTR_OCI_USER_H

#include <stddef.h>
#include <stdint.h>

#include <ctr/error.h>

struct oci_user {
	uint32_t uid, gid;
	uint32_t *groups; /* supplementary, without gid; malloc'ed */
	size_t n_groups;
};
void oci_user_done(struct oci_user *u);

/*
 * Can spec be answered without the files? Then *ret is filled (0, or uid and gid both given) and 1
 * returned.
 */
int oci_user_trivial(const char *spec, char *const *group_adds, struct oci_user *ret);

/*
 * spec: "" (root), "name", "uid", "name:group", "uid:gid", and mixtures. An all-digit part is a
 * number, at most 2147483647; a number need not be in the files. Without an explicit group: the
 * user's own from passwd (0 when absent) and every group that lists the user's name. group_adds:
 * further groups by name or number, or NULL. CTR_INVALID_ARGUMENT: malformed or out of range;
 * CTR_NOT_FOUND: no such name; others: from reading.
 */
ctr_code oci_user_resolve(int root_fd, const char *spec, char *const *group_adds,
			  struct oci_user *ret, struct ctr_error *err);

#endif
