/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees as descriptors: option words, binds, overlays with more layers than a page names, and the
 * way of old kernels. The mounting needs root; without it those tests are skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "core/host/internal.h"
#include "tests/unit/core/tree.h"

#define LAYERS 130

struct place {
	char dir[80];
};

static int place_new(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	/* A long name, so that the lower directories of an overlay fill more than a page. */
	strcpy(p->dir, "/tmp/ctr-mount-with-a-name-of-some-length-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	*state = p;
	return 0;
}

static int place_free(void **state)
{
	struct place *p = *state;

	assert_int_equal(tree_remove(p->dir), 0);
	free(p);
	return 0;
}

static char *sub(const struct place *p, const char *name)
{
	char *path = str_printf("%s/%s", p->dir, name);

	(void)mkdir(path, 0755);
	return path;
}

static void put(const char *dir, const char *name)
{
	int d = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(d >= 0);
	assert_int_equal(io_write_file(d, name, name, strlen(name), 0644, 0), 0);
	close(d);
}

static int has(int tree, const char *name)
{
	return faccessat(tree, name, F_OK, 0) == 0;
}

/* Root, and not under valgrind, which knows none of the calls. */
static int can_mount(void)
{
	AUTO_CLOSE int fd = open_tree(AT_FDCWD, "/", OPEN_TREE_CLOEXEC);

	return geteuid() == 0 && fd >= 0;
}

/* Mounts of this process that mention the test's folder: there must never be one. */
static int is_mounted(const struct place *p)
{
	AUTO_FREE char *text = NULL;

	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &text, NULL), 0);
	return strstr(text, p->dir) != NULL;
}

static void words_become_flags(void **state)
{
	static const char *const options[] = { "rbind",   "ro",        "nosuid",  "suid",
					       "nodev",   "relatime",  "noatime", "sync",
					       "size=4m", "userxattr", "defaults" };
	const struct ctr_mount m = { "tmpfs", "x", "", options, ARRAY_SIZE(options) };
	const char *data[ARRAY_SIZE(options)];
	struct mount_words w;

	(void)state;
	assert_int_equal(mount_words_read(&m, data, &w, NULL), CTR_OK);
	assert_true(w.bind && w.recursive && w.read_only);
	assert_true(w.set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME));
	assert_true(w.clear & MOUNT_ATTR_NOSUID);
	assert_true(w.clear & MOUNT_ATTR__ATIME);
	assert_int_equal(w.n_data, 3);
	assert_string_equal(w.data[0], "sync");
	assert_string_equal(w.data[1], "size=4m");
	assert_string_equal(w.data[2], "userxattr");
	assert_true((w.flags & (MS_RDONLY | MS_SYNCHRONOUS | MS_NOSUID)) ==
		    (MS_RDONLY | MS_SYNCHRONOUS));
}

