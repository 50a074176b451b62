/* SPDX-License-Identifier: Apache-2.0
 *
 * The role `fetch`: one process a pull, one loop over libcurl's sockets and the daemon's.
 * Everything runs on this thread (libcurl's resolver has threads of its own).
 */
#include "worker/role.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "worker/fetch/job.h"

#define PROGRESS_TIMEOUT_MS 30000
#define TRANSFERS           8
#define RETRIES             5
#define JOBS_MAX            512 /* each holds a descriptor */

/*
 * A repository's name as the registry's URL holds it; the daemon checked it, this is the last look.
 */
static int path_ok(const char *path)
{
	size_t n =
		strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/");

	return n > 0 && !path[n] && n <= 255 && path[0] != '/' && path[n - 1] != '/' &&
	       !strstr(path, "//") && !strstr(path, "..");
}

static ctr_code new_job(struct fetcher *f, const worker_request *req, struct wire_fds *fds,
			struct job **ret, struct ctr_error *err)
{
	const char *path = req->op_case == CTR__WORKER__V1__REQUEST__OP_FETCH ? req->fetch->path
									      : req->resolve->path;
	size_t n = 0;

	list_for (l, &f->jobs)
		n++;
	if (n >= JOBS_MAX)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "more than %d transfers", JOBS_MAX);
	if (job_find(f, req->id))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "request number is in use");
	if (!path_ok(path))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%.255s' is no name of a repository",
				path);
	if (req->op_case == CTR__WORKER__V1__REQUEST__OP_RESOLVE)
		return resolve_new(f, req->id, req->resolve, ret, err);
	int none = -1;
	return blob_new(f, req->id, req->fetch, fds->n ? &fds->fd[0] : &none, ret, err);
}

static void on_job(struct fetcher *f, const worker_request *req, struct wire_fds *fds)
{
	AUTO_ERROR err = ERROR_INIT;
	struct job *j = NULL;

	if (new_job(f, req, fds, &j, &err) == CTR_OK)
		job_add(f, j);
	else if (role_failed(f->role, req->id, &err, 0, 0) < 0)
		f->broken = 1;
}

/* The job that asked may be gone; others wait for the same answer. */
static void on_credentials(struct fetcher *f, const worker_request *req)
{
	const char *asked = auth_asked_host(&f->auth, req->id);

	if (!asked)
		return;
	/* for the host that was asked about, whatever name the answer gives it */
	AUTO_FREE char *host = str_dup(asked);
	if (!host || auth_put_credential(&f->auth, host, req->credentials->credential) < 0) {
		f->broken = 1;
		return;
	}
	jobs_on_credentials(f, host);
}

static void on_request(struct fetcher *f, const worker_request *req, struct wire_fds *fds)
{
	AUTO_ERROR err = ERROR_INIT;
	struct job *j;

	switch (req->op_case) {
	case CTR__WORKER__V1__REQUEST__OP_RESOLVE:
	case CTR__WORKER__V1__REQUEST__OP_FETCH:
		on_job(f, req, fds);
		return;
	case CTR__WORKER__V1__REQUEST__OP_CANCEL:
		j = job_find(f, req->cancel->target);
		if (j) {
			ctr_fail(&j->err, CTR_CANCELLED, "cancelled");
			job_fail(j);
		}
		return;
	case CTR__WORKER__V1__REQUEST__OP_CREDENTIALS:
		on_credentials(f, req);
		return;
	case CTR__WORKER__V1__REQUEST__OP_SETUP:
	case CTR__WORKER__V1__REQUEST__OP_PARSE:
	case CTR__WORKER__V1__REQUEST__OP_UNPACK:
	case CTR__WORKER__V1__REQUEST__OP_GROW:
	case CTR__WORKER__V1__REQUEST__OP_OPAQUE_DONE:
	case CTR__WORKER__V1__REQUEST__OP_COMPARE:
	case CTR__WORKER__V1__REQUEST__OP_IMPORT:
	case CTR__WORKER__V1__REQUEST__OP__NOT_SET:
	case _CTR__WORKER__V1__REQUEST__OP__CASE_IS_INT_SIZE:
		break;
	}
	ctr_fail(&err, CTR_INVALID_ARGUMENT, "worker fetch: no request of this role");
	if (role_failed(f->role, req->id, &err, 0, 0) < 0)
		f->broken = 1;
}

/* All that has arrived. 0, or the exit status + 1 when the daemon hung up or sent nonsense. */
static int read_requests(struct fetcher *f)
{
	static const struct wire_wait at_once = { .deadline_ns = 0, .cancel_fd = -1 };

	while (!f->broken) {
		AUTO(wire_fds_done) struct wire_fds fds = { .n = 0 };
		worker_request *req = NULL;
		int res = role_recv(f->role, &at_once, &req, &fds);

		if (res == -ETIMEDOUT)
			return 0;
		if (res < 0)
			return res == -EPIPE ? 1 : 2;
		on_request(f, req, &fds);
		role_request_free(req);
	}
	return 1;
}

static int loop(struct fetcher *f)
{
	for (;;) {
		int wait_ms = jobs_run(f), woken = 0;

		if (f->broken)
			return 0;
		if (http_poll(f->http, f->role->sock, wait_ms, &woken) < 0)
			return 1;
		int end = woken ? read_requests(f) : 0;
		if (end)
			return end - 1;
	}
}

static int prepare(struct fetcher *f, const Ctr__Worker__V1__FetchSetup *s)
{
	struct http_options o = {
		.http_proxy = s->http_proxy,
		.https_proxy = s->https_proxy,
		.no_proxy = s->no_proxy,
		.ca_bundle = s->ca_bundle,
		.user_agent = str_or(s->user_agent, "ctr/" CTR_VERSION),
		.progress_timeout_ms =
			s->progress_timeout_ms ? s->progress_timeout_ms : PROGRESS_TIMEOUT_MS,
	};

	for (size_t i = 0; i < s->n_headers; i++)
		if (strpbrk(s->headers[i]->key, ": \r\n") || strpbrk(s->headers[i]->value, "\r\n"))
			return -EINVAL;
	f->setup = s;
	f->max = s->max_transfers ? s->max_transfers : TRANSFERS;
	f->retries = s->retries ? s->retries : RETRIES;
	f->hosts = (struct hosts_options){ .dirs = s->hosts_dirs,
					   .n_dirs = s->n_hosts_dirs,
					   .plain_http = s->plain_http,
					   .skip_verify = s->skip_verify,
					   .scheme = s->default_scheme };
	list_init(&f->jobs);
	if (http_new(&o, &f->http) < 0)
		return -ENOMEM;
	auth_init(&f->auth, f->http, jobs_on_grant, f);
	for (size_t i = 0; i < s->n_credentials; i++)
		if (auth_put_credential(&f->auth, s->credentials[i]->host, s->credentials[i]) < 0)
			return -ENOMEM;
	return 0;
}

int role_fetch(struct role *r)
{
	Ctr__Worker__V1__FetchSetup none;
	struct fetcher f = { .role = r };
	int status = 1;

	ctr__worker__v1__fetch_setup__init(&none);
	if (prepare(&f, r->setup->fetch ? r->setup->fetch : &none) == 0)
		status = loop(&f);
	list_for_safe (l, &f.jobs)
		job_free(list_entry(l, struct job, link));
	if (f.http)
		auth_done(&f.auth);
	http_free(f.http);
	return status;
}
