/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line as containerd writes it, and what is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/macros.h"
#include "shim/flags.h"

static int parse(const char *const *args, struct flags *ret, const char **bad)
{
	return flags_parse((char *const *)(uintptr_t)args, ret, bad);
}

static void takes_what_containerd_sends(void **state)
{
	const char *const argv[] = { "shim",
				     "-namespace",
				     "default",
				     "-address",
				     "/run/c.sock",
				     "-publish-binary",
				     "/usr/bin/containerd",
				     "-id",
				     "a1",
				     "-bundle",
				     "/b",
				     "-debug",
				     "delete",
				     NULL };
	struct flags f;
	const char *bad;

	(void)state;
	assert_int_equal(parse(argv, &f, &bad), 0);
	assert_string_equal(f.namespace_, "default");
	assert_string_equal(f.address, "/run/c.sock");
	assert_string_equal(f.publish_binary, "/usr/bin/containerd");
	assert_string_equal(f.id, "a1");
	assert_string_equal(f.bundle, "/b");
	assert_int_equal(f.debug, 1);
	assert_string_equal(f.verb, "delete");
}

static void takes_every_form_of_a_flag(void **state)
{
	const char *const argv[] = { "shim",         "--namespace=k8s.io", "--id", "x",
				     "-debug=false", "-address=",          NULL };
	struct flags f;
	const char *bad;

	(void)state;
	assert_int_equal(parse(argv, &f, &bad), 0);
	assert_string_equal(f.namespace_, "k8s.io");
	assert_string_equal(f.id, "x");
	assert_string_equal(f.address, "");
	assert_int_equal(f.debug, 0);
	assert_null(f.verb);
}

static void names_the_wrong_argument(void **state)
{
	static const struct {
		const char *argv[5];
		const char *bad;
	} cases[] = {
		{ { "shim", "-nope", NULL }, "-nope" },
		{ { "shim", "-id", NULL }, "-id" },
		{ { "shim", "-debug=maybe", NULL }, "-debug=maybe" },
		{ { "shim", "start", "more", NULL }, "more" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flags f;
		const char *bad = NULL;

		assert_int_equal(parse(cases[i].argv, &f, &bad), -EINVAL);
		assert_string_equal(bad, cases[i].bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_containerd_sends),
		cmocka_unit_test(takes_every_form_of_a_flag),
		cmocka_unit_test(names_the_wrong_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
