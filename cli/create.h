/* SPDX-License-Identifier: Apache-2.0
 *
 * From the flags of run and create to a container: image, spec, labels, snapshot. Two requests are sent at once, the
 * container and its snapshot, so that one commit holds both.
 */
#ifndef CTR_CLI_CREATE_H
#define CTR_CLI_CREATE_H

#include "cli/api.h"
#include "cli/cli.h"
#include "cli/image.h"
#include "oci/spec.h"

/* Flags common to run and create. */
#define CREATE_FLAGS                                                                                                \
	{ "add-host", 0, FLAG_LIST, "NAME:IP", "a line of /etc/hosts", NULL },                                     \
	{ "annotation", 0, FLAG_LIST, "KEY=VALUE", "annotation of the spec", NULL },                               \
	{ "cap-add", 0, FLAG_LIST, "NAME", "add a capability, or ALL", NULL },                                     \
	{ "cap-drop", 0, FLAG_LIST, "NAME", "drop a capability, or ALL", NULL },                                   \
	{ "cidfile", 0, FLAG_TEXT, "FILE", "write the container's id to a new file", NULL },                       \
	{ "cpu-period", 0, FLAG_TEXT, "MICROSECONDS", "CFS period", NULL },                                        \
	{ "cpu-quota", 0, FLAG_TEXT, "MICROSECONDS", "CFS quota in each period", NULL },                           \
	{ "cpu-shares", 'c', FLAG_TEXT, "NUMBER", "relative CPU weight", NULL },                                   \
	{ "cpus", 0, FLAG_TEXT, "NUMBER", "CPUs it may use, such as 1.5", NULL },                                  \
	{ "cpuset-cpus", 0, FLAG_TEXT, "LIST", "CPUs it may run on, such as 0-3", NULL },                          \
	{ "cpuset-mems", 0, FLAG_TEXT, "LIST", "memory nodes it may use", NULL },                                  \
	{ "device", 0, FLAG_LIST, "HOST[:CONTAINER[:rwm]]", "a device of the host", NULL },                        \
	{ "entrypoint", 0, FLAG_TEXT, "COMMAND", "instead of the image's; empty: none", NULL },                    \
	{ "env", 'e', FLAG_LIST, "NAME[=VALUE]", "variable; without a value: ours", NULL },                        \
	{ "env-file", 0, FLAG_LIST, "FILE", "variables, one a line", NULL },                                       \
	{ "group-add", 0, FLAG_LIST, "GROUP", "a further group", NULL },                                           \
	{ "hostname", 0, FLAG_TEXT, "NAME", "host name; the short id otherwise", NULL },                           \
	{ "interactive", 'i', FLAG_BOOL, NULL, "keep standard input open", NULL },                                 \
	{ "ipc", 0, FLAG_TEXT, "private|host", "IPC namespace", "private host" },                                  \
	{ "label", 'l', FLAG_LIST, "KEY=VALUE", "label of the container", NULL },                                  \
	{ "log-opt", 0, FLAG_LIST, "KEY=VALUE", "max-size=10m, max-file=3 (with -d)", "max-size= max-file=" },     \
	{ "memory", 'm', FLAG_TEXT, "BYTES", "memory limit, such as 512m", NULL },                                 \
	{ "memory-reservation", 0, FLAG_TEXT, "BYTES", "soft memory limit", NULL },                                \
	{ "memory-swap", 0, FLAG_TEXT, "BYTES", "limit of memory and swap together; -1: none", NULL },             \
	{ "name", 0, FLAG_TEXT, "NAME", "name, unique in the namespace", NULL },                                   \
	{ "net", 0, FLAG_TEXT, "none|host", "network; none is the default", "none host" },                         \
	{ "network", 0, FLAG_TEXT, "none|host", "same as --net", "none host" },                                    \
	{ "oom-score-adj", 0, FLAG_TEXT, "NUMBER", "-1000 to 1000", NULL },                                        \
	{ "pid", 0, FLAG_TEXT, "private|host", "PID namespace", "private host" },                                  \
	{ "pids-limit", 0, FLAG_TEXT, "NUMBER", "processes; -1: no limit", NULL },                                 \
	{ "platform", 0, FLAG_TEXT, "OS/ARCH", "platform of the image", "linux/amd64 linux/arm64" },               \
	{ "privileged", 0, FLAG_BOOL, NULL, "all capabilities and devices, nothing masked", NULL },                \
	{ "pull", 0, FLAG_TEXT, "POLICY", "missing (default), always, never", "always missing never" },            \
	{ "read-only", 0, FLAG_BOOL, NULL, "root file system read-only", NULL },                                   \
	{ "restart", 0, FLAG_TEXT, "POLICY", "no; other policies do not exist yet", "no" },                        \
	{ "rm", 0, FLAG_BOOL, NULL, "remove the container when it ends", NULL },                                   \
	{ "runtime", 0, FLAG_TEXT, "NAME", "runtime name", "io.containerd.runc.v2 io.containerd.ctr.v2" },         \
	{ "security-opt", 0, FLAG_LIST, "OPTION",                                                                  \
	  "seccomp=unconfined|FILE, apparmor=NAME|unconfined, no-new-privileges",                                  \
	  "seccomp=unconfined apparmor=unconfined no-new-privileges" },                                            \
	{ "shm-size", 0, FLAG_TEXT, "BYTES", "size of /dev/shm", NULL },                                           \
	{ "snapshotter", 0, FLAG_TEXT, "NAME", "instead of the daemon's default", "overlayfs native" },            \
	{ "stop-signal", 0, FLAG_TEXT, "SIGNAL", "what stop sends first", NULL },                                  \
	{ "sysctl", 0, FLAG_LIST, "KEY=VALUE", "kernel parameter of its namespaces", NULL },                       \
	{ "tmpfs", 0, FLAG_LIST, "PATH[:OPTIONS]", "a tmpfs", NULL },                                              \
	{ "tty", 't', FLAG_BOOL, NULL, "a terminal", NULL },                                                       \
	{ "ulimit", 0, FLAG_LIST, "NAME=SOFT[:HARD]", "resource limit, such as nofile=1024", NULL },               \
	{ "user", 'u', FLAG_TEXT, "USER[:GROUP]", "user, by name or number", NULL },                               \
	{ "uts", 0, FLAG_TEXT, "private|host", "UTS namespace", "private host" },                                  \
	{ "volume", 'v', FLAG_LIST, "HOST:CONTAINER[:ro]", "bind a path of the host", NULL },                      \
	{ "workdir", 'w', FLAG_TEXT, "PATH", "working directory", NULL }

