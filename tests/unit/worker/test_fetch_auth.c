/* SPDX-License-Identifier: Apache-2.0
 *
 * The real ctr-worker, role fetch, caged: who it says it is, to whom, and where it lets itself be
 * sent.
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
	hs_start(h_basic, &p, &p.hs);
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
/*
 * One question a host; whoever else waits for the answer gets it, also when the one who asked is
 * gone.
 */
static void test_one_answer_serves_all(void **state)
{
	struct play p = { 0 };
	AUTO_CLOSE int fd = ingest();
	AUTO_CLOSE int other = ingest();
	Ctr__Worker__V1__FetchSetup s;
	Ctr__Worker__V1__Credential c;
	AUTO_WORKER_REPLY ask = { .msg = NULL };
	AUTO_ERROR err = ERROR_INIT;

	(void)state;
	hs_start(h_basic, &p, &p.hs);
	ctr__worker__v1__fetch_setup__init(&s);
	ctr__worker__v1__credential__init(&c);
	s.ask_credentials = 1;
	c.username = (char *)(uintptr_t) "user";
	c.secret = (char *)(uintptr_t) "pass";
	struct worker *w = start_worker(&s);
	send_fetch(w, 7, hs_host(p.hs), blob_digest, BLOB_BYTES, 0, other);
	assert_int_equal(worker_recv(w, NULL, &ask, &err), CTR_OK);
	assert_int_equal(ask.msg->result_case, CTR__WORKER__V1__REPLY__RESULT_AUTH_NEEDED);
	assert_string_equal(ask.msg->auth_needed->scheme, "basic");
	send_fetch(w, 8, hs_host(p.hs), blob_digest, BLOB_BYTES, 0, fd);
	send_cancel(w, 7);
	struct worker_reply rep = finish(w, 7, NULL);
	assert_failed(&rep, CTR_CANCELLED, "cancelled");
	worker_reply_done(&rep);
	send_credentials(w, 7, &c);
	rep = finish(w, 8, NULL);
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
	hs_start(h_storage, &p, &p.other);
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

int main(void)
{
	/* valgrind knows no pidfd: these cases are about processes */
	if (syscall(SYS_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS)
		return 0;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_token_is_fetched_anonymously),
		cmocka_unit_test(test_a_token_is_fetched_with_a_password),
		cmocka_unit_test(test_an_identity_token_is_posted),
		cmocka_unit_test(test_basic_works_and_a_wrong_password_does_not),
		cmocka_unit_test(test_the_daemon_is_asked_for_credentials),
		cmocka_unit_test(test_one_answer_serves_all),
		cmocka_unit_test(test_a_redirect_drops_credentials),
		cmocka_unit_test(test_bad_redirects_are_refused),
		cmocka_unit_test(test_a_redirect_loop_ends),
	};

	return cmocka_run_group_tests(tests, make_blob, NULL);
}
