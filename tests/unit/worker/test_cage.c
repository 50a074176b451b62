/* SPDX-License-Identifier: Apache-2.0
 *
 * The cage seen from inside: each case forks, enters the cage of one role and tries what must not
 * be possible there. Without root the cases that need it are skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/path.h"
#include "worker/cage/cage.h"
#include "worker/client/worker_client.h"

/* What is tried inside; 0 when the cage holds, else the line of the first hole. */
typedef int (*try_fn)(void *ud);
#define HOLDS(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			return __LINE__ % 250 + 1;                                                 \
	} while (0)

static int inside(const struct cage_params *p, try_fn fn, void *ud)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct cage_state state;
		AUTO_ERROR err = ERROR_INIT;

		if (cage_enter(p, &state, &err) != CTR_OK) {
			fprintf(stderr, "%s\n", error_text(&err));
			_exit(255);
		}
		_exit(fn(ud));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFSIGNALED(status));
	return WEXITSTATUS(status);
}

static int fails(long r, int errnum)
{
	return r < 0 && (errnum == 0 || errno == errnum);
}

/* What no role may do, whatever else it may. */
static int try_forbidden(void *ud)
{
	char *const argv[] = { (char *)(uintptr_t) "true", NULL };
	struct rlimit core;

	(void)ud;
	HOLDS(fails(execve("/bin/true", argv, argv + 1), 0));
	HOLDS(fails(mount("none", "/", "tmpfs", 0, NULL), EPERM));
	HOLDS(fails(umount2("/", MNT_DETACH), EPERM));
	HOLDS(fails(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM));
	HOLDS(fails(unshare(CLONE_NEWUSER), EPERM));
	HOLDS(fails(syscall(SYS_setns, 0, 0), EPERM));
	HOLDS(fails(syscall(SYS_kill, 1, 0), EPERM));
	HOLDS(fails(syscall(SYS_bpf, 0, NULL, 0), EPERM));
	HOLDS(fails(syscall(SYS_keyctl, 0, 0), EPERM));
#ifdef SYS_fork /* newer architectures have clone alone */
	HOLDS(fails(syscall(SYS_fork), EPERM));
#endif
	HOLDS(fails(syscall(SYS_chroot, "/"), EPERM));
	HOLDS(fails(syscall(SYS_setuid, 0), EPERM));
	HOLDS(fails(socket(AF_UNIX, SOCK_STREAM, 0), EPERM));
	HOLDS(fails(socket(AF_PACKET, SOCK_RAW, 0), EPERM));
	HOLDS(syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == ENOSYS);
	HOLDS(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
	return 0;
}

static int try_parse(void *ud)
{
	int hole = try_forbidden(ud);

	if (hole)
		return hole;
	HOLDS(fails(open("/etc/passwd", O_RDONLY | O_CLOEXEC), EPERM));
	HOLDS(fails(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), EPERM));
	HOLDS(fails(socket(AF_INET, SOCK_STREAM, 0), EPERM));
	HOLDS(getuid() == (ud ? *(uid_t *)ud : 65534));
	char *text = malloc(1 << 20); /* memory and the clock still work */
	HOLDS(text != NULL);
	free(text);
	return 0;
}

static void test_parse_has_nothing(void **state)
{
	struct cage_params p = { .role = ROLE_PARSE, .target_mount_fd = -1 };

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(inside(&p, try_parse, NULL), 0);
}

/* A plain user gets the filter in any case. */
static int try_parse_as_user(void *ud)
{
	struct cage_params p = { .role = ROLE_PARSE, .target_mount_fd = -1 };
	struct cage_state state;
	AUTO_ERROR err = ERROR_INIT;

	(void)ud;
	HOLDS(cage_enter(&p, &state, &err) == CTR_OK);
	HOLDS(state.seccomp);
	HOLDS(fails(open("/etc/passwd", O_RDONLY | O_CLOEXEC), EPERM));
	return 0;
}

