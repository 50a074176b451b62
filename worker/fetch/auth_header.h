/* SPDX-License-Identifier: Apache-2.0
 *
 * WWW-Authenticate, as registries send it (RFC 9110 11.6.1, and Docker's token scheme). Pure.
 */
#ifndef CTR_WORKER_FETCH_AUTH_HEADER_H
#define CTR_WORKER_FETCH_AUTH_HEADER_H

#include <stddef.h>

enum auth_scheme { AUTH_NONE, AUTH_BASIC, AUTH_BEARER }; /* the higher is preferred */

struct challenge {
	enum auth_scheme scheme;
	char realm[1024];
	char service[512];
	char scope[1024];
	char error[64];
};

/*
 * One header value, which may hold several challenges. *inout is replaced when the value brings a
 * scheme that is preferred to what it holds (start with zeroes). Unknown schemes are skipped. 0, or
 * -EINVAL for a value that cannot be read or a parameter that is too long; what was read before it
 * stays.
 */
int challenge_parse(const char *value, size_t n, struct challenge *inout);

#endif
