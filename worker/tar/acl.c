/* SPDX-License-Identifier: Apache-2.0
 *
 * From libarchive's list of ACL entries to the kernel's xattr: little-endian, sorted by tag and id, as
 * linux/posix_acl_xattr.h has it.
 */
#include "worker/tar/acl.h"

#include <archive.h>
#include <archive_entry.h>
#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>

#include "base/macros.h"

#define ACL_MAX 1024 /* entries; ext4 and xfs hold fewer */

static uint16_t tag_of(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return ACL_USER_OBJ;
	case ARCHIVE_ENTRY_ACL_USER:
		return ACL_USER;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return ACL_GROUP_OBJ;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return ACL_GROUP;
	case ARCHIVE_ENTRY_ACL_MASK:
		return ACL_MASK;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return ACL_OTHER;
	default:
		return 0;
	}
}

static int by_tag(const void *a, const void *b)
{
	const struct posix_acl_xattr_entry *x = a, *y = b;
	uint32_t tx = le16toh(x->e_tag), ty = le16toh(y->e_tag);
	uint32_t ix = le32toh(x->e_id), iy = le32toh(y->e_id);

	if (tx != ty)
		return tx < ty ? -1 : 1;
	return ix < iy ? -1 : ix > iy;
}

/* Fill out with up to room entries; the count or -errno. */
static int collect(struct archive_entry *e, int want, struct posix_acl_xattr_entry *out, int room)
{
	int type, perm, tag, id, n = 0;
	const char *name;

	while (archive_entry_acl_next(e, want, &type, &perm, &tag, &id, &name) == ARCHIVE_OK) {
		uint16_t t = tag_of(tag);

		if (!t)
			return -EINVAL;
		if (n == room)
			return -E2BIG;
		bool named = t == ACL_USER || t == ACL_GROUP;
		if (named && id < 0)
			return -EINVAL;
		out[n++] = (struct posix_acl_xattr_entry){
			.e_tag = htole16(t),
			.e_perm = htole16((uint16_t)(perm & 7)),
			.e_id = htole32(named ? (uint32_t)id : (uint32_t)ACL_UNDEFINED_ID),
		};
	}
	return n;
}

int acl_to_xattr(struct archive_entry *e, bool is_default, struct acl_xattr *ret)
{
	int want = is_default ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
	int n = archive_entry_acl_reset(e, want);
	struct posix_acl_xattr_header *h;
	struct posix_acl_xattr_entry *list;
	size_t bytes;

	/* An access ACL of three entries says no more than the mode does. */
	if (!(archive_entry_acl_types(e) & want) || n <= (is_default ? 0 : 3))
		return 0;
	if (n > ACL_MAX)
		return -E2BIG;

	bytes = sizeof(*h) + (size_t)n * sizeof(*list);
	h = calloc(1, bytes);
	if (!h)
		return -ENOMEM;
	h->a_version = htole32(POSIX_ACL_XATTR_VERSION);
	list = (struct posix_acl_xattr_entry *)(h + 1);
	n = collect(e, want, list, n);
	if (n < 0) {
		free(h);
		return n;
	}
	qsort(list, (size_t)n, sizeof(*list), by_tag);
	*ret = (struct acl_xattr){
		.name = is_default ? "system.posix_acl_default" : "system.posix_acl_access",
		.value = h,
		.n = sizeof(*h) + (size_t)n * sizeof(*list),
	};
	return 1;
}
