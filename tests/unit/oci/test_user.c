/* SPDX-License-Identifier: Apache-2.0
 *
 * Users and groups by a root file system's files, and files that try to lead out of it.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/user.h"
#include "status/status.h"

struct root {
	char path[64];
	int fd;
};

static int setup(void **state)
{
	struct root *r = calloc(1, sizeof(*r));

	memcpy(r->path, "/tmp/ctr-user-XXXXXX", 21);
	if (!mkdtemp(r->path))
		return -1;
	r->fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = r;
	return r->fd < 0 ? -1 : mkdirat(r->fd, "etc", 0755);
}

static int teardown(void **state)
{
	struct root *r = *state;
	int bad;

	/* not path_remove_tree(): valgrind does not know openat2 */
	(void)unlinkat(r->fd, "etc/passwd", 0);
	(void)unlinkat(r->fd, "etc/group", 0);
	(void)unlinkat(r->fd, "etc/real", 0);
	bad = unlinkat(r->fd, "etc", AT_REMOVEDIR) | rmdir(r->path);
	close(r->fd);
	free(r);
	return bad;
}

/* The test needs openat2. */
static struct root *need_root(void **state)
{
	struct root *r = *state;
	int fd = path_open(r->fd, "etc", PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, 0);

	if (fd == -ENOSYS)
		skip();
	fd_close(&fd);
	return r;
}

