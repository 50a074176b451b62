/* SPDX-License-Identifier: Apache-2.0
 *
 * The fetch tests' common part. Fails the running test when something does not even begin.
 */
#include "tests/unit/worker/fetch_play.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"

char blob[BLOB_BYTES];
char blob_digest[80], manifest_digest[80];

static void digest_of(const void *data, size_t n, char ret[80])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	assert_int_equal(EVP_Digest(data, n, sum, &len, EVP_sha256(), NULL), 1);
	memcpy(ret, "sha256:", 7);
	hex_encode(sum, len, ret + 7);
}
int make_blob(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(blob); i++)
		blob[i] = (char)(i * 2654435761u >> 13);
	digest_of(blob, sizeof(blob), blob_digest);
	digest_of(MANIFEST, strlen(MANIFEST), manifest_digest);
	return 0;
}
struct worker *start_worker(Ctr__Worker__V1__FetchSetup *fetch)
{
	Ctr__Worker__V1__Setup setup;
	AUTO_ERROR err = ERROR_INIT;
	struct worker *w = NULL;

	ctr__worker__v1__setup__init(&setup);
	setup.fetch = fetch;
	fetch->progress_timeout_ms = fetch->progress_timeout_ms ? fetch->progress_timeout_ms : 1000;
	fetch->retries = fetch->retries ? fetch->retries : 2;
	struct worker_options o = { .binary = CTR_WORKER_BINARY,
				    .role = ROLE_FETCH,
				    .setup = &setup,
				    .wait = { .deadline_ns = clock_now_ns() + 20 * NS_PER_SEC,
					      .cancel_fd = -1 } };
	if (worker_start(&o, &w, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	return w;
}
void send_credentials(struct worker *w, uint64_t id, Ctr__Worker__V1__Credential *cred)
{
	Ctr__Worker__V1__Credentials c;
	worker_request req;
	AUTO_ERROR err = ERROR_INIT;

	ctr__worker__v1__credentials__init(&c);
	ctr__worker__v1__request__init(&req);
	c.credential = cred;
	req.id = id;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_CREDENTIALS;
	req.credentials = &c;
	assert_int_equal(worker_send(w, &req, NULL, 0, NULL, &err), CTR_OK);
}
void send_cancel(struct worker *w, uint64_t target)
{
	Ctr__Worker__V1__Cancel cancel;
	worker_request req;
	AUTO_ERROR err = ERROR_INIT;

	ctr__worker__v1__cancel__init(&cancel);
	ctr__worker__v1__request__init(&req);
	cancel.target = target;
	req.id = 1000;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_CANCEL;
	req.cancel = &cancel;
	assert_int_equal(worker_send(w, &req, NULL, 0, NULL, &err), CTR_OK);
}
struct worker_reply finish(struct worker *w, uint64_t id, Ctr__Worker__V1__Credential *cred)
{
	struct wire_wait wait = { .deadline_ns = clock_now_ns() + 60 * NS_PER_SEC,
				  .cancel_fd = -1 };
	AUTO_ERROR err = ERROR_INIT;

	for (;;) {
		struct worker_reply rep = { .msg = NULL };

		if (worker_recv(w, &wait, &rep, &err) != CTR_OK)
			fail_msg("%s", error_text(&err));
		assert_int_equal(rep.msg->id, id);
		if (rep.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_AUTH_NEEDED) {
			send_credentials(w, id, cred);
		} else if (rep.msg->result_case != CTR__WORKER__V1__REPLY__RESULT_PROGRESS) {
			return rep;
		}
		worker_reply_done(&rep);
	}
}
void send_fetch(struct worker *w, uint64_t id, const char *host, const char *digest, int64_t size,
		int64_t offset, int fd)
{
	Ctr__Worker__V1__Fetch f;
	Ctr__Worker__V1__Descriptor d;
	worker_request req;
	AUTO_ERROR err = ERROR_INIT;

	ctr__worker__v1__fetch__init(&f);
	ctr__worker__v1__descriptor__init(&d);
	ctr__worker__v1__request__init(&req);
	f.host = (char *)(uintptr_t)host;
	f.path = (char *)(uintptr_t) "library/test";
	d.digest = (char *)(uintptr_t)digest;
	d.media_type = (char *)(uintptr_t)TYPE_BLOB;
	d.size = size;
	f.descriptor = &d;
	f.offset = offset;
	req.id = id;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_FETCH;
	req.fetch = &f;
	assert_int_equal(worker_send(w, &req, &fd, 1, NULL, &err), CTR_OK);
}
void send_resolve(struct worker *w, uint64_t id, const char *host, const char *tag,
		  const char *digest)
{
	Ctr__Worker__V1__Resolve r;
	worker_request req;
	AUTO_ERROR err = ERROR_INIT;

	ctr__worker__v1__resolve__init(&r);
	ctr__worker__v1__request__init(&req);
	r.host = (char *)(uintptr_t)host;
	r.path = (char *)(uintptr_t) "library/test";
	r.tag = (char *)(uintptr_t)tag;
	r.digest = (char *)(uintptr_t)digest;
	req.id = id;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_RESOLVE;
	req.resolve = &r;
	assert_int_equal(worker_send(w, &req, NULL, 0, NULL, &err), CTR_OK);
}
int ingest(void)
{
	int fd = memfd_create("ingest", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}
static void assert_whole(int fd)
{
	struct stat st;
	AUTO_FREE char *data = malloc(BLOB_BYTES);

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, BLOB_BYTES);
	assert_int_equal(io_pread_full(fd, data, BLOB_BYTES, 0), BLOB_BYTES);
	assert_memory_equal(data, blob, BLOB_BYTES);
}
struct worker_reply fetch_from(struct play *p, hs_handler fn, int fd, int64_t offset)
{
	Ctr__Worker__V1__FetchSetup s;

	hs_start(fn, p, &p->hs);
	ctr__worker__v1__fetch_setup__init(&s);
	struct worker *w = start_worker(&s);
	send_fetch(w, 7, hs_host(p->hs), blob_digest, BLOB_BYTES, offset, fd);
	struct worker_reply rep = finish(w, 7, NULL);
	worker_stop(w);
	hs_stop(p->hs);
	return rep;
}
void assert_fetched(struct worker_reply *rep, int fd)
{
	if (rep->msg->result_case == CTR__WORKER__V1__REPLY__RESULT_FAILED)
		fail_msg("%s", rep->msg->failed->message);
	assert_int_equal(rep->msg->result_case, CTR__WORKER__V1__REPLY__RESULT_FETCHED);
	assert_string_equal(rep->msg->fetched->digest, blob_digest);
	assert_whole(fd);
	worker_reply_done(rep);
}
void assert_failed(struct worker_reply *rep, int code, const char *part)
{
	assert_int_equal(rep->msg->result_case, CTR__WORKER__V1__REPLY__RESULT_FAILED);
	if (!strstr(rep->msg->failed->message, part))
		fail_msg("'%s' does not say '%s'", rep->msg->failed->message, part);
	assert_int_equal(rep->msg->failed->code, code);
}
int64_t range_first(const struct hs_request *r)
{
	char range[64];
	int64_t first = 0;

	if (hs_header(r, "Range", range, sizeof(range)))
		assert_int_equal(sscanf(range, "bytes=%" SCNd64 "-", &first), 1);
	return first;
}
void serve_range(int conn, int64_t first, size_t until)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %d X\r\nContent-Length: %" PRId64
			 "\r\nContent-Range: bytes %" PRId64 "-%d/%d\r\n\r\n",
			 first ? 206 : 200, BLOB_BYTES - first, first, BLOB_BYTES - 1, BLOB_BYTES);

	hs_raw(conn, head, (size_t)n);
	hs_raw(conn, blob + first, until - (size_t)first);
}
struct worker_reply fetch_with(struct play *p, hs_handler fn, int fd, const char *user,
			       const char *secret)
{
	Ctr__Worker__V1__FetchSetup s;
	Ctr__Worker__V1__Credential c, *list[] = { &c };

	hs_start(fn, p, &p->hs);
	ctr__worker__v1__fetch_setup__init(&s);
	ctr__worker__v1__credential__init(&c);
	c.host = (char *)(uintptr_t)hs_host(p->hs);
	c.username = (char *)(uintptr_t)user;
	c.secret = (char *)(uintptr_t)secret;
	s.credentials = list;
	s.n_credentials = 1;
	struct worker *w = start_worker(&s);
	send_fetch(w, 7, hs_host(p->hs), blob_digest, BLOB_BYTES, 0, fd);
	struct worker_reply rep = finish(w, 7, NULL);
	worker_stop(w);
	return rep;
}
