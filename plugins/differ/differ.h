/* SPDX-License-Identifier: Apache-2.0
 *
 * The walking differ: layers are applied and made by a caged ctr-worker process each; this side opens the trees,
 * passes descriptors and watches. Methods run on pool threads; the struct is constant after init.
 */
#ifndef CTR_PLUGIN_DIFFER_H
#define CTR_PLUGIN_DIFFER_H

#include <stdbool.h>

#include <ctr/differ.h>
#include <ctr/mount.h>
#include <ctr/plugin.h>
#include <ctr/spawn.h>

#include "worker/client/worker_client.h"

#define PARENTS_MAX 14 /* descriptors of one message, less the source and one to spare */

struct differ {
	const struct ctr_host *host;
	const struct ctr_spawn_ops *spawn;
	const struct ctr_mount_ops *mount;
	const char *worker; /* absolute path */
	uint64_t max_entries, max_bytes, max_ratio;
	uint64_t memory_bytes;
	int nice, ioprio;
};

ctr_code differ_apply(void *self, const struct ctr_call *call, const struct ctr_apply *args,
		      struct ctr_applied *ret, struct ctr_error *err);
ctr_code differ_compare(void *self, const struct ctr_call *call, const struct ctr_compare *args,
			struct ctr_compared *ret, struct ctr_error *err);

/* media.c: is it a layer that apply takes, or compare makes? */
bool media_applied(const char *media_type);
bool media_made(const char *media_type);

/* target.c: the tree to apply to. */
struct target {
	int dir_fd;   /* opened for reading */
	int mount_fd; /* -1, or the detached mount that was made for it */
	bool native;
	bool userxattr; /* the overlay's own attributes are user.overlay.* */
	int parents[PARENTS_MAX];
	size_t n_parents;
};
ctr_code target_open(const struct differ *d, const struct ctr_apply *args, struct target *ret,
		     struct ctr_error *err);
void target_done(struct target *t);

/* The trees to compare: descriptors or -1. */
struct trees {
	int lower, upper, touched;
	int mounts[2]; /* -1, or what keeps lower and upper mounted */
};
ctr_code trees_open(const struct differ *d, const struct ctr_compare *args, struct trees *ret,
		    struct ctr_error *err);
void trees_done(struct trees *t);

/* process.c: start a worker of a role with the plugin's settings. fds go with its Setup. */
ctr_code process_start(const struct differ *d, const struct ctr_call *call, enum worker_role role,
		       int target_fd, struct worker **ret, struct ctr_error *err);
struct wire_wait process_wait(const struct differ *d, const struct ctr_call *call);
/* An error of the worker's client (the private struct) to one of the host's. */
ctr_code process_fail(const struct differ *d, const char *what, const struct ctr_error *from,
		      struct ctr_error *to);

#endif
