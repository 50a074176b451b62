/* SPDX-License-Identifier: Apache-2.0
 *
 * Platform and image names.
 */
#include "unit.h"

#include <stdlib.h>

#include "base/macros.h"
#include "cli/image.h"

static void platforms(void **state)
{
	static const struct {
		const char *text, *os, *arch, *variant; /* os NULL: refused */
	} cases[] = {
		{ "linux/amd64", "linux", "amd64", "" },
		{ "arm64", "linux", "arm64", "" },
		{ "linux/x86_64", "linux", "amd64", "" },
		{ "linux/arm/v7", "linux", "arm", "v7" },
		{ "armhf", "linux", "arm", "v7" },
		{ "windows/amd64", "windows", "amd64", "" },
		{ "", NULL, NULL, NULL },
		{ "a/b/c/d", NULL, NULL, NULL },
		{ "linux/../x", NULL, NULL, NULL },
		{ "linux/", NULL, NULL, NULL },
		{ "li nux/amd64", NULL, NULL, NULL },
	};
	struct platform p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ctr_code code = platform_parse(cases[i].text, &p, NULL);

		if (!cases[i].os) {
			assert_int_equal(code, CTR_INVALID_ARGUMENT);
			continue;
		}
		assert_int_equal(code, CTR_OK);
		assert_string_equal(p.os, cases[i].os);
		assert_string_equal(p.arch, cases[i].arch);
		assert_string_equal(p.variant, cases[i].variant);
	}
	assert_int_equal(platform_parse(NULL, &p, NULL), CTR_OK);
	assert_string_equal(p.os, "linux");
	assert_true(p.arch[0]);
}

static void short_names_are_completed(void **state)
{
	static const char *const cases[][2] = {
		{ "alpine", "docker.io/library/alpine:latest" },
		{ "me/app:1", "docker.io/me/app:1" },
		{ "localhost:5000/x", "localhost:5000/x:latest" },
	};
	char *full = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(image_full_name(cases[i][0], &full, NULL), CTR_OK);
		assert_string_equal(full, cases[i][1]);
		free(full);
	}
	assert_int_equal(image_full_name("Not A Name", &full, NULL), CTR_INVALID_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(platforms),
		cmocka_unit_test(short_names_are_completed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
