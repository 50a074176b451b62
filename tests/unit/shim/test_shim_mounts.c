/* SPDX-License-Identifier: Apache-2.0
 *
 * Option words, and overlay options that are too long for the kernel's page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <cmocka.h>

#include "base/macros.h"
#include "shim/mountopt.h"
#include "shim/mounts.h"

static void words_are_flags_or_data(void **state)
{
	static char ro[] = "ro", rbind[] = "rbind", lower[] = "lowerdir=/a:/b", suid[] = "nosuid",
		    index_off[] = "index=off", rw[] = "rw", slave[] = "rslave";
	char *const words[] = { ro, rbind, lower, suid, index_off, slave, rw };
	AUTO_MOUNT_OPTS o = { 0 };
	AUTO_FREE char *data = NULL;

	(void)state;
	assert_int_equal(mount_opts_parse(words, ARRAY_SIZE(words), &o), 0);
	assert_int_equal(o.flags, MS_BIND | MS_REC | MS_NOSUID); /* rw took ro back */
	assert_int_equal(o.propagation, MS_SLAVE | MS_REC);
	assert_int_equal(o.loop, 0);
	data = mount_opts_data(&o);
	assert_string_equal(data, "lowerdir=/a:/b,index=off");
}

static void no_words_are_nothing(void **state)
{
	AUTO_MOUNT_OPTS o = { 0 };
	AUTO_FREE char *data = NULL;

	(void)state;
	assert_int_equal(mount_opts_parse(NULL, 0, &o), 0);
	assert_int_equal(o.flags, 0);
	data = mount_opts_data(&o);
	assert_string_equal(data, "");
}

static void a_loop_device_is_asked_for(void **state)
{
	static char loop[] = "loop";
	char *const words[] = { loop };
	AUTO_MOUNT_OPTS o = { 0 };

	(void)state;
	assert_int_equal(mount_opts_parse(words, 1, &o), 0);
	assert_int_equal(o.loop, 1);
}

static void shortens_shared_directories(void **state)
{
	static const struct {
		const char *data, *dir, *out;
	} cases[] = {
		{ "lowerdir=/v/s/12/fs:/v/s/3/fs,upperdir=/v/s/9/fs", "/v/s/",
		  "lowerdir=12/fs:3/fs,upperdir=/v/s/9/fs" },
		{ "index=off,lowerdir=/v/s/12:/v/s/1", "/v/s/", "index=off,lowerdir=12:1" },
		{ "lowerdir=/v/s/:/v/s/1", "/v/s/", "lowerdir=.:1" },
		{ "lowerdir=/a/1:/b/1", NULL, NULL },
		{ "upperdir=/a", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *dir = NULL;
		AUTO_FREE char *out = overlay_shorten(cases[i].data, &dir);

		if (!cases[i].out) {
			assert_null(out);
			continue;
		}
		assert_string_equal(out, cases[i].out);
		assert_string_equal(dir, cases[i].dir);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_flags_or_data),
		cmocka_unit_test(no_words_are_nothing),
		cmocka_unit_test(a_loop_device_is_asked_for),
		cmocka_unit_test(shortens_shared_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
