/* SPDX-License-Identifier: Apache-2.0
 *
 * The real ctr-worker, role fetch, caged, against a server that misbehaves in every way a registry
 * can. Each case is one worker and one server.
 */
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
#include "tests/unit/worker/http_server.h"
#include "worker/client/worker_client.h"

#define BLOB_BYTES 700000
#define TYPE_BLOB  "application/vnd.oci.image.layer.v1.tar"
#define TYPE_MAN   "application/vnd.oci.image.manifest.v1+json"
#define MANIFEST   "{\"schemaVersion\":2}"
#define CT_MAN     "Content-Type: " TYPE_MAN "\r\n"

static char blob[BLOB_BYTES];
static char blob_digest[80], manifest_digest[80];

/* What the server of a case does, and what it saw. */
struct play {
	struct hs *hs, *other;
	hs_handler fn;
	int status;
	char authorization[4096]; /* or body, of the last request that had one */
	int auth_at_other;
	int seen_range;
};

static void digest_of(const void *data, size_t n, char ret[80])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	assert_int_equal(EVP_Digest(data, n, sum, &len, EVP_sha256(), NULL), 1);
	memcpy(ret, "sha256:", 7);
	hex_encode(sum, len, ret + 7);
}

static int make_blob(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(blob); i++)
		blob[i] = (char)(i * 2654435761u >> 13);
	digest_of(blob, sizeof(blob), blob_digest);
	digest_of(MANIFEST, strlen(MANIFEST), manifest_digest);
	return 0;
}

static struct worker *start_worker(Ctr__Worker__V1__FetchSetup *fetch)
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

/* Until the final reply; answers AuthNeeded from cred (NULL: none). */
static struct worker_reply finish(struct worker *w, uint64_t id, Ctr__Worker__V1__Credential *cred)
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
			Ctr__Worker__V1__Credentials c;
			worker_request req;

			ctr__worker__v1__credentials__init(&c);
			ctr__worker__v1__request__init(&req);
			c.credential = cred;
			req.id = id;
			req.op_case = CTR__WORKER__V1__REQUEST__OP_CREDENTIALS;
			req.credentials = &c;
			assert_int_equal(worker_send(w, &req, NULL, 0, &wait, &err), CTR_OK);
		} else if (rep.msg->result_case != CTR__WORKER__V1__REPLY__RESULT_PROGRESS) {
			return rep;
		}
		worker_reply_done(&rep);
	}
}

static void send_fetch(struct worker *w, uint64_t id, const char *host, const char *digest,
		       int64_t size, int64_t offset, int fd)
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

static void send_resolve(struct worker *w, uint64_t id, const char *host, const char *tag,
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

static int ingest(void)
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

/* One fetch of the blob against a handler. */
static struct worker_reply fetch_from(struct play *p, hs_handler fn, int fd, int64_t offset)
{
	Ctr__Worker__V1__FetchSetup s;

	p->hs = hs_start(fn, p);
	ctr__worker__v1__fetch_setup__init(&s);
	struct worker *w = start_worker(&s);
	send_fetch(w, 7, hs_host(p->hs), blob_digest, BLOB_BYTES, offset, fd);
	struct worker_reply rep = finish(w, 7, NULL);
	worker_stop(w);
	hs_stop(p->hs);
	return rep;
}

static void assert_fetched(struct worker_reply *rep, int fd)
{
	if (rep->msg->result_case == CTR__WORKER__V1__REPLY__RESULT_FAILED)
		fail_msg("%s", rep->msg->failed->message);
	assert_int_equal(rep->msg->result_case, CTR__WORKER__V1__REPLY__RESULT_FETCHED);
	assert_string_equal(rep->msg->fetched->digest, blob_digest);
	assert_whole(fd);
	worker_reply_done(rep);
}

static void assert_failed(struct worker_reply *rep, int code, const char *part)
{
	assert_int_equal(rep->msg->result_case, CTR__WORKER__V1__REPLY__RESULT_FAILED);
	if (!strstr(rep->msg->failed->message, part))
		fail_msg("'%s' does not say '%s'", rep->msg->failed->message, part);
	assert_int_equal(rep->msg->failed->code, code);
}

static int64_t range_first(const struct hs_request *r)
{
	char range[64];
	int64_t first = 0;

	if (hs_header(r, "Range", range, sizeof(range)))
		assert_int_equal(sscanf(range, "bytes=%" SCNd64 "-", &first), 1);
	return first;
}

static void serve_range(int conn, int64_t first, size_t until)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %d X\r\nContent-Length: %" PRId64
			 "\r\nContent-Range: bytes %" PRId64 "-%d/%d\r\n\r\n",
			 first ? 206 : 200, BLOB_BYTES - first, first, BLOB_BYTES - 1, BLOB_BYTES);

	hs_raw(conn, head, (size_t)n);
	hs_raw(conn, blob + first, until - (size_t)first);
}