static void what_needs_the_manager_says_so(void **state)
{
	static const char *const words[] = { "loop", "X-containerd.mkfs.fs=ext4", "uidmap=0:1:1",
					     "remount" };
	static const char *const types[] = { "fuse.sshfs", "fuse3.x", "format/overlay",
					     "mkdir/overlay" };
	const struct ctr_mount two[2] = { { "bind", "/", "", NULL, 0 },
					  { "bind", "/", "x", NULL, 0 } };
	AUTO_ERROR err = ERROR_INIT;
	int fd = -77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const struct ctr_mount m = { "bind", "/tmp", "", &words[i], 1 };

		assert_int_equal(mount_tree_open(&m, 1, "/tmp", &fd, &err), CTR_UNIMPLEMENTED);
		assert_non_null(strstr(error_text(&err), words[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct ctr_mount m = { types[i], "/tmp", "", NULL, 0 };

		assert_int_equal(mount_tree_open(&m, 1, "/tmp", &fd, &err), CTR_UNIMPLEMENTED);
	}
	assert_int_equal(mount_tree_open(two, 2, "/tmp", &fd, &err), CTR_UNIMPLEMENTED);
	assert_int_equal(mount_tree_open(two, 0, "/tmp", &fd, &err), CTR_INVALID_ARGUMENT);
	assert_int_equal(fd, -77); /* written only on success */
}

static void a_bind_is_a_tree(void **state)
{
	static const char *const options[] = { "rbind", "ro" };
	const struct place *p = *state;
	struct ctr_mount m = { "bind", NULL, "", options, 2 };
	AUTO_FREE char *dir = NULL;
	AUTO_ERROR err = ERROR_INIT;
	AUTO_CLOSE int tree = -1;

	if (!can_mount())
		skip();
	dir = sub(p, "src");
	m.source = dir;
	put(dir, "file");
	if (mount_tree_open(&m, 1, p->dir, &tree, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	assert_true(has(tree, "file"));
	assert_int_equal(mkdirat(tree, "new", 0755), -1);
	assert_int_equal(errno, EROFS);
	assert_false(is_mounted(p));
}

/* What a mount of so many layers looks like; strings are freed by overlay_done. */
struct overlay {
	char *words[3];
	struct ctr_mount mount;
};

static void overlay_make(const struct place *p, struct overlay *ov, int layers)
{
	AUTO_BUF lower = BUF_INIT(1 << 20);
	AUTO_FREE char *upper = sub(p, "upper");
	AUTO_FREE char *work = sub(p, "work");

	buf_puts(&lower, "lowerdir=");
	for (int i = 0; i < layers; i++) {
		AUTO_FREE char *name = str_printf("layer%d", i);
		AUTO_FREE char *dir = sub(p, name);

		put(dir, name);
		buf_printf(&lower, "%s%s", i > 0 ? ":" : "", dir);
	}
	ov->words[0] = str_printf("workdir=%s", work);
	ov->words[1] = str_printf("upperdir=%s", upper);
	ov->words[2] = buf_take(&lower, NULL);
	ov->mount =
		(struct ctr_mount){ "overlay", "overlay", "", (const char *const *)ov->words, 3 };
}

static void overlay_done(struct overlay *ov)
{
	for (size_t i = 0; i < ARRAY_SIZE(ov->words); i++)
		free(ov->words[i]);
}

static void check_overlay(const struct place *p, int tree, int layers)
{
	AUTO_FREE char *last = str_printf("layer%d", layers - 1);
	AUTO_FREE char *path = str_printf("%s/upper/new", p->dir);
	struct stat st;

	assert_true(has(tree, "layer0"));
	assert_true(has(tree, last));
	assert_int_equal(mkdirat(tree, "new", 0755), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_false(is_mounted(p));
}

static void overlays_of_many_layers(void **state)
{
	const struct place *p = *state;
	AUTO_ERROR err = ERROR_INIT;
	AUTO_CLOSE int tree = -1;
	struct overlay ov;

	if (!can_mount())
		skip();
	overlay_make(p, &ov, LAYERS);
	assert_true(strlen(ov.words[2]) > 4096);
	if (mount_tree_open(&ov.mount, 1, p->dir, &tree, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	check_overlay(p, tree, LAYERS);
	overlay_done(&ov);
}

static void old_kernels_take_another_way(void **state)
{
	const struct place *p = *state;
	AUTO_FREE char *scratch = NULL;
	AUTO_ERROR err = ERROR_INIT;
	AUTO_CLOSE int tree = -1;
	const char *data[3];
	struct mount_words w;
	struct overlay ov;

	if (!can_mount())
		skip();
	scratch = sub(p, "scratch");
	overlay_make(p, &ov, LAYERS);
	assert_int_equal(mount_words_read(&ov.mount, data, &w, NULL), CTR_OK);
	if (mount_old_overlay(&ov.mount, &w, scratch, &tree, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	check_overlay(p, tree, LAYERS);
	overlay_done(&ov);
}

static void failures_name_the_cause(void **state)
{
	static const char *const options[] = { "lowerdir=/nowhere/at/all", "frobnicate=1" };
	const struct ctr_mount missing = { "overlay", "overlay", "", options, 1 };
	const struct ctr_mount odd = { "overlay", "overlay", "", options + 1, 1 };
	const struct ctr_mount unknown = { "nosuchfs", "x", "", NULL, 0 };
	const struct ctr_mount bind = { "bind", "/nowhere/at/all", "", NULL, 0 };
	AUTO_ERROR err = ERROR_INIT;
	int fd;

	(void)state;
	if (!can_mount())
		skip();
	assert_int_equal(mount_tree_open(&missing, 1, "/tmp", &fd, &err), CTR_NOT_FOUND);
	assert_non_null(strstr(error_text(&err), "mount overlay 'overlay'"));
	assert_int_equal(mount_tree_open(&odd, 1, "/tmp", &fd, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), "frobnicate"));
	assert_int_equal(mount_tree_open(&unknown, 1, "/tmp", &fd, &err), CTR_UNKNOWN);
	assert_non_null(strstr(error_text(&err), "file system type 'nosuchfs'"));
	assert_int_equal(mount_tree_open(&bind, 1, "/tmp", &fd, &err), CTR_NOT_FOUND);
	assert_string_equal(error_text(&err), "bind '/nowhere/at/all': No such file or directory");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_new, place_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_flags),
		cmocka_unit_test(what_needs_the_manager_says_so),
		TEST(a_bind_is_a_tree),
		TEST(overlays_of_many_layers),
		TEST(old_kernels_take_another_way),
		cmocka_unit_test(failures_name_the_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
