/* SPDX-License-Identifier: Apache-2.0
 *
 * The common way of every request: endpoint by endpoint, each with authentication, redirects and
 * retries. Runs on the role's one thread, from the loop in role.c and from exchanges' callbacks.
 */
#include "worker/fetch/job.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "worker/fetch/url.h"

#define REDIRECTS_MAX   10
#define AUTH_ROUNDS_MAX 2
#define RESUMES_MAX     1000
#define BACKOFF_FIRST   (100 * NS_PER_MSEC)
#define BACKOFF_MAX     (10 * NS_PER_SEC)
#define ERROR_BODY_MAX  (64u << 10)
#define RETRY_AFTER_MAX 60 /* seconds that a server may make us wait */

static struct endpoint *endpoint_of(const struct job *j)
{
	return &j->eps.v[j->ep];
}

void job_free(struct job *j)
{
	list_del(&j->link);
	http_cancel(&j->x);
	http_reset(&j->x);
	if (j->counted)
		j->f->running--;
	if (j->ops)
		j->ops->done(j);
	endpoints_done(&j->eps);
	error_done(&j->err);
	free(j->what);
	free(j->host);
	free(j->path);
	free(j->url);
	free(j);
}

void job_fail(struct job *j)
{
	ctr_wrap(&j->err, "%s", j->what);
	if (role_failed(j->f->role, j->id, &j->err, j->x.status, j->bad_content) < 0)
		j->f->broken = 1;
	job_free(j);
}

void job_end(struct job *j, worker_reply_pb *rep)
{
	rep->id = j->id;
	if (role_send(j->f->role, rep, NULL, 0) < 0)
		j->f->broken = 1;
	job_free(j);
}

struct job *job_find(const struct fetcher *f, uint64_t id)
{
	list_for (l, &f->jobs) {
		struct job *j = list_entry(l, struct job, link);

		if (j->id == id)
			return j;
	}
	return NULL;
}

/* On to the next endpoint that may do this, or the end with what the last one said. */
void job_next(struct job *j)
{
	while (++j->ep < j->eps.n)
		if (endpoint_of(j)->capabilities & j->ops->capability)
			break;
	if (j->ep >= j->eps.n) {
		j->ep = j->eps.n - 1;
		job_fail(j);
		return;
	}
	j->attempts = 0;
	j->auth_round = 0;
	j->fatal = 0;
	j->bad_content = 0;
	job_send(j);
}

static int is_last_endpoint(const struct job *j)
{
	for (size_t i = j->ep + 1; i < j->eps.n; i++)
		if (j->eps.v[i].capabilities & j->ops->capability)
			return 0;
	return 1;
}

static int64_t backoff(const struct job *j)
{
	int64_t ns = BACKOFF_FIRST << MIN(j->attempts, 7u);

	if (j->x.retry_after_s >= 0)
		return MIN(j->x.retry_after_s, (int64_t)RETRY_AFTER_MAX) * NS_PER_SEC;
	/* Jobs that failed together do not come back together. */
	ns += (int64_t)(j->id * 37 % 100) * NS_PER_MSEC;
	return MIN(ns, (int64_t)BACKOFF_MAX);
}

void job_retry(struct job *j, ctr_code code, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	ctr_fail(&j->err, code, "%s", text ? text : "out of memory");

	/* Bytes that came count as a new beginning; a mirror is not waited for. */
	if (j->ops->progressed && j->ops->progressed(j) && j->resumes < RESUMES_MAX) {
		j->resumes++;
		j->attempts = 0;
	}
	if (!is_last_endpoint(j) || j->attempts >= j->f->retries) {
		job_next(j);
		return;
	}
	j->at_ns = clock_now_ns() + backoff(j);
	j->attempts++;
	j->phase = JOB_BACKOFF;
}

