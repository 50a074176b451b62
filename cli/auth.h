/* SPDX-License-Identifier: Apache-2.0
 *
 * Registry credentials: ~/.docker/config.json ("auths"), 0600, replaced atomically. Secrets are
 * wiped after use.
 */
#ifndef CTR_CLI_AUTH_H
#define CTR_CLI_AUTH_H

#include "cli/cli.h"

struct credential {
	char *username, *secret; /* secret: password, or with is_token a refresh token */
	int is_token;
};
void credential_done(struct credential *k);
#define AUTO_CREDENTIAL AUTO(credential_done) struct credential

/* NOT_FOUND: none for this host ("docker.io" has an alias in the file). */
ctr_code auth_find(struct cli *c, const char *host, struct credential *ret, struct ctr_error *err);
ctr_code auth_store(struct cli *c, const char *host, const char *username, const char *secret,
		    struct ctr_error *err);
ctr_code auth_forget(struct cli *c, const char *host, struct ctr_error *err);

#endif
