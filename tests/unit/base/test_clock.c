/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks and RFC 3339.
 */
#include "temp.h"

#include <time.h>

#include "base/clock.h"
#include "base/macros.h"

static void clocks_advance(void **state)
{
	int64_t a = clock_now_ns(), b = clock_now_ns();
	int64_t wall = clock_wall_ns() / NS_PER_SEC;

	(void)state;
	assert_true(a > 0 && b >= a);
	assert_true(wall >= time(NULL) - 2 && wall <= time(NULL) + 2);
}

static void formats_nanoseconds(void **state)
{
	static const struct {
		int64_t ns;
		const char *s;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ INT64_C(951782400) * NS_PER_SEC, "2000-02-29T00:00:00.000000000Z" },
		{ INT64_C(1795464421) * NS_PER_SEC + 123456789, "2026-11-23T20:07:01.123456789Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
		{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
	};
	char text[RFC3339_ROOM];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t back;

		clock_rfc3339(cases[i].ns, text);
		assert_string_equal(text, cases[i].s);
		assert_int_equal(clock_parse_rfc3339(text, &back), 0);
		assert_true(back == cases[i].ns);
	}
}

static void agrees_with_the_c_library(void **state)
{
	char ours[RFC3339_ROOM], theirs[RFC3339_ROOM];

	(void)state;
	for (int64_t day = -50000; day < 50000; day += 13) {
		time_t t = (time_t)(day * 86400 + 12345);
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		clock_rfc3339(t * NS_PER_SEC, ours);
		assert_string_equal(ours, theirs);
	}
}

static void parses_offsets_and_fractions(void **state)
{
	static const struct {
		const char *s;
		int64_t ns;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01t00:00:01z", NS_PER_SEC },
		{ "1970-01-01T01:00:00+01:00", 0 },
		{ "1969-12-31T18:30:00-05:30", 0 },
		{ "1970-01-01T00:00:00.5Z", NS_PER_SEC / 2 },
		{ "1970-01-01T00:00:00.0000000019Z", 1 },
		{ "1970-01-01T00:00:00.12345678901234567890Z", 123456789 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t ns = -1;

		assert_int_equal(clock_parse_rfc3339(cases[i].s, &ns), 0);
		assert_true(ns == cases[i].ns);
	}
}

static void refuses_what_is_no_time(void **state)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-11-23",
		"2026-11-23T20:07:01",
		"2026-11-23 20:07:01Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z",
		"2026-01-01T00:00:60Z",
		"2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00+1:00",
		"2026-01-01T00:00:00+24:00",
		"2026-01-01T00:00:00+01:60",
		"2026-01-01T00:00:00Zx",
		"2026-1-01T00:00:00Z",
		"-026-01-01T00:00:00Z",
		"2026-01-01T00:00:00+0100",
		"0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59Z",
		"2262-04-11T23:47:16.854775808Z",
		"1677-09-21T00:12:43.145224191Z",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t ns = 42;

		if (clock_parse_rfc3339(bad[i], &ns) != -EINVAL || ns != 42)
			fail_msg("'%s' was taken", bad[i]);
	}
	assert_int_equal(clock_parse_rfc3339(NULL, &(int64_t){ 0 }), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(clocks_advance),
		CASE(formats_nanoseconds),
		CASE(agrees_with_the_c_library),
		CASE(parses_offsets_and_fractions),
		CASE(refuses_what_is_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