static void h_good(void *ud, const struct hs_request *r, int conn)
{
	struct play *p = ud;
	int64_t first = range_first(r);

	assert_non_null(strstr(r->target, "/v2/library/test/blobs/sha256:"));
	p->seen_range = first > 0;
	serve_range(conn, first, BLOB_BYTES);
}

static void test_a_blob_arrives(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_from(&p, h_good, fd, 0);
	assert_fetched(&rep, fd);
}

static void test_an_ingest_is_resumed(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	assert_int_equal(io_write_full(fd, blob, 300001), 0);
	struct worker_reply rep = fetch_from(&p, h_good, fd, 300001);
	assert_fetched(&rep, fd);
	assert_true(p.seen_range);
}

static void test_a_complete_ingest_needs_no_server(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	assert_int_equal(io_write_full(fd, blob, BLOB_BYTES), 0);
	struct worker_reply rep = fetch_from(&p, h_good, fd, BLOB_BYTES);
	assert_fetched(&rep, fd);
}

static void test_a_bad_ingest_is_begun_anew(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	assert_int_equal(io_write_full(fd, "not the first bytes", 19), 0);
	struct worker_reply rep = fetch_from(&p, h_good, fd, 19);
	assert_fetched(&rep, fd);
}

/* Hangs up in the middle, twice, at other places. */
static void h_hangup(void *ud, const struct hs_request *r, int conn)
{
	int64_t first = range_first(r);

	(void)ud;
	serve_range(conn, first, r->number <= 2 ? (size_t)(100000 * r->number + 77) : BLOB_BYTES);
}

static void test_a_hangup_is_resumed(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_from(&p, h_hangup, fd, 0);
	assert_fetched(&rep, fd);
}

/* No ranges: always the whole; breaks off once. */
static void h_no_ranges(void *ud, const struct hs_request *r, int conn)
{
	(void)ud;
	serve_range(conn, 0, r->number == 1 ? 200000 : BLOB_BYTES);
}

static void test_a_server_without_ranges_works(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_from(&p, h_no_ranges, fd, 0);
	assert_fetched(&rep, fd);
}

/* Never more than the first part, ended in good order. */
static void h_truncated(void *ud, const struct hs_request *r, int conn)
{
	int64_t first = range_first(r);

	(void)ud;
	if (first == 0)
		hs_reply(conn, 200, "", blob, 5000);
	else
		hs_reply(conn, 416, "", "", 0);
}

static void test_a_truncated_blob_fails(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_from(&p, h_truncated, fd, 0);
	assert_failed(&rep, CTR_UNKNOWN, "HTTP 416");
	worker_reply_done(&rep);
}

static void h_wrong(void *ud, const struct hs_request *r, int conn)
{
	static char other[BLOB_BYTES];

	(void)ud;
	(void)r;
	memset(other, 'x', sizeof(other));
	hs_reply(conn, 200, "", other, sizeof(other));
}

static void test_a_wrong_digest_fails_and_leaves_nothing(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();
	struct stat st;

	(void)state;
	struct worker_reply rep = fetch_from(&p, h_wrong, fd, 0);
	assert_failed(&rep, CTR_DATA_LOSS, "digest mismatch");
	assert_true(rep.msg->failed->bad_content);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	worker_reply_done(&rep);
}

static void h_longer(void *ud, const struct hs_request *r, int conn)
{
	(void)ud;
	(void)r;
	hs_raw(conn, "HTTP/1.1 200 X\r\n\r\n", 18);
	hs_raw(conn, blob, BLOB_BYTES);
	hs_raw(conn, "more", 4);
}

static void test_a_longer_blob_fails(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_from(&p, h_longer, fd, 0);
	assert_failed(&rep, CTR_DATA_LOSS, "longer than its 700000 bytes");
	worker_reply_done(&rep);
}

