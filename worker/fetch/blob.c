/* SPDX-License-Identifier: Apache-2.0
 *
 * A blob into the ingest file that came with the request: written and hashed as it arrives, resumed
 * after a hang-up where it stopped, verified at the end. The file is the daemon's; one thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/ident.h"
#include "base/io.h"
#include "base/str.h"
#include "worker/fetch/job.h"
#include "worker/fetch/range.h"
#include "worker/parse/media_type.h"

#define REHASH_SLICE   (16u << 20) /* of what is there already, between looks at the sockets */
#define REHASH_BUFFER  (256u << 10)
#define PROGRESS_BYTES (256u << 10)
#define PROGRESS_NS    (50 * NS_PER_MSEC)

struct blob {
	struct job job;
	int fd;
	char *digest, *media_type;
	int64_t size;       /* -1: unknown */
	int64_t given;      /* bytes that were there before this request; 0 after a new beginning */
	int64_t offset;     /* bytes written and hashed */
	int64_t skip;       /* of this answer's body: there already */
	int64_t last_tried; /* offset when progressed() was asked last */
	int body_began;
	EVP_MD_CTX *md;
	int64_t said_offset, said_ns;
};

static struct blob *blob_of(struct job *j)
{
	return container_of(j, struct blob, job);
}

static void blob_done(struct job *j)
{
	struct blob *b = blob_of(j);

	fd_close(&b->fd);
	EVP_MD_CTX_free(b->md);
	free(b->digest);
	free(b->media_type);
}

/* "sha256:..." to libcrypto's. */
static const EVP_MD *md_of(const char *digest)
{
	if (str_starts(digest, "sha256:"))
		return EVP_sha256();
	if (str_starts(digest, "sha384:"))
		return EVP_sha384();
	return str_starts(digest, "sha512:") ? EVP_sha512() : NULL;
}

static int hash_restart(struct blob *b)
{
	return EVP_DigestInit_ex(b->md, md_of(b->digest), NULL) == 1 ? 0 : -ENOMEM;
}

static void say_progress(struct blob *b, int force)
{
	int64_t now = clock_now_ns();

	if (!force && b->offset - b->said_offset < PROGRESS_BYTES && now - b->said_ns < PROGRESS_NS)
		return;
	b->said_offset = b->offset;
	b->said_ns = now;
	if (role_progress(b->job.f->role, b->job.id, (uint64_t)b->offset,
			  b->size < 0 ? 0 : (uint64_t)b->size, 0) < 0)
		b->job.f->broken = 1;
}

/* Forget what is there. The daemon learns it from a Progress that goes back to 0. */
static int start_over(struct blob *b)
{
	if (ftruncate(b->fd, 0) < 0)
		return ctr_fail_errno(&b->job.err, errno, "truncate the ingest"), -1;
	if (hash_restart(b) < 0)
		return ctr_fail(&b->job.err, CTR_INTERNAL, "hash: out of memory"), -1;
	b->given = 0;
	b->offset = 0;
	b->last_tried = 0;
	say_progress(b, 1);
	return 0;
}

/* Hash a slice of what is there already. */
static enum prepared blob_prepare(struct job *j)
{
	struct blob *b = blob_of(j);
	AUTO_FREE char *buf = b->offset < b->given ? malloc(REHASH_BUFFER) : NULL;
	int64_t stop = MIN(b->given, b->offset + (int64_t)REHASH_SLICE);

