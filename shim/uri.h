/* SPDX-License-Identifier: Apache-2.0
 *
 * The stdio URIs of a request: scheme, path and query. No scheme is a bare path. Pure.
 */
#ifndef CTR_SHIM_URI_H
#define CTR_SHIM_URI_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

#define URI_MAX 4096 /* bytes of a stdio URI */

struct uri {
	char *scheme; /* "" for a bare path */
	char *path;   /* decoded, absolute */
	char **query; /* key, value, key, value, ..., NULL; decoded; never NULL after parsing */
};

/* 0, -EINVAL (no absolute path, bad escape), -E2BIG or -ENOMEM. */
int uri_parse(const char *s, struct uri *ret);
void uri_done(struct uri *u);
#define AUTO_URI AUTO(uri_done) struct uri

enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_CRI };

/* What ctrlog:///path?format=json|cri&max-size=&max-files=&stdin=attach asks for. */
struct log_options {
	enum log_format format;
	uint64_t max_bytes; /* of one file; 0: no rotation */
	uint32_t max_files; /* path, path.1, ...; at least 1 */
	int attach_stdin;   /* attach clients may write the container's standard input */
};

/* 0, or -EINVAL and *ret_bad is the key that is unknown or has a wrong value. */
int log_options_parse(char *const *query, struct log_options *ret, const char **ret_bad);

#endif