static void h_status(void *ud, const struct hs_request *r, int conn)
{
	struct play *p = ud;

	(void)r;
	hs_reply(conn, p->status, "Retry-After: 0\r\nContent-Type: text/html\r\n",
		 "<html>secret</html>", 19);
}

static void test_statuses_become_codes(void **state)
{
	static const struct {
		int status, code, requests;
	} cases[] = {
		{ 400, CTR_INVALID_ARGUMENT, 1 },  { 401, CTR_UNAUTHENTICATED, 1 },
		{ 403, CTR_PERMISSION_DENIED, 1 }, { 404, CTR_NOT_FOUND, 1 },
		{ 429, CTR_UNAVAILABLE, 3 },       { 500, CTR_UNAVAILABLE, 3 },
		{ 503, CTR_UNAVAILABLE, 3 },       { 304, CTR_UNKNOWN, 1 },
		{ 501, CTR_UNAVAILABLE, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct play p = { .status = cases[i].status };
		AUTO_CLOSE int fd = ingest();
		char part[64];
		Ctr__Worker__V1__FetchSetup s;

		p.hs = hs_start(h_status, &p);
		ctr__worker__v1__fetch_setup__init(&s);
		struct worker *w = start_worker(&s);
		send_fetch(w, 7, hs_host(p.hs), blob_digest, BLOB_BYTES, 0, fd);
		struct worker_reply rep = finish(w, 7, NULL);
		snprintf(part, sizeof(part), "fetch blob %.20s", blob_digest);
		assert_failed(&rep, cases[i].code, part);
		snprintf(part, sizeof(part), "HTTP %d from http://%s/v2/", cases[i].status,
			 hs_host(p.hs));
		assert_failed(&rep, cases[i].code, part);
		assert_int_equal(rep.msg->failed->http_status, cases[i].status);
		assert_null(strstr(rep.msg->failed->message, "secret"));
		assert_int_equal(hs_count(p.hs), cases[i].requests);
		worker_reply_done(&rep);
		worker_stop(w);
		hs_stop(p.hs);
	}
}

/* 500 and 429, then all is well. */
static void h_flaky(void *ud, const struct hs_request *r, int conn)
{
	(void)ud;
	if (r->number <= 2)
		hs_reply(conn, r->number == 1 ? 500 : 429, "Retry-After: 0\r\n", "", 0);
	else
		serve_range(conn, 0, BLOB_BYTES);
}

static void test_a_flaky_server_is_asked_again(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_from(&p, h_flaky, fd, 0);
	assert_fetched(&rep, fd);
}

/* Token service and registry in one. */
static void h_token(void *ud, const struct hs_request *r, int conn)
{
	struct play *p = ud;
	char auth[256] = "", head[512];
	int has = hs_header(r, "Authorization", auth, sizeof(auth));

	if (strncmp(r->target, "/token?", 7) == 0) {
		assert_non_null(strstr(r->target, "service=reg"));
		assert_non_null(strstr(r->target, "scope=repository%3alibrary%2ftest%3apull"));
		if (has)
			snprintf(p->authorization, sizeof(p->authorization), "%s", auth);
		hs_reply(conn, 200, "", "{\"token\":\"T0K\",\"expires_in\":300}", 32);
	} else if (strcmp(auth, "Bearer T0K") == 0) {
		serve_range(conn, 0, BLOB_BYTES);
	} else {
		snprintf(head, sizeof(head),
			 "WWW-Authenticate: Bearer realm=\"http://%s/token\",service=\"reg\","
			 "scope=\"repository:library/test:pull\"\r\n",
			 hs_host(p->hs));
		hs_reply(conn, 401, head, "", 0);
	}
}

static void test_a_token_is_fetched_anonymously(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_from(&p, h_token, fd, 0);
	assert_fetched(&rep, fd);
	assert_string_equal(p.authorization, "");
}

static struct worker_reply fetch_with(struct play *p, hs_handler fn, int fd, const char *user,
				      const char *secret)
{
	Ctr__Worker__V1__FetchSetup s;
	Ctr__Worker__V1__Credential c, *list[] = { &c };

	p->hs = hs_start(fn, p);
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

static void test_a_token_is_fetched_with_a_password(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_with(&p, h_token, fd, "user", "pass");
	assert_fetched(&rep, fd);
	hs_stop(p.hs);
	assert_string_equal(p.authorization, "Basic dXNlcjpwYXNz");
}

static void h_refresh(void *ud, const struct hs_request *r, int conn)
{
	struct play *p = ud;

	if (strcmp(r->method, "POST") == 0) {
		snprintf(p->authorization, sizeof(p->authorization), "%s", r->body);
		hs_reply(conn, 200, "", "{\"access_token\":\"T0K\"}", 22);
		return;
	}
	h_token(ud, r, conn);
}

static void test_an_identity_token_is_posted(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_with(&p, h_refresh, fd, "", "refresh&me");
	assert_fetched(&rep, fd);
	hs_stop(p.hs);
	assert_non_null(strstr(p.authorization, "grant_type=refresh_token"));
	assert_non_null(strstr(p.authorization, "refresh_token=refresh%26me"));
}

static void h_basic(void *ud, const struct hs_request *r, int conn)
{
	char auth[256] = "";

	(void)ud;
	if (hs_header(r, "Authorization", auth, sizeof(auth)) &&
	    strcmp(auth, "Basic dXNlcjpwYXNz") == 0)
		serve_range(conn, 0, BLOB_BYTES);
	else
		hs_reply(conn, 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "", 0);
}

static void test_basic_works_and_a_wrong_password_does_not(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_with(&p, h_basic, fd, "user", "pass");
	assert_fetched(&rep, fd);
	hs_stop(p.hs);

	rep = fetch_with(&p, h_basic, fd, "user", "wrong-secret");
	assert_failed(&rep, CTR_UNAUTHENTICATED, "HTTP 401");
	assert_null(strstr(rep.msg->failed->message, "wrong-secret"));
	worker_reply_done(&rep);
	hs_stop(p.hs);
}

static void test_the_daemon_is_asked_for_credentials(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();
	Ctr__Worker__V1__FetchSetup s;
	Ctr__Worker__V1__Credential c;

	(void)state;
	p.hs = hs_start(h_basic, &p);
	ctr__worker__v1__fetch_setup__init(&s);
	ctr__worker__v1__credential__init(&c);
	s.ask_credentials = 1;
	c.username = (char *)(uintptr_t) "user";
	c.secret = (char *)(uintptr_t) "pass";
	struct worker *w = start_worker(&s);
	send_fetch(w, 7, hs_host(p.hs), blob_digest, BLOB_BYTES, 0, fd);
	struct worker_reply rep = finish(w, 7, &c);
	assert_fetched(&rep, fd);
	worker_stop(w);
	hs_stop(p.hs);
}

/* The place that the registry redirects to: sees no Authorization. */
static void h_storage(void *ud, const struct hs_request *r, int conn)
{
	struct play *p = ud;
	char auth[64];

	p->auth_at_other |= hs_header(r, "Authorization", auth, sizeof(auth));
	serve_range(conn, range_first(r), r->number == 1 ? 1000 : BLOB_BYTES);
}

static void h_redirect(void *ud, const struct hs_request *r, int conn)
{
	struct play *p = ud;
	char auth[256], head[256];

	if (!hs_header(r, "Authorization", auth, sizeof(auth))) {
		hs_reply(conn, 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "", 0);
		return;
	}
	snprintf(head, sizeof(head), "Location: http://%s/blob?signature=s3cret\r\n",
		 hs_host(p->other));
	hs_reply(conn, 307, head, "", 0);
}

static void test_a_redirect_drops_credentials(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	p.other = hs_start(h_storage, &p);
	struct worker_reply rep = fetch_with(&p, h_redirect, fd, "user", "pass");
	assert_fetched(&rep, fd);
	hs_stop(p.hs);
	hs_stop(p.other);
	assert_false(p.auth_at_other);
}

static void h_redirect_bad(void *ud, const struct hs_request *r, int conn)
{
	static const char *const to[] = { "file:///etc/passwd", "gopher://x/",
					  "http://user:pw@127.0.0.1/", "" };
	struct play *p = ud;
	char head[256];

	(void)r;
	snprintf(head, sizeof(head), "Location: %s\r\n", to[p->status]);
	hs_reply(conn, 302, head, "", 0);
}

static void test_bad_redirects_are_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct play p = { .status = i };
		AUTO_CLOSE int fd = ingest();
		struct worker_reply rep = fetch_from(&p, h_redirect_bad, fd, 0);

		assert_failed(&rep, CTR_UNAVAILABLE, "redirect refused");
		assert_null(strstr(rep.msg->failed->message, "pw"));
		worker_reply_done(&rep);
	}
}

