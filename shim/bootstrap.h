/* SPDX-License-Identifier: Apache-2.0
 *
 * The two forms of a start: what standard input may hold, and how it is answered.
 */
#ifndef CTR_SHIM_BOOTSTRAP_H
#define CTR_SHIM_BOOTSTRAP_H

#include <stddef.h>

#include "shim/options.h"

#define BOOTSTRAP_MAX (10 * 1024 * 1024) /* bytes of standard input */

struct bootstrap {
	int params; /* BootstrapParams came: answer with a BootstrapResult */
	int debug;
	char *ttrpc_address; /* NULL: not given */
	char *grpc_address;
	char *socket_dir;
	struct options options;
};

/* Nothing, BootstrapParams (they repeat the id of the flags), or an Any of options. */
ctr_code bootstrap_decode(const void *data, size_t n, const char *id, struct bootstrap *ret,
			  struct ctr_error *err);
void bootstrap_done(struct bootstrap *b);
#define AUTO_BOOTSTRAP AUTO(bootstrap_done) struct bootstrap
/* The answer to params; *ret from malloc. 0 or -errno. */
int bootstrap_result(const char *address, void **ret, size_t *ret_n);

#endif
