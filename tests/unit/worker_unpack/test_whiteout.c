/* SPDX-License-Identifier: Apache-2.0
 *
 * Whiteouts promise: in both conventions what the layers below hold is gone, and what this layer itself
 * holds stays, whether it comes before or after the marker.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "fixture.h"
#include "tarball.h"

#define AUTO_TARBALL(name) AUTO_BUF name = BUF_INIT(TB_MAX)

static int is_whiteout(struct fixture *f, const char *path)
{
	struct stat st = stat_of(f, path);

	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

static void native(struct fixture *f)
{
	fixture_fresh(f);
	f->opt.whiteouts = UNPACK_NATIVE;
	f->opt.opaque = NULL;
}

/* What the parent left: d/{old,sub/old}, e/deep/old, file. */
static void put_parent(struct fixture *f)
{
	assert_int_equal(mkdirat(f->fd, "d", 0755), 0);
	assert_int_equal(mkdirat(f->fd, "d/sub", 0755), 0);
	assert_int_equal(mkdirat(f->fd, "e", 0755), 0);
	assert_int_equal(mkdirat(f->fd, "e/deep", 0755), 0);
	put_text(f, "d/old", "old");
	put_text(f, "d/sub/old", "old");
	put_text(f, "e/deep/old", "old");
	put_text(f, "file", "old");
}

static void overlay_whiteout(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	need_root();
	fixture_fresh(f);
	tb_add(&b, .name = "d/", .type = '5');
	tb_add(&b, .name = "d/.wh.gone", .uid = 4);
	tb_add(&b, .name = ".wh.top");
	tb_add(&b, .name = ".wh.gr\xc3\xbc\xdf");
	tb_end(&b);
	unpacks(f, &b);
	assert_true(is_whiteout(f, "d/gone"));
	assert_true(is_whiteout(f, "top"));
	assert_true(is_whiteout(f, "gr\xc3\xbc\xdf"));
	assert_true(missing(f, ".wh.top"));
	assert_int_equal(stat_of(f, "d/gone").st_uid, 4);
	assert_int_equal(stat_of(f, "d/gone").st_mode & 07777, 0);
	assert_int_equal(f->n_opaque, 0);
}

static void overlay_opaque(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	fixture_fresh(f);
	tb_add(&b, .name = "d/", .type = '5');
	tb_add(&b, .name = "d/before", .data = "1");
	tb_add(&b, .name = "d/.wh..wh..opq");
	tb_add(&b, .name = "d/after", .data = "2");
	tb_add(&b, .name = "implied/x/.wh..wh..opq");
	tb_end(&b);
	unpacks(f, &b);
	assert_true(is_opaque(f, "d"));
	assert_true(is_opaque(f, "implied/x"));
	assert_int_equal(f->n_opaque, 2);
	expect_text(f, "d/before", "1");
	expect_text(f, "d/after", "2");
	assert_true(missing(f, "d/.wh..wh..opq"));

	f->opt.opaque = NULL;
	unpack_fails(f, &b, CTR_FAILED_PRECONDITION, "d/.wh..wh..opq", "opaque");
}

static void overlay_whiteout_and_entry_of_one_name(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	need_root();
	fixture_fresh(f);
	tb_add(&b, .name = "a", .data = "stays");
	tb_add(&b, .name = ".wh.a");
	tb_add(&b, .name = "dir/", .type = '5');
	tb_add(&b, .name = "dir/f", .data = "stays");
	tb_add(&b, .name = ".wh.dir");
	tb_add(&b, .name = ".wh.b");
	tb_add(&b, .name = "b", .data = "new");
	tb_add(&b, .name = ".wh.c");
	tb_add(&b, .name = "c/", .type = '5');
	tb_add(&b, .name = "c/f", .data = "new");
	tb_add(&b, .name = ".wh.twice");
	tb_add(&b, .name = ".wh.twice");
	tb_end(&b);
	unpacks(f, &b);
	expect_text(f, "a", "stays");
	expect_text(f, "dir/f", "stays");
	assert_true(is_opaque(f, "dir"));
	expect_text(f, "b", "new");
	expect_text(f, "c/f", "new");
	assert_true(is_opaque(f, "c"));
	assert_true(is_whiteout(f, "twice"));
}

static void native_whiteout(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	native(f);
	put_parent(f);
	tb_add(&b, .name = "d/.wh.sub");
	tb_add(&b, .name = ".wh.file");
	tb_add(&b, .name = ".wh.never-there");
	tb_add(&b, .name = "e/deep/new", .data = "new");
	tb_add(&b, .name = ".wh.e");
	tb_add(&b, .name = "mine", .data = "mine");
	tb_add(&b, .name = ".wh.mine");
	tb_end(&b);
	unpacks(f, &b);
	assert_true(missing(f, "d/sub"));
	expect_text(f, "d/old", "old");
	assert_true(missing(f, "file"));
	assert_true(missing(f, "e/deep/old"));
	expect_text(f, "e/deep/new", "new");
	expect_text(f, "mine", "mine");
}