static void h_redirect_loop(void *ud, const struct hs_request *r, int conn)
{
	(void)ud;
	(void)r;
	hs_reply(conn, 302, "Location: ?again\r\n", "", 0);
}

static void test_a_redirect_loop_ends(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_from(&p, h_redirect_loop, fd, 0);
	assert_failed(&rep, CTR_UNAVAILABLE, "too many");
	worker_reply_done(&rep);
}

static void h_stall(void *ud, const struct hs_request *r, int conn)
{
	char byte;

	(void)ud;
	(void)r;
	serve_range(conn, 0, 0);
	while (read(conn, &byte, 1) > 0) /* until the other side gives up */
		continue;
}

static void test_a_stall_is_given_up(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();
	Ctr__Worker__V1__FetchSetup s;

	(void)state;
	p.hs = hs_start(h_stall, &p);
	ctr__worker__v1__fetch_setup__init(&s);
	s.retries = 1;
	struct worker *w = start_worker(&s);
	send_fetch(w, 7, hs_host(p.hs), blob_digest, BLOB_BYTES, 0, fd);
	struct worker_reply rep = finish(w, 7, NULL);
	assert_failed(&rep, CTR_UNAVAILABLE, hs_host(p.hs));
	worker_reply_done(&rep);
	worker_stop(w);
	hs_stop(p.hs);
}

