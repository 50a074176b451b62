/* SPDX-License-Identifier: Apache-2.0
 *
 * The proxy variables, lower case first, as curl and Go read them. Read once, before there are
 * threads; workers have no environment and get them in their set-up.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "core/transfer/internal.h"

#define ENVIRON_MAX (2 * 1024 * 1024)

/* The value of name in n bytes of NUL-ended assignments, or NULL. */
static const char *find(const char *env, size_t n, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = env; at < env + n; at += strlen(at) + 1)
		if (strncmp(at, name, len) == 0 && at[len] == '=' && at[len + 1])
			return at + len + 1;
	return NULL;
}

static int keep(const char *env, size_t n, const char *lower, const char *upper, char **ret)
{
	const char *value = find(env, n, lower);

	if (!value)
		value = find(env, n, upper);
	if (!value)
		return 0;
	*ret = str_dup(value);
	return *ret ? 0 : -ENOMEM;
}

int proxies_read(struct proxies *ret)
{
	AUTO_FREE char *env = NULL;
	size_t n = 0;
	int r = io_read_file(AT_FDCWD, "/proc/self/environ", ENVIRON_MAX, &env, &n);

	if (r < 0) /* without /proc there are none */
		return r == -ENOMEM ? r : 0;
	r = keep(env, n, "http_proxy", "HTTP_PROXY", &ret->http);
	if (r == 0)
		r = keep(env, n, "https_proxy", "HTTPS_PROXY", &ret->https);
	if (r == 0)
		r = keep(env, n, "no_proxy", "NO_PROXY", &ret->none);
	return r;
}

void proxies_done(struct proxies *p)
{
	free(p->http);
	free(p->https);
	free(p->none);
}
