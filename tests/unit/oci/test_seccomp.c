/* SPDX-License-Identifier: Apache-2.0
 *
 * The default profile's promises, and the two forms of a user's file.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/capability.h>

#include "base/str.h"
#include "oci/caps.h"
#include "oci/json.h"
#include "oci/seccomp.h"
#include "status/status.h"

static const struct oci_host host = { .kernel_major = 6, .kernel_minor = 1, .seccomp = 1 };

/* The n-th rule that names the call, or NULL. */
static json_t *rule_of(json_t *profile, const char *name, size_t n)
{
	json_t *rule, *item;
	size_t i, k;

	json_array_foreach(json_object_get(profile, "syscalls"), i, rule)
	{
		json_array_foreach(json_object_get(rule, "names"), k, item)
		{
			if (str_eq(json_string_value(item), name) && n-- == 0)
				return rule;
		}
	}
	return NULL;
}

static void assert_allowed(json_t *profile, const char *name)
{
	json_t *rule = rule_of(profile, name, 0);

	assert_non_null(rule);
	assert_string_equal(json_string_value(json_object_get(rule, "action")), "SCMP_ACT_ALLOW");
}

static void default_denies_what_is_not_named(void **state)
{
	AUTO_JSON p = oci_seccomp_default(&host, oci_caps_default());

	(void)state;
	assert_string_equal(json_string_value(json_object_get(p, "defaultAction")),
			    "SCMP_ACT_ERRNO");
	assert_int_equal(json_integer_value(json_object_get(p, "defaultErrnoRet")), EPERM);
	assert_true(json_array_size(json_object_get(p, "architectures")) > 0);
	assert_allowed(p, "openat");
	assert_allowed(p, "execve");
	assert_allowed(p, "chroot"); /* CAP_SYS_CHROOT is in the default set */
	assert_allowed(p, "ptrace");
	for (const char *const *c =
		     (const char *const[]){ "mount", "unshare", "setns", "bpf", "reboot",
					    "kexec_load", "keyctl", "add_key", "io_uring_setup",
					    "userfaultfd", "init_module", "open_by_handle_at",
					    NULL };
	     *c; c++) {
		if (rule_of(p, *c, 0))
			fail_msg("%s is allowed", *c);
	}
}

static void clone_without_admin(void **state)
{
	AUTO_JSON p = oci_seccomp_default(&host, oci_caps_default());
	json_t *clone = rule_of(p, "clone", 0);
	json_t *clone3 = rule_of(p, "clone3", 0);
	json_t *arg = json_array_get(json_object_get(clone, "args"), 0);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(arg, "value")), 0x7e020000);
	assert_string_equal(json_string_value(json_object_get(arg, "op")), "SCMP_CMP_MASKED_EQ");
	assert_int_equal(json_integer_value(json_object_get(arg, "valueTwo")), 0);
	assert_string_equal(json_string_value(json_object_get(clone3, "action")), "SCMP_ACT_ERRNO");
	assert_int_equal(json_integer_value(json_object_get(clone3, "errnoRet")), ENOSYS);
}

static void admin_opens_its_group(void **state)
{
	AUTO_JSON p = oci_seccomp_default(&host, CAP_BIT(CAP_SYS_ADMIN));

	(void)state;
	assert_allowed(p, "mount");
	assert_allowed(p, "clone3");
	assert_null(json_object_get(rule_of(p, "clone", 0), "args"));
	assert_null(rule_of(p, "chroot", 0));
}

static void names_of_other_architectures_are_left_out(void **state)
{
	AUTO_JSON p = oci_seccomp_default(&host, 0);

	(void)state;
#if defined(__x86_64__)
	assert_allowed(p, "arch_prctl");
	assert_null(rule_of(p, "s390_runtime_instr", 0));
	assert_null(rule_of(p, "chown32", 0));
#elif defined(__aarch64__)
	assert_null(rule_of(p, "arch_prctl", 0));
#endif
}

static void old_kernels_get_no_ptrace(void **state)
{
	struct oci_host old = { .kernel_major = 4, .kernel_minor = 7 };
	AUTO_JSON p = oci_seccomp_default(&old, 0);

	(void)state;
	assert_null(rule_of(p, "ptrace", 0));
}

static void docker_form_is_reduced(void **state)
{
	static const char text[] =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":["
		"{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\"]},"
		"{\"architecture\":\"SCMP_ARCH_AARCH64\",\"subArchitectures\":[\"SCMP_ARCH_ARM\"]}]"
		","
		"\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":null,"
		"\"comment\":\"x\",\"includes\":{},\"excludes\":{}},"
		"{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":["
		"\"CAP_SYS_ADMIN\"]}},"
		"{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":["
		"\"CAP_SYS_ADMIN\"]}},"
		"{\"names\":[\"ptrace\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":"
		"\"4.8\"}},"
		"{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":"
		"\"9.0\"}},"
		"{\"names\":[\"acct\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":["
		"\"vax\"]}}]}";
	AUTO_JSON p = NULL;

	(void)state;
	assert_int_equal(oci_seccomp_from_text(text, &host, 0, &p, NULL), CTR_OK);
	assert_allowed(p, "read");
	assert_null(json_object_get(rule_of(p, "read", 0), "comment"));
	assert_null(json_object_get(rule_of(p, "read", 0), "args"));
	assert_null(rule_of(p, "mount", 0));
	assert_allowed(p, "clone");
	assert_allowed(p, "ptrace");
	assert_null(rule_of(p, "bpf", 0));
	assert_null(rule_of(p, "acct", 0));
	assert_int_equal(json_array_size(json_object_get(p, "architectures")), 2);
}

static void broken_files_are_refused(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{}",
					     "{\"defaultAction\":\"A\",\"syscalls\":[{}]}" };
	AUTO_JSON p = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(oci_seccomp_from_text(texts[i], &host, 0, &p, NULL),
				 CTR_INVALID_ARGUMENT);
	assert_null(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_denies_what_is_not_named),
		cmocka_unit_test(clone_without_admin),
		cmocka_unit_test(admin_opens_its_group),
		cmocka_unit_test(names_of_other_architectures_are_left_out),
		cmocka_unit_test(old_kernels_get_no_ptrace),
		cmocka_unit_test(docker_form_is_reduced),
		cmocka_unit_test(broken_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
