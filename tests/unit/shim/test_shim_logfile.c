/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotation: no file exceeds the limit, no record is split, and the newest are kept.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "shim/logfile.h"
#include "tree.h"

struct place {
	char dir[32];
	char *path;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/ctr-logfile-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->path = str_printf("%s/deep/log", p->dir);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	assert_int_equal(tree_remove(p->dir), 0);
	free(p->path);
	free(p);
	return 0;
}

static void record(struct log_file *f, const char *s)
{
	assert_int_equal(f->out.begin(&f->out, strlen(s)), 0);
	assert_int_equal(f->out.put(&f->out, s, strlen(s)), 0);
}

static char *content(const struct place *p, int i)
{
	AUTO_FREE char *path = i ? str_printf("%s.%d", p->path, i) : str_dup(p->path);
	char *text = NULL;

	(void)io_read_file(AT_FDCWD, path, 1 << 20, &text, NULL);
	return text;
}

static void check(const struct place *p, int i, const char *want)
{
	AUTO_FREE char *got = content(p, i);

	if (!want)
		assert_null(got);
	else
		assert_string_equal(got, want);
}

static void appends_without_a_limit(void **state)
{
	struct place *p = *state;
	struct log_file f;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(log_file_open(&f, p->path, 0, 1), 0);
		record(&f, "one\n");
		assert_int_equal(log_file_flush(&f), 0);
		log_file_done(&f);
	}
	check(p, 0, "one\none\n");
	check(p, 1, NULL);
}

static void rotates_exactly_at_the_limit(void **state)
{
	struct place *p = *state;
	struct log_file f;

	assert_int_equal(log_file_open(&f, p->path, 8, 3), 0);
	record(&f, "aaa\n");
	record(&f, "bbb\n"); /* 8 bytes: just fits */
	record(&f, "ccc\n");
	record(&f, "ddd\n");
	record(&f, "e\n");
	record(&f, "0123456789\n"); /* longer than a file: alone in one */
	record(&f, "f\n");
	log_file_done(&f);
	check(p, 0, "f\n");
	check(p, 1, "0123456789\n");
	check(p, 2, "e\n");
	check(p, 3, NULL);
}

static void one_file_is_cut_in_place(void **state)
{
	struct place *p = *state;
	struct log_file f;

	assert_int_equal(log_file_open(&f, p->path, 8, 1), 0);
	record(&f, "aaaaaa\n");
	record(&f, "bb\n");
	log_file_done(&f);
	check(p, 0, "bb\n");
	check(p, 1, NULL);
}

static void takes_the_size_of_before_into_account(void **state)
{
	struct place *p = *state;
	struct log_file f;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(log_file_open(&f, p->path, 8, 2), 0);
		record(&f, i ? "two..\n" : "one..\n");
		log_file_done(&f);
	}
	check(p, 0, "two..\n");
	check(p, 1, "one..\n");
}

static void refuses_what_is_no_file(void **state)
{
	struct place *p = *state;
	struct log_file f;

	assert_true(log_file_open(&f, p->dir, 0, 1) < 0);
	assert_int_equal(f.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(appends_without_a_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rotates_exactly_at_the_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_file_is_cut_in_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(takes_the_size_of_before_into_account, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_file, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