static void test_a_request_is_cancelled(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();
	Ctr__Worker__V1__FetchSetup s;
	Ctr__Worker__V1__Cancel cancel;
	worker_request req;
	AUTO_ERROR err = ERROR_INIT;

	(void)state;
	p.hs = hs_start(h_stall, &p);
	ctr__worker__v1__fetch_setup__init(&s);
	s.progress_timeout_ms = 60000;
	struct worker *w = start_worker(&s);
	send_fetch(w, 7, hs_host(p.hs), blob_digest, BLOB_BYTES, 0, fd);
	ctr__worker__v1__cancel__init(&cancel);
	ctr__worker__v1__request__init(&req);
	cancel.target = 7;
	req.id = 8;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_CANCEL;
	req.cancel = &cancel;
	assert_int_equal(worker_send(w, &req, NULL, 0, NULL, &err), CTR_OK);
	struct worker_reply rep = finish(w, 7, NULL);
	assert_failed(&rep, CTR_CANCELLED, "cancelled");
	worker_reply_done(&rep);
	worker_stop(w);
	hs_stop(p.hs);
}

/* status: 0 digest header; 1 none, HEAD without; 2 wrong media type; 3 schema 1; 4 HEAD refused */
static void h_manifest(void *ud, const struct hs_request *r, int conn)
{
	struct play *p = ud;
	char head[512], accept[512] = "";

	assert_true(hs_header(r, "Accept", accept, sizeof(accept)));
	assert_non_null(strstr(accept, "application/vnd.oci.image.index.v1+json"));
	snprintf(head, sizeof(head), "%s%s%s%s",
		 p->status == 2   ? "Content-Type: text/html\r\n"
		 : p->status == 3 ? "Content-Type: "
				    "application/vnd.docker.distribution.manifest.v1+prettyjws\r\n"
				  : CT_MAN,
		 p->status == 1 ? "" : "Docker-Content-Digest: ",
		 p->status == 1 ? "" : manifest_digest, p->status == 1 ? "" : "\r\n");
	if (strcmp(r->method, "HEAD") == 0) {
		char line[64];
		snprintf(line, sizeof(line), "Content-Length: %zu\r\n\r\n", strlen(MANIFEST));
		hs_raw(conn, "HTTP/1.1 200 X\r\n", 16);
		hs_raw(conn, head, strlen(head));
		hs_raw(conn, line, strlen(line));
		return;
	}
	hs_reply(conn, 200, head, MANIFEST, strlen(MANIFEST));
}

static struct worker_reply resolve_from(struct play *p, const char *tag, const char *digest)
{
	Ctr__Worker__V1__FetchSetup s;

	p->hs = hs_start(h_manifest, p);
	ctr__worker__v1__fetch_setup__init(&s);
	struct worker *w = start_worker(&s);
	send_resolve(w, 3, hs_host(p->hs), tag, digest);
	struct worker_reply rep = finish(w, 3, NULL);
	worker_stop(w);
	hs_stop(p->hs);
	return rep;
}

