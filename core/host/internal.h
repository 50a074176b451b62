/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: the services' tables, and mount options taken apart.
 */
#ifndef CTR_CORE_HOST_INTERNAL_H
#define CTR_CORE_HOST_INTERNAL_H

#include <stdint.h>

#include <ctr/mount.h>

#include "core/host/host.h"

extern const struct ctr_mount_ops host_mount_ops;

#define MOUNT_OPTIONS_MAX 1024 /* words of one mount */

/* Option words as mount(8) knows them, by what the kernel wants them as. */
struct mount_words {
	uint64_t set, clear; /* attributes of the mount, MOUNT_ATTR_* */
	unsigned long flags; /* the same and the file system's, MS_*, for mount(2) */
	int bind, recursive, read_only;
	const char *const
		*data; /* words for the file system: "key" or "key=value"; caller's array */
	uint64_t n_data;
};

/*
 * data: room for as many words as the mount has. CTR_UNIMPLEMENTED for words that need the mount
 * manager.
 */
ctr_code mount_words_read(const struct ctr_mount *m, const char **data, struct mount_words *ret,
			  struct ctr_error *err);
/*
 * Overlay on kernels before 6.7, whose fsconfig takes no more than 255 bytes of lower directories.
 */
ctr_code mount_old_overlay(const struct ctr_mount *m, const struct mount_words *w,
			   const char *scratch, int *ret_fd, struct ctr_error *err);

#endif
