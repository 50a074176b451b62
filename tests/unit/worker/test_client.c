/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's side: messages of every size, deadlines, cancels, how a dead worker is reported, and
 * the refusal of replies that a worker in bad hands might send.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "worker/client/validate.h"
#include "worker/client/worker_client.h"

#define GOOD    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TEXT(s) ((char *)(uintptr_t)(s))

static struct worker *start_parser(void)
{
	struct worker_options o = { .binary = CTR_WORKER_BINARY,
				    .role = ROLE_PARSE,
				    .wait = { .deadline_ns = clock_now_ns() + 20 * NS_PER_SEC,
					      .cancel_fd = -1 } };
	AUTO_ERROR err = ERROR_INIT;
	struct worker *w = NULL;

	if (worker_start(&o, &w, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	return w;
}

static int file_with(const struct buf *b)
{
	int fd = memfd_create("doc", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, b->data, b->len), 0);
	return fd;
}

static ctr_code parse_config(struct worker *w, int fd, struct worker_reply *rep,
			     struct ctr_error *err)
{
	Ctr__Worker__V1__Parse p;
	worker_request req;

	ctr__worker__v1__parse__init(&p);
	ctr__worker__v1__request__init(&req);
	p.kind = CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_CONFIG;
	req.id = 5;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_PARSE;
	req.parse = &p;
	return worker_call(w, &req, &fd, fd < 0 ? 0 : 1, NULL, NULL, NULL, rep, err);
}

static void test_large_replies_arrive(void **state)
{
	AUTO_BUF doc = BUF_INIT(4 << 20);
	AUTO_WORKER_REPLY rep = { .msg = NULL };
	AUTO_ERROR err = ERROR_INIT;
	struct worker *w = start_parser();

	(void)state;
	buf_puts(&doc, "{\"config\":{\"Env\":[\"A=1\"");
	for (int i = 0; i < 8000; i++)
		buf_printf(&doc, ",\"VARIABLE_%d=%0100d\"", i, i);
	buf_puts(&doc, "]}}");
	AUTO_CLOSE int fd = file_with(&doc);
	if (parse_config(w, fd, &rep, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	assert_int_equal(rep.msg->config->n_env, 8001);
	assert_true(str_starts(rep.msg->config->env[8000], "VARIABLE_7999=000"));
	assert_true(worker_ready(w)->seccomp);
	worker_stop(w);
}

static void test_failures_come_back_as_errors(void **state)
{
	AUTO_BUF doc = BUF_INIT(64);
	struct worker_reply rep = { .msg = NULL };
	AUTO_ERROR err = ERROR_INIT;
	struct worker *w = start_parser();

	(void)state;
	buf_puts(&doc, "nonsense");
	AUTO_CLOSE int fd = file_with(&doc);
	assert_int_equal(parse_config(w, fd, &rep, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), "image config: no valid JSON"));
	assert_int_equal(parse_config(w, -1, &rep, &err),
			 CTR_INVALID_ARGUMENT); /* the same worker still serves */
	worker_stop(w);
}

static void test_a_dead_worker_is_named(void **state)
{
	struct worker_reply rep = { .msg = NULL };
	AUTO_ERROR err = ERROR_INIT;
	struct worker *w = start_parser();

	(void)state;
	assert_int_equal(syscall(SYS_pidfd_send_signal, worker_pidfd(w), SIGUSR1, NULL, 0), 0);
	assert_int_equal(worker_recv(w, NULL, &rep, &err), CTR_ABORTED);
	assert_string_equal(error_text(&err), "worker parse: killed by signal 10");
	assert_int_equal(parse_config(w, -1, &rep, &err), CTR_ABORTED);
	worker_stop(w);
}

static void test_waits_end(void **state)
{
	struct worker_reply rep = { .msg = NULL };
	AUTO_ERROR err = ERROR_INIT;
	struct worker *w = start_parser();
	struct wire_wait soon = { .deadline_ns = clock_now_ns() + 20 * NS_PER_MSEC,
				  .cancel_fd = -1 };
	struct wire_wait now = { .deadline_ns = 0, .cancel_fd = -1 };
	int pipe[2];

	(void)state;
	assert_int_equal(worker_recv(w, &now, &rep, &err), CTR_DEADLINE_EXCEEDED);
	assert_int_equal(worker_recv(w, &soon, &rep, &err), CTR_DEADLINE_EXCEEDED);
	assert_int_equal(fd_pipe(pipe, 0), 0);
	assert_int_equal(write(pipe[1], "x", 1), 1);
	struct wire_wait cancel = { .deadline_ns = NO_DEADLINE, .cancel_fd = pipe[0] };
	assert_int_equal(worker_recv(w, &cancel, &rep, &err), CTR_CANCELLED);
	fd_close(&pipe[0]);
	fd_close(&pipe[1]);
	worker_stop(w);
}

static void test_a_missing_program_is_unavailable(void **state)
{
	struct worker_options o = { .binary = "/nonexistent/ctr-worker",
				    .role = ROLE_PARSE,
				    .wait = { .deadline_ns = NO_DEADLINE, .cancel_fd = -1 } };
	AUTO_ERROR err = ERROR_INIT;
	struct worker *w = NULL;

	(void)state;
	assert_int_equal(worker_start(&o, &w, &err), CTR_UNAVAILABLE);
	assert_non_null(strstr(error_text(&err),
			       "start '/nonexistent/ctr-worker': No such file or directory"));
	o.binary = "/bin/false";
	assert_int_equal(worker_start(&o, &w, &err), CTR_ABORTED);
	assert_string_equal(error_text(&err), "worker parse: exited with status 1");
}

static void test_unpack_without_a_target_is_refused(void **state)
{
	struct worker_options o = { .binary = CTR_WORKER_BINARY,
				    .role = ROLE_UNPACK,
				    .wait = { .deadline_ns = clock_now_ns() + 20 * NS_PER_SEC,
					      .cancel_fd = -1 } };
	AUTO_ERROR err = ERROR_INIT;
	struct worker *w = NULL;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(worker_start(&o, &w, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), "unpack without a target"));
}

/* What a worker in bad hands might say. */
static void test_bad_replies_are_refused(void **state)
{
	Ctr__Worker__V1__Descriptor d;
	Ctr__Worker__V1__Resolved resolved;
	Ctr__Worker__V1__Fetched fetched;
	Ctr__Worker__V1__Failed failed;
	Ctr__Worker__V1__ParsedIndex index;
	Ctr__Worker__V1__Opaque opaque;
	worker_reply_pb rep;
	AUTO_ERROR err = ERROR_INIT;

	(void)state;
	ctr__worker__v1__reply__init(&rep);
	assert_int_equal(reply_check(ROLE_FETCH, &rep, 0, &err), CTR_DATA_LOSS);

	ctr__worker__v1__descriptor__init(&d);
	ctr__worker__v1__resolved__init(&resolved);
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_RESOLVED;
	rep.resolved = &resolved;
	assert_int_equal(reply_check(ROLE_FETCH, &rep, 0, &err), CTR_DATA_LOSS); /* no descriptor */
	resolved.descriptor = &d;
	d.media_type = TEXT("a/b");
	d.digest = TEXT("sha256:../../x");
	assert_int_equal(reply_check(ROLE_FETCH, &rep, 0, &err), CTR_DATA_LOSS);
	d.digest = TEXT(GOOD);
	assert_int_equal(reply_check(ROLE_FETCH, &rep, 0, &err), CTR_OK);
	assert_int_equal(reply_check(ROLE_FETCH, &rep, 1, &err),
			 CTR_DATA_LOSS); /* a descriptor slipped in */
	assert_int_equal(reply_check(ROLE_PARSE, &rep, 0, &err), CTR_DATA_LOSS); /* not its kind */
	d.size = -1;
	assert_int_equal(reply_check(ROLE_FETCH, &rep, 0, &err), CTR_DATA_LOSS);
	d.size = 1;
	d.media_type = TEXT("a\nb");
	assert_int_equal(reply_check(ROLE_FETCH, &rep, 0, &err), CTR_DATA_LOSS);

	ctr__worker__v1__fetched__init(&fetched);
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_FETCHED;
	rep.fetched = &fetched;
	assert_int_equal(reply_check(ROLE_FETCH, &rep, 0, &err), CTR_DATA_LOSS);

	ctr__worker__v1__failed__init(&failed);
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_FAILED;
	rep.failed = &failed;
	assert_int_equal(reply_check(ROLE_FETCH, &rep, 0, &err),
			 CTR_DATA_LOSS); /* success is no failure */
	failed.code = 5;
	failed.message = TEXT("not \xff utf-8");
	assert_int_equal(reply_check(ROLE_FETCH, &rep, 0, &err), CTR_DATA_LOSS);
	failed.message = TEXT("\033[2J");
	assert_int_equal(reply_check(ROLE_FETCH, &rep, 0, &err),
			 CTR_DATA_LOSS); /* not to a terminal */

	ctr__worker__v1__parsed_index__init(&index);
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_INDEX;
	rep.index = &index;
	index.media_type = TEXT("a/b");
	index.chosen = 0;
	assert_int_equal(reply_check(ROLE_PARSE, &rep, 0, &err),
			 CTR_DATA_LOSS); /* outside the list */
	index.chosen = -1;
	assert_int_equal(reply_check(ROLE_PARSE, &rep, 0, &err), CTR_OK);

	ctr__worker__v1__opaque__init(&opaque);
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_OPAQUE;
	rep.opaque = &opaque;
	assert_int_equal(reply_check(ROLE_UNPACK, &rep, 0, &err), CTR_DATA_LOSS);
	assert_int_equal(reply_check(ROLE_UNPACK, &rep, 1, &err), CTR_OK);
}

static void test_framing(void **state)
{
	Ctr__Worker__V1__Failed failed;
	worker_reply_pb rep, *back;
	struct wire_wait wait = { .deadline_ns = clock_now_ns() + 10 * NS_PER_SEC,
				  .cancel_fd = -1 };
	struct wire_fds fds = { .n = 0 };
	AUTO_FREE uint8_t *data = NULL;
	AUTO_FREE char *text = malloc(90001);
	size_t n = 0;
	int pair[2];

	(void)state;
	assert_int_equal(fd_socketpair(SOCK_SEQPACKET, pair), 0);
	assert_int_equal(fd_set_nonblock(pair[0], 1), 0);
	memset(text, 'x', 90000);
	text[90000] = '\0';
	ctr__worker__v1__failed__init(&failed);
	ctr__worker__v1__reply__init(&rep);
	failed.message = text;
	rep.id = 9;
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_FAILED;
	rep.failed = &failed;
	assert_int_equal(wire_send(pair[0], &rep.base, pair, 2, &wait), 0);
	assert_int_equal(wire_recv(pair[1], &wait, &data, &n, &fds), 0);
	assert_int_equal(fds.n, 2);
	wire_fds_done(&fds);
	back = ctr__worker__v1__reply__unpack(NULL, n, data);
	assert_non_null(back);
	assert_string_equal(back->failed->message, text);
	ctr__worker__v1__reply__free_unpacked(back, NULL);

	/* a broken header byte, then the end */
	assert_int_equal(fd_send(pair[0], "\x07z", 2, NULL, 0), 2);
	uint8_t *none = NULL;
	assert_int_equal(wire_recv(pair[1], &wait, &none, &n, &fds), -EMSGSIZE);
	fd_close(&pair[0]);
	assert_int_equal(wire_recv(pair[1], &wait, &none, &n, &fds), -EPIPE);
	fd_close(&pair[1]);
}

int main(void)
{
	/* valgrind knows no pidfd: these cases are about processes */
	if (syscall(SYS_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS)
		return 0;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_large_replies_arrive),
		cmocka_unit_test(test_failures_come_back_as_errors),
		cmocka_unit_test(test_a_dead_worker_is_named),
		cmocka_unit_test(test_waits_end),
		cmocka_unit_test(test_a_missing_program_is_unavailable),
		cmocka_unit_test(test_unpack_without_a_target_is_refused),
		cmocka_unit_test(test_bad_replies_are_refused),
		cmocka_unit_test(test_framing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
