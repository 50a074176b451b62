/* SPDX-License-Identifier: Apache-2.0
 *
 * A look into a snapshot. The thread unshares its mount namespace and file system state, so nothing
 * of it is seen or left outside, even when we are killed.
 */
#include "cli/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"

#define DATA_MAX 4095 /* a page, as mount(2) takes it */

static const struct {
	const char *word;
	unsigned long set, clear;
} words[] = {
	{ "ro", MS_RDONLY, 0 },         { "rw", 0, 0 },
	{ "bind", MS_BIND, 0 },         { "rbind", MS_BIND | MS_REC, 0 },
	{ "nosuid", MS_NOSUID, 0 },     { "nodev", MS_NODEV, 0 },
	{ "noexec", MS_NOEXEC, 0 },     { "noatime", MS_NOATIME, 0 },
	{ "relatime", MS_RELATIME, 0 }, { "defaults", 0, 0 },
	{ "suid", 0, MS_NOSUID },       { "dev", 0, MS_NODEV },
	{ "exec", 0, MS_NOEXEC },
};

struct look {
	TYPES(Mount) *const *mounts;
	size_t n;
	const char *spec, *where;
	char *const *group_adds;
	struct oci_user *ret;
	struct ctr_error *err;
	ctr_code code;
};

static int mount_one(const TYPES(Mount) *m, const char *where)
{
	AUTO_BUF data = BUF_INIT(DATA_MAX);
	unsigned long flags = 0;

	for (size_t i = 0; i < m->n_options; i++) {
		size_t k = 0;

		while (k < ARRAY_SIZE(words) && !str_eq(words[k].word, m->options[i]))
			k++;
		if (k < ARRAY_SIZE(words))
			flags = (flags | words[k].set) & ~words[k].clear;
		else
			buf_printf(&data, "%s%s", data.len ? "," : "", m->options[i]);
	}
	if (buf_failed(&data))
		return buf_failed(&data);
	/* a bind takes read-only only at a remount, and nothing is written here anyway */
	if (!(flags & MS_BIND))
		flags |= MS_RDONLY;
	if (mount(m->source, where, m->type, flags, data.data ? data.data : "") < 0)
		return -errno;
	return 0;
}

static ctr_code look(struct look *l)
{
	AUTO_CLOSE int root = -1;

	if (unshare(CLONE_NEWNS | CLONE_FS) < 0)
		return ctr_fail_errno(l->err, errno, "mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return ctr_fail_errno(l->err, errno, "mount namespace");
	for (size_t i = 0; i < l->n; i++) {
		int r = l->mounts[i]->target && l->mounts[i]->target[0]
				? -EOPNOTSUPP
				: mount_one(l->mounts[i], l->where);

		if (r < 0)
			return ctr_fail_errno(l->err, r,
					      "mount the container's root (%s) to look its user up",
					      l->mounts[i]->type);
	}
	root = open(l->where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return ctr_fail_errno(l->err, errno, "open the container's root");
	return oci_user_resolve(root, l->spec, l->group_adds, l->ret, l->err);
}

static void *look_thread(void *ud)
{
	struct look *l = ud;

	l->code = look(l);
	return NULL;
}

ctr_code rootfs_user(TYPES(Mount) *const *mounts, size_t n, const char *spec,
		     char *const *group_adds, struct oci_user *ret, struct ctr_error *err)
{
	char where[] = "/tmp/ctrctl-XXXXXX";
	struct look l = { .mounts = mounts,
			  .n = n,
			  .spec = spec,
			  .where = where,
			  .group_adds = group_adds,
			  .ret = ret,
			  .err = err,
			  .code = CTR_INTERNAL };
	pthread_t thread;
	int r;

	if (!mkdtemp(where))
		return ctr_fail_errno(err, errno, "make '%s'", where);
	r = pthread_create(&thread, NULL, look_thread, &l);
	if (r == 0)
		r = pthread_join(thread, NULL);
	(void)rmdir(where);
	return r != 0 ? ctr_fail_errno(err, r, "thread") : l.code;
}

ctr_code process_user(unsigned pid, const char *spec, char *const *group_adds, struct oci_user *ret,
		      struct ctr_error *err)
{
	AUTO_FREE char *path = str_printf("/proc/%u/root", pid);
	AUTO_CLOSE int root = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (root < 0)
		return ctr_fail_errno(err, path ? errno : ENOMEM, "open the container's root");
	return oci_user_resolve(root, spec, group_adds, ret, err);
}
