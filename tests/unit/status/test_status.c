/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: messages layer by layer, the errno table, and the texts that clients branch on.
 */
#include "../base/temp.h"

#include "../base/fault.h"
#include "status/status.h"

static void messages_are_set_and_replaced(void **state)
{
	AUTO_ERROR err = ERROR_INIT;

	(void)state;
	assert_string_equal(error_text(&err), "no error");
	errno = EXDEV;
	assert_int_equal(ctr_fail(&err, CTR_NOT_FOUND, "image '%s'", "a"), CTR_NOT_FOUND);
	assert_int_equal(err.code, CTR_NOT_FOUND);
	assert_int_equal(err.errnum, 0);
	assert_string_equal(error_text(&err), "image 'a'");
	/* The old message may be part of the new one. */
	assert_int_equal(ctr_fail(&err, CTR_INTERNAL, "b: %s", err.message), CTR_INTERNAL);
	assert_string_equal(error_text(&err), "b: image 'a'");
	assert_int_equal(errno, EXDEV);
	assert_int_equal(ctr_fail(NULL, CTR_ABORTED, "x"), CTR_ABORTED);
	assert_string_equal(error_text(NULL), "unknown error");
	error_done(NULL);
	error_done(&err);
	assert_int_equal(err.code, CTR_OK);
	assert_null(err.message);
}

static void errno_gives_code_and_cause(void **state)
{
	AUTO_ERROR err = ERROR_INIT;

	(void)state;
	assert_int_equal(ctr_fail_errno(&err, -ENOENT, "open '%s'", "a"), CTR_NOT_FOUND);
	assert_string_equal(error_text(&err), "open 'a': No such file or directory");
	assert_int_equal(err.errnum, ENOENT);
	assert_int_equal(ctr_fail_errno(&err, EACCES, "rename 'a' to 'b'"), CTR_PERMISSION_DENIED);
	assert_string_equal(error_text(&err), "rename 'a' to 'b': Permission denied");
	assert_int_equal(ctr_fail_errno(&err, 9999, "x"), CTR_UNKNOWN);
	assert_string_equal(error_text(&err), "x: error 9999");
	assert_int_equal(ctr_fail_errno(&err, 0, "x"), CTR_UNKNOWN); /* a failure all the same */
	assert_int_equal(ctr_fail_errno(NULL, EBUSY, "x"), CTR_FAILED_PRECONDITION);
}

