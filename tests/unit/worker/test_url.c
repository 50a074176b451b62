/* SPDX-License-Identifier: Apache-2.0
 *
 * Origins, redirects, what is shown of a URL, and the arithmetic of ranges.
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
#include "worker/fetch/range.h"
#include "worker/fetch/url.h"

static void test_origins(void **state)
{
	static const struct {
		const char *a, *b;
		int same;
	} cases[] = {
		{ "https://r.io/v2", "https://R.io:443/x?y", 1 },
		{ "http://r.io", "http://r.io:80/", 1 },
		{ "https://r.io", "http://r.io", 0 },
		{ "https://r.io", "https://r.io:444", 0 },
		{ "https://r.io", "https://r.io.evil.com", 0 },
		{ "https://r.io", "https://user@r.io/", 1 },
		{ "https://r.io", "https://r.io@evil.com/", 0 },
		{ "ftp://r.io", "ftp://r.io", 0 },
		{ "nonsense", "nonsense", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(url_same_origin(cases[i].a, cases[i].b), cases[i].same);
}

static void test_redirects(void **state)
{
	static const struct {
		const char *from, *location, *to; /* to NULL: refused */
	} cases[] = {
		{ "https://r.io/v2/a/blobs/x", "https://cdn.io/b?sig=1", "https://cdn.io/b?sig=1" },
		{ "https://r.io/v2/a", "/other", "https://r.io/other" },
		{ "https://r.io/v2/a", "b?x=y", "https://r.io/v2/b?x=y" },
		{ "https://r.io/v2/a", "//cdn.io/b", "https://cdn.io/b" },
		{ "http://r.io/v2/a", "https://cdn.io/", "https://cdn.io/" },
		{ "https://r.io/v2/a", "http://cdn.io/", NULL },
		{ "https://r.io/v2/a", "file:///etc/passwd", NULL },
		{ "https://r.io/v2/a", "ftp://cdn.io/", NULL },
		{ "https://r.io/v2/a", "https://u:p@cdn.io/", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *url = NULL;
		const char *why = NULL;
		int r = redirect_target(cases[i].from, cases[i].location, &url, &why);

		assert_int_equal(r, cases[i].to ? 0 : -EINVAL);
		if (cases[i].to)
			assert_string_equal(url, cases[i].to);
		else
			assert_non_null(why);
	}
}

static void test_messages_hold_no_secrets(void **state)
{
	AUTO_FREE char *shown = url_shown("https://user:pw@cdn.io/b/c?X-Signature=abc#frag");

	(void)state;
	assert_string_equal(shown, "https://cdn.io/b/c");
}

static void test_queries_are_encoded(void **state)
{
	AUTO_FREE char *one = url_add_query("https://a/t", "service", "x y&z");
	AUTO_FREE char *two = url_add_query("https://a/t?q=1", "ns", "docker.io");

	(void)state;
	assert_string_equal(one, "https://a/t?service=x+y%26z");
	assert_string_equal(two, "https://a/t?q=1&ns=docker.io");
}

static void test_loopback(void **state)
{
	static const struct {
		const char *host;
		int is;
	} cases[] = {
		{ "localhost", 1 },
		{ "localhost:5000", 1 },
		{ "127.0.0.1:5000", 1 },
		{ "127.1.2.3", 1 },
		{ "[::1]:5000", 1 },
		{ "[::1]", 1 },
		{ "::1", 1 },
		{ "localhost.evil.com", 0 },
		{ "127.evil.com", 0 },
		{ "registry.example:80", 0 },
		{ "10.0.0.1", 0 },
		{ "[::2]", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(host_is_loopback(cases[i].host), cases[i].is);
}

static void test_content_range(void **state)
{
	static const struct {
		const char *value;
		int result;
		int64_t first, last, total;
	} cases[] = {
		{ "bytes 5-9/10", 0, 5, 9, 10 },
		{ "bytes 0-0/*", 0, 0, 0, -1 },
		{ "Bytes 1-2/3", 0, 1, 2, 3 },
		{ "bytes 9-5/10", -EINVAL, 0, 0, 0 },
		{ "bytes 5-10/10", -EINVAL, 0, 0, 0 },
		{ "bytes 5-/10", -EINVAL, 0, 0, 0 },
		{ "items 5-9/10", -EINVAL, 0, 0, 0 },
		{ "bytes 5-9", -EINVAL, 0, 0, 0 },
		{ "bytes 5-9/10x", -EINVAL, 0, 0, 0 },
		{ "bytes -5-9/10", -EINVAL, 0, 0, 0 },
		{ "", -EINVAL, 0, 0, 0 },
		{ "bytes 99999999999999999999-9/10", -EINVAL, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t first = 0, last = 0, total = 0;
		int r = content_range_parse(cases[i].value, &first, &last, &total);

		assert_int_equal(r < 0, cases[i].result < 0);
		assert_int_equal(first, cases[i].first);
		assert_int_equal(last, cases[i].last);
		assert_int_equal(total, cases[i].total);
	}
}

static void test_what_is_there_is_skipped(void **state)
{
	(void)state;
	assert_int_equal(range_skip(200, "", 0, 100), 0);
	assert_int_equal(range_skip(200, "", 40, 100), 40); /* no ranges: the whole again */
	assert_int_equal(range_skip(206, "bytes 40-99/100", 40, 100), 0);
	assert_int_equal(range_skip(206, "bytes 32-99/100", 40, 100),
			 8); /* rounded to its blocks */
	assert_int_equal(range_skip(206, "bytes 41-99/100", 40, 100), -EINVAL); /* a hole */
	assert_int_equal(range_skip(206, "bytes 40-98/99", 40, 100), -EINVAL);  /* another file */
	assert_int_equal(range_skip(206, "", 40, 100), -EINVAL);
	assert_int_equal(range_skip(204, "", 0, 100), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_messages_hold_no_secrets),
		cmocka_unit_test(test_queries_are_encoded),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_content_range),
		cmocka_unit_test(test_what_is_there_is_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