static void test_references_are_resolved(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct play p = { .status = i };
		struct worker_reply rep = resolve_from(&p, "latest", i ? "" : manifest_digest);

		assert_int_equal(rep.msg->result_case, CTR__WORKER__V1__REPLY__RESULT_RESOLVED);
		assert_string_equal(rep.msg->resolved->descriptor->digest, manifest_digest);
		assert_string_equal(rep.msg->resolved->descriptor->media_type, TYPE_MAN);
		assert_int_equal(rep.msg->resolved->descriptor->size, strlen(MANIFEST));
		worker_reply_done(&rep);
	}
}

static void test_what_is_no_manifest_is_named(void **state)
{
	struct play html = { .status = 2 }, old = { .status = 3 }, other = { .status = 0 };

	(void)state;
	struct worker_reply rep = resolve_from(&html, "latest", "");
	assert_failed(&rep, CTR_INVALID_ARGUMENT, "unknown media type 'text/html'");
	worker_reply_done(&rep);
	rep = resolve_from(&old, "latest", "");
	assert_failed(&rep, CTR_UNIMPLEMENTED, "docker schema 1 is not supported");
	worker_reply_done(&rep);
	rep = resolve_from(&other, "", blob_digest);
	assert_failed(&rep, CTR_DATA_LOSS, "digest mismatch");
	worker_reply_done(&rep);
}

static void h_endless_error(void *ud, const struct hs_request *r, int conn)
{
	(void)ud;
	(void)r;
	hs_raw(conn, "HTTP/1.1 404 X\r\n\r\n", 18);
	for (int i = 0; i < 100; i++)
		hs_raw(conn, blob, BLOB_BYTES);
}

static void test_an_endless_error_is_not_read(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();

	(void)state;
	struct worker_reply rep = fetch_from(&p, h_endless_error, fd, 0);
	assert_failed(&rep, CTR_NOT_FOUND, "HTTP 404");
	worker_reply_done(&rep);
}

static void test_nobody_listens(void **state)
{
	Ctr__Worker__V1__FetchSetup s;

	(void)state;
	ctr__worker__v1__fetch_setup__init(&s);
	struct worker *w = start_worker(&s);
	send_resolve(w, 3, "127.0.0.1:1", "latest", "");
	struct worker_reply rep = finish(w, 3, NULL);
	assert_failed(&rep, CTR_UNAVAILABLE, "http://127.0.0.1:1/v2/library/test/manifests/latest");
	worker_reply_done(&rep);
	worker_stop(w);
}

int main(void)
{
	/* valgrind knows no pidfd: these cases are about processes */
	if (syscall(SYS_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS)
		return 0;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_blob_arrives),
		cmocka_unit_test(test_an_ingest_is_resumed),
		cmocka_unit_test(test_a_complete_ingest_needs_no_server),
		cmocka_unit_test(test_a_bad_ingest_is_begun_anew),
		cmocka_unit_test(test_a_hangup_is_resumed),
		cmocka_unit_test(test_a_server_without_ranges_works),
		cmocka_unit_test(test_a_truncated_blob_fails),
		cmocka_unit_test(test_a_wrong_digest_fails_and_leaves_nothing),
		cmocka_unit_test(test_a_longer_blob_fails),
		cmocka_unit_test(test_statuses_become_codes),
		cmocka_unit_test(test_a_flaky_server_is_asked_again),
		cmocka_unit_test(test_a_token_is_fetched_anonymously),
		cmocka_unit_test(test_a_token_is_fetched_with_a_password),
		cmocka_unit_test(test_an_identity_token_is_posted),
		cmocka_unit_test(test_basic_works_and_a_wrong_password_does_not),
		cmocka_unit_test(test_the_daemon_is_asked_for_credentials),
		cmocka_unit_test(test_a_redirect_drops_credentials),
		cmocka_unit_test(test_bad_redirects_are_refused),
		cmocka_unit_test(test_a_redirect_loop_ends),
		cmocka_unit_test(test_a_stall_is_given_up),
		cmocka_unit_test(test_a_request_is_cancelled),
		cmocka_unit_test(test_references_are_resolved),
		cmocka_unit_test(test_what_is_no_manifest_is_named),
		cmocka_unit_test(test_an_endless_error_is_not_read),
		cmocka_unit_test(test_nobody_listens),
	};

	return cmocka_run_group_tests(tests, make_blob, NULL);
}
