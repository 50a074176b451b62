/* SPDX-License-Identifier: Apache-2.0
 *
 * Hexadecimal and base64: known vectors, round trips, refusals.
 */
#include "temp.h"

#include "base/str.h"

static void hex_both_ways(void **state)
{
	unsigned char data[4] = { 0 };
	char text[9];

	(void)state;
	hex_encode("\x00\xff\x1a\x7f", 4, text);
	assert_string_equal(text, "00ff1a7f");
	hex_encode("", 0, text);
	assert_string_equal(text, "");
	assert_int_equal(hex_decode("00FF1a7f", 8, data), 0);
	assert_memory_equal(data, "\x00\xff\x1a\x7f", 4);
	assert_int_equal(hex_decode("abc", 3, data), -EINVAL);
	assert_int_equal(hex_decode("12g4", 4, data), -EINVAL);
	assert_int_equal(hex_decode("1 ", 2, data), -EINVAL);
	assert_memory_equal(data, "\x00\xff\x1a\x7f", 4);
}

static void base64_vectors(void **state)
{
	static const char *const cases[][3] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	};
	char text[32], back[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = strlen(cases[i][0]);

		assert_int_equal(base64_encode(cases[i][0], n, 0, 1, text), strlen(cases[i][1]));
		assert_string_equal(text, cases[i][1]);
		assert_true(strlen(text) < base64_room(n));
		assert_int_equal(base64_decode(text, strlen(text), back), n);
		assert_memory_equal(back, cases[i][0], n);
		base64_encode(cases[i][0], n, 1, 0, text);
		assert_string_equal(text, cases[i][2]);
		assert_int_equal(base64_decode(text, strlen(text), back), n);
		assert_memory_equal(back, cases[i][0], n);
	}
}

static void base64_alphabets(void **state)
{
	char text[8], back[8];

	(void)state;
	base64_encode("\xfb\xff\xfe", 3, 0, 1, text);
	assert_string_equal(text, "+//+");
	base64_encode("\xfb\xff\xfe", 3, 1, 1, text);
	assert_string_equal(text, "-__-");
	assert_int_equal(base64_decode("+_/-", 4, back), 3);
	assert_memory_equal(back, "\xfb\xff\xfe", 3);
}

static void base64_refusals(void **state)
{
	static const char *const bad[] = {
		"A",    "AAAAA",  "A===",  "=",    "====",  "Zg=",
		"Zm=8", "Zg==Zg", "Zm8\n", "Z m8", "Zm9v=", "\303\251AA"
	};
	char back[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (base64_decode(bad[i], strlen(bad[i]), back) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(hex_both_ways),
		CASE(base64_vectors),
		CASE(base64_alphabets),
		CASE(base64_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
