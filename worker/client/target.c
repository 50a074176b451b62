/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory an unpack worker is caged into: a detached mount of it, made by the daemon so that
 * the daemon knows its mount id and can tell a descriptor from inside from any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "worker/client/worker_client.h"

static int mount_id_of(int fd, uint64_t *ret)
{
	struct statx sx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID | STATX_TYPE, &sx) < 0)
		return -errno;
	if (!(sx.stx_mask & STATX_MNT_ID))
		return -ENOSYS;
	if (!S_ISDIR(sx.stx_mode))
		return -ENOTDIR;
	*ret = sx.stx_mnt_id;
	return 0;
}

ctr_code worker_target_open(int dir_fd, int *ret_mount_fd, uint64_t *ret_mount_id,
			    struct ctr_error *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NOEXEC };
	AUTO_CLOSE int tree = -1;
	uint64_t id = 0;

	tree = (int)syscall(SYS_open_tree, dir_fd, "",
			    AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return ctr_fail_errno(err, errno, "clone the mount of the unpack target");
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return ctr_fail_errno(err, errno, "set the unpack target nodev, nosuid");
	int r = mount_id_of(tree, &id);
	if (r < 0)
		return ctr_fail_errno(err, r, "read the mount id of the unpack target");
	*ret_mount_fd = take_fd(&tree);
	*ret_mount_id = id;
	return CTR_OK;
}

int worker_target_check(int fd, uint64_t mount_id)
{
	uint64_t id = 0;
	int r = mount_id_of(fd, &id);

	if (r < 0 || id != mount_id)
		return -EPERM;
	return 0;
}
