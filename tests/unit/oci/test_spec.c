/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec against golden files (golden/NAME.json; CTR_GOLDEN_UPDATE=1 writes them anew), and what
 * is refused.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>

#include "base/str.h"
#include "oci/caps.h"
#include "oci/json.h"
#include "oci/spec.h"
#include "status/status.h"

static const struct oci_host host = {
	.caps = (UINT64_C(1) << 41) - 1,
	.seccomp = 1,
	.kernel_major = 6,
	.kernel_minor = 1,
	.can_lower_oom = 1,
};

static char a_sh[] = "sh", a_c[] = "-c", a_echo[] = "echo hello";
static char *args[] = { a_sh, a_c, a_echo, NULL };
static char e_path[] = "PATH=/bin", e_host[] = "HOSTNAME=0123456789ab";
static char *env[] = { e_path, e_host, NULL };

static struct oci_options plain(void)
{
	return (struct oci_options){
		.process = { .args = args, .env = env, .caps = oci_caps_default() },
		.hostname = "0123456789ab",
		.cgroups_path = "/default/0123456789ab",
		.seccomp =
			OCI_SECCOMP_UNCONFINED, /* which names there are depends on the machine */
	};
}

static void golden(const struct oci_options *o, const struct oci_host *h, const char *name)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *path = str_printf("%s/%s.json", GOLDEN_DIR, name);
	AUTO_FREE char *got_text = NULL, *want_text = NULL;
	AUTO_ERROR err = ERROR_INIT;

	if (oci_spec_build(o, h, &text, &err) != CTR_OK)
		fail_msg("%s: %s", name, error_text(&err));

	AUTO_JSON got = json_loads(text, 0, NULL);

	if (getenv("CTR_GOLDEN_UPDATE"))
		assert_int_equal(json_dump_file(got, path, JSON_INDENT(2)), 0);

	AUTO_JSON want = json_load_file(path, 0, NULL);

	got_text = json_dumps(got, JSON_INDENT(2));
	want_text = json_dumps(want, JSON_INDENT(2));
	assert_non_null(want_text);
	assert_string_equal(got_text, want_text);
}

static void default_spec(void **state)
{
	struct oci_options o = plain();

	(void)state;
	golden(&o, &host, "default");
}

static void full_spec(void **state)
{
	static const uint32_t groups[] = { 10, 20 };
	static const struct oci_rlimit limits[] = { { "RLIMIT_NOFILE", 1024, 2048 },
						    { "RLIMIT_CORE", 0, UINT64_MAX } };
	char rbind[] = "rbind", ro[] = "ro";
	char *options[] = { rbind, ro, NULL };
	const struct oci_mount mounts[] = {
		{ "bind", "/srv/a", "/data/deep", options },
		{ "bind", "/srv/b", "/data", options },
		{ "tmpfs", "tmpfs", "/run", NULL },
	};
	const struct oci_device devices[] = { { "/dev/null", "/dev/nothing", "rw" } };
	const struct oci_pair notes[] = { { "key", "value" } };
	struct oci_host h = host;
	struct oci_options o = plain();

	(void)state;
	h.cgroup2 = 1;
	o.process.user = (struct oci_user){ .uid = 1000, .gid = 1000, .n_groups = 2 };
	o.process.user.groups = malloc(sizeof(groups));
	memcpy(o.process.user.groups, groups, sizeof(groups));
	o.process.terminal = 1;
	o.process.console_width = 80;
	o.process.console_height = 24;
	o.process.no_new_privileges = 1;
	o.process.has_oom_score_adj = 1;
	o.process.oom_score_adj = -5000;
	o.process.apparmor = "ctr-default";
	o.process.cwd = "/work";
	o.process.rlimits = limits;
	o.process.n_rlimits = ARRAY_SIZE(limits);
	o.root_readonly = 1;
	o.hosts_file = "/run/x/hosts";
	o.hostname_file = "/run/x/hostname";
	o.resolv_file = "/run/x/resolv.conf";
	o.mounts = mounts;
	o.n_mounts = ARRAY_SIZE(mounts);
	o.devices = devices;
	o.n_devices = ARRAY_SIZE(devices);
	o.annotations = notes;
	o.n_annotations = ARRAY_SIZE(notes);
	o.sysctls = notes;
	o.n_sysctls = 1;
	o.shm_bytes = 1 << 20;
	o.host_network = 1;
	o.resources = (struct oci_resources){ .memory = 1 << 20,
					      .memory_swap = 2 << 20,
					      .cpu_shares = 512,
					      .cpu_quota = 50000,
					      .cpu_period = 100000,
					      .cpuset_cpus = "0-1",
					      .pids = 100 };
	golden(&o, &h, "full");
	oci_user_done(&o.process.user);
}

static void privileged_spec(void **state)
{
	struct oci_options o = plain();
	AUTO_FREE char *text = NULL;

	(void)state;
	o.privileged = 1;
	o.seccomp = OCI_SECCOMP_DEFAULT;
	o.process.caps = host.caps;
	assert_int_equal(oci_spec_build(&o, &host, &text, NULL), CTR_OK);

	AUTO_JSON spec = json_loads(text, 0, NULL);
	json_t *part = json_object_get(spec, "linux");

	assert_null(json_object_get(part, "maskedPaths"));
	assert_null(json_object_get(part, "readonlyPaths"));
	assert_null(json_object_get(part, "seccomp"));
	assert_non_null(json_object_get(part, "devices"));
	assert_non_null(strstr(text, "\"CAP_SYS_ADMIN\""));
	assert_null(strstr(text, "\"ro\""));
	assert_non_null(strstr(text, "\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]"));
}

