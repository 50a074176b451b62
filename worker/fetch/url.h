/* SPDX-License-Identifier: Apache-2.0
 *
 * URLs of registries, taken apart by libcurl's own parser so that what is checked is what is
 * fetched. Pure.
 */
#ifndef CTR_WORKER_FETCH_URL_H
#define CTR_WORKER_FETCH_URL_H

#include <stddef.h>

#define URL_MAX    8192
#define ORIGIN_MAX 320

/*
 * "https://host:443" with the port always there, lower case. 0 or -EINVAL (also for schemes but
 * http and https).
 */
int url_origin(const char *url, char ret[ORIGIN_MAX]);
int url_same_origin(const char *a, const char *b);
int url_is_https(const char *url);
/* "localhost", 127.0.0.0/8, ::1, with or without port and brackets. */
int host_is_loopback(const char *host);

/*
 * Where a redirect leads. 0 and *ret (caller frees), or -EINVAL and *ret_why: no http URL, from
 * https to http, with a user in it, too long.
 */
int redirect_target(const char *from, const char *location, char **ret, const char **ret_why);

/*
 * For messages: without user, query and fragment (signatures live there). Caller frees; NULL on
 * OOM.
 */
char *url_shown(const char *url);

/* url?name=value, encoded; caller frees, NULL on failure. */
char *url_add_query(const char *url, const char *name, const char *value);

#endif
