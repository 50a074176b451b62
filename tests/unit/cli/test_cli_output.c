/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates, cleaned text, sizes and ages.
 */
#include "unit.h"

#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "cli/output.h"
#include "oci/json.h"

static void templates(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} cases[] = {
		{ "plain", "plain" },
		{ "{{.A}}-{{ .B }}", "x-5" },
		{ "{{.C.D}}", "deep" },
		{ "{{json .A}} {{json .C}}", "\"x\" {\"D\":\"deep\"}" },
		{ "{{.A}}\\t{{.B}}\\n", "x\t5\n" },
		{ "{{.C.Missing}}", "" },
		{ "{{.Missing}}", NULL },
		{ "{{.A", NULL },
		{ "{{A}}", NULL },
		{ "{{}}", NULL },
		{ "{ {", "{ {" },
	};
	AUTO_JSON o = json_pack("{s:s, s:i, s:{s:s}}", "A", "x", "B", 5, "C", "D", "deep");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUF b = BUF_INIT(4096);
		ctr_code code = out_template(cases[i].text, o, &b, NULL);

		if (!cases[i].want) {
			assert_int_equal(code, CTR_INVALID_ARGUMENT);
			continue;
		}
		assert_int_equal(code, CTR_OK);
		assert_string_equal(b.data ? b.data : "", cases[i].want);
	}
}

static void foreign_text_cannot_steer_the_terminal(void **state)
{
	AUTO_BUF b = BUF_INIT(4096);

	(void)state;
	out_clean(&b, "a\x1b[2Jb\r\n\x7f\xc2\x9b"
		      "c\xff"
		      "d\xc3\xa4");
	assert_string_equal(b.data, "a?[2Jb????c?d\xc3\xa4");
}

static void sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ 0, "0B" },
		{ 999, "999B" },
		{ 1000, "1.00kB" },
		{ 1500000, "1.50MB" },
		{ 12345678, "12.3MB" },
		{ 999600000, "1.00GB" },
		{ 5000000000, "5.00GB" },
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		human_size_text(cases[i].bytes, text);
		assert_string_equal(text, cases[i].want);
	}
}

static void spans(void **state)
{
	static const struct {
		int64_t seconds;
		const char *want;
	} cases[] = {
		{ 0, "less than a second" }, { 1, "1 second" },
		{ 59, "59 seconds" },        { 60, "1 minute" },
		{ 3599, "59 minutes" },      { 3600, "1 hour" },
		{ 86400, "24 hours" },       { 2 * 86400, "2 days" },
		{ 14 * 86400, "2 weeks" },   { 90 * 86400, "3 months" },
		{ 800 * 86400, "2 years" },  { -5, "less than a second" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		human_span_text(cases[i].seconds * NS_PER_SEC, text);
		assert_string_equal(text, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates),
		cmocka_unit_test(foreign_text_cannot_steer_the_terminal),
		cmocka_unit_test(sizes),
		cmocka_unit_test(spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
