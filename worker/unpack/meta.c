/* SPDX-License-Identifier: Apache-2.0
 *
 * Owner, mode, extended attributes and times of what was made, by descriptor wherever there is one. Order
 * matters: chown clears setuid bits and file capabilities, so it comes first; times come last.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/str.h"
#include "worker/unpack/tree.h"

ctr_code meta_owner(const struct tree *t, const struct tar_entry *e, uid_t *ret_uid, gid_t *ret_gid,
		    struct ctr_error *err)
{
	uint32_t uid, gid;

	if (id_to_host(&t->opt->uids, e->uid, &uid) < 0 ||
	    id_to_host(&t->opt->gids, e->gid, &gid) < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"owner %" PRIu64 ":%" PRIu64 " of '%s' is outside the map of ids",
				e->uid, e->gid, e->name);
	*ret_uid = uid;
	*ret_gid = gid;
	return CTR_OK;
}

/* What neither fails a layer nor is kept: the file system has no such attributes, or not on such a file. */
static bool cannot_hold(int e)
{
	return e == ENOTSUP;
}

static ctr_code set_xattrs(struct tree *t, int fd, struct tar_reader *r, const struct tar_entry *e,
			   const char *path, struct ctr_error *err)
{
	const char *name;
	const void *value;
	size_t n;

	if (e->n_xattr > UNPACK_MAX_XATTRS)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"'%s' has %zu extended attributes, the limit is %d", path,
				e->n_xattr, UNPACK_MAX_XATTRS);
	while (tar_xattr(r, &name, &value, &n)) {
		if (n > UNPACK_MAX_XATTR)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"attribute '%s' of '%s' has %zu bytes, the limit is %d",
					name, path, n, UNPACK_MAX_XATTR);
		if (!name_xattr_kept(name))
			continue;
		if (fsetxattr(fd, name, value, n, 0) < 0 && !cannot_hold(errno))
			return ctr_fail_errno(err, errno, "set attribute '%s' of '%s'", name, path);
		if (str_eq(name, "system.posix_acl_default"))
			t->explicit = true; /* what is made inside has other modes */
	}
	return CTR_OK;
}

/* Owner and mode; only what differs, since chown takes file capabilities away even when it changes nothing. */
static ctr_code set_owner_mode(struct tree *t, int fd, const struct tar_entry *e, const char *path,
			       bool is_new, struct ctr_error *err)
{
	struct stat st = { .st_uid = t->made_uid, .st_gid = t->made_gid };
	bool unsure = false;
	ctr_code code;
	uid_t uid;
	gid_t gid;

	code = meta_owner(t, e, &uid, &gid, err);
	if (code != CTR_OK)
		return code;

	/* What open and mkdir have made here is known, up to the mask. */
	st.st_mode = e->perm & t->made_perm;
	if ((!is_new || t->explicit) && fstat(fd, &st) < 0)
		return tree_fail(err, errno, "stat", path);

	if (uid != st.st_uid || gid != st.st_gid) {
		if (fchown(fd, uid, gid) < 0)
			return tree_fail(err, errno, "set owner of", path);
		unsure = (st.st_mode | e->perm) & 07000; /* setuid and setgid may be gone, or not */
	}
	if ((unsure || e->perm != (st.st_mode & 07777)) && fchmod(fd, e->perm) < 0)
		return tree_fail(err, errno, "set mode of", path);
	return CTR_OK;
}

ctr_code meta_fd(struct tree *t, int fd, struct tar_reader *r, const struct tar_entry *e,
		 const char *path, bool is_new, struct ctr_error *err)
{
	ctr_code code = set_owner_mode(t, fd, e, path, is_new, err);

	if (code == CTR_OK)
		code = set_xattrs(t, fd, r, e, path, err);
	if (code != CTR_OK)
		return code;

	if (e->type == TAR_DIR) {
		t->explicit = t->explicit || (e->perm & S_ISGID);
		return times_keep(t, e, path, err);
	}
	if (futimens(fd, e->times) < 0)
		return tree_fail(err, errno, "set times of", path);
	return CTR_OK;
}

ctr_code meta_at(struct tree *t, const struct tar_entry *e, const struct place *p,
		 struct ctr_error *err)
{
	ctr_code code;
	uid_t uid;
	gid_t gid;

	code = meta_owner(t, e, &uid, &gid, err);
	if (code != CTR_OK)
		return code;

	if ((t->explicit || uid != t->made_uid || gid != t->made_gid || e->type == TAR_HARDLINK) &&
	    fchownat(p->dir_fd, p->name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail(err, errno, "set owner of", p->path);
	/* Never a symlink: the name was just made here as something else, and nobody else writes. */
	if (e->type != TAR_SYMLINK && fchmodat(p->dir_fd, p->name, e->perm, 0) < 0)
		return tree_fail(err, errno, "set mode of", p->path);
	if (utimensat(p->dir_fd, p->name, e->times, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail(err, errno, "set times of", p->path);
	return CTR_OK;
}
