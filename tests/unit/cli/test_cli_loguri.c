/* SPDX-License-Identifier: Apache-2.0
 *
 * The stdout URI of a detached container.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/loguri.h"

static ctr_code make(const char *flags, int ctrlog, char **ret)
{
	const struct verb *run = verb_find(cli_root.verbs, cli_root.n_verbs, "run");
	struct args args = { 0 }, globals = { 0 };
	char **argv = strv_split(flags, ' ');
	ctr_code code = args_parse(run, &cli_root, argv, &args, &globals, NULL);

	if (code == CTR_OK)
		code = log_uri_make(&args, "/var/lib/a b/x.log", ctrlog, ret, NULL);
	args_done(&args);
	args_done(&globals);
	strv_free(argv);
	return code;
}

static void options_become_a_query(void **state)
{
	AUTO_FREE char *plain = NULL, *set = NULL, *file = NULL;

	(void)state;
	assert_int_equal(make("image", 1, &plain), CTR_OK);
	assert_string_equal(
		plain, "ctrlog:///var/lib/a%20b/x.log?format=json&max-size=10485760&max-files=3");
	assert_int_equal(make("-i --log-opt max-size=1m --log-opt max-file=7 image", 1, &set),
			 CTR_OK);
	assert_string_equal(set, "ctrlog:///var/lib/a%20b/"
				 "x.log?format=json&max-size=1048576&max-files=7&stdin=attach");
	assert_int_equal(make("image", 0, &file), CTR_OK);
	assert_string_equal(file, "file:///var/lib/a%20b/x.log");
}

static void wrong_options_are_refused(void **state)
{
	static const char *const lines[] = { "--log-opt max-size=1 image",
					     "--log-opt max-file=0 image",
					     "--log-opt driver=x image",
					     "--log-opt max-size=x image" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char *uri = NULL;

		assert_int_equal(make(lines[i], 1, &uri), CTR_INVALID_ARGUMENT);
		assert_null(uri);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_become_a_query),
		cmocka_unit_test(wrong_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
