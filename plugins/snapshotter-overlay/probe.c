/* SPDX-License-Identifier: Apache-2.0
 *
 * Is overlayfs to be had on this directory? A real mount is tried, detached, so that nobody ever sees it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "overlay.h"

static int set(int fs, const char *key, const char *root, const char *name)
{
	AUTO_FREE char *path = str_printf("%s/probe/%s", root, name);

	if (!path)
		return -ENOMEM;
	return fsconfig(fs, FSCONFIG_SET_STRING, key, path, 0) < 0 ? -errno : 0;
}

static int try_mount(const char *root)
{
	AUTO_CLOSE int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	int r;

	if (fs < 0)
		return -errno;
	if ((r = set(fs, "lowerdir", root, "lower")) < 0 ||
	    (r = set(fs, "upperdir", root, "upper")) < 0 ||
	    (r = set(fs, "workdir", root, "work")) < 0)
		return r;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;

	AUTO_CLOSE int mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return mnt < 0 ? -errno : 0;
}

ctr_code overlay_probe(struct overlay *o, struct ctr_error *err)
{
	const struct ctr_host *h = o->dirs.host;
	static const char *const names[] = { "probe/lower", "probe/upper", "probe/work" };
	int r = path_remove_tree(o->dirs.root_fd, "probe");

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		AUTO_CLOSE int fd = path_mkdirs(o->dirs.root_fd, names[i], PATH_BENEATH, 0700);
		r = MIN(fd, 0);
	}
	if (r < 0)
		return h->fail_errno(err, r, "probe '%s'", h->root_dir);

	r = try_mount(h->root_dir);
	(void)path_remove_tree(o->dirs.root_fd, "probe");
	if (r < 0)
		return h->fail(err, CTR_SKIP, "overlayfs cannot be mounted on '%s': %s",
			       h->root_dir, strerrordesc_np(-r));

	o->index_off = access("/sys/module/overlay/parameters/index", F_OK) == 0;
	return CTR_OK;
}
