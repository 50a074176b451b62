/* SPDX-License-Identifier: Apache-2.0
 *
 * The root file system of a container: the mounts of the Create request, made in order, and taken
 * away at the end.
 */
#ifndef CTR_SHIM_MOUNTS_H
#define CTR_SHIM_MOUNTS_H

#include "containerd/types/mount.pb-c.h"

#include "status/status.h"

#define MOUNTS_MAX 128 /* mounts of one rootfs */

/* All or none are mounted at the absolute directory rootfs. */
ctr_code mounts_make(const char *rootfs, Containerd__Types__Mount *const *mounts, size_t n,
		     struct ctr_error *err);
/* Detach everything that is mounted at or below rootfs. 0 or -errno; nothing mounted is 0. */
int mounts_remove(const char *rootfs);

/*
 * Overlay data longer than a page: the directory that all lowerdirs share (caller frees) and the
 * data with names relative to it. NULL when there is no lowerdir or they share nothing. Pure.
 */
char *overlay_shorten(const char *data, char **ret_dir);

#endif
