/* SPDX-License-Identifier: Apache-2.0
 *
 * From the flags of run and create to a container: image, spec, labels, snapshot. Two requests are
 * sent at once, the container and its snapshot, so that one commit holds both.
 */
#ifndef CTR_CLI_CREATE_H
#define CTR_CLI_CREATE_H

#include "cli/api.h"
#include "cli/cli.h"
#include "cli/image.h"
#include "oci/spec.h"

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
	char *name;                       /* or NULL */
	CONTAINERS(Container) *container; /* what was sent; strings are in here and owned */
	SNAPSHOTS(PrepareSnapshotResponse) *mounts;
	char *spec, *log_path, *log_uri, *snapshotter;
	int tty, input;
};
void made_done(struct made *m);
#define AUTO_MADE AUTO(made_done) struct made

/*
 * Make it: find or pull the image, build the spec, store container and snapshot. detached: with a
 * log.
 */
ctr_code container_make(struct cli *c, int detached, struct made *ret, struct ctr_error *err);
/* Take it away again (it has no task), after a failure. */
void container_unmake(struct cli *c, const struct made *m);

#endif
