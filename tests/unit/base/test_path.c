/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths below a descriptor, however hostile; our own directories; trusted paths.
 */
#include "temp.h"

#include "base/fd.h"
#include "base/macros.h"
#include "base/path.h"

/* root/ with a/b/c, file, and symlinks that point everywhere; beside it outside/. */
static int tree_up(void **state)
{
	struct temp *t;

	if (temp_up(state) != 0)
		return -1;
	t = *state;
	ok(mkdirat(t->fd, "outside", 0755));
	ok(mkdirat(t->fd, "root", 0755));
	ok(mkdirat(t->fd, "root/a", 0755));
	ok(mkdirat(t->fd, "root/a/b", 0755));
	temp_write(t, "root/a/b/c", "c");
	temp_write(t, "outside/secret", "s");
	ok(symlinkat("../outside", t->fd, "root/out"));
	ok(symlinkat("/a/b", t->fd, "root/abs"));
	ok(symlinkat("a/b", t->fd, "root/rel"));
	ok(symlinkat("nowhere", t->fd, "root/dangling"));
	ok(symlinkat("loop", t->fd, "root/loop"));
	return 0;
}

#define TREE_CASE(fn) cmocka_unit_test_setup_teardown(fn, tree_up, temp_down)

static int open_root(const struct temp *t)
{
	return openat(t->fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void beneath_never_leaves(void **state)
{
	static const struct {
		const char *path;
		int r; /* 0: opens */
	} cases[] = {
		{ "a/b/c", 0 },
		{ "rel/c", 0 },
		{ "a/../a/b/c", 0 },
		{ "..", -EXDEV },
		{ "a/../../outside/secret", -EXDEV },
		{ "/a", -EXDEV },
		{ "out/secret", -EXDEV },
		{ "abs/c", -EXDEV },
		{ "dangling", -ENOENT },
		{ "loop", -ELOOP },
		{ "", -ENOENT },
		{ "a/b/c/d", -ENOTDIR },
	};
	AUTO_CLOSE int root = open_root(*state);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_CLOSE int fd = path_open(root, cases[i].path, PATH_BENEATH, O_RDONLY, 0);

		assert_int_equal(MIN(fd, 0), cases[i].r);
		if (fd >= 0)
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
}

static void in_root_stays_inside(void **state)
{
	AUTO_CLOSE int root = open_root(*state);
	AUTO_CLOSE int abs = path_open(root, "/abs/c", PATH_IN_ROOT, O_RDONLY, 0);
	AUTO_CLOSE int up = path_open(root, "../../../a/b/c", PATH_IN_ROOT, O_RDONLY, 0);

	assert_true(abs >= 0 && up >= 0);
	assert_int_equal(path_open(root, "out/secret", PATH_IN_ROOT, O_RDONLY, 0), -ENOENT);
	assert_int_equal(path_open(root, "rel/c", PATH_IN_ROOT | PATH_NO_SYMLINKS, O_RDONLY, 0),
			 -ELOOP);
	assert_int_equal(path_open(root, "rel/c", PATH_BENEATH | PATH_NO_SYMLINKS, O_RDONLY, 0),
			 -ELOOP);
}

static void magic_links_are_refused(void **state)
{
	AUTO_CLOSE int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(path_open(proc, "exe", PATH_IN_ROOT, O_RDONLY, 0), -ELOOP);
	assert_true(path_open(proc, "exe", PATH_BENEATH, O_RDONLY, 0) < 0);
}

static void the_way_must_be_named(void **state)
{
	(void)state;
	assert_int_equal(path_open(AT_FDCWD, ".", 0, O_RDONLY, 0), -EINVAL);
	assert_int_equal(path_open(AT_FDCWD, ".", PATH_NO_SYMLINKS, O_RDONLY, 0), -EINVAL);
	assert_int_equal(path_open(AT_FDCWD, ".", PATH_BENEATH | PATH_IN_ROOT, O_RDONLY, 0),
			 -EINVAL);
	assert_int_equal(path_open(AT_FDCWD, ".", PATH_BENEATH | 64, O_RDONLY, 0), -EINVAL);
}

static void open_may_create(void **state)
{
	const struct temp *t = *state;
	AUTO_CLOSE int root = open_root(t);
	AUTO_CLOSE int fd =
		path_open(root, "a/new", PATH_BENEATH, O_WRONLY | O_CREAT | O_EXCL, 0600);
	AUTO_CLOSE int plain =
		path_open(root, "a", PATH_BENEATH, O_RDONLY, 0600); /* mode without use */

	assert_true(fd >= 0 && plain >= 0);
	assert_true(temp_has(t, "root/a/new"));
}

static void parent_and_name(void **state)
{
	static const struct {
		const char *path, *name;
		int r;
	} cases[] = {
		{ "a/b/c", "c", 0 },           { "top", "top", 0 },
		{ "a//new", "new", 0 },        { "rel/c", "c", 0 },
		{ "dangling", "dangling", 0 }, /* the last component is not looked at */
		{ "a/", NULL, -EINVAL },       { "", NULL, -EINVAL },
		{ "a/.", NULL, -EINVAL },      { "..", NULL, -EINVAL },
		{ "none/x", NULL, -ENOENT },   { "a/b/c/x", NULL, -ENOTDIR },
		{ "out/x", NULL, -EXDEV },     { "/x", NULL, -EXDEV },
	};
	AUTO_CLOSE int root = open_root(*state);
	const char *name = NULL;
	char longer[300];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_CLOSE int fd = path_open_parent(root, cases[i].path, PATH_BENEATH, &name);

		assert_int_equal(MIN(fd, 0), cases[i].r);
		if (fd >= 0)
			assert_string_equal(name, cases[i].name);
	}
	AUTO_CLOSE int top = path_open_parent(root, "/x", PATH_IN_ROOT, &name);

	assert_true(top >= 0);
	assert_int_equal(faccessat(top, "a/b/c", F_OK, 0), 0);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(path_open_parent(root, longer, PATH_BENEATH, &name), -ENAMETOOLONG);
}

static void mkdirs_makes_what_is_missing(void **state)
{
	const struct temp *t = *state;
	AUTO_CLOSE int root = open_root(t);
	AUTO_CLOSE int one = path_mkdirs(root, "a/x/y/z", PATH_BENEATH, 0777);
	AUTO_CLOSE int two = path_mkdirs(root, "/abs/q//r/", PATH_IN_ROOT, 0750);
	AUTO_CLOSE int there = path_mkdirs(root, "a/b", PATH_BENEATH, 0700);
	AUTO_CLOSE int self = path_mkdirs(root, ".", PATH_BENEATH, 0700);
	struct stat st;

	assert_true(one >= 0 && two >= 0 && there >= 0 && self >= 0);
	assert_int_equal(fstatat(t->fd, "root/a/x/y", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0777); /* whatever the umask is */
	assert_int_equal(fstatat(t->fd, "root/a/b/q/r", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(fstatat(t->fd, "root/a/b", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755); /* was there */
	assert_int_equal(fstat(one, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
}

static void mkdirs_never_leaves(void **state)
{
	const struct temp *t = *state;
	AUTO_CLOSE int root = open_root(t);
	AUTO_CLOSE int inside = -1;
	char longer[5000];

	assert_int_equal(path_mkdirs(root, "out/x", PATH_BENEATH, 0700), -EXDEV);
	assert_int_equal(path_mkdirs(root, "../x", PATH_BENEATH, 0700), -EXDEV);
	assert_int_equal(path_mkdirs(root, "a/b/c/d", PATH_BENEATH, 0700), -ENOTDIR);
	assert_int_equal(path_mkdirs(root, "a/b/c", PATH_BENEATH, 0700), -ENOTDIR);
	assert_int_equal(path_mkdirs(root, "dangling/x", PATH_BENEATH, 0700), -ENOENT);
	assert_int_equal(path_mkdirs(root, "x", 0, 0700), -EINVAL);
	inside = path_mkdirs(root, "../../x", PATH_IN_ROOT, 0700);
	assert_true(inside >= 0);
	assert_true(temp_has(t, "root/x"));
	assert_false(temp_has(t, "x"));
	assert_false(temp_has(t, "outside/x"));
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(path_mkdirs(root, longer, PATH_BENEATH, 0700), -ENAMETOOLONG);
}

static void own_dir_is_made_and_checked(void **state)
{
	const struct temp *t = *state;
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/./x//y/", t->path);
	AUTO_CLOSE int fd = path_own_dir(path, 0711);
	AUTO_CLOSE int again = path_own_dir(path, 0700);

	assert_true(fd >= 0 && again >= 0);
	assert_int_equal(fstatat(t->fd, "x/y", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(fchmodat(t->fd, "x/y", 0775, 0), 0);
	assert_int_equal(path_own_dir(path, 0700), -EPERM);
	assert_int_equal(fchmodat(t->fd, "x/y", 0702, 0), 0);
	assert_int_equal(path_own_dir(path, 0700), -EPERM);
	assert_int_equal(path_own_dir("relative", 0700), -EINVAL);
	snprintf(path, sizeof(path), "%s/x/../z", t->path);
	assert_int_equal(path_own_dir(path, 0700), -EINVAL);
	temp_write(t, "file", "");
	snprintf(path, sizeof(path), "%s/file", t->path);
	assert_int_equal(path_own_dir(path, 0700), -ENOTDIR);
	snprintf(path, sizeof(path), "%s/file/x", t->path);
	assert_int_equal(path_own_dir(path, 0700), -ENOTDIR);
}

static void own_dir_of_others_is_refused(void **state)
{
	const struct temp *t = *state;
	char path[128];

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdirat(t->fd, "theirs", 0755), 0);
	assert_int_equal(mkdirat(t->fd, "ours", 0700), 0);
	assert_int_equal(fchownat(t->fd, "theirs", 1000, 1000, 0), 0);
	snprintf(path, sizeof(path), "%s/theirs", t->path);
	assert_int_equal(path_own_dir(path, 0700), -EPERM);
	/* A symlink of ours leads on; one that somebody planted does not. */
	assert_int_equal(symlinkat("ours", t->fd, "link"), 0);
	snprintf(path, sizeof(path), "%s/link", t->path);
	AUTO_CLOSE int fd = path_own_dir(path, 0700);

	assert_true(fd >= 0);
	assert_int_equal(fchownat(t->fd, "link", 1000, 1000, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(path_own_dir(path, 0700), -EPERM);
}

static void check(const struct temp *t, const char *name, int r, const char *bad)
{
	char path[256], want[256];
	char *ret_bad = NULL;

	snprintf(path, sizeof(path), "%s/%s", t->path, name);
	assert_int_equal(path_check_trusted(path, &ret_bad), r);
	assert_int_equal(path_check_trusted(path, NULL), r);
	if (bad) {
		snprintf(want, sizeof(want), "%s/%s", t->path, bad);
		assert_string_equal(ret_bad, want);
	} else {
		assert_null(ret_bad);
	}
	free(ret_bad);
}

static void trusted_paths(void **state)
{
	const struct temp *t = *state;

	if (geteuid() != 0)
		skip();
	/* /tmp is everybody's, but sticky and root's. */
	check(t, "root/a/b/c", 0, NULL);
	check(t, "root/./a//b/../b/c", 0, NULL);
	check(t, "root/rel/c", 0, NULL);
	check(t, "root/out/secret", 0, NULL);
	check(t, "root/none/c", -ENOENT, "root/none");
	check(t, "root/loop", -ELOOP, "root/loop");
	check(t, "root/a/b/c/d", -ENOTDIR, "root/a/b/c/d");

	ok(fchmodat(t->fd, "root/a", 0775, 0));
	check(t, "root/a/b/c", -EPERM, "root/a");
	check(t, "root/rel/c", -EPERM, "root/a"); /* by way of the symlink too */
	ok(fchmodat(t->fd, "root/a", 01777, 0));
	check(t, "root/a/b/c", 0, NULL);
	ok(fchmodat(t->fd, "root/a", 0755, 0));
	ok(fchmodat(t->fd, "root/a/b/c", 0646, 0));
	check(t, "root/a/b/c", -EPERM, "root/a/b/c");
	ok(fchmodat(t->fd, "root/a/b/c", 0644, 0));
	ok(fchownat(t->fd, "outside", 1000, 0, 0));
	check(t, "root/out/secret", -EPERM, "root/../outside");
	ok(fchownat(t->fd, "root/rel", 1000, 0, AT_SYMLINK_NOFOLLOW));
	check(t, "root/rel/c", -EPERM, "root/rel");
}

static void trusted_wants_an_absolute_path(void **state)
{
	char *bad = NULL;

	(void)state;
	assert_int_equal(path_check_trusted("bin", &bad), -EINVAL);
	assert_string_equal(bad, "bin");
	free(bad);
	assert_int_equal(path_check_trusted("/", NULL), 0);
	assert_int_equal(path_check_trusted("/bin/sh", NULL), 0); /* /bin is a symlink */
}

static void sync_needs_a_descriptor(void **state)
{
	const struct temp *t = *state;

	assert_int_equal(path_sync_dir(t->fd), 0);
	assert_int_equal(path_sync_dir(-1), -EBADF);
}

static void nothing_leaks(void **state)
{
	const struct temp *t = *state;
	AUTO_CLOSE int root = open_root(t);
	int before = count_fds();
	const char *name;
	char path[128];

	snprintf(path, sizeof(path), "%s/deep/er", t->path);
	for (int i = 0; i < 5; i++) {
		close(path_mkdirs(root, "m/n/o", PATH_IN_ROOT, 0700));
		close(path_open_parent(root, "m/n/o", PATH_IN_ROOT, &name));
		close(path_own_dir(path, 0700));
		path_mkdirs(root, "dangling/x", PATH_IN_ROOT, 0700);
		path_check_trusted("/bin/sh", NULL);
		path_check_trusted("/bin/none", NULL);
	}
	assert_int_equal(count_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_CASE(beneath_never_leaves),
		TREE_CASE(in_root_stays_inside),
		CASE(magic_links_are_refused),
		CASE(the_way_must_be_named),
		TREE_CASE(open_may_create),
		TREE_CASE(parent_and_name),
		TREE_CASE(mkdirs_makes_what_is_missing),
		TREE_CASE(mkdirs_never_leaves),
		TEMP_CASE(own_dir_is_made_and_checked),
		TEMP_CASE(own_dir_of_others_is_refused),
		TREE_CASE(trusted_paths),
		CASE(trusted_wants_an_absolute_path),
		TEMP_CASE(sync_needs_a_descriptor),
		TREE_CASE(nothing_leaks),
	};

	if (unsupported(path_open(AT_FDCWD, "none", PATH_BENEATH, O_PATH, 0)))
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
