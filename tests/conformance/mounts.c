/* SPDX-License-Identifier: Apache-2.0
 *
 * Real mounts of what a snapshotter gives, made by the host's own mount code and attached below the case's folder. The
 * whole program runs in a mount namespace of its own, so nobody else ever sees them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "core/host/host.h"
#include "tests/conformance/kit.h"

int work_dir(struct kit *k, const char *name, char ret[KIT_PATH])
{
	int n = snprintf(ret, KIT_PATH, "%s/work", k->dir);

	if (n > 0 && n < KIT_PATH && mkdir(ret, 0755) < 0 && errno != EEXIST)
		return kit_fail(k, "make '%s': %s", ret, strerrordesc_np(errno));
	n = snprintf(ret, KIT_PATH, "%s/work/%s", k->dir, name);
	MUST(k, n > 0 && n < KIT_PATH, "the name '%s' is too long", name);
	MUST(k, mkdir(ret, 0755) == 0 || errno == EEXIST, "make '%s': %s", ret,
	     strerrordesc_np(errno));
	return 0;
}

int kit_mount(struct kit *k, const char *name, char ret_path[KIT_PATH])
{
	AUTO_CLOSE int tree = -1;
	char scratch[KIT_PATH];

	STEP(work_dir(k, name, ret_path));
	STEP(work_dir(k, ".scratch", scratch));
	error_done(&k->err);
	MUST(k, mount_tree_open(k->mounts.items, k->mounts.n, scratch, &tree, &k->err) == CTR_OK,
	     "mount '%s': %s", name, error_text(&k->err));
	MUST(k, move_mount(tree, "", AT_FDCWD, ret_path, MOVE_MOUNT_F_EMPTY_PATH) == 0,
	     "attach '%s': %s", ret_path, strerrordesc_np(errno));
	return 0;
}

int kit_umount(struct kit *k, const char *path)
{
	MUST(k, umount2(path, UMOUNT_NOFOLLOW) == 0, "unmount '%s': %s", path,
	     strerrordesc_np(errno));
	return 0;
}