#define LISTS_MAX 64 /* of each repeated flag */

/* Everything the spec borrows from, kept until it is built. */
struct spec_input {
	struct oci_options o;
	struct oci_mount mounts[2 * LISTS_MAX];
	struct oci_device devices[LISTS_MAX];
	struct oci_rlimit rlimits[LISTS_MAX];
	struct oci_pair annotations[LISTS_MAX], sysctls[LISTS_MAX];
	char **args, **env, **strings; /* strings: what the others point into */
	char **option_lists[2 * LISTS_MAX];
	size_t n_option_lists;
	char *seccomp_text;
};
void spec_input_done(struct spec_input *in);

/* The flags into in->o, all but what needs the container's id, user and files. */
ctr_code spec_input_fill(struct cli *c, const struct image *image, const struct oci_host *host,
			 struct spec_input *in, struct ctr_error *err);

/* --volume and --tmpfs, in mountflags.c. */
ctr_code mount_flags(struct cli *c, struct spec_input *in, struct ctr_error *err);

/* A container that exists. */
struct made {
	char id[65];
	char *name;      /* or NULL */
	CONTAINERS(Container) *container; /* what was sent; strings are in here and owned */
	SNAPSHOTS(PrepareSnapshotResponse) *mounts;
	char *spec, *log_path, *log_uri, *snapshotter;
	int tty, input;
};
void made_done(struct made *m);
#define AUTO_MADE AUTO(made_done) struct made

/* Make it: find or pull the image, build the spec, store container and snapshot. detached: with a log. */
ctr_code container_make(struct cli *c, int detached, struct made *ret, struct ctr_error *err);
/* Take it away again (it has no task), after a failure. */
void container_unmake(struct cli *c, const struct made *m);

#endif
