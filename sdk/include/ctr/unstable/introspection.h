/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.introspection.v0": what this daemon consists of, and what became of each part.
 * Unstable: exact match.
 */
#ifndef CTR_UNSTABLE_INTROSPECTION_H
#define CTR_UNSTABLE_INTROSPECTION_H

#include <ctr/plugin.h>
#include <ctr/types.h>

#define CTR_SERVICE_INTROSPECTION "ctr.introspection.v0"

struct ctr_plugin_info {
	uint32_t size;
	ctr_code code; /* CTR_OK: it is there; otherwise why not, CTR_SKIP included */
	const char *kind, *id, *error; /* error "" when code is CTR_OK */
	const char *const *needs, *const *capabilities, *const *platforms; /* end with NULL */
	struct ctr_labels exports;
};
/* Borrowed while it runs. */
typedef ctr_code (*ctr_plugin_info_sink)(void *ud, const struct ctr_plugin_info *info);

/* Something that still works but will go, or must not stay as it is. */
struct ctr_deprecation {
	uint32_t size, reserved;
	const char *id, *message;
	int64_t last_ns; /* since 1970, UTC */
};
typedef ctr_code (*ctr_deprecation_sink)(void *ud, const struct ctr_deprecation *dep);

struct ctr_server_info {
	uint32_t size, reserved;
	const char *uuid;               /* kept in <root>; borrowed for ever */
	const char *version, *revision; /* borrowed for ever */
	uint64_t pid, pidns;
};

/* Any thread, never block. */
struct ctr_introspection_ops {
	uint32_t size, reserved;
	/* filters: containerd's filter language over type and id, any of them may match; n 0: all.
	 * CTR_INVALID_ARGUMENT: a filter that cannot be read. */
	ctr_code (*plugins)(const struct ctr_host *h, const char *const *filters, uint64_t n,
			    ctr_plugin_info_sink sink, void *ud, struct ctr_error *err);
	ctr_code (*server)(const struct ctr_host *h, struct ctr_server_info *ret,
			   struct ctr_error *err);
	ctr_code (*deprecations)(const struct ctr_host *h, ctr_deprecation_sink sink, void *ud,
				 struct ctr_error *err);
	/* CTR_OK when every running plugin says that it is well. */
	ctr_code (*health)(const struct ctr_host *h, struct ctr_error *err);
};

#endif
