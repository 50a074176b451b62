/* SPDX-License-Identifier: Apache-2.0
 *
 * docs/errors.md tells what the two tables of status.c do: number, text and errnos of every code.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/str.h"
#include "status/status.h"

#define ERRNO_MAX 134

static const struct {
	const char *name;
	ctr_code code;
} codes[] = {
	{ "CTR_OK", CTR_OK },
	{ "CTR_CANCELLED", CTR_CANCELLED },
	{ "CTR_UNKNOWN", CTR_UNKNOWN },
	{ "CTR_INVALID_ARGUMENT", CTR_INVALID_ARGUMENT },
	{ "CTR_DEADLINE_EXCEEDED", CTR_DEADLINE_EXCEEDED },
	{ "CTR_NOT_FOUND", CTR_NOT_FOUND },
	{ "CTR_ALREADY_EXISTS", CTR_ALREADY_EXISTS },
	{ "CTR_PERMISSION_DENIED", CTR_PERMISSION_DENIED },
	{ "CTR_RESOURCE_EXHAUSTED", CTR_RESOURCE_EXHAUSTED },
	{ "CTR_FAILED_PRECONDITION", CTR_FAILED_PRECONDITION },
	{ "CTR_CONFLICT", CTR_CONFLICT },
	{ "CTR_NOT_MODIFIED", CTR_NOT_MODIFIED },
	{ "CTR_ABORTED", CTR_ABORTED },
	{ "CTR_OUT_OF_RANGE", CTR_OUT_OF_RANGE },
	{ "CTR_UNIMPLEMENTED", CTR_UNIMPLEMENTED },
	{ "CTR_INTERNAL", CTR_INTERNAL },
	{ "CTR_UNAVAILABLE", CTR_UNAVAILABLE },
	{ "CTR_DATA_LOSS", CTR_DATA_LOSS },
	{ "CTR_UNAUTHENTICATED", CTR_UNAUTHENTICATED },
};

/* "EPERM EACCES", in the order of their numbers. */
static void errnos_of(ctr_code code, struct buf *b)
{
	for (int e = 1; e < ERRNO_MAX; e++) {
		if (strerrorname_np(e) && code_from_errno(e) == code)
			buf_printf(b, " %s", strerrorname_np(e));
	}
}

static void the_page_has_each_code(void **state)
{
	AUTO_FREE char *page = NULL;

	(void)state;
	assert_int_equal(
		io_read_file(AT_FDCWD, CTR_SOURCE_DIR "/docs/errors.md", 1 << 20, &page, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		const char *text = code_class_text(codes[i].code);
		AUTO_BUF row = BUF_INIT(4096);

		buf_printf(&row, "\n| `%s` | %d | %s%s|", codes[i].name,
			   CTR_GRPC_CODE(codes[i].code), text, *text ? " " : "");
		if (codes[i].code == CTR_UNKNOWN)
			buf_puts(&row, " all others");
		else
			errnos_of(codes[i].code, &row);
		buf_puts(&row, " | ");
		if (!strstr(page, row.data))
			fail_msg("docs/errors.md lacks the row '%s'", row.data + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_page_has_each_code) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
