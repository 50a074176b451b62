/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a detached container's output goes: the shim's own log (rotated), or a plain file with a
 * foreign shim.
 */
#ifndef CTR_CLI_LOGURI_H
#define CTR_CLI_LOGURI_H

#include "cli/args.h"

/* ctrlog: the runtime takes such URIs; otherwise file://, and the user is told. *ret malloc'ed. */
ctr_code log_uri_make(const struct args *a, const char *path, int ctrlog, char **ret,
		      struct ctr_error *err);

#endif
