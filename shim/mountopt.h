/* SPDX-License-Identifier: Apache-2.0
 *
 * The option words of a Mount, as containerd reads them: words that are flags, and data for the
 * file system. Pure.
 */
#ifndef CTR_SHIM_MOUNTOPT_H
#define CTR_SHIM_MOUNTOPT_H

#include <stddef.h>

#include "base/macros.h"

struct mount_opts {
	unsigned long flags;       /* MS_* */
	unsigned long propagation; /* MS_PRIVATE, ... with MS_REC; 0: none asked for */
	int loop;                  /* the source is a file for a loop device */
	char **data;               /* the other words, in order; never NULL after parsing */
};

/* words may be NULL when n is 0. 0 or -ENOMEM. */
int mount_opts_parse(char *const *words, size_t n, struct mount_opts *ret);
void mount_opts_done(struct mount_opts *o);
#define AUTO_MOUNT_OPTS AUTO(mount_opts_done) struct mount_opts

/* The data words joined by commas; caller frees; NULL on OOM. */
char *mount_opts_data(const struct mount_opts *o);

#endif
