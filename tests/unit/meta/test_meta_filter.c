/* SPDX-License-Identifier: Apache-2.0
 *
 * The filter language: what matches, what does not, and the exact texts of what cannot be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/meta/filter.h"

struct thing {
	const char *name, *kind;
	struct ctr_labels labels;
};

static int field(const void *obj, const char *const *path, size_t n, const char **ret)
{
	const struct thing *t = obj;

	if (strcmp(path[0], "name") == 0)
		return filter_string(t->name, n, ret);
	if (strcmp(path[0], "kind") == 0)
		return filter_string(t->kind, n, ret);
	if (strcmp(path[0], "labels") == 0)
		return filter_labels(t->labels, path + 1, n - 1, ret);
	return 0;
}

static const struct ctr_label labels[] = {
	{ "a.b", "one" },
	{ "containerd.io/gc.root", "2026-01-01T00:00:00Z" },
	{ "empty-ish", "x" },
};

static const struct thing thing = {
	.name = "docker.io/library/alpine:latest",
	.kind = "",
	.labels = { .items = labels, .n = ARRAY_SIZE(labels) },
};

struct match_case {
	const char *filter;
	int want;
};

static const struct match_case matches[] = {
	{ "", 1 },
	{ "   ", 1 },
	{ "name", 1 },
	{ "kind", 0 },
	{ "nothing", 0 },
	{ "name==docker.io/library/alpine:latest", 1 },
	{ "name == docker.io/library/alpine:latest", 1 },
	{ "name==docker.io/library/alpine", 0 },
	{ "name!=x", 1 },
	{ "kind!=x", 1 },
	{ "kind==\"\"", 0 },
	{ "nothing!=x", 1 },
	{ "nothing!=\"\"", 0 },
	{ "name~=alpine", 1 },
	{ "name~=^alpine", 0 },
	{ "name~=|^docker.io/|", 1 },
	{ "name~=/^docker\\.io\\//", -1 },
	{ "name~=/^docker.io\\//", 1 },
	{ "name~=/alpine:latest$/", 1 },
	{ "name~=\"(unclosed\"", 0 },
	{ "name~=|a(lp|", 0 },
	{ "nothing~=|.*|", 1 },
	{ "labels.a.b==one", 1 },
	{ "labels.a.b", 1 },
	{ "labels.a", 0 },
	{ "labels.\"a.b\"==one", 1 },
	{ "labels.\"containerd.io/gc.root\"", 1 },
	{ "labels.\"containerd.io/gc.root\"~=^2026", 1 },
	{ "labels.\"empty-ish\"==x,name~=alpine", 1 },
	{ "labels.\"empty-ish\"==x, name==no", 0 },
	{ "name==\"docker.io/library/alpine\\x3alatest\"", 1 },
	{ "name==\"docker.io/library/alpine\\u003alatest\"", 1 },
	{ "name==\"docker.io/library/alpine\\072latest\"", 1 },
	{ "name~=/(a+)+$/,kind", 0 },
};

static void test_what_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(matches); i++) {
		AUTO_ERROR err = ERROR_INIT;
		AUTO_FILTER *f = NULL;
		ctr_code code = filter_parse(&matches[i].filter, 1, &f, &err);

		if (matches[i].want < 0) {
			assert_int_equal(code, CTR_INVALID_ARGUMENT);
			continue;
		}
		if (code != CTR_OK)
			fail_msg("%s: %s", matches[i].filter, error_text(&err));
		if (filter_match(f, field, &thing) != matches[i].want)
			fail_msg("%s: expected %d", matches[i].filter, matches[i].want);
	}
}

struct error_case {
	const char *filter, *want;
};

static const struct error_case errors[] = {
	{ "name=foo", "filters: parse error: [name >|=|< foo]: unsupported operator \"=\"" },
	{ "name===foo", "filters: parse error: [name >|=|< ==foo]: unsupported operator \"===\"" },
	{ "name==", "filters: parse error: [name==]: expected value or quoted" },
	{ "name==,x", "filters: parse error: [name== >|,|< x]: expected value or quoted" },
	{ "name,", "filters: parse error: [name,]: expected field or quoted" },
	{ "=x", "filters: parse error: [ >|=|< x]: expected field or quoted" },
	{ "name.", "filters: parse error: [name.]: expected field or quoted" },
	{ "name-x==1",
	  "filters: parse error: [name >|-|< x==1]: expected an operator (\"==\"|\"!=\"|\"~=\")" },
	{ "name==\"x", "filters: parse error: [name== >|\"|< x]: quoted literal not terminated" },
	{ "name==\"x\ny\"",
	  "filters: parse error: [name== >|\"|< x\ny\"]: quoted literal not terminated" },
	{ "name==\"\\q\"", "filters: parse error: [name== >|\"|< \\q\"]: illegal escape sequence" },
	{ "name==|x|", "filters: parse error: [name== >|||< x|]: invalid quote encountered" },
	{ "name==a b", "filters: parse error: [name==a  >|b|< ]: unexpected input: b" },
};

static void test_what_cannot_be_read_is_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		AUTO_ERROR err = ERROR_INIT;
		AUTO_FILTER *f = NULL;

		assert_int_equal(filter_parse(&errors[i].filter, 1, &f, &err),
				 CTR_INVALID_ARGUMENT);
		assert_string_equal(error_text(&err), errors[i].want);
		assert_null(f);
	}
}

static void test_bad_utf8_is_refused(void **state)
{
	static const char *const bad[] = { "name==\xff", "n\xc3", "\xed\xa0\x80",
					   "name==\"\xf8\"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_FILTER *f = NULL;

		assert_int_equal(filter_parse(&bad[i], 1, &f, NULL), CTR_INVALID_ARGUMENT);
	}
}

static void test_a_list_is_an_or(void **state)
{
	static const char *const list[] = { "name==no", "labels.a.b==one" };
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FILTER *f = NULL, *none = NULL;

	(void)state;
	assert_int_equal(filter_parse(list, 2, &f, &err), CTR_OK);
	assert_int_equal(filter_match(f, field, &thing), 1);
	assert_int_equal(filter_parse(NULL, 0, &none, &err), CTR_OK);
	assert_int_equal(filter_match(none, field, &thing), 1);
	assert_int_equal(filter_match(NULL, field, &thing), 1);
}

static void test_a_costly_expression_ends(void **state)
{
	static const char *const list[] = { "name~=|^(a+)+$|" };
	static const struct thing costly = {
		.name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"
	};
	AUTO_FILTER *f = NULL;

	(void)state;
	assert_int_equal(filter_parse(list, 1, &f, NULL), CTR_OK);
	assert_int_equal(filter_match(f, field, &costly), 0);
}

static void test_limits(void **state)
{
	static char big[FILTER_MAX + 2], many[4 * FILTER_PARTS];
	const char *text = big;
	AUTO_FILTER *f = NULL;

	(void)state;
	memset(big, 'a', FILTER_MAX + 1);
	assert_int_equal(filter_parse(&text, 1, &f, NULL), CTR_INVALID_ARGUMENT);
	for (int i = 0; i <= FILTER_PARTS; i++)
		memcpy(many + 2 * i, "a,", 2);
	many[2 * FILTER_PARTS + 1] = '\0';
	text = many;
	assert_int_equal(filter_parse(&text, 1, &f, NULL), CTR_INVALID_ARGUMENT);
	for (int i = 0; i <= FILTER_PARTS; i++)
		many[2 * i + 1] = '.';
	many[2 * FILTER_PARTS + 1] = '\0';
	assert_int_equal(filter_parse(&text, 1, &f, NULL), CTR_INVALID_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_matches),
		cmocka_unit_test(test_what_cannot_be_read_is_shown),
		cmocka_unit_test(test_bad_utf8_is_refused),
		cmocka_unit_test(test_a_list_is_an_or),
		cmocka_unit_test(test_a_costly_expression_ends),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
