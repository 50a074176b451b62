/* SPDX-License-Identifier: Apache-2.0
 *
 * One request of the daemon on its way: which endpoint, authentication, redirects, retries. What is
 * asked for and what an answer means is the kind's (blob.c, resolve.c), whose struct begins with
 * the job. One thread; a job frees itself after its last reply.
 */
#ifndef CTR_WORKER_FETCH_JOB_H
#define CTR_WORKER_FETCH_JOB_H

#include "base/buf.h"
#include "base/list.h"
#include "worker/fetch/auth.h"
#include "worker/fetch/hosts.h"
#include "worker/fetch/http.h"
#include "worker/role.h"

#define MANIFEST_MAX (4u << 20)
#define ACCEPT_MANIFESTS                                                                           \
	"Accept: application/vnd.docker.distribution.manifest.v2+json, "                           \
	"application/vnd.docker.distribution.manifest.list.v2+json, "                              \
	"application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*"

struct fetcher {
	struct role *role;
	const Ctr__Worker__V1__FetchSetup *setup;
	struct http *http;
	struct auth auth;
	struct hosts_options hosts;
	struct list jobs;      /* struct job.link, oldest first */
	unsigned running, max; /* transfers */
	unsigned retries;
	int broken; /* the daemon is gone */
};

enum job_phase {
	JOB_QUEUED,  /* waits for a place */
	JOB_PREPARE, /* prepare() has more to do */
	JOB_RUNNING, /* an exchange is under way */
	JOB_BACKOFF, /* until at_ns */
	JOB_TOKEN,   /* a grant is under way */
	JOB_ASKING,  /* the daemon looks for credentials */
};

enum prepared {
	PREPARED,
	PREPARE_MORE,     /* call again */
	PREPARE_COMPLETE, /* there is nothing to ask: answer() */
	PREPARE_FAILED,   /* j->err says why */
};

struct job;
struct job_ops {
	unsigned capability;                     /* HOST_PULL, HOST_RESOLVE */
	enum prepared (*prepare)(struct job *j); /* a slice of local work; may be NULL */
	char *(*path)(
		struct job *j); /* below base and repository: "/manifests/latest"; NULL on OOM */
	enum http_method (*method)(struct job *j);
	int (*headers)(struct job *j, char ***v); /* Accept, Range; 0 or -ENOMEM */
	int (*body)(struct job *j, const char *data,
		    size_t n);         /* of a 2xx answer; 0 or -errno (j->err says why) */
	void (*answer)(struct job *j); /* a complete 2xx answer; ends the job or sends it again */
	int (*progressed)(
		struct job *j);      /* has anything arrived since the last call? may be NULL */
	void (*done)(struct job *j); /* free the kind's own */
};

struct job {
	struct list link;
	struct fetcher *f;
	const struct job_ops *ops;
	uint64_t id;
	char *what; /* for messages: "fetch blob sha256:..." */
	char *host, *path;
	enum job_phase phase;
	int counted; /* in f->running */
	struct endpoints eps;
	size_t ep;
	char *url; /* NULL: the endpoint's own; else where a redirect led */
	unsigned redirects, attempts, resumes, auth_round;
	uint64_t used_serial; /* of the grant in the request under way */
	int64_t at_ns;
	struct exchange x;
	struct ctr_error err; /* set by body() or an earlier endpoint */
	size_t dropped;       /* bytes of this answer's body that were read for nothing */
	int fatal;            /* body() failed for a reason that no other try mends */
	int bad_content;
};

/*
 * Takes j over (host, path, what and ops set). A failure is reported to the daemon; nothing is
 * returned.
 */
void job_add(struct fetcher *f, struct job *j);
struct job *job_find(const struct fetcher *f, uint64_t id);
void job_free(struct job *j); /* also without a reply: cancel */

/* Called by the kinds. */
void job_send(struct job *j); /* the request again, from the endpoint */
void job_retry(struct job *j, ctr_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
void job_next(struct job *j);                      /* the next endpoint, or the end with j->err */
void job_fail(struct job *j);                      /* with j->err; frees j */
void job_end(struct job *j, worker_reply_pb *rep); /* success; frees j */

/*
 * The loop: start what is queued or due. Returns milliseconds until the next is due, at most 60000.
 */
int jobs_run(struct fetcher *f);
void jobs_on_grant(void *f, struct grant *g);
void jobs_on_credentials(struct fetcher *f, const char *host);

/* Kinds. Fill *ret or fail. */
ctr_code blob_new(struct fetcher *f, uint64_t id, const Ctr__Worker__V1__Fetch *req, int *fd,
		  struct job **ret, struct ctr_error *err);
ctr_code resolve_new(struct fetcher *f, uint64_t id, const Ctr__Worker__V1__Resolve *req,
		     struct job **ret, struct ctr_error *err);

#endif
