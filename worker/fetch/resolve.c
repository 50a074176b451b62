/* SPDX-License-Identifier: Apache-2.0
 *
 * A reference to the descriptor of its manifest: by HEAD when the registry names digest, type and
 * size, else by GET and a hash of our own. One thread.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "base/ident.h"
#include "base/str.h"
#include "worker/fetch/job.h"
#include "worker/parse/media_type.h"

#define BODY_REPLY_MAX 32768

struct resolve {
	struct job job;
	char *name;   /* tag or digest, the last part of the URL */
	char *digest; /* asked for; "" when by tag */
	int by_get;
	struct buf body;
};

static struct resolve *resolve_of(struct job *j)
{
	return container_of(j, struct resolve, job);
}

static void resolve_done(struct job *j)
{
	struct resolve *r = resolve_of(j);

	buf_done(&r->body);
	free(r->name);
	free(r->digest);
}

static char *resolve_path(struct job *j)
{
	return str_printf("/manifests/%s", resolve_of(j)->name);
}

static enum http_method resolve_method(struct job *j)
{
	return resolve_of(j)->by_get ? HTTP_GET : HTTP_HEAD;
}

static int resolve_headers(struct job *j, char ***v)
{
	struct resolve *r = resolve_of(j);

	buf_done(&r->body); /* of an earlier attempt */
	return strv_push(v, ACCEPT_MANIFESTS);
}

static int resolve_body(struct job *j, const char *data, size_t n)
{
	struct resolve *r = resolve_of(j);
	int res = buf_append(&r->body, data, n);

	if (res == -E2BIG)
		ctr_fail(&j->err, CTR_INVALID_ARGUMENT, "manifest is larger than %u bytes",
			 MANIFEST_MAX);
	else if (res < 0)
		ctr_fail_errno(&j->err, res, "manifest");
	return res;
}

static int sha256_of(const struct buf *b, char ret[DIGEST_MAX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_Digest(b->data ? b->data : "", b->len, sum, &n, EVP_sha256(), NULL) != 1)
		return -EIO;
	memcpy(ret, "sha256:", 7);
	hex_encode(sum, n, ret + 7);
	return 0;
}

/* The type without its parameters. */
static int media_type_of(const struct job *j, char ret[256])
{
	const char *s = j->x.content_type ? j->x.content_type : "";
	size_t n = strcspn(s, "; \t");

	if (n >= 256)
		return -EINVAL;
	memcpy(ret, s, n);
	ret[n] = '\0';
	return 0;
}

/* Is what the header says enough, so that nothing has to be read? */
static int head_suffices(struct job *j)
{
	const struct resolve *r = resolve_of(j);

	if (j->x.content_length <= 0 || !j->x.content_type)
		return 0;
	return r->digest[0] != '\0' || (j->x.digest && digest_valid(j->x.digest));
}

static ctr_code check_digest(struct resolve *r, char found[DIGEST_MAX], struct ctr_error *err)
{
	const char *said = r->job.x.digest;

	if (r->by_get) {
		if (sha256_of(&r->body, found) < 0)
			return ctr_fail(err, CTR_INTERNAL, "hash failed");
		/* of another algorithm: the fetch verifies it */
		if (r->digest[0] && !str_starts(r->digest, "sha256:"))
			memcpy(found, r->digest, strlen(r->digest) + 1);
	} else {
		const char *known = said && digest_valid(said) ? said : r->digest;

		memcpy(found, known, strlen(known) + 1);
	}
	if (r->digest[0] && strcmp(found, r->digest) != 0)
		return ctr_fail(err, CTR_DATA_LOSS, "digest mismatch: the registry has %s", found);
	return CTR_OK;
}

static void reply(struct resolve *r, char *digest, char *media_type)
{
	Ctr__Worker__V1__Descriptor d;
	Ctr__Worker__V1__Resolved resolved;
	worker_reply_pb rep;

	ctr__worker__v1__descriptor__init(&d);
	ctr__worker__v1__resolved__init(&resolved);
	ctr__worker__v1__reply__init(&rep);
	d.digest = digest;
	d.media_type = media_type;
	d.size = r->by_get ? (int64_t)r->body.len : r->job.x.content_length;
	resolved.descriptor = &d;
	if (r->by_get && r->body.len <= BODY_REPLY_MAX) {
		resolved.body.data = (uint8_t *)r->body.data;
		resolved.body.len = r->body.len;
	}
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_RESOLVED;
	rep.resolved = &resolved;
	job_end(&r->job, &rep);
}

static void resolve_answer(struct job *j)
{
	struct resolve *r = resolve_of(j);
	char digest[DIGEST_MAX] = "", media_type[256] = "";

	if (!r->by_get && !head_suffices(j)) {
		r->by_get = 1;
		job_send(j);
		return;
	}
	ctr_code code = media_type_of(j, media_type) < 0
				? ctr_fail(&j->err, CTR_INVALID_ARGUMENT, "media type is too long")
				: CTR_OK;
	enum document doc = media_type_document(media_type);
	if (code == CTR_OK && doc != DOC_MANIFEST && doc != DOC_INDEX)
		code = media_type_refuse(media_type, &j->err);
	if (code == CTR_OK)
		code = check_digest(r, digest, &j->err);
	if (code != CTR_OK)
		job_fail(j);
	else
		reply(r, digest, media_type);
}

static const struct job_ops resolve_ops = {
	.capability = HOST_RESOLVE,
	.path = resolve_path,
	.method = resolve_method,
	.headers = resolve_headers,
	.body = resolve_body,
	.answer = resolve_answer,
	.done = resolve_done,
};

ctr_code resolve_new(struct fetcher *f, uint64_t id, const Ctr__Worker__V1__Resolve *req,
		     struct job **ret, struct ctr_error *err)
{
	const char *name = req->digest[0] ? req->digest : req->tag;

	if (!name[0] || strlen(name) > DIGEST_MAX || strpbrk(name, "/?#% \\") ||
	    (req->digest[0] && !digest_valid(req->digest)))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "resolve: no valid tag or digest");
	struct resolve *r = calloc(1, sizeof(*r));
	if (!r)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	list_init(&r->job.link);
	r->job.f = f;
	r->job.id = id;
	r->job.ops = &resolve_ops;
	r->body.max = MANIFEST_MAX;
	r->name = str_dup(name);
	r->digest = str_dup(req->digest);
	r->job.host = str_dup(req->host);
	r->job.path = str_dup(req->path);
	r->job.what = str_printf("resolve %s/%s%s%s", req->host, req->path,
				 req->digest[0] ? "@" : ":", name);
	if (!r->name || !r->digest || !r->job.host || !r->job.path || !r->job.what) {
		job_free(&r->job);
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	}
	*ret = &r->job;
	return CTR_OK;
}
