/* SPDX-License-Identifier: Apache-2.0
 *
 * What the image says combined with what the user asks for.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "oci/image_config.h"
#include "status/status.h"

static char **words(const char *joined)
{
	char **v = joined[0] ? strv_split(joined, ' ') : calloc(1, sizeof(*v));

	assert_non_null(v);
	return v;
}

static char *join(char *const *v)
{
	static char text[4096];
	size_t at = 0;

	text[0] = 0;
	for (size_t i = 0; v && v[i]; i++) {
		size_t n = strlen(v[i]);

		memcpy(text + at, v[i], n);
		at += n;
		text[at++] = ' ';
	}
	text[at ? at - 1 : 0] = 0;
	return text;
}

static void command_line(void **state)
{
	static const struct {
		const char *image_entry, *image_cmd, *entry, *args,
			*want; /* entry NULL: not given */
	} cases[] = {
		{ "", "sh", NULL, "", "sh" },         { "/e", "a b", NULL, "", "/e a b" },
		{ "/e", "a b", NULL, "c", "/e c" },   { "/e", "a", "/x", "", "/x" },
		{ "/e", "a", "/x", "c d", "/x c d" }, { "/e", "a", "", "c", "c" },
		{ "", "", NULL, "", NULL },           { "/e", "a", "", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct oci_image_config c = { .entrypoint = words(cases[i].image_entry),
					      .cmd = words(cases[i].image_cmd) };
		AUTO_STRV entry = cases[i].entry ? words(cases[i].entry) : NULL;
		AUTO_STRV args = words(cases[i].args);
		AUTO_STRV out = NULL;
		ctr_code code = oci_image_args(&c, entry, args, &out, NULL);

		if (cases[i].want) {
			assert_int_equal(code, CTR_OK);
			assert_string_equal(join(out), cases[i].want);
		} else {
			assert_int_equal(code, CTR_INVALID_ARGUMENT);
		}
		oci_image_config_done(&c);
	}
}

static void environment(void **state)
{
	struct oci_image_config c = { .env = words("A=1 B=2 PATH=/bin junk =x") };
	AUTO_STRV adds = words("B=3 C=4 A");
	AUTO_STRV out = NULL;
	AUTO_STRV plain = NULL;

	(void)state;
	assert_int_equal(oci_image_env(&c, adds, &out, NULL), CTR_OK);
	assert_string_equal(join(out), "PATH=/bin B=3 C=4");
	assert_int_equal(oci_image_env(&(struct oci_image_config){ 0 }, NULL, &plain, NULL),
			 CTR_OK);
	assert_string_equal(join(plain),
			    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	oci_image_config_done(&c);
}

static void reserved_labels_are_not_copied(void **state)
{
	(void)state;
	assert_true(oci_label_copyable("maintainer", "me"));
	assert_false(oci_label_copyable("containerd.io/gc.root", "1"));
	assert_false(oci_label_copyable("io.cri-containerd.kind", "container"));
	assert_false(oci_label_copyable("io.ctr.name", "victim"));
	assert_false(oci_label_copyable("bad", "\xff"));
	assert_false(oci_label_copyable("", "x"));
}

static void signals(void **state)
{
	(void)state;
	assert_int_equal(oci_signal_parse("SIGTERM"), 15);
	assert_int_equal(oci_signal_parse("kill"), 9);
	assert_int_equal(oci_signal_parse("9"), 9);
	assert_int_equal(oci_signal_parse("SIGRTMIN+3"), 37);
	assert_int_equal(oci_signal_parse("RTMAX-1"), 63);
	assert_true(oci_signal_parse("0") < 0);
	assert_true(oci_signal_parse("65") < 0);
	assert_true(oci_signal_parse("SIGNONSENSE") < 0);
	assert_true(oci_signal_parse("") < 0);
	assert_true(oci_signal_parse("-9") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_line),
		cmocka_unit_test(environment),
		cmocka_unit_test(reserved_labels_are_not_copied),
		cmocka_unit_test(signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
