/* SPDX-License-Identifier: Apache-2.0
 *
 * POSIX ACLs of a tar entry (SCHILY.acl.access, SCHILY.acl.default) in the form in which the kernel takes them:
 * the value of system.posix_acl_access or system.posix_acl_default. Private to this folder.
 */
#ifndef CTR_WORKER_TAR_ACL_H
#define CTR_WORKER_TAR_ACL_H

#include <stdbool.h>
#include <stddef.h>

struct archive_entry;

struct acl_xattr {
	const char *name;
	void *value; /* malloc'ed */
	size_t n;
};

/* 1 and *ret when the entry has that ACL, 0 when it has not, -EINVAL, -E2BIG or -ENOMEM. */
int acl_to_xattr(struct archive_entry *e, bool is_default, struct acl_xattr *ret);

#endif
