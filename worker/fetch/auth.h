/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials and what registries give for them. A grant is the Authorization header for one
 * (origin, repository): made from a challenge, at once for Basic, by asking the token service for
 * Bearer. Secrets never appear in messages. One thread.
 */
#ifndef CTR_WORKER_FETCH_AUTH_H
#define CTR_WORKER_FETCH_AUTH_H

#include "base/buf.h"
#include "base/list.h"
#include "worker/fetch/http.h"
#include "worker/wire.h"

enum credential_state { CREDENTIAL_ASKED, CREDENTIAL_GIVEN, CREDENTIAL_NONE };

struct credential {
	struct list link;
	enum credential_state state;
	uint64_t asked_id; /* ASKED: of the AuthNeeded */
	char *host, *username, *secret, *header;
};

enum grant_state { GRANT_PENDING, GRANT_READY, GRANT_FAILED };

struct auth;
struct grant {
	struct list link;
	struct auth *auth;
	enum grant_state state;
	char *origin, *path;
	char *header;    /* READY: "Authorization: ..." */
	uint64_t serial; /* of the header: a job remembers which it used */
	int64_t expires_ns;
	struct exchange x; /* PENDING */
	struct buf body;
	struct ctr_error err; /* FAILED */
	int retryable;
};

struct auth {
	struct http *http;
	struct list credentials, grants;
	uint64_t serial;
	void (*on_grant)(void *ud, struct grant *g); /* a pending one is ready or failed */
	void *ud;
};

void auth_init(struct auth *a, struct http *http, void (*on_grant)(void *ud, struct grant *g),
	       void *ud);
void auth_done(struct auth *a);

/* 0 or -ENOMEM. An earlier one for the host is replaced. c empty: CREDENTIAL_NONE. */
int auth_put_credential(struct auth *a, const char *host, const Ctr__Worker__V1__Credential *c);
int auth_mark_asked(struct auth *a, const char *host, uint64_t id);
/* The host that AuthNeeded id asked about; NULL when none waits for that answer. */
const char *auth_asked_host(const struct auth *a, uint64_t id);
/*
 * For a registry's host; "docker.io" and its historic names answer for registry-1.docker.io. NULL:
 * none known.
 */
struct credential *auth_credential(const struct auth *a, const char *host);

struct grant *auth_find(const struct auth *a, const char *origin, const char *path);
const char *grant_header(const struct grant *g); /* NULL unless ready and not about to expire */
void auth_drop(struct grant *g);

/*
 * Begin a grant for what a registry challenged with. GRANT_READY at once for Basic. UNAUTHENTICATED
 * when there is no credential for it or the scheme is unknown; PERMISSION_DENIED for a token
 * service that must not be asked.
 */
ctr_code auth_begin(struct auth *a, const struct endpoint *ep, const char *origin, const char *path,
		    const struct challenge *ch, struct grant **ret, struct ctr_error *err);

/* Exposed for tests: a token service's answer. 0 or -EINVAL. *ret_token is the caller's. */
int token_parse(const char *data, size_t n, char **ret_token, int64_t *ret_expires_s);

#endif
