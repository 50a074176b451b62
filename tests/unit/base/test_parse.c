/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers, sizes and durations: what is taken, what is refused, and that a refusal writes nothing.
 */
#include "temp.h"

#include "base/clock.h"
#include "base/str.h"

struct number {
	const char *s;
	int r;
	uint64_t value;
};

struct duration {
	const char *s;
	int r;
	int64_t ns;
};

static void unsigned_numbers(void **state)
{
	static const struct number cases[] = {
		{ "0", 0, 0 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "99999999999999999999999x", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ NULL, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 42;

		assert_int_equal(parse_u64(cases[i].s, &v), cases[i].r);
		assert_true(v == (cases[i].r ? 42 : cases[i].value));
	}
}

static void smaller_and_signed_numbers(void **state)
{
	uint32_t u = 42;
	int64_t i = 42;

	(void)state;
	assert_int_equal(parse_u32("4294967295", &u), 0);
	assert_true(u == UINT32_MAX);
	assert_int_equal(parse_u32("4294967296", &u), -ERANGE);
	assert_int_equal(parse_octal("0755", &u), 0);
	assert_int_equal(u, 0755);
	assert_int_equal(parse_octal("8", &u), -EINVAL);
	assert_int_equal(parse_octal("77777777777777", &u), -ERANGE);
	assert_int_equal(u, 0755);

	assert_int_equal(parse_i64("-9223372036854775808", &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(parse_i64("9223372036854775807", &i), 0);
	assert_true(i == INT64_MAX);
	assert_int_equal(parse_i64("-0", &i), 0);
	assert_int_equal(i, 0);
	assert_int_equal(parse_i64("9223372036854775808", &i), -ERANGE);
	assert_int_equal(parse_i64("-9223372036854775809", &i), -ERANGE);
	assert_int_equal(parse_i64("-", &i), -EINVAL);
	assert_int_equal(parse_i64("--1", &i), -EINVAL);
	assert_int_equal(parse_i64(NULL, &i), -EINVAL);
	assert_int_equal(i, 0);
}

static void sizes(void **state)
{
	static const struct number cases[] = {
		{ "0", 0, 0 },
		{ "64", 0, 64 },
		{ "64b", 0, 64 },
		{ "512k", 0, 512 << 10 },
		{ "512K", 0, 512 << 10 },
		{ "1kb", 0, 1024 },
		{ "64M", 0, 64 << 20 },
		{ "64MiB", 0, 64 << 20 },
		{ "1.5g", 0, UINT64_C(3) << 29 },
		{ "0.5k", 0, 512 },
		{ "2T", 0, UINT64_C(2) << 40 },
		{ "1p", 0, UINT64_C(1) << 50 },
		{ "15e", 0, UINT64_C(15) << 60 },
		{ "16e", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "0.00000000000000000000001k", 0, 0 },
		{ "", -EINVAL, 0 },
		{ "k", -EINVAL, 0 },
		{ ".5k", -EINVAL, 0 },
		{ "1.5", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 },
		{ "1ki2", -EINVAL, 0 },
		{ "1 k", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1ib", -EINVAL, 0 },
		{ "1kk", -EINVAL, 0 },
		{ NULL, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 42;

		if (parse_size(cases[i].s, &v) != cases[i].r ||
		    v != (cases[i].r ? 42 : cases[i].value))
			fail_msg("size '%s'", cases[i].s);
	}
}

static void durations(void **state)
{
	static const struct duration cases[] = {
		{ "0", 0, 0 },
		{ "-0", 0, 0 },
		{ "0s", 0, 0 },
		{ "2s", 0, 2 * NS_PER_SEC },
		{ "250ms", 0, 250 * NS_PER_MSEC },
		{ "1h30m", 0, 5400 * NS_PER_SEC },
		{ "1.5s", 0, 1500 * NS_PER_MSEC },
		{ ".5s", 0, 500 * NS_PER_MSEC },
		{ "1.s", 0, NS_PER_SEC },
		{ "+3ns", 0, 3 },
		{ "-1m", 0, -60 * NS_PER_SEC },
		{ "7us", 0, 7000 },
		{ "7\302\265s", 0, 7000 },
		{ "7\316\274s", 0, 7000 },
		{ "1h1m1s1ms1us1ns", 0, 3661 * NS_PER_SEC + 1001001 },
		{ "9223372036854775807ns", 0, INT64_MAX },
		{ "-9223372036854775808ns", 0, INT64_MIN },
		{ "9223372036854775808ns", -ERANGE, 0 },
		{ "9999999h", -ERANGE, 0 },
		{ "99999999999999999999s", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "-", -EINVAL, 0 },
		{ "3", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ ".s", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 },
		{ "1s ", -EINVAL, 0 },
		{ "1d", -EINVAL, 0 },
		{ "1s-1s", -EINVAL, 0 },
		{ NULL, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t ns = 42;

		if (parse_duration(cases[i].s, &ns) != cases[i].r ||
		    ns != (cases[i].r ? 42 : cases[i].ns))
			fail_msg("duration '%s'", cases[i].s);
	}
}

static void durations_to_text(void **state)
{
	static const struct duration cases[] = {
		{ "0s", 0, 0 },
		{ "1ns", 0, 1 },
		{ "1.1\302\265s", 0, 1100 },
		{ "2.2ms", 0, 2200000 },
		{ "3.3s", 0, 3300 * NS_PER_MSEC },
		{ "4m5s", 0, 245 * NS_PER_SEC },
		{ "4m5.001s", 0, 245001 * NS_PER_MSEC },
		{ "5h6m7.001s", 0, 18367001 * NS_PER_MSEC },
		{ "1h0m0s", 0, 3600 * NS_PER_SEC },
		{ "8m0.000000001s", 0, 480 * NS_PER_SEC + 1 },
		{ "-1.5s", 0, -1500 * NS_PER_MSEC },
		{ "2562047h47m16.854775807s", 0, INT64_MAX },
		{ "-2562047h47m16.854775808s", 0, INT64_MIN },
	};
	char text[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t back;

		assert_int_equal(str_from_duration(cases[i].ns, text, sizeof(text)), 0);
		assert_string_equal(text, cases[i].s);
		assert_int_equal(parse_duration(text, &back), 0);
		assert_true(back == cases[i].ns);
	}
	assert_int_equal(str_from_duration(0, text, 2), -E2BIG);
	assert_int_equal(str_from_duration(0, text, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(unsigned_numbers), CASE(smaller_and_signed_numbers), CASE(sizes),
		CASE(durations),        CASE(durations_to_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
