/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings and vectors of strings.
 */
#include "temp.h"

#include "base/str.h"
#include "fault.h"

static void copies_and_formats(void **state)
{
	AUTO_FREE char *a = str_printf("%s-%d", "x", 7);
	AUTO_FREE char *b = str_dup("abc");
	AUTO_FREE char *c = str_ndup("abcdef", 2);
	AUTO_FREE char *d = str_ndup("ab", 9);

	(void)state;
	assert_string_equal(a, "x-7");
	assert_string_equal(b, "abc");
	assert_string_equal(c, "ab");
	assert_string_equal(d, "ab");
	assert_null(str_dup(NULL));
	assert_null(str_ndup(NULL, 3));
}

static void compares(void **state)
{
	(void)state;
	assert_true(str_eq("a", "a"));
	assert_false(str_eq("a", "b"));
	assert_true(str_eq(NULL, NULL));
	assert_false(str_eq("", NULL));
	assert_false(str_eq(NULL, ""));
	assert_true(str_starts("abc", "ab"));
	assert_true(str_starts("abc", ""));
	assert_false(str_starts("ab", "abc"));
	assert_true(str_ends("abc", "bc"));
	assert_true(str_ends("abc", ""));
	assert_false(str_ends("bc", "abc"));
	assert_string_equal(str_or("", "x"), "x");
	assert_string_equal(str_or(NULL, "x"), "x");
	assert_string_equal(str_or("y", "x"), "y");
}

static void tells_utf8(void **state)
{
	static const struct {
		const char *s;
		int ok;
	} cases[] = {
		{ "", 1 },
		{ "plain", 1 },
		{ "\303\251", 1 },         /* e acute */
		{ "\342\202\254", 1 },     /* euro */
		{ "\360\237\230\200", 1 }, /* an emoji */
		{ "\364\217\277\277", 1 }, /* U+10FFFF */
		{ "\303", 0 },             /* truncated */
		{ "\342\202", 0 },
		{ "\200", 0 },     /* continuation alone */
		{ "\300\257", 0 }, /* overlong slash */
		{ "\340\200\257", 0 },
		{ "\360\200\200\257", 0 },
		{ "\355\240\200", 0 },     /* surrogate */
		{ "\364\220\200\200", 0 }, /* beyond U+10FFFF */
		{ "\370\210\200\200\200", 0 },
		{ "a\377", 0 },
		{ "\342\202A", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(str_is_utf8(cases[i].s, strlen(cases[i].s)), cases[i].ok);
	assert_true(str_is_utf8("a\0b", 3));
	assert_int_equal(utf8_sequence("", 0), 0);
	assert_int_equal(utf8_sequence("\303\251", 2), 2);
	assert_int_equal(utf8_sequence("\303\251", 1), 0);
}

static void splits_and_keeps_empty_parts(void **state)
{
	static const struct {
		const char *s;
		size_t n;
		const char *parts[4];
	} cases[] = {
		{ "", 1, { "" } },           { "a", 1, { "a" } },
		{ "a,b", 2, { "a", "b" } },  { ",a,", 3, { "", "a", "" } },
		{ ",,", 3, { "", "", "" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_STRV v = strv_split(cases[i].s, ',');

		assert_int_equal(strv_len(v), cases[i].n);
		for (size_t k = 0; k < cases[i].n; k++)
			assert_string_equal(v[k], cases[i].parts[k]);
	}
}

static void pushes_copies(void **state)
{
	AUTO_STRV v = NULL;
	char text[16];

	(void)state;
	assert_int_equal(strv_len(NULL), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		assert_int_equal(strv_push(&v, text), 0);
	}
	assert_int_equal(strv_len(v), 100);
	assert_string_equal(v[0], "n0");
	assert_string_equal(v[99], "n99");
	assert_null(v[100]);
	strv_free(NULL);
}

static void out_of_memory_leaks_nothing(void **state)
{
	char **whole = NULL;

	(void)state;
	FAULT_EACH({
		AUTO_STRV v = strv_split("a,b,c", ',');

		assert_int_equal(v == NULL, fault_hit());
	});
	FAULT_EACH({
		int r = strv_push(&whole, "x");

		assert_int_equal(r, fault_hit() ? -ENOMEM : 0);
	});
	assert_int_equal(strv_len(whole), 1);
	strv_free(whole);
	fault_after(1);
	assert_null(str_printf("%d", 1));
	fault_after(1);
	assert_null(str_dup("a"));
	fault_after(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(copies_and_formats), CASE(compares),
		CASE(tells_utf8),         CASE(splits_and_keeps_empty_parts),
		CASE(pushes_copies),      CASE(out_of_memory_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