static void test_parse_works_for_a_user(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (geteuid() == 0 &&
		    (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
			_exit(254);
		_exit(try_parse_as_user(NULL));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A minimal system in a folder: '/' is no mount there. */
static void test_a_plain_chroot_is_no_hindrance(void **state)
{
	char dir[] = "/tmp/ctr-cage-XXXXXX";
	char tmp[64];
	int status = 0;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	snprintf(tmp, sizeof(tmp), "%s/tmp", dir);
	assert_int_equal(mkdir(tmp, 0755), 0);

	pid_t pid = fork();
	if (pid == 0) {
		struct cage_params p = { .role = ROLE_PARSE, .target_mount_fd = -1 };
		struct cage_state cage;
		AUTO_ERROR err = ERROR_INIT;

		if (chroot(dir) < 0 || chdir("/") < 0 || cage_enter(&p, &cage, &err) != CTR_OK)
			_exit(255);
		_exit(cage.mount_namespace ? try_parse(NULL) : 254);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(path_remove_tree(AT_FDCWD, dir), 0);
	assert_int_equal(status, 0);
}

static int try_fetch(void *ud)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = 1,
				  .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
	char *const *paths = ud;
	int hole = try_forbidden(NULL);

	if (hole)
		return hole;
	HOLDS(getuid() == 65534 && getgid() == 65534);
	HOLDS(fails(open("/etc/passwd", O_RDONLY | O_CLOEXEC), ENOENT));
	HOLDS(fails(open("/root", O_RDONLY | O_CLOEXEC), ENOENT));
	HOLDS(fails(open("/proc/self/maps", O_RDONLY | O_CLOEXEC), ENOENT));
	HOLDS(fails(open("/made", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0));
	int hosts = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
	HOLDS(hosts >= 0);
	HOLDS(fails(open("/etc/hosts", O_WRONLY | O_CLOEXEC), 0));
	/* a key that only root may read outside */
	char text[8] = "";
	int key = open(paths[0], O_RDONLY | O_CLOEXEC);
	HOLDS(key >= 0 && read(key, text, sizeof(text)) == 3 && memcmp(text, "key", 3) == 0);
	HOLDS(fails(open(paths[1], O_RDONLY | O_CLOEXEC), ENOENT));
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	HOLDS(s >= 0 && fails(connect(s, (struct sockaddr *)&to, sizeof(to)), ECONNREFUSED));
	return 0;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void test_fetch_sees_what_it_needs(void **state)
{
	char dir[] = "/tmp/ctr-cage-XXXXXX";
	char hosts[64], host[80], key[100], beside[80];
	char *dirs[] = { hosts, (char *)(uintptr_t) "/nonexistent/certs.d" };
	char *paths[] = { key, beside };
	struct cage_params p = {
		.role = ROLE_FETCH, .target_mount_fd = -1, .hosts_dirs = dirs, .n_hosts_dirs = 2
	};

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	snprintf(hosts, sizeof(hosts), "%s/certs.d", dir);
	snprintf(host, sizeof(host), "%s/reg.example", hosts);
	snprintf(key, sizeof(key), "%s/client.key", host);
	snprintf(beside, sizeof(beside), "%s/secret", dir);
	assert_int_equal(mkdir(hosts, 0700), 0);
	assert_int_equal(mkdir(host, 0700), 0);
	write_file(key, "key");
	write_file(beside, "secret");

	int hole = inside(&p, try_fetch, paths);

	assert_int_equal(path_remove_tree(AT_FDCWD, dir), 0);
	assert_int_equal(hole, 0);
}

static int try_unpack(void *ud)
{
	struct stat st;
	int hole = try_forbidden(NULL);

	(void)ud;
	if (hole)
		return hole;
	HOLDS(fails(open("/etc/passwd", O_RDONLY | O_CLOEXEC), ENOENT));
	HOLDS(fails(open("/../../etc/passwd", O_RDONLY | O_CLOEXEC), ENOENT));
	HOLDS(fails(socket(AF_INET, SOCK_STREAM, 0), EPERM));
	HOLDS(stat("/inside", &st) == 0);
	HOLDS(mknod("/wh", S_IFCHR, makedev(0, 0)) == 0);
	HOLDS(mknod("/null", S_IFCHR | 0666, makedev(1, 3)) == 0);
	HOLDS(fails(open("/null", O_RDONLY | O_CLOEXEC), EACCES)); /* nodev */
	int fd = open("/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	HOLDS(fd >= 0 && fchown(fd, 1000, 1000) == 0 && fchmod(fd, 04755) == 0);
	HOLDS(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 04755);
	HOLDS(mkdir("/dir", 0755) == 0 && link("/file", "/dir/link") == 0);
	HOLDS(fails(setxattr("/dir", "trusted.overlay.opaque", "y", 1, 0), EPERM));
	return 0;
}

/* dir holds nothing */
static void unpack_below(const char *dir)
{
	char in[64];
	uint64_t id = 0;
	AUTO_ERROR err = ERROR_INIT;
	int mount_fd = -1;

	snprintf(in, sizeof(in), "%s/inside", dir);
	write_file(in, "x");
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(worker_target_open(dir_fd, &mount_fd, &id, &err), CTR_OK);
	struct cage_params p = { .role = ROLE_UNPACK, .target_mount_fd = mount_fd };

	int hole = inside(&p, try_unpack, NULL);

	/* only a descriptor of the target's own mount passes */
	assert_int_equal(worker_target_check(dir_fd, id), -EPERM);
	assert_int_equal(worker_target_check(mount_fd, id), 0);
	close(mount_fd);
	close(dir_fd);
	assert_int_equal(hole, 0);
}

static void test_unpack_has_its_target_alone(void **state)
{
	char dir[] = "/tmp/ctr-cage-XXXXXX";

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	unpack_below(dir);
	assert_int_equal(path_remove_tree(AT_FDCWD, dir), 0);
}

/* As under systemd, which shares all mounts. */
static void test_unpack_on_a_shared_mount(void **state)
{
	char dir[] = "/tmp/ctr-cage-XXXXXX";

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mount("test", dir, "tmpfs", 0, "size=1m"), 0);
	assert_int_equal(mount(NULL, dir, NULL, MS_SHARED, NULL), 0);
	unpack_below(dir);
	assert_int_equal(umount(dir), 0);
	assert_int_equal(rmdir(dir), 0);
}

static int try_compare(void *ud)
{
	struct stat st;
	int dir = *(int *)ud;
	int hole = try_forbidden(NULL);

	if (hole)
		return hole;
	HOLDS(fails(open("/etc/passwd", O_RDONLY | O_CLOEXEC), ENOENT));
	HOLDS(fails(socket(AF_INET, SOCK_STREAM, 0), EPERM));
	HOLDS(fstatat(dir, "inside", &st, 0) == 0);
	int fd = openat(dir, "inside", O_RDONLY | O_CLOEXEC);
	HOLDS(fd >= 0);
	HOLDS(fails(openat(dir, "made", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0));
	HOLDS(fails(unlinkat(dir, "inside", 0), EPERM));
	return 0;
}

static void test_compare_only_reads(void **state)
{
	char dir[] = "/tmp/ctr-cage-XXXXXX";
	char in[64];
	struct cage_params p = { .role = ROLE_COMPARE, .target_mount_fd = -1 };

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	snprintf(in, sizeof(in), "%s/inside", dir);
	write_file(in, "x");
	assert_int_equal(chmod(in, 0), 0);
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	int hole = inside(&p, try_compare, &dir_fd);

	close(dir_fd);
	assert_int_equal(path_remove_tree(AT_FDCWD, dir), 0);
	assert_int_equal(hole, 0);
}

int main(void)
{
	/* valgrind cannot follow into a cage */
	if (syscall(SYS_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS)
		return 0;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_has_nothing),
		cmocka_unit_test(test_parse_works_for_a_user),
		cmocka_unit_test(test_a_plain_chroot_is_no_hindrance),
		cmocka_unit_test(test_fetch_sees_what_it_needs),
		cmocka_unit_test(test_unpack_has_its_target_alone),
		cmocka_unit_test(test_unpack_on_a_shared_mount),
		cmocka_unit_test(test_compare_only_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
