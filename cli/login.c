/* SPDX-License-Identifier: Apache-2.0
 *
 * login and logout. The secret comes from a terminal without echo or from standard input, never
 * from the command line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "cli/auth.h"
#include "cli/term.h"
#include "cli/verbs.h"

#define SECRET_MAX 4096
#define HUB        "docker.io"

/* A registry's host, without scheme and path. */
static ctr_code host_of(struct cli *c, char **ret, struct ctr_error *err)
{
	const char *s = c->args.n_rest ? c->args.rest[0] : HUB;
	const char *p = str_starts(s, "https://") ? s + 8 : str_starts(s, "http://") ? s + 7 : s;
	size_t n = strcspn(p, "/");

	if (n == 0 || strpbrk(p, " \t\n@"))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is not a registry", s);
	*ret = str_ndup(p, n);
	return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "registry");
}

static ctr_code read_secret(struct cli *c, char secret[SECRET_MAX], struct ctr_error *err)
{
	ssize_t n;
	int r;

	if (!arg_on(&c->args, "password-stdin")) {
		r = term_secret("password: ", secret, SECRET_MAX);
		return r < 0 ? ctr_fail_errno(
				       err, r,
				       "read the password from the terminal (see --password-stdin)")
			     : CTR_OK;
	}
	n = io_read_full(STDIN_FILENO, secret, SECRET_MAX);
	if (n < 0 || n == SECRET_MAX)
		return ctr_fail_errno(err, n < 0 ? (int)n : -E2BIG, "read the password");
	secret[n] = 0;
	secret[strcspn(secret, "\r\n")] = 0;
	return CTR_OK;
}

ctr_code verb_login(struct cli *c, struct ctr_error *err)
{
	const char *user = arg_text(&c->args, "username");
	AUTO_FREE char *host = NULL;
	char secret[SECRET_MAX] = "";
	ctr_code code = host_of(c, &host, err);

	c->subject = host;
	if (code == CTR_OK && (!user || !user[0] || strchr(user, ':')))
		code = ctr_fail(err, CTR_INVALID_ARGUMENT, "-u USER is needed, without a colon");
	if (code == CTR_OK)
		code = read_secret(c, secret, err);
	if (code == CTR_OK && !secret[0])
		code = ctr_fail(err, CTR_INVALID_ARGUMENT, "the password is empty");
	if (code == CTR_OK)
		code = auth_store(c, host, user, secret, err);
	explicit_bzero(secret, sizeof(secret));
	c->subject = c->args.n_rest ? c->args.rest[0] : HUB;
	if (code == CTR_OK)
		cli_note("credentials for '%s' are stored; the registry is asked at the next pull",
			 host);
	return code;
}

ctr_code verb_logout(struct cli *c, struct ctr_error *err)
{
	AUTO_FREE char *host = NULL;
	ctr_code code = host_of(c, &host, err);

	c->subject = c->args.n_rest ? c->args.rest[0] : HUB;
	return code == CTR_OK ? auth_forget(c, host, err) : code;
}
