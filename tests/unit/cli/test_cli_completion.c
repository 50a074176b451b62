/* SPDX-License-Identifier: Apache-2.0
 *
 * The installed completion scripts are those that the tables give (ctrctl completion SHELL >
 * packaging/completions/...).
 */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "cli/completion.h"

static void check(const char *shell, const char *file)
{
	AUTO_FREE char *path = str_printf("%s/%s", COMPLETIONS, file);
	AUTO_FREE char *want = NULL;
	AUTO_BUF b = BUF_INIT(1 << 20);

	assert_int_equal(completion_script(shell, &b), 0);
	assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &want, NULL), 0);
	if (strcmp(b.data, want) != 0)
		fail_msg("%s is not what 'ctrctl completion %s' prints", path, shell);
}

static void scripts_are_current(void **state)
{
	(void)state;
	check("bash", "ctrctl.bash");
	check("zsh", "_ctrctl");
	check("fish", "ctrctl.fish");
}

static void other_shells_are_refused(void **state)
{
	AUTO_BUF b = BUF_INIT(1 << 20);

	(void)state;
	assert_true(completion_script("csh", &b) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_are_current),
		cmocka_unit_test(other_shells_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