static void native_opaque(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	native(f);
	put_parent(f);
	tb_add(&b, .name = "d/", .type = '5');
	tb_add(&b, .name = "d/new", .data = "new");
	tb_add(&b, .name = "d/old", .data = "renewed");
	tb_add(&b, .name = "d/empty/", .type = '5');
	tb_add(&b, .name = "d/hard", .type = '1', .link = "file");
	tb_add(&b, .name = "d/.wh..wh..opq");
	tb_add(&b, .name = "d/late", .data = "late");
	tb_end(&b);
	unpacks(f, &b);
	expect_text(f, "d/new", "new");
	expect_text(f, "d/old", "renewed");
	expect_text(f, "d/late", "late");
	expect_text(f, "d/hard", "old");
	assert_true(S_ISDIR(stat_of(f, "d/empty").st_mode));
	assert_true(missing(f, "d/sub"));
	expect_text(f, "e/deep/old", "old");
}

static void native_opaque_root(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	native(f);
	put_parent(f);
	tb_add(&b, .name = "new", .data = "new");
	tb_add(&b, .name = ".wh..wh..opq");
	tb_end(&b);
	unpacks(f, &b);
	expect_text(f, "new", "new");
	assert_true(missing(f, "d"));
	assert_true(missing(f, "e"));
	assert_true(missing(f, "file"));
}

/* A symlink of the parent under a whiteout is removed, never followed. */
static void native_whiteout_of_a_symlink(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	native(f);
	put_parent(f);
	assert_int_equal(symlinkat("d", f->fd, "link"), 0);
	assert_int_equal(symlinkat("../e", f->fd, "d/link"), 0);
	tb_add(&b, .name = ".wh.link");
	tb_add(&b, .name = "d/.wh..wh..opq");
	tb_end(&b);
	unpacks(f, &b);
	assert_true(missing(f, "link"));
	assert_true(missing(f, "d/link"));
	assert_true(missing(f, "d/old"));
	expect_text(f, "e/deep/old", "old");
}

static void native_replaces_and_keeps(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	native(f);
	put_parent(f);
	tb_add(&b, .name = "d/", .type = '5', .mode = 0700);
	tb_add(&b, .name = "e", .data = "now a file");
	tb_add(&b, .name = "file/", .type = '5');
	tb_end(&b);
	unpacks(f, &b);
	assert_int_equal(stat_of(f, "d").st_mode, S_IFDIR | 0700);
	expect_text(f, "d/old", "old");
	expect_text(f, "e", "now a file");
	assert_true(S_ISDIR(stat_of(f, "file").st_mode));
}

/* A hard link to the parent's file must not be written through when its name is replaced. */
static void native_replacement_is_a_new_file(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	native(f);
	put_parent(f);
	assert_int_equal(linkat(f->fd, "file", f->fd, "other-name", 0), 0);
	tb_add(&b, .name = "file", .data = "new");
	tb_end(&b);
	unpacks(f, &b);
	expect_text(f, "file", "new");
	expect_text(f, "other-name", "old");
}

static void reserved_names(void **state)
{
	static const char *const skipped[] = { ".wh..wh.plnk/1.2", ".wh..wh.aufs",
					       "a/.wh..wh.orph/x" };
	static const char *const bad[] = { ".wh.", "d/.wh..", ".wh..." };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(skipped); i++) {
		AUTO_TARBALL(b);

		fixture_fresh(f);
		tb_add(&b, .name = skipped[i], .data = "x");
		tb_end(&b);
		unpacks(f, &b);
		assert_true(missing(f, skipped[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_TARBALL(b);

		fixture_fresh(f);
		tb_add(&b, .name = bad[i], .data = "x");
		tb_end(&b);
		unpack_fails(f, &b, CTR_INVALID_ARGUMENT, bad[i], "names nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlay_whiteout),
		cmocka_unit_test(overlay_opaque),
		cmocka_unit_test(overlay_whiteout_and_entry_of_one_name),
		cmocka_unit_test(native_whiteout),
		cmocka_unit_test(native_opaque),
		cmocka_unit_test(native_opaque_root),
		cmocka_unit_test(native_whiteout_of_a_symlink),
		cmocka_unit_test(native_replaces_and_keeps),
		cmocka_unit_test(native_replacement_is_a_new_file),
		cmocka_unit_test(reserved_names),
	};

	if (!fixture_possible())
		return 0;
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