static void default_seccomp_is_on(void **state)
{
	struct oci_options o = plain();
	struct oci_host bare = host;
	AUTO_FREE char *text = NULL;
	AUTO_ERROR err = ERROR_INIT;

	(void)state;
	o.seccomp = OCI_SECCOMP_DEFAULT;
	assert_int_equal(oci_spec_build(&o, &host, &text, NULL), CTR_OK);
	assert_non_null(strstr(text, "SCMP_ACT_ERRNO"));
	assert_non_null(strstr(text, "\"inheritable\":[]"));
	bare.seccomp = 0;
	assert_int_equal(oci_spec_build(&o, &bare, &(char *){ 0 }, &err), CTR_FAILED_PRECONDITION);
}

static void oom_score_is_clamped(void **state)
{
	struct oci_host weak = host;
	struct oci_process p = { .args = args, .has_oom_score_adj = 1, .oom_score_adj = -999 };
	AUTO_FREE char *text = NULL, *strong = NULL;

	(void)state;
	weak.can_lower_oom = 0;
	weak.oom_score_adj = 100;
	assert_int_equal(oci_process_build(&p, &weak, &text, NULL), CTR_OK);
	assert_non_null(strstr(text, "\"oomScoreAdj\":100"));
	assert_int_equal(oci_process_build(&p, &host, &strong, NULL), CTR_OK);
	assert_non_null(strstr(strong, "\"oomScoreAdj\":-999"));
}

static void refusals(void **state)
{
	char bad_text[] = "\xff";
	char *bad_args[] = { bad_text, NULL }, *none[] = { NULL };
	const struct oci_mount relative = { "bind", "/a", "data", NULL };
	const struct oci_mount root = { "bind", "/a", "/", NULL };
	const struct oci_mount twice[] = { { "bind", "/a", "/d", NULL },
					   { "bind", "/b", "/d", NULL } };
	const struct oci_device gone = { "/dev/no-such-device", "/dev/x", "r" };
	const struct oci_device file = { "/etc/passwd", "/dev/x", "r" };
	const struct oci_rlimit inverted = { "RLIMIT_NOFILE", 9, 8 };
	struct oci_options o[10];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(o); i++)
		o[i] = plain();
	o[n++].process.args = bad_args;
	o[n++].process.args = none;
	o[n++].process.cwd = "work";
	o[n].mounts = &relative;
	o[n++].n_mounts = 1;
	o[n].mounts = &root;
	o[n++].n_mounts = 1;
	o[n].mounts = twice;
	o[n++].n_mounts = 2;
	o[n].devices = &gone;
	o[n++].n_devices = 1;
	o[n].devices = &file;
	o[n++].n_devices = 1;
	o[n].process.rlimits = &inverted;
	o[n++].process.n_rlimits = 1;
	o[n++].resources.memory_swap = 5;
	for (size_t i = 0; i < n; i++) {
		char *text = NULL;
		AUTO_ERROR err = ERROR_INIT;

		assert_int_not_equal(oci_spec_build(&o[i], &host, &text, &err), CTR_OK);
		assert_null(text);
		assert_true(strlen(error_text(&err)) > 0);
	}
}

static void exec_takes_the_process_over(void **state)
{
	struct oci_options o = plain();
	char e1[] = "PATH=/x", e2[] = "NEW=1", e3[] = "HOSTNAME", ls[] = "ls";
	char *adds[] = { e1, e2, e3, NULL }, *cmd[] = { ls, NULL };
	struct oci_user user = { .uid = 5, .gid = 6 };
	struct oci_exec e = { .args = cmd,
			      .env_adds = adds,
			      .cwd = "/tmp",
			      .user = &user,
			      .terminal = 1,
			      .console_width = 100,
			      .console_height = 40 };
	AUTO_FREE char *spec = NULL, *text = NULL;

	(void)state;
	assert_int_equal(oci_spec_build(&o, &host, &spec, NULL), CTR_OK);
	assert_int_equal(oci_exec_build(spec, &e, &host, &text, NULL), CTR_OK);
	assert_non_null(strstr(text, "\"args\":[\"ls\"]"));
	assert_non_null(strstr(text, "\"env\":[\"PATH=/x\",\"NEW=1\"]"));
	assert_non_null(strstr(text, "\"uid\":5"));
	assert_non_null(strstr(text, "\"cwd\":\"/tmp\""));
	assert_non_null(strstr(text, "\"width\":100"));
	assert_non_null(strstr(text, "CAP_CHOWN"));
	assert_int_equal(oci_exec_build("{}", &e, &host, &text, NULL), CTR_INVALID_ARGUMENT);
	assert_int_equal(oci_exec_build("nonsense", &e, &host, &text, NULL), CTR_INVALID_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_spec),
		cmocka_unit_test(full_spec),
		cmocka_unit_test(privileged_spec),
		cmocka_unit_test(default_seccomp_is_on),
		cmocka_unit_test(oom_score_is_clamped),
		cmocka_unit_test(refusals),
		cmocka_unit_test(exec_takes_the_process_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
