/* SPDX-License-Identifier: Apache-2.0
 *
 * Random bytes and ids.
 */
#include "temp.h"

#include "base/rand.h"

static void bytes_differ(void **state)
{
	unsigned char a[300] = { 0 }, b[300] = { 0 };

	(void)state;
	assert_int_equal(rand_bytes(a, sizeof(a)), 0);
	assert_int_equal(rand_bytes(b, sizeof(b)), 0);
	assert_true(memcmp(a, b, sizeof(a)) != 0);
	assert_true(memcmp(a + 256, a + 278, 22) != 0); /* beyond what one call is sure to give */
	assert_int_equal(rand_bytes(a, 0), 0);
}

static void hex_has_its_length_and_alphabet(void **state)
{
	char text[202];

	(void)state;
	for (size_t n = 0; n <= 200; n++) {
		memset(text, '!', sizeof(text));
		rand_hex(text, n);
		assert_int_equal(strlen(text), n);
		assert_int_equal(strspn(text, "0123456789abcdef"), n);
		assert_int_equal(text[n + 1], '!');
	}
}

static void hex_uses_every_digit(void **state)
{
	char text[2001];
	int seen[128] = { 0 };

	(void)state;
	rand_hex(text, 2000);
	for (const char *p = text; *p; p++)
		seen[(int)*p]++;
	for (const char *p = "0123456789abcdef"; *p; p++)
		assert_true(seen[(int)*p] > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bytes_differ),
		CASE(hex_has_its_length_and_alphabet),
		CASE(hex_uses_every_digit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
