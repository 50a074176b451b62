/* SPDX-License-Identifier: Apache-2.0
 *
 * Grants: the Docker token scheme (https://distribution.github.io/distribution/spec/auth/token) and
 * Basic. Owned by the fetcher, one thread; a pending grant's exchange runs on the same multi handle
 * as the transfers.
 */
#include "worker/fetch/auth.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "worker/fetch/url.h"
#include "worker/parse/json.h"

#define TOKEN_ANSWER_MAX (64u << 10)
#define TOKEN_MAX        (32u << 10)
#define EXPIRES_DEFAULT  60 /* the specification's */
#define EXPIRES_MARGIN   5
#define CLIENT_ID        "ctr"

void auth_init(struct auth *a, struct http *http, void (*on_grant)(void *ud, struct grant *g),
	       void *ud)
{
	*a = (struct auth){ .http = http, .on_grant = on_grant, .ud = ud };
	list_init(&a->credentials);
	list_init(&a->grants);
}

static void wipe(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

static void credential_free(struct credential *c)
{
	list_del(&c->link);
	free(c->host);
	wipe(c->username);
	wipe(c->secret);
	wipe(c->header);
	free(c);
}

void auth_drop(struct grant *g)
{
	list_del(&g->link);
	http_cancel(&g->x);
	http_reset(&g->x);
	buf_done(&g->body);
	error_done(&g->err);
	free(g->origin);
	free(g->path);
	wipe(g->header);
	free(g);
}

void auth_done(struct auth *a)
{
	list_for_safe (l, &a->grants)
		auth_drop(list_entry(l, struct grant, link));
	list_for_safe (l, &a->credentials)
		credential_free(list_entry(l, struct credential, link));
}

/* Clients name Docker's registry in many ways. */
static int same_host(const char *stored, const char *host)
{
	const char *bare = strstr(stored, "://") ? strstr(stored, "://") + 3 : stored;
	size_t n = strcspn(bare, "/");

	if (strlen(host) == n && strncmp(bare, host, n) == 0)
		return 1;
	if (strcmp(host, "registry-1.docker.io") != 0)
		return 0;
	return (n == 9 && strncmp(bare, "docker.io", n) == 0) ||
	       (n == 15 && strncmp(bare, "index.docker.io", n) == 0);
}

struct credential *auth_credential(const struct auth *a, const char *host)
{
	list_for (l, &a->credentials) {
		struct credential *c = list_entry(l, struct credential, link);

		if (same_host(c->host, host))
			return c;
	}
	return NULL;
}

static struct credential *new_credential(struct auth *a, const char *host,
					 enum credential_state state)
{
	struct credential *old = auth_credential(a, host);
	struct credential *c = calloc(1, sizeof(*c));

	if (old)
		credential_free(old);
	if (!c)
		return NULL;
	list_add(&a->credentials, &c->link);
	c->state = state;
	c->host = str_dup(host);
	if (!c->host) {
		credential_free(c);
		return NULL;
	}
	return c;
}

int auth_mark_asked(struct auth *a, const char *host, uint64_t id)
{
	struct credential *c = new_credential(a, host, CREDENTIAL_ASKED);

	if (!c)
		return -ENOMEM;
	c->asked_id = id;
	return 0;
}

const char *auth_asked_host(const struct auth *a, uint64_t id)
{
	list_for (l, &a->credentials) {
		const struct credential *c = list_entry(l, struct credential, link);

		if (c->state == CREDENTIAL_ASKED && c->asked_id == id)
			return c->host;
	}
	return NULL;
}

int auth_put_credential(struct auth *a, const char *host, const Ctr__Worker__V1__Credential *in)
{
	int given = in && (in->secret[0] || in->header[0]);
	struct credential *c = new_credential(a, host, given ? CREDENTIAL_GIVEN : CREDENTIAL_NONE);

	if (!c)
		return -ENOMEM;
	if (!given)
		return 0;
	c->username = str_dup(in->username);
	c->secret = str_dup(in->secret);
	c->header = str_dup(in->header);
	if (!c->username || !c->secret || !c->header || strpbrk(c->header, "\r\n")) {
		credential_free(c);
		return -ENOMEM;
	}
	return 0;
}

struct grant *auth_find(const struct auth *a, const char *origin, const char *path)
{
	list_for (l, &a->grants) {
		struct grant *g = list_entry(l, struct grant, link);

		if (strcmp(g->origin, origin) == 0 && strcmp(g->path, path) == 0)
			return g;
	}
	return NULL;
}

const char *grant_header(const struct grant *g)
{
	if (!g || g->state != GRANT_READY || clock_now_ns() >= g->expires_ns)
		return NULL;
	return g->header;
}

static char *basic_header(const struct credential *c)
{
	AUTO_FREE char *pair = NULL;
	AUTO_FREE char *text = NULL;

	if (c->header[0])
		return str_printf("Authorization: %s", c->header);
	pair = str_printf("%s:%s", c->username, c->secret);
	text = pair ? malloc(base64_room(strlen(pair))) : NULL;
	if (!text)
		return NULL;
	base64_encode(pair, strlen(pair), 0, 1, text);
	char *header = str_printf("Authorization: Basic %s", text);
	explicit_bzero(pair, strlen(pair));
	return header;
}

static int is_printable(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return 0;
	return 1;
}

int token_parse(const char *data, size_t n, char **ret_token, int64_t *ret_expires_s)
{
	AUTO_JSON *doc = NULL;
	const char *token = "";

	if (json_document(data, n, "token", &doc, NULL) != CTR_OK ||
	    json_get_text(doc, "token", TOKEN_MAX, &token, NULL) != CTR_OK)
		return -EINVAL;
	if (!token[0] && json_get_text(doc, "access_token", TOKEN_MAX, &token, NULL) != CTR_OK)
		return -EINVAL;
	if (!token[0] || !is_printable(token))
		return -EINVAL;
	const json_t *expires = json_member(doc, "expires_in");
	int64_t seconds = json_is_integer(expires) ? json_integer_value(expires) : EXPIRES_DEFAULT;
	*ret_expires_s = seconds < 1 ? EXPIRES_DEFAULT : MIN(seconds, INT64_C(86400));
	*ret_token = str_dup(token);
	return *ret_token ? 0 : -EINVAL;
}

static void grant_ready(struct grant *g, char *header, int64_t expires_ns)
{
	g->header = header;
	g->state = GRANT_READY;
	g->serial = ++g->auth->serial;
	g->expires_ns = expires_ns;
}

static void grant_failed(struct grant *g, ctr_code code, int retryable, const char *what)
{
	g->state = GRANT_FAILED;
	g->retryable = retryable;
	ctr_fail(&g->err, code, "get a token: %s", what);
}

static int on_token_body(void *ud, const char *data, size_t n)
{
	struct grant *g = ud;

	return buf_append(&g->body, data, n);
}

/* An answer that is no success. */
static void token_refused(struct grant *g)
{
	AUTO_FREE char *what = NULL;
	int status = g->x.status;

	if (g->x.result != CURLE_OK || status == 0)
		what = str_dup(g->x.error);
	else
		what = str_printf("HTTP %d from the token service", status);
	int refused = status == 400 || status == 401 || status == 403;
	grant_failed(g, refused ? CTR_UNAUTHENTICATED : CTR_UNAVAILABLE,
		     status == 0 || status == 429 || status >= 500, what ? what : "out of memory");
}

static void on_token(void *ud)
{
	struct grant *g = ud;
	AUTO_FREE char *token = NULL;
	int64_t seconds = 0;

	if (g->x.result != CURLE_OK || g->x.status != 200) {
		token_refused(g);
	} else if (token_parse(g->body.data ? g->body.data : "", g->body.len, &token, &seconds) <
		   0) {
		grant_failed(g, CTR_UNAUTHENTICATED, 0,
			     "the token service's answer holds no token");
	} else {
		char *header = str_printf("Authorization: Bearer %s", token);

		if (header)
			grant_ready(g, header,
				    clock_now_ns() + MAX(seconds - EXPIRES_MARGIN, 1) * NS_PER_SEC);
		else
			grant_failed(g, CTR_RESOURCE_EXHAUSTED, 0, "out of memory");
	}
	if (token)
		explicit_bzero(token, strlen(token));
	http_reset(&g->x);
	g->auth->on_grant(g->auth->ud, g);
}

/* Replace *url by itself with one more parameter. */
static int add_query(char **url, const char *name, const char *value)
{
	char *more = value[0] ? url_add_query(*url, name, value) : str_dup(*url);

	if (!more)
		return -ENOMEM;
	free(*url);
	*url = more;
	return 0;
}

/* Scopes are separated by spaces and asked for one by one. */
static int add_scopes(char **url, const char *scope)
{
	AUTO_STRV scopes = strv_split(scope, ' ');
	int r = scopes ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && scopes[i]; i++)
		r = add_query(url, "scope", scopes[i]);
	return r;
}

