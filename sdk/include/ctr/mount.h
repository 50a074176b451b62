/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.mount.v1": mounts in a place of their own, on behalf of a plugin, away from what users see.
 */
#ifndef CTR_MOUNT_H
#define CTR_MOUNT_H

#include <ctr/plugin.h>
#include <ctr/types.h>

#define CTR_SERVICE_MOUNT "ctr.mount.v1"

struct ctr_mount_ops {
	uint32_t size, reserved;
	/* The tree that these mounts make, as a directory descriptor that keeps it alive: detached (fsmount, open_tree),
	 * attached nowhere, gone when the last descriptor closes. Codes of the errno table; CTR_UNIMPLEMENTED for a
	 * mount type or option that needs the mount manager. Any thread; may block. */
	ctr_code (*open)(const struct ctr_host *h, const struct ctr_mount *mounts, uint64_t n,
			 int32_t *ret_fd, struct ctr_error *err);
};

#endif
