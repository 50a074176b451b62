/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading logs: rotated files in order, the last lines, damaged lines, rotation while following.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cli/logfile.h"

struct logs {
	char dir[64], path[96];
};

static int setup(void **state)
{
	struct logs *l = calloc(1, sizeof(*l));

	memcpy(l->dir, "/tmp/ctr-logs-XXXXXX", 21);
	if (!mkdtemp(l->dir))
		return -1;
	(void)snprintf(l->path, sizeof(l->path), "%s/log", l->dir);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct logs *l = *state;
	int bad = remove_flat(l->dir);

	free(l);
	return bad;
}

static void append(const struct logs *l, const char *suffix, const char *text)
{
	AUTO_FREE char *path = str_printf("%s%s", l->path, suffix);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
	fd_close(&fd);
}

static void line(const struct logs *l, const char *suffix, const char *text)
{
	AUTO_FREE char *full = str_printf(
		"{\"log\":\"%s\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00Z\"}\n",
		text);

	append(l, suffix, full);
}

/* Everything that is there now, newlines as blanks. */
static void expect(struct log_reader *r, const char *want)
{
	char got[256] = "";
	size_t at = 0;
	struct log_record record;
	int n;

	while ((n = log_reader_next(r, &record)) > 0) {
		memcpy(got + at, record.text, record.n);
		at += record.n;
		log_record_done(&record);
	}
	assert_int_equal(n, 0);
	got[at] = 0;
	for (size_t i = 0; i < at; i++)
		got[i] = got[i] == '\n' ? ' ' : got[i];
	assert_string_equal(got, want);
}

static struct log_reader *open_log(const struct logs *l, int json)
{
	struct log_reader *r = NULL;

	assert_int_equal(log_reader_open(l->path, json, &r, NULL), CTR_OK);
	return r;
}

static void rotated_files_come_first(void **state)
{
	struct logs *l = *state;
	struct log_reader *r;

	line(l, ".2", "a");
	line(l, ".1", "b");
	line(l, ".1", "c");
	line(l, "", "d");
	r = open_log(l, 1);
	expect(r, "a b c d ");
	line(l, "", "e");
	expect(r, "e ");
	log_reader_free(r);
}

static void the_last_lines(void **state)
{
	static const struct {
		uint64_t n;
		const char *want;
	} cases[] = {
		{ 0, "" }, { 1, "d " }, { 3, "b c d " }, { 4, "a b c d " }, { 99, "a b c d " }
	};
	struct logs *l = *state;

	line(l, ".1", "a");
	line(l, ".1", "b");
	line(l, "", "c");
	line(l, "", "d");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct log_reader *r = open_log(l, 1);

		assert_int_equal(log_reader_tail(r, cases[i].n, NULL), CTR_OK);
		expect(r, cases[i].want);
		line(l, "", "x");
		expect(r, "x ");
		log_reader_free(r);
		/* back to what it was */
		assert_int_equal(unlink(l->path), 0);
		line(l, "", "c");
		line(l, "", "d");
	}
}

static void rotate(const struct logs *l)
{
	AUTO_FREE char *one = str_printf("%s.1", l->path);
	AUTO_FREE char *two = str_printf("%s.2", l->path);

	(void)rename(one, two);
	assert_int_equal(rename(l->path, one), 0);
}

static void rotation_while_following_loses_nothing(void **state)
{
	struct logs *l = *state;
	struct log_reader *r;

	line(l, "", "a");
	r = open_log(l, 1);
	expect(r, "a ");
	line(l, "", "b");
	rotate(l);
	line(l, "", "c");
	rotate(l);
	line(l, "", "d");
	expect(r, "b c d ");
	line(l, "", "e");
	expect(r, "e ");
	log_reader_free(r);
}

static void half_a_line_waits_for_its_end(void **state)
{
	struct logs *l = *state;
	struct log_reader *r;

	append(l, "", "{\"log\":\"half");
	r = open_log(l, 1);
	expect(r, "");
	append(l, "", "\\n\",\"stream\":\"stderr\"}\n");
	expect(r, "half ");
	log_reader_free(r);
}

static void damaged_lines_are_passed_over(void **state)
{
	struct logs *l = *state;
	struct log_reader *r;

	append(l, "", "\x00\nnonsense\n{}\n{\"log\":5}\n");
	line(l, "", "ok");
	r = open_log(l, 1);
	expect(r, "ok ");
	log_reader_free(r);
}

static void plain_files_are_read_by_lines(void **state)
{
	struct logs *l = *state;
	struct log_reader *r;

	append(l, "", "a\nb\nc");
	r = open_log(l, 0);
	assert_int_equal(log_reader_tail(r, 2, NULL), CTR_OK);
	expect(r, "b c");
	log_reader_free(r);
}

static void records(void **state)
{
	static const char good[] =
		"{\"log\":\"x\\u0000y\",\"stream\":\"stderr\",\"time\":\"2026-01-02T03:04:05.5Z\"}";
	struct log_record record;

	(void)state;
	assert_int_equal(log_record_parse(good, sizeof(good) - 1, &record), 0);
	assert_int_equal(record.n, 3);
	assert_true(record.is_stderr);
	assert_true(record.wall_ns > 0);
	log_record_done(&record);
	assert_true(log_record_parse("{", 1, &record) < 0);
}

static void a_missing_log_is_told(void **state)
{
	struct logs *l = *state;
	struct log_reader *r = NULL;

	assert_int_equal(log_reader_open(l->path, 1, &r, NULL), CTR_NOT_FOUND);
	assert_null(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rotated_files_come_first, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(rotation_while_following_loses_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(half_a_line_waits_for_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_lines_are_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(plain_files_are_read_by_lines, setup, teardown),
		cmocka_unit_test(records),
		cmocka_unit_test_setup_teardown(a_missing_log_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
