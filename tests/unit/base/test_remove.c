/* SPDX-License-Identifier: Apache-2.0
 *
 * Removal of trees: what is in them goes, what they point to or what is mounted in them stays.
 */
#include "temp.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/path.h"

/* A chain of directories named name below name, the last of which holds a file. */
static void make_chain(const struct temp *t, const char *name, int depth)
{
	int at = fd_dup(t->fd);

	for (int i = 0; i < depth; i++) {
		assert_int_equal(mkdirat(at, name, 0700), 0);
		int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(openat(at, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	close(at);
}

static void removes_files_and_trees(void **state)
{
	const struct temp *t = *state;
	char name[32];

	temp_write(t, "file", "x");
	ok(mkdirat(t->fd, "empty", 0700));
	ok(mkdirat(t->fd, "wide", 0700));
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "wide/f%d", i);
		temp_write(t, name, "x");
		snprintf(name, sizeof(name), "wide/d%d", i);
		ok(mkdirat(t->fd, name, 0));
		snprintf(name, sizeof(name), "wide/d%d/x", i);
		ok(mkfifoat(t->fd, name, 0600));
	}
	assert_int_equal(path_remove_tree(t->fd, "file"), 0);
	assert_int_equal(path_remove_tree(t->fd, "empty"), 0);
	assert_int_equal(path_remove_tree(t->fd, "wide"), 0);
	assert_int_equal(path_remove_tree(t->fd, "missing"), 0);
	assert_false(temp_has(t, "file"));
	assert_false(temp_has(t, "empty"));
	assert_false(temp_has(t, "wide"));
}

static void symlinks_are_not_followed(void **state)
{
	const struct temp *t = *state;

	ok(mkdirat(t->fd, "keep", 0700));
	temp_write(t, "keep/file", "x");
	ok(mkdirat(t->fd, "tree", 0700));
	ok(symlinkat("../keep", t->fd, "tree/link"));
	ok(symlinkat("keep", t->fd, "link"));
	assert_int_equal(path_remove_tree(t->fd, "tree"), 0);
	assert_int_equal(path_remove_tree(t->fd, "link"), 0);
	assert_false(temp_has(t, "tree"));
	assert_false(temp_has(t, "link"));
	assert_true(temp_has(t, "keep/file"));
}

static void only_one_component_below_a_descriptor(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "a/", "/", "../x", "a/.." };
	const struct temp *t = *state;
	char path[128];

	ok(mkdirat(t->fd, "a", 0700));
	ok(mkdirat(t->fd, "a/b", 0700));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(path_remove_tree(t->fd, bad[i]), -EINVAL);
	assert_true(temp_has(t, "a/b"));
	assert_int_equal(path_remove_tree(AT_FDCWD, "/"), -EINVAL);
	snprintf(path, sizeof(path), "%s/a", t->path);
	assert_int_equal(path_remove_tree(AT_FDCWD, path), 0);
	assert_false(temp_has(t, "a"));
	snprintf(path, sizeof(path), "%s/none/a", t->path);
	assert_int_equal(path_remove_tree(AT_FDCWD, path), 0);
}

static void any_depth_with_few_descriptors(void **state)
{
	const struct temp *t = *state;
	struct rlimit old, low;
	int before = count_fds(), r;

	make_chain(t, "d", 3000); /* with longer names this is beyond PATH_MAX */
	make_chain(t, "a-name-of-a-good-length", 400);
	ok(mkdirat(t->fd, "d/d/side", 0700));
	temp_write(t, "d/d/side/f", "x");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)before + 80;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	r = path_remove_tree(t->fd, "d");
	if (r == 0)
		r = path_remove_tree(t->fd, "a-name-of-a-good-length");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(r, 0);
	assert_false(temp_has(t, "d"));
	assert_false(temp_has(t, "a-name-of-a-good-length"));
	assert_int_equal(count_fds(), before);
}

static void bushes_far_down(void **state)
{
	const struct temp *t = *state;
	int at;

	make_chain(t, "d", 60);
	at = fd_dup(t->fd);
	for (int i = 0; i < 60; i++) {
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		close(at);
		at = next;
		for (char c = 'p'; c <= 't'; c++) {
			char name[4] = { c, '\0' };

			assert_int_equal(mkdirat(at, name, 0700), 0);
			name[1] = '/';
			name[2] = 'x';
			name[3] = '\0';
			assert_int_equal(mkdirat(at, name, 0700), 0);
		}
	}
	close(at);
	assert_int_equal(path_remove_tree(t->fd, "d"), 0);
	assert_false(temp_has(t, "d"));
}