static int add_form(struct buf *b, const char *name, const char *value)
{
	char *encoded = curl_easy_escape(NULL, value, 0);
	int r = encoded ? buf_printf(b, "%s%s=%s", b->len ? "&" : "", name, encoded) : -ENOMEM;

	curl_free(encoded);
	return r;
}

/* A refresh token is posted, so that it stands in no log. */
static ctr_code post_refresh(struct grant *g, const struct endpoint *ep, const struct challenge *ch,
			     const char *scope, const struct credential *c, struct ctr_error *err)
{
	AUTO_BUF form = BUF_INIT(TOKEN_ANSWER_MAX);

	(void)add_form(&form, "grant_type", "refresh_token");
	(void)add_form(&form, "service", ch->service);
	(void)add_form(&form, "client_id", CLIENT_ID);
	(void)add_form(&form, "scope", scope);
	(void)add_form(&form, "refresh_token", c->secret);
	if (buf_failed(&form))
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	struct http_request r = {
		.method = HTTP_POST, .url = ch->realm, .body = form.data, .tls = ep
	};
	ctr_code code = http_start(g->auth->http, &g->x, &r, err);
	explicit_bzero(form.data, form.len);
	return code;
}

static ctr_code get_token(struct grant *g, const struct endpoint *ep, const struct challenge *ch,
			  const char *scope, const struct credential *c, struct ctr_error *err)
{
	AUTO_FREE char *url = str_dup(ch->realm);
	AUTO_FREE char *header = c ? basic_header(c) : NULL;
	char *const headers[] = { header, NULL };

	if (!url || (c && !header) || add_query(&url, "service", ch->service) < 0 ||
	    add_scopes(&url, scope) < 0 ||
	    (c && c->username[0] && add_query(&url, "account", c->username) < 0))
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	struct http_request r = { .method = HTTP_GET, .url = url, .headers = headers, .tls = ep };
	return http_start(g->auth->http, &g->x, &r, err);
}

