/* SPDX-License-Identifier: Apache-2.0
 *
 * Header texts of gRPC: timeouts, percent-encoded messages, content types.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "rpc/grpc_wire.h"

static void test_timeout_parse(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t ns;
	} cases[] = {
		{ "1n", 0, 1 },
		{ "1999166u", 0, 1999166000 },
		{ "500m", 0, 500000000 },
		{ "10S", 0, 10000000000 },
		{ "2M", 0, 120000000000 },
		{ "1H", 0, 3600000000000 },
		{ "99999999H", 0, INT64_MAX },
		{ "0S", 0, 0 },
		{ "", -EINVAL, 0 },
		{ "S", -EINVAL, 0 },
		{ "123456789S", -EINVAL, 0 },
		{ "-1S", -EINVAL, 0 },
		{ "1s", -EINVAL, 0 },
		{ "1", -EINVAL, 0 },
		{ "1 S", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t ns = 0;

		assert_int_equal(grpc_timeout_parse(cases[i].text, strlen(cases[i].text), &ns),
				 cases[i].r);
		assert_true(ns == cases[i].ns);
	}
}

static void test_timeout_format(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{ -5, "1n" },
		{ 0, "1n" },
		{ 99999999, "99999999n" },
		{ 100000000, "100000u" },
		{ 2000000000, "2000000u" },
		{ 2000000001, "2000001u" },
		{ INT64_MAX, "2562048H" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[GRPC_TIMEOUT_ROOM];
		int64_t back;

		grpc_timeout_format(cases[i].ns, text);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(grpc_timeout_parse(text, strlen(text), &back), 0);
		assert_true(back >= cases[i].ns);
	}
}

static void test_message_there_and_back(void **state)
{
	static const struct {
		const char *plain, *wire;
	} cases[] = {
		{ "", "" },          { "plain text", "plain text" }, { "100%", "100%25" },
		{ "a\nb", "a%0Ab" }, { "\xc3\xa4", "%C3%A4" },       { "\x7f", "%7F" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *wire = grpc_message_encode(cases[i].plain);
		AUTO_FREE char *back = grpc_message_decode(cases[i].wire, strlen(cases[i].wire));

		assert_string_equal(wire, cases[i].wire);
		assert_string_equal(back, cases[i].plain);
	}
}

static void test_bad_escapes_stay(void **state)
{
	static const char *const cases[] = { "%", "%4", "%zz", "a%", "%0", "%00" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *back = grpc_message_decode(cases[i], strlen(cases[i]));

		assert_string_equal(back, cases[i]);
	}
}

static void test_long_message_keeps_both_ends(void **state)
{
	const size_t n = 20000;
	AUTO_FREE char *plain = malloc(n + 32);
	AUTO_FREE char *wire = NULL, *back = NULL;

	(void)state;
	for (size_t i = 0; i < n; i += 2)
		memcpy(plain + i, "\xc3\xa4", 2);
	memcpy(plain + n, ": not found", 12);
	wire = grpc_message_encode(plain);
	assert_true(strlen(wire) <= 3 * (GRPC_MESSAGE_MAX + 16));
	assert_true(str_ends(wire, ": not found"));
	back = grpc_message_decode(wire, strlen(wire));
	assert_true(str_is_utf8(back, strlen(back)));
}

static void test_content_type(void **state)
{
	static const struct {
		const char *text;
		int ok;
	} cases[] = {
		{ "application/grpc", 1 },     { "application/grpc+proto", 1 },
		{ "application/grpc;x=y", 1 }, { "Application/GRPC", 1 },
		{ "application/grpcx", 0 },    { "application/json", 0 },
		{ "application/grpc-web", 0 }, { "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(grpc_content_type_ok(cases[i].text, strlen(cases[i].text)),
				 cases[i].ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timeout_parse),
		cmocka_unit_test(test_timeout_format),
		cmocka_unit_test(test_message_there_and_back),
		cmocka_unit_test(test_bad_escapes_stay),
		cmocka_unit_test(test_long_message_keeps_both_ends),
		cmocka_unit_test(test_content_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
