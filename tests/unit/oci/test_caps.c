/* SPDX-License-Identifier: Apache-2.0
 *
 * Capability sets: names, adds and drops, what is not available.
 */
#include "unit.h"

#include <sys/capability.h>

#include "base/str.h"
#include "oci/caps.h"
#include "status/status.h"

static const uint64_t all = (UINT64_C(1) << 41) - 1;

static void default_has_fourteen(void **state)
{
	(void)state;
	assert_int_equal(__builtin_popcountll(oci_caps_default()), 14);
	assert_true(oci_caps_default() & CAP_BIT(CAP_CHOWN));
	assert_false(oci_caps_default() & CAP_BIT(CAP_SYS_ADMIN));
}

static void names_are_libcaps(void **state)
{
	char name[40];

	(void)state;
	assert_int_equal(oci_cap_name(CAP_SYS_ADMIN, name, sizeof(name)), 0);
	assert_string_equal(name, "CAP_SYS_ADMIN");
	assert_true(oci_cap_name(63, name, sizeof(name)) < 0);
	assert_true(oci_cap_name(CAP_SYS_ADMIN, name, 4) < 0);
}

static void drops_then_adds(void **state)
{
	char *drops[] = { str_dup("ALL"), NULL };
	char *adds[] = { str_dup("net_admin"), str_dup("CAP_CHOWN"), NULL };
	uint64_t set = 0;

	(void)state;
	assert_int_equal(oci_caps_apply(oci_caps_default(), all, adds, drops, &set, NULL), CTR_OK);
	assert_true(set == (CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_CHOWN)));
	free(drops[0]);
	free(adds[0]);
	free(adds[1]);
}

static void unknown_and_unavailable_are_told_apart(void **state)
{
	char *unknown[] = { str_dup("FLY"), NULL };
	char *admin[] = { str_dup("SYS_ADMIN"), NULL };
	AUTO_ERROR err = ERROR_INIT;
	uint64_t set = 7;

	(void)state;
	assert_int_equal(oci_caps_apply(0, all, unknown, NULL, &set, &err), CTR_INVALID_ARGUMENT);
	assert_string_equal(error_text(&err), "unknown capability 'FLY'");
	assert_int_equal(oci_caps_apply(0, CAP_BIT(CAP_CHOWN), admin, NULL, &set, &err),
			 CTR_FAILED_PRECONDITION);
	assert_true(set == 7);
	free(unknown[0]);
	free(admin[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_has_fourteen),
		cmocka_unit_test(names_are_libcaps),
		cmocka_unit_test(drops_then_adds),
		cmocka_unit_test(unknown_and_unavailable_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