static ctr_code ask_token(struct grant *g, const struct endpoint *ep, const struct challenge *ch,
			  const struct credential *c, struct ctr_error *err)
{
	AUTO_FREE char *scope =
		ch->scope[0] ? str_dup(ch->scope) : str_printf("repository:%s:pull", g->path);
	char origin[ORIGIN_MAX];

	if (!scope)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (url_origin(ch->realm, origin) < 0 || strchr(ch->realm, '@'))
		return ctr_fail(err, CTR_PERMISSION_DENIED,
				"the token service's address is no http URL");
	if (url_is_https(ep->base) && !url_is_https(ch->realm))
		return ctr_fail(err, CTR_PERMISSION_DENIED,
				"the token service speaks plain http, the registry https");
	if (c && !c->username[0])
		return post_refresh(g, ep, ch, scope, c, err);
	return get_token(g, ep, ch, scope, c, err);
}

static ctr_code begin(struct grant *g, const struct endpoint *ep, const struct challenge *ch,
		      struct ctr_error *err)
{
	const struct credential *c = auth_credential(g->auth, ep->host);

	if (c && c->state != CREDENTIAL_GIVEN)
		c = NULL;
	if (ch->scheme == AUTH_BEARER && (!c || !c->header[0]))
		return ask_token(g, ep, ch, c, err);
	if (ch->scheme == AUTH_NONE)
		return ctr_fail(err, CTR_UNAUTHENTICATED,
				"the registry wants an unknown kind of authentication");
	if (!c)
		return ctr_fail(err, CTR_UNAUTHENTICATED, "no credentials for '%s'", ep->host);
	char *header = basic_header(c);
	if (!header)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	grant_ready(g, header, NO_DEADLINE);
	return CTR_OK;
}

ctr_code auth_begin(struct auth *a, const struct endpoint *ep, const char *origin, const char *path,
		    const struct challenge *ch, struct grant **ret, struct ctr_error *err)
{
	struct grant *g = calloc(1, sizeof(*g));

	if (!g)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	g->auth = a;
	g->body.max = TOKEN_ANSWER_MAX;
	g->x = (struct exchange){ .on_body = on_token_body, .on_done = on_token, .ud = g };
	list_add(&a->grants, &g->link);
	g->origin = str_dup(origin);
	g->path = str_dup(path);
	ctr_code code = g->origin && g->path
				? begin(g, ep, ch, err)
				: ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (code != CTR_OK) {
		auth_drop(g);
		return code;
	}
	*ret = g;
	return CTR_OK;
}