static void the_errno_table(void **state)
{
	static const struct {
		int e;
		ctr_code code;
	} cases[] = {
		{ 0, CTR_OK },
		{ ENOENT, CTR_NOT_FOUND },
		{ EEXIST, CTR_ALREADY_EXISTS },
		{ EINVAL, CTR_INVALID_ARGUMENT },
		{ EPERM, CTR_PERMISSION_DENIED },
		{ EACCES, CTR_PERMISSION_DENIED },
		{ ENOMEM, CTR_RESOURCE_EXHAUSTED },
		{ ENOSPC, CTR_RESOURCE_EXHAUSTED },
		{ EDQUOT, CTR_RESOURCE_EXHAUSTED },
		{ EMFILE, CTR_RESOURCE_EXHAUSTED },
		{ EBUSY, CTR_FAILED_PRECONDITION },
		{ ENOTEMPTY, CTR_FAILED_PRECONDITION },
		{ ETIMEDOUT, CTR_DEADLINE_EXCEEDED },
		{ ECANCELED, CTR_CANCELLED },
		{ ENOSYS, CTR_UNIMPLEMENTED },
		{ EOPNOTSUPP, CTR_UNIMPLEMENTED },
		{ EIO, CTR_INTERNAL },
		{ EXDEV, CTR_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(code_from_errno(cases[i].e), cases[i].code);
		assert_int_equal(code_from_errno(-cases[i].e), cases[i].code);
	}
}

static void each_layer_prefixes_once(void **state)
{
	AUTO_ERROR err = ERROR_INIT;

	(void)state;
	ctr_fail_errno(&err, EIO, "read");
	assert_int_equal(ctr_wrap(&err, "layer %d", 2), CTR_INTERNAL);
	assert_int_equal(ctr_wrap(&err, "image 'a'"), CTR_INTERNAL);
	assert_string_equal(error_text(&err), "image 'a': layer 2: read: Input/output error");
	assert_int_equal(err.errnum, EIO);
	assert_int_equal(ctr_wrap(NULL, "x"), CTR_UNKNOWN);
}

static void errors_move(void **state)
{
	AUTO_ERROR a = ERROR_INIT;
	AUTO_ERROR b = ERROR_INIT;

	(void)state;
	ctr_fail(&a, CTR_CONFLICT, "a");
	ctr_fail(&b, CTR_INTERNAL, "b");
	assert_int_equal(ctr_move_error(&b, &a), CTR_CONFLICT);
	assert_string_equal(error_text(&b), "a");
	assert_int_equal(b.code, CTR_CONFLICT);
	assert_int_equal(a.code, CTR_OK);
	assert_null(a.message);
	assert_int_equal(ctr_move_error(&b, &b), CTR_CONFLICT);
	assert_string_equal(error_text(&b), "a");
	assert_int_equal(ctr_move_error(&b, NULL), CTR_OK);
	assert_int_equal(ctr_move_error(NULL, &b), CTR_CONFLICT);
	assert_null(b.message);
}

static void wire_texts(void **state)
{
	static const struct {
		ctr_code code;
		const char *message, *wire;
	} cases[] = {
		{ CTR_NOT_FOUND, "image \"a\"", "image \"a\": not found" },
		{ CTR_NOT_FOUND, "image \"a\": not found", "image \"a\": not found" },
		{ CTR_NOT_FOUND, "not found", "not found" },
		{ CTR_NOT_FOUND, "file not found", "file not found: not found" },
		{ CTR_NOT_FOUND, "", "not found" },
		{ CTR_NOT_FOUND, NULL, "not found" },
		{ CTR_CONFLICT, "x", "x: conflict" },
		{ CTR_NOT_MODIFIED, "x", "x: not modified" },
		{ CTR_FAILED_PRECONDITION, "x: conflict", "x: conflict: failed precondition" },
		{ CTR_CANCELLED, "x", "x: context canceled" },
		{ CTR_DEADLINE_EXCEEDED, "x", "x: context deadline exceeded" },
		{ CTR_UNIMPLEMENTED, "x", "x: not implemented" },
		{ CTR_UNAUTHENTICATED, "x", "x: unauthenticated" },
		{ CTR_UNKNOWN, "unexpected status 500", "unexpected status 500" },
		{ CTR_UNKNOWN, NULL, "unknown" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *wire = error_wire_text(cases[i].code, cases[i].message);

		assert_string_equal(wire, cases[i].wire);
	}
}

static void wire_texts_come_back(void **state)
{
	static const struct {
		int grpc;
		const char *text;
		ctr_code code;
		size_t n;
	} cases[] = {
		{ 5, "a: not found", CTR_NOT_FOUND, 1 },
		{ 5, "a", CTR_NOT_FOUND, 1 },
		{ 5, "not found", CTR_NOT_FOUND, 0 },
		{ 9, "a: conflict", CTR_CONFLICT, 1 },
		{ 9, "a: not modified", CTR_NOT_MODIFIED, 1 },
		{ 9, "a: failed precondition", CTR_FAILED_PRECONDITION, 1 },
		{ 9, "a conflict", CTR_FAILED_PRECONDITION, 10 },
		{ 9, "conflict", CTR_CONFLICT, 0 },
		{ 6, "a: not found", CTR_ALREADY_EXISTS, 12 },
		{ 2, "a: not found", CTR_UNKNOWN, 12 },
		{ 0, "", CTR_OK, 0 },
		{ 16, NULL, CTR_UNAUTHENTICATED, 0 },
		{ 17, "x", CTR_UNKNOWN, 1 },
		{ -1, "x", CTR_UNKNOWN, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = 99;

		assert_int_equal(code_from_wire(cases[i].grpc, cases[i].text, &n), cases[i].code);
		assert_int_equal(n, cases[i].n);
		assert_int_equal(code_from_wire(cases[i].grpc, cases[i].text, NULL), cases[i].code);
	}
}

static void every_class_survives_the_wire(void **state)
{
	(void)state;
	for (ctr_code code = 1; code <= CTR_NOT_MODIFIED; code++) {
		AUTO_FREE char *wire = NULL;
		size_t n;

		if (!*code_class_text(code))
			continue;
		wire = error_wire_text(code, "m");
		assert_int_equal(code_from_wire(CTR_GRPC_CODE(code), wire, &n), code);
		assert_int_equal(n, 1);
	}
	assert_string_equal(code_class_text(CTR_OK), "");
	assert_string_equal(code_class_text(CTR_UNKNOWN), "");
	assert_string_equal(code_class_text(CTR_SKIP), "");
}

static void out_of_memory_keeps_the_code(void **state)
{
	AUTO_ERROR err = ERROR_INIT;

	(void)state;
	fault_after(1);
	assert_int_equal(ctr_fail(&err, CTR_NOT_FOUND, "a"), CTR_NOT_FOUND);
	fault_after(0);
	assert_string_equal(error_text(&err), "not found");
	FAULT_EACH(assert_int_equal(ctr_fail_errno(&err, EIO, "a"), CTR_INTERNAL));
	assert_string_equal(error_text(&err), "a: Input/output error");
	fault_after(1);
	assert_int_equal(ctr_wrap(&err, "b"), CTR_INTERNAL);
	fault_after(0);
	assert_string_equal(error_text(&err), "a: Input/output error");
	FAULT_EACH({
		AUTO_FREE char *wire = error_wire_text(CTR_CONFLICT, "a");

		assert_int_equal(wire == NULL, fault_hit());
	});
	err.code = CTR_UNKNOWN;
	free(err.message);
	err.message = NULL;
	assert_string_equal(error_text(&err), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(messages_are_set_and_replaced),
		CASE(errno_gives_code_and_cause),
		CASE(the_errno_table),
		CASE(each_layer_prefixes_once),
		CASE(errors_move),
		CASE(wire_texts),
		CASE(wire_texts_come_back),
		CASE(every_class_survives_the_wire),
		CASE(out_of_memory_keeps_the_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
