/* SPDX-License-Identifier: Apache-2.0
 *
 * What this machine can do, as far as a spec depends on it. Probed once; tests fill it by hand.
 */
#ifndef CTR_OCI_HOST_H
#define CTR_OCI_HOST_H

#include <stdint.h>

#define OCI_APPARMOR_DEFAULT "ctr-default"

struct oci_host {
	uint64_t caps;        /* bounding set of this process */
	int cgroup2;          /* /sys/fs/cgroup is the unified hierarchy */
	int apparmor;         /* AppArmor is enabled */
	int apparmor_default; /* and the profile OCI_APPARMOR_DEFAULT is loaded */
	int seccomp;          /* the kernel has seccomp filters */
	unsigned kernel_major, kernel_minor;
	int oom_score_adj; /* of this process */
	int can_lower_oom; /* CAP_SYS_RESOURCE is effective */
};

void oci_host_probe(struct oci_host *ret);
/* Is the AppArmor profile name loaded? 1 or 0. */
int oci_apparmor_loaded(const char *name);

#endif
