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
#include "tests/unit/worker/fetch_play.h"

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

		hs_start(h_status, &p, &p.hs);
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
	hs_start(h_stall, &p, &p.hs);
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

	(void)state;
	hs_start(h_stall, &p, &p.hs);
	ctr__worker__v1__fetch_setup__init(&s);
	s.progress_timeout_ms = 60000;
	struct worker *w = start_worker(&s);
	send_fetch(w, 7, hs_host(p.hs), blob_digest, BLOB_BYTES, 0, fd);
	send_cancel(w, 7);
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

	hs_start(h_manifest, p, &p->hs);
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
		cmocka_unit_test(test_a_stall_is_given_up),
		cmocka_unit_test(test_a_request_is_cancelled),
		cmocka_unit_test(test_references_are_resolved),
		cmocka_unit_test(test_what_is_no_manifest_is_named),
		cmocka_unit_test(test_an_endless_error_is_not_read),
		cmocka_unit_test(test_nobody_listens),
	};

	return cmocka_run_group_tests(tests, make_blob, NULL);
}