static int push_all(char *const *from, size_t n, char ***v)
{
	for (size_t i = 0; i < n && from[i]; i++)
		if (strv_push(v, from[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* Headers that a registry gets and a place it redirects to does not. */
static int own_headers(struct job *j, const char *origin, char ***v)
{
	const Ctr__Worker__V1__FetchSetup *s = j->f->setup;
	const struct endpoint *ep = endpoint_of(j);
	const char *granted = NULL;

	if (push_all(ep->headers, strv_len(ep->headers), v) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_headers; i++) {
		AUTO_FREE char *line =
			str_printf("%s: %s", s->headers[i]->key, s->headers[i]->value);

		if (!line || strv_push(v, line) < 0)
			return -ENOMEM;
	}
	struct grant *g = auth_find(&j->f->auth, origin, j->path);
	granted = grant_header(g);
	if (!granted)
		return 0;
	j->used_serial = g->serial;
	return strv_push(v, granted);
}

static char *first_url(struct job *j)
{
	const struct endpoint *ep = endpoint_of(j);
	AUTO_FREE char *tail = j->ops->path(j);
	AUTO_FREE char *url = tail ? str_printf("%s/%s%s", ep->base, j->path, tail) : NULL;

	if (!url || !ep->proxy)
		return take_ptr(&url);
	return url_add_query(url, "ns", j->host);
}

/* The request to where j->url says. */
static ctr_code start(struct job *j, struct ctr_error *err)
{
	const struct endpoint *ep = endpoint_of(j);
	char origin[ORIGIN_MAX];
	AUTO_STRV headers = NULL;

	j->used_serial = 0;
	j->dropped = 0;
	if (url_origin(ep->base, origin) < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is no URL of a registry",
				ep->base);
	if (j->ops->headers(j, &headers) < 0 ||
	    (url_same_origin(j->url, ep->base) && own_headers(j, origin, &headers) < 0))
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	/* The registry's CAs and client key are for the registry. */
	struct http_request r = { .method = j->ops->method(j),
				  .url = j->url,
				  .headers = headers,
				  .tls = url_same_origin(j->url, ep->base) ? ep : NULL };
	j->phase = JOB_RUNNING;
	return http_start(j->f->http, &j->x, &r, err);
}

static void send_to(struct job *j, char *url)
{
	free(j->url);
	j->url = url;
	if (!url)
		ctr_fail(&j->err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (!url || start(j, &j->err) != CTR_OK)
		job_fail(j);
}

void job_send(struct job *j)
{
	j->redirects = 0;
	send_to(j, first_url(j));
}

static void on_redirect(struct job *j)
{
	AUTO_FREE char *shown = url_shown(j->url);
	char *url = NULL;
	const char *why = "no Location";

	if (++j->redirects > REDIRECTS_MAX)
		why = "too many";
	else if (j->x.location && redirect_target(j->url, j->x.location, &url, &why) == 0) {
		send_to(j, url);
		return;
	}
	ctr_fail(&j->err, CTR_UNAVAILABLE, "HTTP %d from %s: redirect refused: %s", j->x.status,
		 str_or(shown, "?"), why);
	job_next(j);
}

static void refuse(struct job *j)
{
	AUTO_FREE char *shown = url_shown(j->url);
	const char *cause = error_text(&j->err);

	/* without credentials, or with those that were not enough */
	AUTO_FREE char *text = str_dup(cause);
	ctr_fail(&j->err, CTR_UNAUTHENTICATED, "HTTP 401 from %s%s%s", str_or(shown, "?"),
		 text && text[0] && j->err.code != CTR_OK ? ": " : "",
		 text && j->err.code != CTR_OK ? text : "");
	job_next(j);
}

/* Ask the daemon once a host, if it may be asked and nothing is known. 1: the job waits. */
static int ask_daemon(struct job *j)
{
	struct fetcher *f = j->f;
	const struct endpoint *ep = endpoint_of(j);
	struct credential *c = auth_credential(&f->auth, ep->host);
	Ctr__Worker__V1__AuthNeeded need;
	worker_reply_pb rep;

	if (!f->setup->ask_credentials || (c && c->state != CREDENTIAL_ASKED))
		return 0;
	j->phase = JOB_ASKING;
	if (c)
		return 1;
	if (auth_mark_asked(&f->auth, ep->host, j->id) < 0)
		return 0;
	ctr__worker__v1__auth_needed__init(&need);
	ctr__worker__v1__reply__init(&rep);
	need.host = ep->host;
	need.realm = j->x.challenge.realm;
	need.service = j->x.challenge.service;
	need.scope = j->x.challenge.scope;
	need.scheme =
		(char *)(uintptr_t)(j->x.challenge.scheme == AUTH_BEARER ? "bearer" : "basic");
	rep.id = j->id;
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_AUTH_NEEDED;
	rep.auth_needed = &need;
	if (role_send(f->role, &rep, NULL, 0) < 0)
		f->broken = 1;
	return 1;
}

/* A grant for the challenge in j->x: known, under way, or begun now. */
static void authenticate(struct job *j)
{
	char origin[ORIGIN_MAX];
	struct grant *g = url_origin(endpoint_of(j)->base, origin) == 0
				  ? auth_find(&j->f->auth, origin, j->path)
				  : NULL;

	if (g && g->state == GRANT_READY && (g->serial == j->used_serial || !grant_header(g))) {
		auth_drop(g);
		g = NULL;
	}
	if (!g && auth_begin(&j->f->auth, endpoint_of(j), origin, j->path, &j->x.challenge, &g,
			     &j->err) != CTR_OK) {
		refuse(j);
		return;
	}
	if (g->state == GRANT_READY)
		job_send(j);
	else
		j->phase = JOB_TOKEN;
}

static void on_unauthorized(struct job *j)
{
	error_done(&j->err);
	j->err = (struct ctr_error)ERROR_INIT;
	/* A place that a redirect led to has no business with credentials. */
	if (!url_same_origin(j->url, endpoint_of(j)->base) || j->auth_round++ >= AUTH_ROUNDS_MAX) {
		refuse(j);
		return;
	}
	if (!ask_daemon(j))
		authenticate(j);
}

void jobs_on_grant(void *ud, struct grant *g)
{
	struct fetcher *f = ud;
	int failed = g->state == GRANT_FAILED;

	/* job_send() may free the job but adds none, so the next one stays valid */
	list_for_safe (l, &f->jobs) {
		struct job *j = list_entry(l, struct job, link);
		char origin[ORIGIN_MAX];

		if (j->phase != JOB_TOKEN || strcmp(j->path, g->path) != 0 ||
		    url_origin(endpoint_of(j)->base, origin) < 0 || strcmp(origin, g->origin) != 0)
			continue;
		if (!failed) {
			job_send(j);
		} else if (g->retryable) {
			job_retry(j, g->err.code, "%s", error_text(&g->err));
		} else {
			ctr_fail(&j->err, g->err.code, "%s", error_text(&g->err));
			job_next(j);
		}
	}
	if (failed)
		auth_drop(g);
}

void jobs_on_credentials(struct fetcher *f, const char *host)
{
	list_for_safe (l, &f->jobs) {
		struct job *j = list_entry(l, struct job, link);

		if (j->phase == JOB_ASKING && strcmp(endpoint_of(j)->host, host) == 0)
			authenticate(j);
	}
}

static ctr_code code_of_status(int status)
{
	switch (status) {
	case 400:
		return CTR_INVALID_ARGUMENT;
	case 401:
		return CTR_UNAUTHENTICATED;
	case 403:
		return CTR_PERMISSION_DENIED;
	case 404:
	case 410:
		return CTR_NOT_FOUND;
	default: /* the protocol's numbers, not ours */
		return status == 429 || status >= 500 ? CTR_UNAVAILABLE : CTR_UNKNOWN;
	}
}

static int is_retryable(int status)
{
	return status == 408 || status == 425 || status == 429 ||
	       (status >= 500 && status != 501 && status != 505);
}

/* The exchange broke off, or no answer came. */
static void on_broken(struct job *j, const char *shown)
{
	CURLcode r = j->x.result;

	if (j->x.bad_headers) {
		ctr_fail(&j->err, CTR_UNAVAILABLE, "%s: more than %u bytes of headers", shown,
			 HTTP_HEADERS_MAX);
		job_next(j);
	} else if (r == CURLE_PEER_FAILED_VERIFICATION || r == CURLE_SSL_CACERT_BADFILE ||
		   r == CURLE_SSL_CERTPROBLEM || r == CURLE_URL_MALFORMAT ||
		   r == CURLE_UNSUPPORTED_PROTOCOL) {
		ctr_fail(&j->err, CTR_UNAVAILABLE, "%s: %s", shown, j->x.error);
		job_next(j);
	} else {
		job_retry(j, CTR_UNAVAILABLE, "%s: %s", shown, j->x.error);
	}
}

static int is_success(const struct job *j)
{
	return j->x.status >= 200 && j->x.status < 300;
}

static void on_done(void *ud)
{
	struct job *j = ud;
	AUTO_FREE char *shown = url_shown(j->url);
	const char *where = str_or(shown, "?");
	int status = j->x.status;

	if (j->x.body_error && j->fatal)
		job_fail(j);
	else if (j->x.body_error && is_success(j))
		job_next(j); /* body() said why */
	else if (status == 401)
		on_unauthorized(j);
	else if (status >= 301 && status <= 308 && status != 304 && status != 305 && status != 306)
		on_redirect(j);
	else if (status >= 400 && is_retryable(status))
		job_retry(j, code_of_status(status), "HTTP %d from %s", status, where);
	else if (status >= 300) {
		ctr_fail(&j->err, code_of_status(status), "HTTP %d from %s", status, where);
		job_next(j);
	} else if (j->x.result != CURLE_OK || status < 200) {
		on_broken(j, where);
	} else {
		j->auth_round = 0;
		j->ops->answer(j);
	}
}

/*
 * Bodies of errors are nobody's business: a little is read and dropped, so that connections last.
 */
static int on_body(void *ud, const char *data, size_t n)
{
	struct job *j = ud;

	if (is_success(j))
		return j->ops->body(j, data, n);
	j->dropped += n;
	return j->dropped > ERROR_BODY_MAX ? -EFBIG : 0;
}

void job_add(struct fetcher *f, struct job *j)
{
	j->f = f;
	j->x.on_body = on_body;
	j->x.on_done = on_done;
	j->x.ud = j;
	j->phase = JOB_QUEUED;
	list_add(&f->jobs, &j->link);
	if (hosts_lookup(&f->hosts, j->host, &j->eps, &j->err) != CTR_OK)
		job_fail(j);
}

/* The first endpoint that may; there is always one entry. */
static void begin(struct job *j)
{
	if (endpoint_of(j)->capabilities & j->ops->capability) {
		job_send(j);
		return;
	}
	ctr_fail(&j->err, CTR_NOT_FOUND, "no configured host of '%s' may serve this", j->host);
	job_next(j);
}

static void prepare(struct job *j)
{
	enum prepared p = j->ops->prepare ? j->ops->prepare(j) : PREPARED;

	j->phase = JOB_PREPARE;
	switch (p) {
	case PREPARED:
		begin(j);
		break;
	case PREPARE_FAILED:
		job_fail(j);
		break;
	case PREPARE_COMPLETE:
		j->ops->answer(j);
		break;
	case PREPARE_MORE:
		break;
	}
}

/* Milliseconds until this job wants the processor. */
static int step(struct job *j, int64_t now)
{
	struct fetcher *f = j->f;

	switch (j->phase) {
	case JOB_QUEUED:
		if (f->running >= f->max)
			return 60000;
		f->running++;
		j->counted = 1;
		prepare(j);
		return 0;
	case JOB_PREPARE:
		prepare(j);
		return 0;
	case JOB_BACKOFF:
		if (now < j->at_ns)
			return (int)MIN((j->at_ns - now) / NS_PER_MSEC + 1, INT64_C(60000));
		job_send(j);
		return 0;
	case JOB_RUNNING:
	case JOB_TOKEN:
	case JOB_ASKING:
		break;
	}
	return 60000;
}

int jobs_run(struct fetcher *f)
{
	int64_t now = clock_now_ns();
	int wait_ms = 60000;

	list_for_safe (l, &f->jobs) {
		int ms = step(list_entry(l, struct job, link), now);

		wait_ms = MIN(wait_ms, ms);
	}
	return wait_ms;
}
