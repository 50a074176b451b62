/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec builder: what one container is to be, as data, in; config.json text (OCI runtime spec
 * 1.0.2), out. All strings are borrowed. Nothing here touches the container's root file system.
 */
#ifndef CTR_OCI_SPEC_H
#define CTR_OCI_SPEC_H

#include <stddef.h>
#include <stdint.h>

#include <ctr/error.h>

#include "oci/host.h"
#include "oci/user.h"

#define OCI_SPEC_TYPE_URL    "types.containerd.io/opencontainers/runtime-spec/1/Spec"
#define OCI_PROCESS_TYPE_URL "types.containerd.io/opencontainers/runtime-spec/1/Process"

enum oci_seccomp_mode { OCI_SECCOMP_DEFAULT, OCI_SECCOMP_UNCONFINED, OCI_SECCOMP_PROFILE };

struct oci_mount {
	const char *type, *source, *destination;
	char *const *options; /* NULL: none */
};

struct oci_rlimit {
	const char *type; /* "RLIMIT_NOFILE" */
	uint64_t soft, hard;
};

struct oci_device {
	const char *host, *container, *access; /* access of "rwm" */
};

struct oci_pair {
	const char *key, *value;
};

/* 0 means "not set" in each. */
struct oci_resources {
	/* bytes; memory_swap is the sum, -1: unlimited */
	int64_t memory, memory_swap, memory_reservation;
	uint64_t cpu_shares, cpu_period;
	int64_t cpu_quota;
	const char *cpuset_cpus, *cpuset_mems;
	int64_t pids; /* -1: unlimited */
};

struct oci_process {
	char *const *args, *const *env;
	const char *cwd; /* NULL or "": "/" */
	struct oci_user user;
	int terminal;
	unsigned console_width, console_height; /* 0: not set */
	uint64_t caps;
	int no_new_privileges;
	int has_oom_score_adj, oom_score_adj; /* clamped to what this process may set */
	const char *apparmor;                 /* NULL: none */
	const struct oci_rlimit *rlimits;
	size_t n_rlimits;
};

struct oci_options {
	struct oci_process process;
	const char *root_path; /* NULL: "rootfs" */
	int root_readonly;
	const char *hostname;
	const char *cgroups_path;
	/* all devices, nothing masked, no seccomp; the capabilities are the caller's */
	int privileged;
	int host_network, host_pid, host_ipc, host_uts;
	const char *netns_path; /* NULL: a new one */
	/* files of the caller's, mounted in /etc; NULL: not */
	const char *hosts_file, *hostname_file, *resolv_file;
	uint64_t shm_bytes; /* 0: 64 MiB */
	/* after the defaults; one with a default's destination replaces it */
	const struct oci_mount *mounts;
	size_t n_mounts;
	const struct oci_device *devices;
	size_t n_devices;
	const struct oci_pair *annotations, *sysctls;
	size_t n_annotations, n_sysctls;
	struct oci_resources resources;
	enum oci_seccomp_mode seccomp;
	const char *seccomp_profile; /* text, with OCI_SECCOMP_PROFILE */
};

/*
 * *ret: the text, caller frees. CTR_INVALID_ARGUMENT names the option; CTR_NOT_FOUND: a device of
 * the host; CTR_RESOURCE_EXHAUSTED: out of memory.
 */
ctr_code oci_spec_build(const struct oci_options *o, const struct oci_host *host, char **ret,
			struct ctr_error *err);

/* The same for a process alone, as Tasks.Exec takes it. */
ctr_code oci_process_build(const struct oci_process *p, const struct oci_host *host, char **ret,
			   struct ctr_error *err);

/*
 * The process of an exec: that of the container's spec text, with args, and, where they are not
 * NULL or 0, env adds, cwd, user, terminal. Privileged gives every capability of host. *ret: text,
 * caller frees.
 */
struct oci_exec {
	char *const *args, *const *env_adds;
	const char *cwd;
	const struct oci_user *user;
	int terminal, privileged;
	unsigned console_width, console_height;
};
ctr_code oci_exec_build(const char *spec_text, const struct oci_exec *e,
			const struct oci_host *host, char **ret, struct ctr_error *err);

#endif