static void put(struct root *r, const char *path, const char *text)
{
	int fd = openat(r->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
	close(fd);
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# comment:x:1:1::/:\n"
			     "short:x\n"
			     "app:x:1000:1000:App:/home/app:/bin/sh\n"
			     "huge:x:4294967296:5:::\n"
			     "neg:x:-1:5:::\n"
			     "over:x:2147483648:5:::\n"
			     "hexy:x:0x10:5:::\n"
			     "nogid:x:5::::\n"
			     "last:x:7:8::/:";
static const char group[] = "root:x:0:\n"
			    "app:x:1000:\n"
			    "wheel:x:10:root,app\n"
			    "audio:x:63:application,app\n"
			    "video:x:64:xapp,app2\n"
			    "bad:x:99999999999:last\n";

static void resolves(void **state)
{
	static const struct {
		const char *spec;
		ctr_code code;
		uint32_t uid, gid;
		size_t n_groups;
	} cases[] = {
		{ "", CTR_OK, 0, 0, 1 },
		{ "root", CTR_OK, 0, 0, 1 },
		{ "app", CTR_OK, 1000, 1000, 2 },
		{ "1000", CTR_OK, 1000, 1000, 2 },
		{ "app:", CTR_OK, 1000, 1000, 2 },
		{ "app:wheel", CTR_OK, 1000, 10, 0 },
		{ "app:5", CTR_OK, 1000, 5, 0 },
		{ "4242", CTR_OK, 4242, 0, 0 },
		{ "4242:audio", CTR_OK, 4242, 63, 0 },
		{ "2147483647:2147483647", CTR_OK, 2147483647, 2147483647, 0 },
		{ "nobody", CTR_NOT_FOUND, 0, 0, 0 },
		{ "app:nogroup", CTR_NOT_FOUND, 0, 0, 0 },
		{ "2147483648", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "4294967296", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "99999999999999999999", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "0:4294967296", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "-1", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "1:-1", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "a:b:c", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "huge", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "neg", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "over", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "hexy", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "nogid", CTR_INVALID_ARGUMENT, 0, 0, 0 },
		{ "last", CTR_INVALID_ARGUMENT, 0, 0, 0 }, /* in a group with a broken number */
		{ "last:app", CTR_OK, 7, 1000, 0 },
		{ "0:bad", CTR_INVALID_ARGUMENT, 0, 0, 0 },
	};
	struct root *r = need_root(state);

	put(r, "etc/passwd", passwd);
	put(r, "etc/group", group);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct oci_user u = { .uid = 77 };
		AUTO_ERROR err = ERROR_INIT;
		ctr_code code = oci_user_resolve(r->fd, cases[i].spec, NULL, &u, &err);

		if (code != cases[i].code)
			fail_msg("'%s' gave %d: %s", cases[i].spec, code, error_text(&err));
		if (code != CTR_OK) {
			assert_int_equal(u.uid, 77);
			continue;
		}
		assert_int_equal(u.uid, cases[i].uid);
		assert_int_equal(u.gid, cases[i].gid);
		assert_int_equal(u.n_groups, cases[i].n_groups);
		oci_user_done(&u);
	}
}

static void adds_groups(void **state)
{
	struct root *r = need_root(state);
	char wheel[] = "wheel", number[] = "77", again[] = "10";
	char *adds[] = { wheel, number, again, NULL };
	struct oci_user u;

	put(r, "etc/group", group);
	assert_int_equal(oci_user_resolve(r->fd, "5:6", adds, &u, NULL), CTR_OK);
	assert_int_equal(u.n_groups, 2);
	assert_int_equal(u.groups[0], 10);
	assert_int_equal(u.groups[1], 77);
	oci_user_done(&u);
}

static void no_files_at_all(void **state)
{
	struct root *r = need_root(state);
	struct oci_user u;

	assert_int_equal(oci_user_resolve(r->fd, "12", NULL, &u, NULL), CTR_OK);
	assert_int_equal(u.uid, 12);
	oci_user_done(&u);
	assert_int_equal(oci_user_resolve(r->fd, "root", NULL, &u, NULL), CTR_NOT_FOUND);
}

static void links_stay_inside(void **state)
{
	struct root *r = need_root(state);
	struct oci_user u;

	/* absolute and climbing links mean the container's root, where these files are absent */
	assert_int_equal(symlinkat("/etc/hostname", r->fd, "etc/passwd"), 0);
	assert_int_equal(oci_user_resolve(r->fd, "root", NULL, &u, NULL), CTR_NOT_FOUND);
	put(r, "etc/real", "root:x:3:4::/:\n");
	assert_int_equal(unlinkat(r->fd, "etc/passwd", 0), 0);
	assert_int_equal(symlinkat("../../../../etc/real", r->fd, "etc/passwd"), 0);
	assert_int_equal(oci_user_resolve(r->fd, "root", NULL, &u, NULL), CTR_OK);
	assert_int_equal(u.uid, 3);
	oci_user_done(&u);
}

static void odd_files_are_refused(void **state)
{
	struct root *r = need_root(state);
	struct oci_user u;
	int fd;

	assert_int_equal(mkfifoat(r->fd, "etc/passwd", 0644), 0);
	assert_int_equal(oci_user_resolve(r->fd, "root", NULL, &u, NULL), CTR_FAILED_PRECONDITION);
	assert_int_equal(unlinkat(r->fd, "etc/passwd", 0), 0);
	fd = openat(r->fd, "etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, 2 * 1024 * 1024), 0);
	close(fd);
	assert_int_not_equal(oci_user_resolve(r->fd, "root", NULL, &u, NULL), CTR_OK);
}

static void trivial_needs_no_files(void **state)
{
	char wheel[] = "wheel";
	char *adds[] = { wheel, NULL };
	struct oci_user u;

	(void)state;
	assert_true(oci_user_trivial("", NULL, &u));
	assert_true(oci_user_trivial(NULL, NULL, &u));
	assert_true(oci_user_trivial("0", NULL, &u));
	assert_true(oci_user_trivial("5:6", NULL, &u));
	assert_int_equal(u.gid, 6);
	assert_false(oci_user_trivial("5", NULL, &u));
	assert_false(oci_user_trivial("root", NULL, &u));
	assert_false(oci_user_trivial("5:4294967296", NULL, &u));
	assert_false(oci_user_trivial("0", adds, &u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(resolves, setup, teardown),
		cmocka_unit_test_setup_teardown(adds_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(no_files_at_all, setup, teardown),
		cmocka_unit_test_setup_teardown(links_stay_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_files_are_refused, setup, teardown),
		cmocka_unit_test(trivial_needs_no_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
