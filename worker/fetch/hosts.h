/* SPDX-License-Identifier: Apache-2.0
 *
 * From a registry's name to the places that are asked for it, in order: hosts directories as
 * containerd reads them, else the registry itself. Reads files below the hosts directories; one
 * thread.
 */
#ifndef CTR_WORKER_FETCH_HOSTS_H
#define CTR_WORKER_FETCH_HOSTS_H

#include <stddef.h>

#include "status/status.h"
#include "worker/fetch/hosts_toml.h"

struct endpoint {
	char *base; /* "https://registry-1.docker.io/v2", without a slash at the end */
	char *host; /* "registry-1.docker.io", "localhost:5000" */
	unsigned capabilities;
	int skip_verify;
	int proxy; /* answers for another registry: wants ?ns= */
	char **ca, **cert, **key, **headers;
};

struct endpoints {
	struct endpoint *v;
	size_t n;
};
void endpoints_done(struct endpoints *e);

struct hosts_options {
	char *const *dirs;
	size_t n_dirs;
	int plain_http; /* for registries without a hosts.toml */
	int skip_verify;
	const char *scheme; /* "", "http" or "https": the default */
};

/* INVALID_ARGUMENT with file and line for a broken hosts.toml. */
ctr_code hosts_lookup(const struct hosts_options *o, const char *host, struct endpoints *ret,
		      struct ctr_error *err);

/* One endpoint from what a file says; url may lack the scheme. Exposed for tests. */
ctr_code endpoint_from_entry(const struct hosts_entry *e, const char *dir, const char *ref_host,
			     struct endpoint *ret, struct ctr_error *err);

#endif
