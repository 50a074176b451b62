/* SPDX-License-Identifier: Apache-2.0
 *
 * mount(2) with the words of mountopt.c. Overlay options that do not fit into the kernel's page are
 * made short by naming the layers relative to the directory they share, and mounting from there:
 * the working directory is changed for one system call, which nothing can see, since the shim has
 * one thread.
 */
#include "shim/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/path.h"
#include "base/str.h"
#include "shim/mountopt.h"

#define KERNEL_DATA_MAX 4095 /* a page with its NUL */
#define DATA_MAX        (1024 * 1024)
#define UNMOUNTS_MAX    (2 * MOUNTS_MAX)

/* Length of the directories (with the last '/') that all of the n strings begin with. */
static size_t shared_dirs(char *const *dirs)
{
	size_t n = strlen(dirs[0]);

	for (char *const *d = dirs + 1; *d; d++) {
		size_t i = 0;

		while (i < n && (*d)[i] == dirs[0][i])
			i++;
		n = i;
	}
	while (n > 0 && dirs[0][n - 1] != '/')
		n--;
	return n;
}

char *overlay_shorten(const char *data, char **ret_dir)
{
	AUTO_STRV words = strv_split(data, ',');
	AUTO_BUF out = BUF_INIT(DATA_MAX);
	AUTO_FREE char *dir = NULL;

	for (char **w = words; w && *w; w++) {
		AUTO_STRV dirs = NULL;
		size_t n;

		if (w != words)
			buf_putc(&out, ',');
		if (!str_starts(*w, "lowerdir=")) {
			buf_puts(&out, *w);
			continue;
		}
		dirs = strv_split(*w + strlen("lowerdir="), ':');
		n = dirs ? shared_dirs(dirs) : 0;
		if (n <= 1 || dir)
			return NULL;
		dir = str_ndup(dirs[0], n);
		buf_puts(&out, "lowerdir=");
		for (char **d = dirs; *d; d++) {
			if (d != dirs)
				buf_putc(&out, ':');
			buf_puts(&out, (*d)[n] ? *d + n : ".");
		}
	}
	if (!dir || buf_failed(&out))
		return NULL;
	*ret_dir = take_ptr(&dir);
	return buf_take(&out, NULL);
}

/* mount(2) of an overlay from the directory that its layers share. */
static int mount_from_dir(const char *source, const char *target, unsigned long flags,
			  const char *data)
{
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *shortened = overlay_shorten(data, &dir);
	AUTO_CLOSE int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int there = -1;
	int r = 0;

	if (!shortened || strlen(shortened) > KERNEL_DATA_MAX)
		return -E2BIG;
	there = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (here < 0 || there < 0 || fchdir(there) < 0)
		return -errno;
	if (mount(source, target, "overlay", flags, shortened) < 0)
		r = -errno;
	if (fchdir(here) < 0 && r == 0)
		r = -errno;
	return r;
}

static int mount_new(const char *source, const char *target, const char *type, unsigned long flags,
		     const char *data)
{
	if (strlen(data) > KERNEL_DATA_MAX)
		return strcmp(type, "overlay") == 0 ? mount_from_dir(source, target, flags, data)
						    : -E2BIG;
	return mount(source, target, type, flags, *data ? data : NULL) < 0 ? -errno : 0;
}

/* Where a mount goes, seen now: with what was mounted there before. */
struct place {
	int fd;
	char path[32];
};

static void place_done(struct place *p)
{
	fd_close(&p->fd);
}
#define AUTO_PLACE AUTO(place_done) struct place

/* rootfs itself, or a directory in what is mounted there so far. 0 or -errno. */
static int place_open(const char *rootfs, const char *sub, struct place *ret)
{
	AUTO_CLOSE int fd = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (*sub) {
		int below = path_open(fd, sub, PATH_IN_ROOT, O_PATH, 0);

		if (below < 0)
			return below;
		fd_close(&fd);
		fd = below;
	}
	ret->fd = take_fd(&fd);
	(void)snprintf(ret->path, sizeof(ret->path), "/proc/self/fd/%d", ret->fd);
	return 0;
}

/*
 * What the new mount gets in a second call: a bind ignores its flags at first, propagation goes
 * alone.
 */
static int adjust(const char *rootfs, const Containerd__Types__Mount *m, unsigned long flags,
		  unsigned long propagation)
{
	AUTO_PLACE at = { .fd = -1 };
	int r;

	if (!flags && !propagation)
		return 0;
	r = place_open(rootfs, str_or(m->target, ""), &at);
	if (r == 0 && flags && mount(NULL, at.path, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
		r = -errno;
	if (r == 0 && propagation && mount(NULL, at.path, NULL, propagation, NULL) < 0)
		r = -errno;
	return r;
}

static int mount_parsed(const char *rootfs, const Containerd__Types__Mount *m,
			const struct mount_opts *o, const char *data)
{
	const unsigned long later = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME |
				    MS_NODIRATIME | MS_RELATIME;
	int bind = (o->flags & MS_BIND) != 0 || strcmp(m->type, "bind") == 0;
	unsigned long flags = o->flags | (bind ? MS_BIND : 0);
	AUTO_PLACE at = { .fd = -1 };
	int r = place_open(rootfs, str_or(m->target, ""), &at);

	if (r == 0)
		r = mount_new(m->source, at.path, m->type, flags, data);
	if (r == 0)
		r = adjust(rootfs, m, bind && !(flags & MS_REMOUNT) ? flags & later : 0,
			   o->propagation);
	return r;
}

static ctr_code mount_one(const char *rootfs, const Containerd__Types__Mount *m,
			  struct ctr_error *err)
{
	AUTO_MOUNT_OPTS o = { 0 };
	AUTO_FREE char *data = NULL;
	int r = mount_opts_parse(m->options, m->n_options, &o);

	if (r < 0 || !(data = mount_opts_data(&o)))
		return ctr_fail_errno(err, -ENOMEM, "mount '%s'", m->source);
	if (o.loop)
		return ctr_fail(err, CTR_UNIMPLEMENTED,
				"mount '%s': loop devices are the mount manager's, not the shim's",
				m->source);
	if (strlen(data) > DATA_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "mount '%s': options too long",
				m->source);
	r = mount_parsed(rootfs, m, &o, data);
	if (r < 0)
		return ctr_fail_errno(err, r, "mount %s '%s' at '%s'", m->type, m->source, rootfs);
	return CTR_OK;
}

ctr_code mounts_make(const char *rootfs, Containerd__Types__Mount *const *mounts, size_t n,
		     struct ctr_error *err)
{
	if (n > MOUNTS_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%zu mounts for '%s', more than %d", n,
				rootfs, MOUNTS_MAX);
	for (size_t i = 0; i < n; i++) {
		ctr_code code = mount_one(rootfs, mounts[i], err);

		if (code != CTR_OK) {
			(void)mounts_remove(rootfs);
			return code;
		}
	}
	return CTR_OK;
}

int mounts_remove(const char *rootfs)
{
	for (int i = 0; i < UNMOUNTS_MAX; i++) {
		if (umount2(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			continue;
		return errno == EINVAL || errno == ENOENT ? 0 : -errno;
	}
	return -EBUSY;
}
