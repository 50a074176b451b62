/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.runc.v1.Options: from the request, and through files in the bundle to the delete verb.
 */
#ifndef CTR_SHIM_OPTIONS_H
#define CTR_SHIM_OPTIONS_H

#include <sys/types.h>

#include "google/protobuf/any.pb-c.h"

#include "status/status.h"

struct options {
	char *binary; /* "": runc */
	char *root;   /* "": the default */
	char *shim_cgroup;
	int systemd_cgroup;
	int no_pivot;
	int no_keyring;
	uid_t uid;
	gid_t gid;
};

/* any NULL or empty: all defaults. */
ctr_code options_decode(const Google__Protobuf__Any *any, struct options *ret,
			struct ctr_error *err);
/* options.json and runtime in the bundle. 0 or -errno. */
int options_save(int bundle_fd, const struct options *o);
int options_load(int bundle_fd, struct options *ret); /* no file: defaults; 0 or -errno */
void options_done(struct options *o);
#define AUTO_OPTIONS AUTO(options_done) struct options

#endif
