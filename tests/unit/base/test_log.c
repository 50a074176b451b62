/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines as they arrive on stderr: levels, forms, escaping, and lines that never mix.
 */
#include "temp.h"

#include <pthread.h>
#include <regex.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"

static int real_stderr = -1;

/* stderr becomes a file; release() gives it back and returns what was written. */
static void capture(const struct temp *t)
{
	AUTO_CLOSE int fd =
		openat(t->fd, "log", O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	real_stderr = fd_dup(STDERR_FILENO);
	assert_true(dup2(fd, STDERR_FILENO) == STDERR_FILENO);
}

static char *release(const struct temp *t)
{
	char *text = NULL;

	dup2(real_stderr, STDERR_FILENO);
	fd_close(&real_stderr);
	assert_int_equal(io_read_file(t->fd, "log", 10 << 20, &text, NULL), 0);
	return text;
}

static void assert_matches(const char *text, const char *pattern)
{
	regex_t re;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, text, 0, NULL, 0) != 0)
		fail_msg("'%s' does not match '%s'", text, pattern);
	regfree(&re);
}

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

static void text_lines(void **state)
{
	const struct temp *t = *state;

	capture(t);
	log_init("prog", LOG_INFO_, 0);
	errno = EXDEV;
	log_info("image '%s' pulled", "a");
	log_debug("not shown");
	log_error("e");
	log_warn("w");
	assert_int_equal(errno, EXDEV);

	AUTO_FREE char *text = release(t);

	assert_matches(text,
		       "^" TIME " INFO image 'a' pulled\n" TIME " ERROR e\n" TIME " WARN w\n$");
}

static void levels(void **state)
{
	const struct temp *t = *state;
	enum log_level level = LOG_WARN_;

	assert_int_equal(log_level_parse("trace", &level), 0);
	assert_int_equal(level, LOG_TRACE_);
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	assert_int_equal(log_level_parse("", &level), -EINVAL);
	assert_int_equal(log_level_parse(NULL, &level), -EINVAL);
	assert_int_equal(level, LOG_ERROR_);

	capture(t);
	log_init("prog", LOG_ERROR_, 0);
	log_warn("hidden");
	assert_false(log_enabled(LOG_WARN_));
	log_set_level(LOG_TRACE_);
	assert_true(log_enabled(LOG_TRACE_));
	log_debug("d");
	log_line(LOG_TRACE_, "t");

	AUTO_FREE char *text = release(t);

	assert_matches(text, "^" TIME " DEBUG d\n" TIME " TRACE t\n$");
}

static void no_message_forges_a_line(void **state)
{
	const struct temp *t = *state;

	capture(t);
	log_init("prog", LOG_INFO_, 0);
	log_info("a\nb\rc\td\033[31m\177 \302\205 \303\251 \377 \"q\"");

	AUTO_FREE char *text = release(t);

	assert_non_null(strstr(
		text, " INFO a\\nb\\x0dc\\td\\x1b[31m\\x7f \\xc2\\x85 \303\251 \\xff \"q\"\n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void json_lines(void **state)
{
	const struct temp *t = *state;

	capture(t);
	log_init("prog", LOG_INFO_, 1);
	log_warn("say \"%s\"\n\\ \001 \303\251 \377", "x");

	AUTO_FREE char *text = release(t);

	assert_matches(text, "^\\{\"time\":\"" TIME
			     "\",\"level\":\"warn\",\"program\":\"prog\",\"msg\":\"");
	assert_non_null(
		strstr(text, "\"msg\":\"say \\\"x\\\"\\n\\\\ \\u0001 \303\251 \\u00ff\"}\n"));
}

static void the_journal_gets_priorities(void **state)
{
	const struct temp *t = *state;
	char stream[64];
	struct stat st;

	capture(t);
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("prog", LOG_TRACE_, 0);
	log_error("e");
	log_warn("w");
	log_info("i");
	log_debug("d");
	log_line(LOG_TRACE_, "t");
	setenv("JOURNAL_STREAM", "1:1", 1); /* stderr is something else by now */
	log_init("prog", LOG_INFO_, 0);
	log_info("file");
	unsetenv("JOURNAL_STREAM");

	AUTO_FREE char *text = release(t);

	assert_matches(text, "^<3>e\n<4>w\n<6>i\n<7>d\n<7>t\n" TIME " INFO file\n$");
}

static void a_long_message_is_cut_visibly(void **state)
{
	const struct temp *t = *state;
	AUTO_FREE char *big = malloc(100001);

	memset(big, '\1', 100000); /* the worst to escape */
	big[100000] = '\0';
	capture(t);
	log_init("prog", LOG_INFO_, 1);
	log_info("%s", big);

	AUTO_FREE char *text = release(t);

	assert_true(str_ends(text, "\\u0001...\"}\n"));
	assert_true(strlen(text) < 30000);
}

static void *shout(void *arg)
{
	for (int i = 0; i < 200; i++)
		log_info("%s", (const char *)arg);
	return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
	static char words[2][200];
	const struct temp *t = *state;
	pthread_t threads[2];
	int n = 0;

	memset(words[0], 'a', 199);
	memset(words[1], 'b', 199);
	capture(t);
	log_init("prog", LOG_INFO_, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, shout, words[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);

	AUTO_FREE char *text = release(t);
	AUTO_STRV lines = strv_split(text, '\n');

	for (; lines[n + 1]; n++)
		assert_true(str_ends(lines[n], words[0]) || str_ends(lines[n], words[1]));
	assert_int_equal(n, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMP_CASE(text_lines),
		TEMP_CASE(levels),
		TEMP_CASE(no_message_forges_a_line),
		TEMP_CASE(json_lines),
		TEMP_CASE(the_journal_gets_priorities),
		TEMP_CASE(a_long_message_is_cut_visibly),
		TEMP_CASE(lines_of_threads_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
