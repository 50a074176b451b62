/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime's own message, out of whatever its log holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/macros.h"
#include "shim/runc.h"
#include "shim/runclog.h"

static void finds_the_last_error(void **state)
{
	static const struct {
		const char *log, *message;
	} cases[] = {
		{ "{\"level\":\"error\",\"msg\":\"runc create failed: exec: "
		  "\\\"x\\\"\",\"time\":\"t\"}\n",
		  "runc create failed: exec: \"x\"" },
		{ "{\"level\":\"error\",\"msg\":\"first\"}\n{\"level\":\"error\",\"msg\":\"last\"}"
		  "\n{\"level\":\"warning\",\"msg\":\"w\"}",
		  "last" },
		{ "half a line\"}\n{\"level\":\"fatal\",\"msg\":\"f\"}\n{\"level\":", "f" },
		{ "{\"level\":\"info\",\"msg\":\"i\"}\n", NULL },
		{ "[1,2]\nnull\n\n", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *message = runc_log_message(cases[i].log, strlen(cases[i].log));

		if (cases[i].message)
			assert_string_equal(message, cases[i].message);
		else
			assert_null(message);
	}
}

static void a_missing_file_has_no_message(void **state)
{
	(void)state;
	assert_null(runc_log_file_message("/nonexistent/log.json"));
}

static void knows_a_missing_container(void **state)
{
	(void)state;
	assert_true(runc_says_missing("OCI runtime delete failed: container does not exist"));
	assert_false(runc_says_missing("OCI runtime delete failed: cannot stop it"));
}

static void calls_the_runtime_with_its_log(void **state)
{
	char path[] = "/usr/bin/runc", root[] = "/r/ns";
	const struct runc r = { .path = path, .root = root, .systemd_cgroup = 1 };
	const char *const args[] = { "start", "a1", NULL };
	static const char *const want[] = {
		"/usr/bin/runc", "--root",           "/r/ns", "--log", "l", "--log-format",
		"json",          "--systemd-cgroup", "start", "a1"
	};
	char **argv = runc_argv(&r, "l", args);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(argv[i], want[i]);
	assert_null(argv[ARRAY_SIZE(want)]);
	for (char **p = argv; *p; p++)
		free(*p);
	free(argv);
}

static void finds_programs_only_in_the_fixed_path(void **state)
{
	AUTO_FREE char *sh = runc_find("sh");

	(void)state;
	assert_non_null(sh);
	assert_true(sh[0] == '/');
	assert_null(runc_find("no-such-program"));
	assert_null(runc_find("../bin/sh"));
	assert_null(runc_find("/etc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_last_error),
		cmocka_unit_test(a_missing_file_has_no_message),
		cmocka_unit_test(knows_a_missing_container),
		cmocka_unit_test(calls_the_runtime_with_its_log),
		cmocka_unit_test(finds_programs_only_in_the_fixed_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
