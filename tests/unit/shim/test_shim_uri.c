/* SPDX-License-Identifier: Apache-2.0
 *
 * Stdio URIs and the options of ctrlog://.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/macros.h"
#include "shim/uri.h"

static void takes_a_bare_path_as_it_is(void **state)
{
	AUTO_URI u = { 0 };

	(void)state;
	assert_int_equal(uri_parse("/run/a%20b?c", &u), 0);
	assert_string_equal(u.scheme, "");
	assert_string_equal(u.path, "/run/a%20b?c");
	assert_null(u.query[0]);
}

static void takes_scheme_path_and_query_apart(void **state)
{
	AUTO_URI u = { 0 };

	(void)state;
	assert_int_equal(uri_parse("binary:///bin/log%20ger?a=1&b&c=x+y%26", &u), 0);
	assert_string_equal(u.scheme, "binary");
	assert_string_equal(u.path, "/bin/log ger");
	assert_string_equal(u.query[0], "a");
	assert_string_equal(u.query[1], "1");
	assert_string_equal(u.query[2], "b");
	assert_string_equal(u.query[3], "");
	assert_string_equal(u.query[5], "x y&");
	assert_null(u.query[6]);
}

static void refuses_what_has_no_absolute_path(void **state)
{
	static const char *const wrong[] = { "",
					     "relative",
					     "file://relative",
					     "file://",
					     "file:///a%2",
					     "file:///a%zz",
					     "file:///a%00b" };
	char long_one[URI_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct uri u;

		assert_int_equal(uri_parse(wrong[i], &u), -EINVAL);
	}
	memset(long_one, '/', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	struct uri u;

	assert_int_equal(uri_parse(long_one, &u), -E2BIG);
}

static int options(const char *query, struct log_options *ret, char *bad, size_t n)
{
	AUTO_URI u = { 0 };
	const char *key = "";
	int r;

	assert_int_equal(uri_parse(query, &u), 0);
	r = log_options_parse(u.query, ret, &key);
	strncpy(bad, key, n - 1);
	return r;
}

static void reads_log_options(void **state)
{
	struct log_options o;
	char bad[32] = "";

	(void)state;
	assert_int_equal(options("ctrlog:///l", &o, bad, sizeof(bad)), 0);
	assert_int_equal(o.format, LOG_FORMAT_JSON);
	assert_int_equal(o.max_bytes, 0);
	assert_int_equal(o.max_files, 1);
	assert_int_equal(o.attach_stdin, 0);
	assert_int_equal(options("ctrlog:///l?format=cri&max-size=10m&max-files=3&stdin=attach", &o,
				 bad, sizeof(bad)),
			 0);
	assert_int_equal(o.format, LOG_FORMAT_CRI);
	assert_int_equal(o.max_bytes, 10 * 1024 * 1024);
	assert_int_equal(o.max_files, 3);
	assert_int_equal(o.attach_stdin, 1);
}

static void names_the_wrong_log_option(void **state)
{
	static const struct {
		const char *uri, *bad;
	} cases[] = {
		{ "ctrlog:///l?format=xml", "format" },
		{ "ctrlog:///l?max-size=big", "max-size" },
		{ "ctrlog:///l?max-size=1", "max-size" },
		{ "ctrlog:///l?max-files=0", "max-files" },
		{ "ctrlog:///l?max-files=1001", "max-files" },
		{ "ctrlog:///l?colour=red", "colour" },
		{ "ctrlog:///l?stdin=1", "stdin" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct log_options o;
		char bad[32] = "";

		assert_int_equal(options(cases[i].uri, &o, bad, sizeof(bad)), -EINVAL);
		assert_string_equal(bad, cases[i].bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_bare_path_as_it_is),
		cmocka_unit_test(takes_scheme_path_and_query_apart),
		cmocka_unit_test(refuses_what_has_no_absolute_path),
		cmocka_unit_test(reads_log_options),
		cmocka_unit_test(names_the_wrong_log_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