static int in_own_mounts(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
}

static void mounts_stay(void **state)
{
	const struct temp *t = *state;
	char path[160], from[160];

	if (!in_own_mounts())
		skip();
	ok(mkdirat(t->fd, "keep", 0700));
	temp_write(t, "keep/file", "x");
	ok(mkdirat(t->fd, "tree", 0700));
	ok(mkdirat(t->fd, "tree/a", 0700));
	temp_write(t, "tree/a/gone", "x");
	ok(mkdirat(t->fd, "tree/a/mnt", 0700));
	temp_write(t, "tree/z", "x");
	/* A bind mount has the same device: only the mount differs. */
	snprintf(from, sizeof(from), "%s/keep", t->path);
	snprintf(path, sizeof(path), "%s/tree/a/mnt", t->path);
	assert_int_equal(mount(from, path, "none", MS_BIND, NULL), 0);
	assert_int_equal(path_remove_tree(t->fd, "tree"), -EBUSY);
	assert_true(temp_has(t, "keep/file"));
	assert_false(temp_has(t, "tree/a/gone")); /* the rest is gone */
	assert_false(temp_has(t, "tree/z"));
	assert_int_equal(umount2(path, MNT_DETACH), 0);

	snprintf(path, sizeof(path), "%s/tree", t->path);
	assert_int_equal(mount(from, path, "none", MS_BIND, NULL), 0);
	assert_int_equal(path_remove_tree(t->fd, "tree"), -EBUSY);
	assert_true(temp_has(t, "keep/file"));
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_int_equal(path_remove_tree(t->fd, "tree"), 0);
}

static void mounts_far_down_stay(void **state)
{
	const struct temp *t = *state;
	char from[160], path[512];
	size_t n;

	if (!in_own_mounts())
		skip();
	ok(mkdirat(t->fd, "keep", 0700));
	temp_write(t, "keep/file", "x");
	make_chain(t, "d", 50);
	snprintf(from, sizeof(from), "%s/keep", t->path);
	n = (size_t)snprintf(path, sizeof(path), "%s", t->path);
	for (int i = 0; i < 50; i++)
		n += (size_t)snprintf(path + n, sizeof(path) - n, "/d");
	assert_int_equal(mount(from, path, "none", MS_BIND, NULL), 0);
	assert_int_equal(path_remove_tree(t->fd, "d"), -EBUSY);
	assert_true(temp_has(t, "keep/file"));
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_int_equal(path_remove_tree(t->fd, "d"), 0);
	assert_false(temp_has(t, "d"));
}

static void what_can_go_goes_beside_a_failure(void **state)
{
	const struct temp *t = *state;
	pid_t pid;
	int status;

	if (geteuid() != 0)
		skip();
	assert_int_equal(fchmodat(AT_FDCWD, t->path, 0777, 0), 0);
	ok(mkdirat(t->fd, "tree", 0777));
	ok(fchmodat(t->fd, "tree", 0777, 0));
	mkdirat(t->fd, "tree/locked", 0755); /* root's: another user cannot empty it */
	temp_write(t, "tree/locked/file", "x");
	temp_write(t, "tree/free", "x");
	pid = fork();
	if (pid == 0)
		_exit(setuid(1000) < 0 ? 99 : -path_remove_tree(t->fd, "tree"));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), EACCES);
	assert_true(temp_has(t, "tree/locked/file"));
	assert_false(temp_has(t, "tree/free"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMP_CASE(removes_files_and_trees),
		TEMP_CASE(symlinks_are_not_followed),
		TEMP_CASE(only_one_component_below_a_descriptor),
		TEMP_CASE(any_depth_with_few_descriptors),
		TEMP_CASE(bushes_far_down),
		TEMP_CASE(mounts_stay),
		TEMP_CASE(mounts_far_down_stay),
		TEMP_CASE(what_can_go_goes_beside_a_failure),
	};

	if (unsupported(path_open(AT_FDCWD, "none", PATH_BENEATH, O_PATH, 0)))
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
