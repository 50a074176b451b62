/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host lends to every plugin: processes ("ctr.spawn.v1") and mounts ("ctr.mount.v1").
 */
#ifndef CTR_CORE_HOST_H
#define CTR_CORE_HOST_H

#include <ctr/types.h>

#include "status/status.h"

struct daemon;
struct helpers;

/* Provide both services. 0 or -errno. */
int host_provide(struct daemon *d);
void helpers_free(struct helpers *h); /* NULL allowed */

/*
 * The same as ctr.mount.v1 open(), for the core's own use. scratch: a directory to mount on where
 * the kernel is old.
 */
ctr_code mount_tree_open(const struct ctr_mount *mounts, uint64_t n, const char *scratch,
			 int *ret_fd, struct ctr_error *err);

#endif
