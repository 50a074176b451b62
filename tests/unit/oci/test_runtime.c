/* SPDX-License-Identifier: Apache-2.0
 *
 * The specs under real runtimes: a busybox root file system run by runc, and by crun in a mount
 * namespace without the unified cgroup mount (crun 1.8 refuses the hybrid layout). Skipped without
 * root or the programs.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/rand.h"
#include "base/spawn.h"
#include "base/str.h"
#include "oci/caps.h"
#include "oci/spec.h"
#include "status/status.h"

#define OUTPUT_MAX 65536

struct bundle {
	char path[64], id[24];
	int fd, usable; /* openat2 is there: not so under valgrind */
	struct oci_host host;
};

static int setup(void **state)
{
	static const char *const dirs[] = { "rootfs", "rootfs/bin", "rootfs/etc", "rootfs/tmp",
					    "rootfs/proc" };
	struct bundle *b = calloc(1, sizeof(*b));
	int from, to;

	memcpy(b->path, "/tmp/ctr-spec-XXXXXX", 21);
	memcpy(b->id, "ctr-unit-", 10);
	rand_hex(b->id + 9, 12);
	if (!mkdtemp(b->path))
		return -1;
	b->fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = b;
	from = path_open(b->fd, ".", PATH_BENEATH, O_RDONLY | O_DIRECTORY, 0);
	b->usable = from != -ENOSYS;
	fd_close(&from);
	if (!b->usable)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		(void)mkdirat(b->fd, dirs[i], 0755);
	from = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	to = openat(b->fd, "rootfs/bin/busybox", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (from >= 0 && to >= 0)
		(void)io_copy(from, to, UINT64_MAX, NULL);
	fd_close(&from);
	fd_close(&to);
	if (symlinkat("busybox", b->fd, "rootfs/bin/sh") < 0)
		return -1;
	oci_host_probe(&b->host);
	return 0;
}

static int teardown(void **state)
{
	struct bundle *b = *state;
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int bad = b->usable ? path_remove_tree(tmp, b->path + 5) : rmdir(b->path);

	close(tmp);
	close(b->fd);
	free(b);
	return bad;
}

static void need(const struct bundle *b, const char *program)
{
	if (!b->usable || geteuid() != 0 || access(program, X_OK) != 0 ||
	    access("/bin/busybox", X_OK) != 0)
		skip();
}

static struct oci_options options(struct bundle *b, char *const *args, char *const *env)
{
	return (struct oci_options){
		.process = { .args = args, .env = env, .caps = oci_caps_default() & b->host.caps },
		.hostname = "ctr-unit",
		.seccomp = b->host.seccomp ? OCI_SECCOMP_DEFAULT : OCI_SECCOMP_UNCONFINED,
	};
}

static char *run(struct bundle *b, const struct oci_options *o, const char *runtime,
		 int *ret_status)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *command = NULL;
	AUTO_ERROR err = ERROR_INIT;
	char *output = NULL;
	struct spawn s = SPAWN_INIT;
	int r;

	if (oci_spec_build(o, &b->host, &text, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	assert_int_equal(io_write_file(b->fd, "config.json", text, strlen(text), 0600, 0), 0);
	command = str_printf("%s exec %s --root %s/state run --bundle %s %s",
			     strstr(runtime, "crun") ? "umount /sys/fs/cgroup/unified 2>/dev/null;"
						     : "",
			     runtime, b->path, b->path, b->id);

	char unshare[] = "unshare", m[] = "-m", sh[] = "/bin/sh", c[] = "-c",
	     path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *argv[] = { unshare, m, sh, c, command, NULL };
	char *envp[] = { path, NULL };

	s.path = "/usr/bin/unshare";
	s.argv = argv;
	s.envp = envp;
	r = spawn_run(&s, OUTPUT_MAX, &output, ret_status);
	assert_int_equal(r, 0);
	return output;
}

static void expect(struct bundle *b, const struct oci_options *o, const char *runtime,
		   const char *want)
{
	int status = -1;
	AUTO_FREE char *output = run(b, o, runtime, &status);

	if (status != 0 || strcmp(output, want) != 0)
		fail_msg("%s: status %d, output: %s", runtime, status, output);
}

static char a_sh[] = "/bin/sh", a_c[] = "-c";
static char e_path[] = "PATH=/bin";
static char *env[] = { e_path, NULL };

static void default_runs(struct bundle *b, const char *runtime)
{
	char script[] = "busybox hostname; busybox id -u; busybox grep -c . /proc/self/mountinfo "
			">/dev/null && echo m;"
			"busybox grep -e Seccomp: -e CapInh -e CapEff /proc/self/status | busybox "
			"tr '\\t' ' ';"
			"busybox test -w /sys/kernel && echo writable;"
			"busybox unshare -m true 2>/dev/null || echo no-unshare;"
			"echo x >/proc/sys/kernel/core_pattern || echo ro; exit 0";
	char *args[] = { a_sh, a_c, script, NULL };
	struct oci_options o = options(b, args, env);
	int status = -1;
	AUTO_FREE char *out = run(b, &o, runtime, &status);

	if (status != 0)
		fail_msg("%s: status %d, output: %s", runtime, status, out);
	assert_non_null(strstr(out, "ctr-unit\n0\nm\n"));
	assert_non_null(strstr(out, "CapInh: 0000000000000000"));
	assert_non_null(strstr(out, "CapEff: 00000000a80425fb"));
	assert_non_null(strstr(out, "Seccomp: 2"));
	assert_non_null(strstr(out, "no-unshare"));
	assert_non_null(strstr(out, "ro\n"));
}

static void runc_default(void **state)
{
	need(*state, "/usr/sbin/runc");
	default_runs(*state, "/usr/sbin/runc");
}

static void crun_default(void **state)
{
	need(*state, "/usr/bin/crun");
	default_runs(*state, "/usr/bin/crun");
}

static void runc_full(void **state)
{
	struct bundle *b = *state;
	char script[] =
		"busybox id -u; busybox id -G; ulimit -n; busybox pwd; busybox cat /data/note;"
		"echo x 2>/dev/null >/file || echo ro-root; busybox test -c /dev/nothing && echo "
		"device";
	char *args[] = { a_sh, a_c, script, NULL };
	char rbind[] = "rbind", ro[] = "ro";
	char *words[] = { rbind, ro, NULL };
	char source[96];
	static uint32_t groups[] = { 30 };
	static const struct oci_rlimit nofile = { "RLIMIT_NOFILE", 512, 512 };
	static const struct oci_device device = { "/dev/null", "/dev/nothing", "rw" };
	struct oci_options o;

	need(b, "/usr/sbin/runc");
	assert_true(snprintf(source, sizeof(source), "%s/data", b->path) > 0);
	assert_int_equal(mkdirat(b->fd, "data", 0755), 0);
	assert_int_equal(mkdirat(b->fd, "rootfs/data", 0755), 0);
	assert_int_equal(io_write_file(b->fd, "data/note", "hello\n", 6, 0644, 0), 0);

	struct oci_mount mount = { "bind", source, "/data", words };

	o = options(b, args, env);
	o.process.user =
		(struct oci_user){ .uid = 1000, .gid = 20, .groups = groups, .n_groups = 1 };
	o.process.cwd = "/tmp";
	o.process.rlimits = &nofile;
	o.process.n_rlimits = 1;
	o.process.has_oom_score_adj = 1;
	o.process.oom_score_adj = -900; /* clamped where it cannot be lowered */
	o.root_readonly = 1;
	o.mounts = &mount;
	o.n_mounts = 1;
	o.devices = &device;
	o.n_devices = 1;
	o.resources = (struct oci_resources){
		.memory = 64 << 20, .cpu_quota = 50000, .cpu_period = 100000, .pids = 50
	};
	expect(b, &o, "/usr/sbin/runc", "1000\n20 30\n512\n/tmp\nhello\nro-root\ndevice\n");
}

static void runc_privileged(void **state)
{
	struct bundle *b = *state;
	char script[] = "busybox mount -t tmpfs none /tmp && echo mounted; busybox grep -c "
			"Seccomp:.0 /proc/self/status";
	char *args[] = { a_sh, a_c, script, NULL };
	struct oci_options o;

	need(b, "/usr/sbin/runc");
	o = options(b, args, env);
	o.privileged = 1;
	o.process.caps = b->host.caps;
	expect(b, &o, "/usr/sbin/runc", "mounted\n1\n");
}

static void runc_host_network(void **state)
{
	struct bundle *b = *state;
	char script[] = "busybox readlink /proc/self/ns/net";
	char *args[] = { a_sh, a_c, script, NULL };
	char host_ns[64] = { 0 };
	struct oci_options o;
	ssize_t n = readlink("/proc/self/ns/net", host_ns, sizeof(host_ns) - 2);

	need(b, "/usr/sbin/runc");
	assert_true(n > 0);
	host_ns[n] = '\n';
	o = options(b, args, env);
	o.host_network = 1;
	expect(b, &o, "/usr/sbin/runc", host_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(runc_default, setup, teardown),
		cmocka_unit_test_setup_teardown(crun_default, setup, teardown),
		cmocka_unit_test_setup_teardown(runc_full, setup, teardown),
		cmocka_unit_test_setup_teardown(runc_privileged, setup, teardown),
		cmocka_unit_test_setup_teardown(runc_host_network, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