	if (b->offset < b->given && !buf)
		return ctr_fail(&j->err, CTR_RESOURCE_EXHAUSTED, "out of memory"), PREPARE_FAILED;
	while (b->offset < stop) {
		size_t want = (size_t)MIN(stop - b->offset, (int64_t)REHASH_BUFFER);
		ssize_t n = io_pread_full(b->fd, buf, want, b->offset);

		if (n < 0)
			return ctr_fail_errno(&j->err, (int)n, "read the ingest"), PREPARE_FAILED;
		if ((size_t)n < want) /* shorter than was said: go on from where it ends */
			b->given = stop = b->offset + n;
		if (EVP_DigestUpdate(b->md, buf, (size_t)n) != 1)
			return ctr_fail(&j->err, CTR_INTERNAL, "hash failed"), PREPARE_FAILED;
		b->offset += n;
	}
	if (b->offset < b->given)
		return PREPARE_MORE;
	b->last_tried = b->offset;
	return b->offset == b->size ? PREPARE_COMPLETE : PREPARED;
}

static int is_manifest(const struct blob *b)
{
	enum document doc = media_type_document(b->media_type);

	return doc == DOC_MANIFEST || doc == DOC_INDEX;
}

static char *blob_path(struct job *j)
{
	const struct blob *b = blob_of(j);

	return str_printf("/%s/%s", is_manifest(b) ? "manifests" : "blobs", b->digest);
}

static enum http_method blob_method(struct job *j)
{
	(void)j;
	return HTTP_GET;
}

/* Called once an attempt: the answer that follows is a new body. */
static int blob_headers(struct job *j, char ***v)
{
	struct blob *b = blob_of(j);
	AUTO_FREE char *accept =
		is_manifest(b) ? str_printf("Accept: %s", b->media_type) : str_dup("Accept: */*");
	AUTO_FREE char *range =
		b->offset > 0 ? str_printf("Range: bytes=%" PRId64 "-", b->offset) : NULL;

	b->body_began = 0;
	if (!accept || strv_push(v, accept) < 0)
		return -ENOMEM;
	if (b->offset > 0 && !range)
		return -ENOMEM;
	return range ? strv_push(v, range) : 0;
}

static int begin_body(struct blob *b)
{
	struct job *j = &b->job;
	const char *range = j->x.content_range ? j->x.content_range : "";
	int64_t skip = range_skip(j->x.status, range, b->offset, b->size);

	if (skip < 0) {
		ctr_fail(&j->err, CTR_UNAVAILABLE, "HTTP %d with a range that was not asked for",
			 j->x.status);
		return -EPROTO;
	}
	b->skip = skip;
	b->body_began = 1;
	return 0;
}

/* A size that is wrong from the beginning is another file: bad for good from this endpoint. */
static int too_long(struct blob *b)
{
	struct job *j = &b->job;

	if (start_over(b) < 0) {
		j->fatal = 1;
		return -EIO;
	}
	ctr_fail(&j->err, CTR_DATA_LOSS, "content is longer than its %" PRId64 " bytes", b->size);
	j->bad_content = 1;
	return -EFBIG;
}

static int blob_body(struct job *j, const char *data, size_t n)
{
	struct blob *b = blob_of(j);
	int64_t max = b->size >= 0     ? b->size
		      : is_manifest(b) ? (int64_t)MANIFEST_MAX
				       : INT64_MAX / 2;

	if (!b->body_began && begin_body(b) < 0)
		return -EPROTO;
	size_t skip = (size_t)MIN((int64_t)n, b->skip);
	b->skip -= (int64_t)skip;
	data += skip;
	n -= skip;
	if (n == 0)
		return 0;
	if ((int64_t)n > max - b->offset)
		return too_long(b);
	int r = io_pwrite_full(b->fd, data, n, b->offset);
	if (r < 0) {
		ctr_fail_errno(&j->err, r, "write the ingest");
		j->fatal = 1;
		return r;
	}
	if (EVP_DigestUpdate(b->md, data, n) != 1)
		return -EIO;
	b->offset += (int64_t)n;
	say_progress(b, 0);
	return 0;
}

static int blob_progressed(struct job *j)
{
	struct blob *b = blob_of(j);
	int more = b->offset > b->last_tried;

	b->last_tried = b->offset;
	return more;
}

