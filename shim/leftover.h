/* SPDX-License-Identifier: Apache-2.0
 *
 * What a shim that was killed in the middle of a runtime's call leaves beside the container: the
 * runtime's process, which goes on alone, and cgroups that it made before it knew the container.
 */
#ifndef CTR_SHIM_LEFTOVER_H
#define CTR_SHIM_LEFTOVER_H

/* Kill runtimes that work below root on the container id, and wait until they are gone (1 s). */
void leftover_runtimes(const char *root, const char *id);
/*
 * Remove the cgroup that config.json names, in every hierarchy, where no process is in it (any
 * more: 1 s).
 */
void leftover_cgroups(int bundle_fd);

#endif
