/* SPDX-License-Identifier: Apache-2.0
 *
 * Framing: what goes in comes out, line by line, in docker's and in the CRI's form, however it is
 * cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/macros.h"
#include "shim/logline.h"

#define T0   INT64_C(1700000000123456789)
#define TIME "2023-11-14T22:13:20.123456789Z"

struct sink {
	struct log_out out; /* first member */
	struct buf data;
	size_t announced; /* bytes left of the record that begin() told of */
};

static int begin(struct log_out *out, size_t n)
{
	struct sink *s = (struct sink *)out;

	assert_int_equal(s->announced, 0);
	s->announced = n;
	return 0;
}

static int put(struct log_out *out, const void *data, size_t n)
{
	struct sink *s = (struct sink *)out;

	assert_true(n <= s->announced);
	s->announced -= n;
	return buf_append(&s->data, data, n);
}

#define SINK                                                                                       \
	{                                                                                          \
		.out = { begin, put }, .data = BUF_INIT(1 << 22)                                   \
	}

/* Feed s in pieces of step bytes; step 0: whole. */
static void run(enum log_format format, const char *s, size_t n, size_t step, struct sink *sink)
{
	struct log_framer f = { .format = format, .stream = "stdout" };

	for (size_t at = 0; at < n;) {
		size_t take = step ? MIN(step, n - at) : n - at;

		assert_int_equal(log_feed(&f, s + at, take, T0, &sink->out), 0);
		at += take;
	}
	assert_int_equal(log_finish(&f, T0, &sink->out), 0);
	assert_int_equal(sink->announced, 0);
	assert_null(f.held);
	log_framer_done(&f);
}

static void writes_the_lines_of_both_forms(void **state)
{
	static const struct {
		enum log_format format;
		const char *in, *out;
	} cases[] = {
		{ LOG_FORMAT_JSON, "hi\n",
		  "{\"log\":\"hi\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}\n" },
		{ LOG_FORMAT_JSON, "no end",
		  "{\"log\":\"no end\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}\n" },
		{ LOG_FORMAT_JSON, "q\"b\\t\t\x01\x1b\xc3\xa4\xff\n",
		  "{\"log\":\"q\\\"b\\\\t\\t\\u0001\\u001b\xc3\xa4\\ufffd\\n\",\"stream\":"
		  "\"stdout\",\"time\":\"" TIME "\"}\n" },
		{ LOG_FORMAT_CRI, "a\n\nb",
		  TIME " stdout F a\n" TIME " stdout F \n" TIME " stdout F b\n" },
		{ LOG_FORMAT_JSON, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t step = 0; step < 4; step++) {
			struct sink s = SINK;

			run(cases[i].format, cases[i].in, strlen(cases[i].in), step, &s);
			assert_string_equal(s.data.data ? s.data.data : "", cases[i].out);
			buf_done(&s.data);
		}
	}
}

/* Undo the JSON form of all records. */
static void join_json(const struct buf *in, struct buf *out, size_t *ret_longest)
{
	const char *p = in->data;

	while (p && *p) {
		size_t n = strcspn(p, "\n");
		json_t *record = json_loadb(p, n, 0, NULL);
		const char *text = json_string_value(json_object_get(record, "log"));

		assert_non_null(text);
		assert_int_equal(buf_puts(out, text), 0);
		*ret_longest = MAX(*ret_longest, strlen(text));
		json_decref(record);
		p += n + 1;
	}
}

static void long_lines_lose_nothing(void **state)
{
	static const size_t lengths[] = { LOG_LINE_MAX - 1, LOG_LINE_MAX, LOG_LINE_MAX + 1,
					  3 * LOG_LINE_MAX + 5 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (size_t step = 0; step < 3; step++) {
			struct buf in = BUF_INIT(1 << 20), back = BUF_INIT(1 << 22);
			struct sink s = SINK;
			size_t longest = 0;

			buf_putc(&in, 'x');
			while (in.len + 2 <=
			       lengths[i]) /* two bytes each, so that cuts would fall inside */
				buf_puts(&in, "\xc3\xbc");
			buf_puts(&in, "\nnext\n");
			run(LOG_FORMAT_JSON, in.data, in.len, step * 4097, &s);
			join_json(&s.data, &back, &longest);
			assert_string_equal(back.data, in.data);
			assert_true(longest <= LOG_LINE_MAX + 1);
			buf_done(&in);
			buf_done(&back);
			buf_done(&s.data);
		}
	}
}

static void cri_marks_parts(void **state)
{
	char *line = malloc(LOG_LINE_MAX + 11);
	struct sink s = SINK;
	const char *second;

	(void)state;
	memset(line, 'y', LOG_LINE_MAX + 10);
	line[LOG_LINE_MAX + 10] = '\n';
	run(LOG_FORMAT_CRI, line, LOG_LINE_MAX + 11, 1000, &s);
	assert_true(strncmp(s.data.data, TIME " stdout P yyy", strlen(TIME " stdout P yyy")) == 0);
	second = strchr(s.data.data, '\n') + 1;
	assert_string_equal(second, TIME " stdout F yyyyyyyyyy\n");
	free(line);
	buf_done(&s.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_lines_of_both_forms),
		cmocka_unit_test(long_lines_lose_nothing),
		cmocka_unit_test(cri_marks_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