static int finish_digest(struct blob *b, char ret[DIGEST_MAX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	size_t prefix = strcspn(b->digest, ":") + 1;

	if (EVP_DigestFinal_ex(b->md, sum, &n) != 1 || prefix + 2 * (size_t)n + 1 > DIGEST_MAX)
		return -EIO;
	memcpy(ret, b->digest, prefix);
	hex_encode(sum, n, ret + prefix);
	return 0;
}

/*
 * The whole is there and is not what was asked for. What came before this request may be to blame:
 * then the same again from the beginning; else another endpoint may have the right one.
 */
static void mismatch(struct blob *b, const char *digest)
{
	struct job *j = &b->job;
	int resumed = b->given > 0;

	if (start_over(b) < 0) {
		job_fail(j);
	} else if (resumed) {
		job_send(j);
	} else {
		ctr_fail(&j->err, CTR_DATA_LOSS, "digest mismatch: content is %s", digest);
		j->bad_content = 1;
		job_next(j);
	}
}

static void blob_answer(struct job *j)
{
	struct blob *b = blob_of(j);
	char digest[DIGEST_MAX] = "";
	Ctr__Worker__V1__Fetched fetched;
	worker_reply_pb rep;

	if (b->size >= 0 && b->offset < b->size) {
		job_retry(j, CTR_UNAVAILABLE, "content ends at byte %" PRId64 " of %" PRId64,
			  b->offset, b->size);
		return;
	}
	if (finish_digest(b, digest) < 0) {
		ctr_fail(&j->err, CTR_INTERNAL, "hash failed");
		job_fail(j);
		return;
	}
	if (strcmp(digest, b->digest) != 0) {
		mismatch(b, digest);
		return;
	}
	ctr__worker__v1__fetched__init(&fetched);
	ctr__worker__v1__reply__init(&rep);
	fetched.digest = digest;
	fetched.size = (uint64_t)b->offset;
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_FETCHED;
	rep.fetched = &fetched;
	job_end(j, &rep);
}

static const struct job_ops blob_ops = {
	.capability = HOST_PULL,
	.prepare = blob_prepare,
	.path = blob_path,
	.method = blob_method,
	.headers = blob_headers,
	.body = blob_body,
	.answer = blob_answer,
	.progressed = blob_progressed,
	.done = blob_done,
};

static ctr_code check_request(const Ctr__Worker__V1__Fetch *req, int fd, struct ctr_error *err)
{
	struct stat st;

	if (!req->descriptor || !digest_valid(req->descriptor->digest))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "fetch: no valid digest");
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "fetch: the ingest is no regular file");
	if (req->offset < 0 || (req->descriptor->size >= 0 && req->offset > req->descriptor->size))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "fetch: offset outside the content");
	return CTR_OK;
}

ctr_code blob_new(struct fetcher *f, uint64_t id, const Ctr__Worker__V1__Fetch *req, int *fd,
		  struct job **ret, struct ctr_error *err)
{
	ctr_code code = check_request(req, *fd, err);

	if (code != CTR_OK)
		return code;
	struct blob *b = calloc(1, sizeof(*b));
	if (!b)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	list_init(&b->job.link);
	b->job.f = f;
	b->job.id = id;
	b->job.ops = &blob_ops;
	b->fd = take_fd(fd);
	b->size = req->descriptor->size;
	b->given = req->offset;
	b->digest = str_dup(req->descriptor->digest);
	b->media_type = str_dup(req->descriptor->media_type);
	b->md = EVP_MD_CTX_new();
	b->job.host = str_dup(req->host);
	b->job.path = str_dup(req->path);
	b->job.what = b->media_type
			      ? str_printf("fetch %s %s", is_manifest(b) ? "manifest" : "blob",
					   req->descriptor->digest)
			      : NULL;
	if (!b->digest || !b->media_type || !b->md || !b->job.host || !b->job.path ||
	    !b->job.what || hash_restart(b) < 0) {
		job_free(&b->job);
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	}
	*ret = &b->job;
	return CTR_OK;
}
