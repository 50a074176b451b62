/* SPDX-License-Identifier: Apache-2.0
 *
 * Unpacking promises: each kind of entry arrives as it was, in any order and under any legal name; a later
 * entry replaces an earlier one; nothing is ever made outside the root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "fixture.h"
#include "tarball.h"
#include "worker/tar/name.h"

#define AUTO_TARBALL(name) AUTO_BUF name = BUF_INIT(TB_MAX)

static void every_kind_of_entry(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);
	char text[16] = "";

	need_root();
	fixture_fresh(f);
	tb_add(&b, .name = "./", .type = '5', .mode = 0700);
	tb_add(&b, .name = "./d/", .type = '5', .mode = 01777, .uid = 5, .gid = 6);
	tb_add(&b, .name = "./d/file", .data = "hello", .mode = 04755, .uid = 7, .gid = 8);
	tb_add(&b, .name = "./d/empty", .mode = 0600);
	tb_add(&b, .name = "./d/link", .type = '2', .link = "../anywhere", .uid = 9);
	tb_add(&b, .name = "./d/hard", .type = '1', .link = "d/file", .mode = 04755, .uid = 7,
	       .gid = 8);
	tb_add(&b, .name = "dev/null", .type = '3', .major = 1, .minor = 3, .mode = 0666);
	tb_add(&b, .name = "dev/loop0", .type = '4', .major = 7, .mode = 0660, .gid = 6);
	tb_add(&b, .name = "run/fifo", .type = '6', .mode = 0622);
	tb_end(&b);
	unpacks(f, &b);

	struct stat st = stat_of(f, "d/file");
	assert_int_equal(st.st_mode, S_IFREG | 04755);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(st.st_gid, 8);
	assert_int_equal(st.st_mtim.tv_sec, TB_MTIME);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_ino, stat_of(f, "d/hard").st_ino);
	expect_text(f, "d/hard", "hello");
	st = stat_of(f, "d");
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(st.st_mtim.tv_sec, TB_MTIME); /* although files were made in it later */
	st = stat_of(f, "d/link");
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(st.st_uid, 9);
	assert_int_equal(st.st_mtim.tv_sec, TB_MTIME);
	assert_true(readlinkat(f->fd, "d/link", text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "../anywhere");
	st = stat_of(f, "dev/null");
	assert_int_equal(st.st_mode, S_IFCHR | 0666);
	assert_int_equal(st.st_rdev, makedev(1, 3));
	st = stat_of(f, "dev/loop0");
	assert_int_equal(st.st_mode, S_IFBLK | 0660);
	assert_int_equal(st.st_gid, 6);
	assert_int_equal(stat_of(f, "run/fifo").st_mode, S_IFIFO | 0622);
	assert_int_equal(stat_of(f, "d/empty").st_mode, S_IFREG | 0600);
	assert_int_equal(stat_of(f, ".").st_mode, S_IFDIR | 0755); /* the root is the snapshot's */
	assert_int_equal(f->res.entries, 9);
}

static void nanoseconds_and_large_numbers(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF rec = BUF_INIT(TB_MAX);
	AUTO_TARBALL(b);

	need_root();
	fixture_fresh(f);
	tb_record(&rec, "mtime", "1700000001.123456789", 20);
	tb_record(&rec, "uid", "3000000000", 10);
	tb_record(&rec, "gid", "4294967294", 10);
	tb_pax(&b, &rec);
	tb_add(&b, .name = "f", .data = "x");
	tb_pax1(&b, "mtime", "-5.5", 4);
	tb_add(&b, .name = "old", .data = "x");
	tb_pax1(&b, "mtime", "1700000002.5", 12);
	tb_add(&b, .name = "d/", .type = '5');
	tb_end(&b);
	unpacks(f, &b);

	struct stat st = stat_of(f, "f");
	assert_int_equal(st.st_mtim.tv_sec, 1700000001);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_true(st.st_uid == 3000000000U && st.st_gid == 4294967294U);
	assert_true(stat_of(f, "old").st_mtim.tv_sec < 0);
	assert_int_equal(stat_of(f, "d").st_mtim.tv_nsec, 500000000);
}

static void names_are_bytes(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);
	char longest[256], deep[1200] = "";

	fixture_fresh(f);
	memset(longest, 'n', 255);
	longest[255] = 0;
	for (int i = 0; i < 100; i++)
		strcat(deep, "0123456789/");
	strcat(deep, "end");

	tb_add(&b, .name = "gr\xc3\xbc\xc3\x9f", .data = "header utf-8");
	tb_add(&b, .name = "gr\xfc\xdf", .data = "header latin-1");
	tb_pax1(&b, "path", "pax-\xc3\xbc", 6);
	tb_add(&b, .name = "x", .data = "pax utf-8");
	tb_pax1(&b, "path", "pax-\xfc\xfe", 6);
	tb_add(&b, .name = "x", .data = "pax latin-1");
	tb_pax1(&b, "linkpath", "to-\xfc", 4);
	tb_add(&b, .name = "link", .type = '2', .link = "x");
	tb_pax1(&b, "path", longest, 255);
	tb_add(&b, .name = "x", .data = "longest");
	tb_pax1(&b, "path", deep, strlen(deep));
	tb_add(&b, .name = "x", .data = "deep");
	tb_add(&b, .name = "././@LongLink", .type = 'L', .data = longest, .size = 256);
	tb_add(&b, .name = "x", .type = '1', .link = "gr\xfc\xdf");
	tb_add(&b, .name = "new\nline \\ \x01", .data = "control");
	tb_end(&b);
	unpacks(f, &b);

	expect_text(f, "gr\xc3\xbc\xc3\x9f", "header utf-8");
	expect_text(f, "pax-\xc3\xbc", "pax utf-8");
	expect_text(f, "pax-\xfc\xfe", "pax latin-1");
	expect_text(f, longest, "header latin-1");
	expect_text(f, deep, "deep");
	expect_text(f, "new\nline \\ \x01", "control");
	char text[16] = "";
	assert_true(readlinkat(f->fd, "link", text, 15) > 0);
	assert_string_equal(text, "to-\xfc");
}

static void names_that_are_too_long(void **state)
{
	struct fixture *f = *state;
	char name[5000];

	for (int i = 0; i < 2; i++) {
		AUTO_TARBALL(b);
		size_t n = i ? 4500 : 256;

		for (size_t k = 0; k < n; k++)
			name[k] = i && k % 100 == 99 ? '/' : 'n';
		tb_pax1(&b, "path", name, n);
		tb_add(&b, .name = "x", .data = "x");
		tb_end(&b);
		fixture_fresh(f);
		unpack_fails(f, &b, CTR_INVALID_ARGUMENT, "nnnn", "255");
	}
}

static void escapes_are_errors(void **state)
{
	static const struct tb_entry cases[] = {
		{ .name = "../x", .data = "x" },
		{ .name = "a/../../x", .data = "x" },
		{ .name = "/../x", .data = "x" },
		{ .name = "..", .type = '5' },
		{ .name = "x", .type = '1', .link = "../y" },
		{ .name = "x", .type = '1', .link = "/../../etc/passwd" },
		{ .name = "../.wh.x" },
		{ .name = "a/../../.wh..wh..opq" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_TARBALL(b);

		fixture_fresh(f);
		tb_put(&b, &cases[i]);
		tb_end(&b);
		unpack_fails(f, &b, CTR_INVALID_ARGUMENT, "leaves the root", cases[i].name);
	}
}

static void what_looks_like_an_escape_stays_inside(void **state)
{
	struct fixture *f = *state;
	char outside[128];
	AUTO_TARBALL(b);

	fixture_fresh(f);
	snprintf(outside, sizeof(outside), "%s/outside", f->dir);
	tb_add(&b, .name = "/absolute", .data = "absolute");
	tb_add(&b, .name = "a/b/../c", .data = "dots");
	tb_add(&b, .name = "up", .type = '2', .link = "../../../../../..");
	tb_add(&b, .name = "up/through-up", .data = "up");
	tb_add(&b, .name = "abs", .type = '2', .link = outside);
	tb_add(&b, .name = "abs/through-abs", .data = "abs");
	tb_add(&b, .name = "hard", .type = '1', .link = "/absolute");
	tb_add(&b, .name = "hard2", .type = '1', .link = "abs/through-abs");
	tb_add(&b, .name = "rel/l", .type = '2', .link = "../../../nowhere/./at//all/");
	tb_add(&b, .name = "rel/l/passwd", .data = "inside");
	tb_end(&b);
	unpacks(f, &b);

	expect_text(f, "absolute", "absolute");
	expect_text(f, "hard", "absolute");
	expect_text(f, "a/c", "dots");
	expect_text(f, "through-up", "up");
	expect_text(f, "hard2", "abs");
	expect_text(f, "nowhere/at/all/passwd", "inside");
	assert_int_equal(access(outside, F_OK), -1);
}

static void replacing(void **state)
{
	/* Each kind after each kind, under one name. */
	static const struct tb_entry kinds[] = {
		{ .name = "x", .data = "a file" },
		{ .name = "x", .type = '5' },
		{ .name = "x", .type = '2', .link = "other" },
		{ .name = "x", .type = '1', .link = "other" },
		{ .name = "x", .type = '6' },
	};
	static const mode_t modes[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFREG, S_IFIFO };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			AUTO_TARBALL(b);

			fixture_fresh(f);
			tb_add(&b, .name = "other", .data = "other");
			tb_put(&b, &kinds[i]);
			if (kinds[i].type == '5')
				tb_add(&b, .name = "x/child", .data = "child");
			tb_put(&b, &kinds[k]);
			tb_end(&b);
			unpacks(f, &b);
			assert_int_equal(stat_of(f, "x").st_mode & S_IFMT, modes[k]);
			expect_text(f, "other", "other");
			if (kinds[i].type == '5' && kinds[k].type == '5')
				expect_text(f, "x/child", "child");
			else
				assert_true(missing(f, "x/child"));
			/* A directory over something else hides a directory below. */
			if (kinds[k].type == '5')
				assert_int_equal(is_opaque(f, "x"), kinds[i].type != '5');
		}
	}
}

static void replaced_parents_are_found_again(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	fixture_fresh(f);
	tb_add(&b, .name = "a/", .type = '5');
	tb_add(&b, .name = "b/", .type = '5');
	tb_add(&b, .name = "p", .type = '2', .link = "a");
	tb_add(&b, .name = "p/one", .data = "1");
	tb_add(&b, .name = "p", .type = '2', .link = "b");
	tb_add(&b, .name = "p/two", .data = "2");
	tb_add(&b, .name = "p", .type = '5');
	tb_add(&b, .name = "p/three", .data = "3");
	tb_add(&b, .name = "self", .type = '2', .link = ".");
	tb_add(&b, .name = "self/self", .type = '5');
	tb_add(&b, .name = "self/inside", .data = "4");
	tb_end(&b);
	unpacks(f, &b);
	expect_text(f, "a/one", "1");
	expect_text(f, "b/two", "2");
	expect_text(f, "p/three", "3");
	expect_text(f, "self/inside", "4");
	assert_true(missing(f, "inside"));
}

static void hard_links(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	fixture_fresh(f);
	tb_add(&b, .name = "dir/", .type = '5');
	tb_add(&b, .name = "dir/f", .data = "f", .mode = 0640);
	tb_add(&b, .name = "s", .type = '2', .link = "dir");
	tb_add(&b, .name = "via", .type = '1', .link = "s/f", .mode = 0640);
	tb_add(&b, .name = "again", .type = '1', .link = "dir/f", .mode = 0640);
	tb_add(&b, .name = "again", .type = '1', .link = "dir/f", .mode = 0640);
	tb_add(&b, .name = "to-symlink", .type = '1', .link = "s");
	tb_end(&b);
	unpacks(f, &b);
	assert_int_equal(stat_of(f, "dir/f").st_nlink, 3);
	assert_int_equal(stat_of(f, "via").st_mode, S_IFREG | 0640);
	assert_true(S_ISLNK(stat_of(f, "to-symlink").st_mode));

	AUTO_TARBALL(bad);
	fixture_fresh(f);
	tb_add(&bad, .name = "x", .type = '1', .link = "not/there");
	tb_end(&bad);
	unpack_fails(f, &bad, CTR_INVALID_ARGUMENT, "hard link 'x'", "'not/there'");

	AUTO_TARBALL(dir);
	fixture_fresh(f);
	tb_add(&dir, .name = "d/", .type = '5');
	tb_add(&dir, .name = "x", .type = '1', .link = "d");
	tb_end(&dir);
	unpack_fails(f, &dir, CTR_INVALID_ARGUMENT, "hard link 'x'", "'d'");
}

static void extended_attributes(void **state)
{
	static const char cap[] = "\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0";
	struct fixture *f = *state;
	AUTO_BUF rec = BUF_INIT(TB_MAX);
	char value[64], path[128];
	AUTO_TARBALL(b);

	need_root();
	fixture_fresh(f);
	tb_record(&rec, "SCHILY.xattr.user.note", "a\0b", 3);
	tb_record(&rec, "SCHILY.xattr.security.capability", cap, 20);
	tb_record(&rec, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	tb_record(&rec, "SCHILY.xattr.trusted.other", "y", 1);
	tb_record(&rec, "SCHILY.xattr.user.overlay.opaque", "y", 1);
	tb_record(&rec, "SCHILY.xattr.user.overlay.redirect", "/etc", 4);
	tb_pax(&b, &rec);
	tb_add(&b, .name = "f", .data = "x", .uid = 12, .mode = 0755);
	tb_pax(&b, &rec);
	tb_add(&b, .name = "d/", .type = '5');
	tb_pax(&b, &rec);
	tb_add(&b, .name = "hard", .type = '1', .link = "f", .uid = 12, .mode = 0755);
	tb_end(&b);
	unpacks(f, &b);

	snprintf(path, sizeof(path), "%s/root/f", f->dir);
	assert_int_equal(getxattr(path, "user.note", value, sizeof(value)), 3);
	assert_memory_equal(value, "a\0b", 3);
	assert_int_equal(getxattr(path, "security.capability", value, sizeof(value)), 20);
	assert_int_equal(listxattr(path, value, sizeof(value)),
			 (int)(sizeof("user.note") + sizeof("security.capability")));
	snprintf(path, sizeof(path), "%s/root/d", f->dir);
	assert_true(getxattr(path, "user.note", value, sizeof(value)) == 3);
	assert_true(getxattr(path, "trusted.overlay.opaque", value, sizeof(value)) < 0);
	assert_true(getxattr(path, "user.overlay.opaque", value, sizeof(value)) < 0);
}

static void acls_become_attributes(void **state)
{
	static const char text[] =
		"user::rw-\nuser:app:r--:123\ngroup::r--\nmask::r--\nother::---\n";
	struct fixture *f = *state;
	AUTO_BUF rec = BUF_INIT(TB_MAX);
	char value[256], path[128];
	AUTO_TARBALL(b);

	fixture_fresh(f);
	tb_record(&rec, "SCHILY.acl.access", text, sizeof(text) - 1);
	tb_pax(&b, &rec);
	tb_add(&b, .name = "f", .data = "x", .mode = 0640);
	tb_end(&b);
	unpacks(f, &b);
	snprintf(path, sizeof(path), "%s/root/f", f->dir);
	assert_int_equal(getxattr(path, "system.posix_acl_access", value, sizeof(value)),
			 4 + 5 * 8);
	assert_int_equal(value[4 + 8], 2); /* ACL_USER */
	assert_int_equal(value[4 + 12], 123);
}

static void sparse_files_stay_sparse(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF rec = BUF_INIT(TB_MAX), data = BUF_INIT(TB_MAX);
	AUTO_TARBALL(b);

	fixture_fresh(f);
	/* GNU.sparse 1.0: the map stands before the data, padded to 512. */
	buf_puts(&data, "2\n1048576\n4\n9000000\n0\n");
	while (data.len < 512)
		buf_putc(&data, 0);
	buf_puts(&data, "DATA");
	tb_record(&rec, "GNU.sparse.major", "1", 1);
	tb_record(&rec, "GNU.sparse.minor", "0", 1);
	tb_record(&rec, "GNU.sparse.name", "sparse", 6);
	tb_record(&rec, "GNU.sparse.realsize", "9000000", 7);
	tb_pax(&b, &rec);
	tb_add(&b, .name = "GNUSparseFile.0/sparse", .data = data.data, .size = data.len);
	tb_add(&b, .name = "after", .data = "after");
	tb_end(&b);
	unpacks(f, &b);

	struct stat st = stat_of(f, "sparse");
	assert_int_equal(st.st_size, 9000000);
	assert_true(st.st_blocks * 512 < 1000000);
	AUTO_CLOSE int fd = openat(f->fd, "sparse", O_RDONLY);
	char at[5] = "";
	assert_int_equal(pread(fd, at, 4, 1048576), 4);
	assert_string_equal(at, "DATA");
	expect_text(f, "after", "after");
}

static void implied_directories(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	fixture_fresh(f);
	put_text(f, "outside", "");
	assert_int_equal(mkdirat(f->fd, "lower", 0755), 0);
	assert_int_equal(mkdirat(f->fd, "lower/tmp", 0755), 0);
	assert_int_equal(fchmodat(f->fd, "lower/tmp", 01777, 0), 0);
	assert_int_equal(mkdirat(f->fd, "upper", 0755), 0);
	AUTO_CLOSE int lower = openat(f->fd, "lower", O_RDONLY | O_DIRECTORY);
	AUTO_CLOSE int upper = openat(f->fd, "upper", O_RDONLY | O_DIRECTORY);
	f->opt.root_fd = upper;
	f->opt.parents = &lower;
	f->opt.n_parents = 1;
	tb_add(&b, .name = "tmp/a", .data = "a");
	tb_add(&b, .name = "opt/b/c", .data = "c");
	tb_add(&b, .name = "lib", .type = '2', .link = "usr/lib"); /* usr/lib is in a layer below */
	tb_add(&b, .name = "lib/x/y", .data = "y");
	tb_add(&b, .name = "loop", .type = '2', .link = "loop");
	tb_end(&b);
	unpacks(f, &b);
	assert_int_equal(stat_of(f, "upper/tmp").st_mode, S_IFDIR | 01777);
	assert_int_equal(stat_of(f, "upper/opt").st_mode, S_IFDIR | 0755);
	expect_text(f, "upper/usr/lib/x/y", "y");

	AUTO_TARBALL(loop);
	tb_add(&loop, .name = "l", .type = '2', .link = "l");
	tb_add(&loop, .name = "l/x", .data = "x");
	tb_end(&loop);
	fixture_fresh(f);
	unpack_fails(f, &loop, CTR_INVALID_ARGUMENT, "'l/x'", NULL);
}

/* Without the trees below, what is implied is marked, until the layer names it after all. */
static void implied_directories_are_marked(void **state)
{
	static const struct {
		const char *path;
		int marked;
	} cases[] = { { "", 1 }, { "/a", 1 }, { "/a/b", 1 }, { "/named", 0 }, { "/late", 0 } };
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	fixture_fresh(f);
	tb_add(&b, .name = "named/", .type = '5');
	tb_add(&b, .name = "a/b/c", .data = "c");
	tb_add(&b, .name = "late/f", .data = "f");
	tb_add(&b, .name = "late/", .type = '5', .mode = 0700);
	tb_end(&b);
	unpacks(f, &b);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/root%s", f->dir, cases[i].path);
		assert_int_equal(getxattr(path, XATTR_IMPLIED, NULL, 0) >= 0, cases[i].marked);
	}

	fixture_fresh(f);
	f->opt.whiteouts = UNPACK_NATIVE;
	unpacks(f, &b);
	char root[128];
	snprintf(root, sizeof(root), "%s/root", f->dir);
	assert_true(getxattr(root, XATTR_IMPLIED, NULL, 0) < 0);
}

static void a_file_is_no_parent(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	fixture_fresh(f);
	tb_add(&b, .name = "f", .data = "x");
	tb_add(&b, .name = "f/x", .data = "x");
	tb_end(&b);
	unpack_fails(f, &b, CTR_INVALID_ARGUMENT, "'f/x'", NULL);
}

static void setgid_directories_do_not_spread(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	need_root();
	fixture_fresh(f);
	tb_add(&b, .name = "g/", .type = '5', .mode = 02775, .gid = 50);
	tb_add(&b, .name = "g/sub/", .type = '5', .mode = 0755);
	tb_add(&b, .name = "g/f", .data = "x");
	tb_add(&b, .name = "g/l", .type = '2', .link = "f");
	tb_add(&b, .name = "g/implied/f", .data = "x");
	tb_end(&b);
	unpacks(f, &b);
	assert_int_equal(stat_of(f, "g").st_mode, S_IFDIR | 02775);
	assert_int_equal(stat_of(f, "g/sub").st_mode, S_IFDIR | 0755);
	assert_int_equal(stat_of(f, "g/sub").st_gid, 0);
	assert_int_equal(stat_of(f, "g/f").st_gid, 0);
	assert_int_equal(stat_of(f, "g/l").st_gid, 0);
	assert_int_equal(stat_of(f, "g/implied").st_mode, S_IFDIR | 0755);
	assert_int_equal(stat_of(f, "g/implied").st_gid, 0);
}

static void owners_go_through_the_map(void **state)
{
	static const struct id_map map = { .container_id = 0, .host_id = 100000, .size = 1000 };
	struct fixture *f = *state;
	AUTO_TARBALL(b);

	need_root();
	fixture_fresh(f);
	f->opt.uids = f->opt.gids = (struct id_maps){ &map, 1 };
	tb_add(&b, .name = "d/f", .data = "x", .uid = 5);
	tb_end(&b);
	unpacks(f, &b);
	assert_int_equal(stat_of(f, "d/f").st_uid, 100005);
	assert_int_equal(stat_of(f, "d/f").st_gid, 100000);
	assert_int_equal(stat_of(f, "d").st_uid, 100000);

	AUTO_TARBALL(bad);
	tb_add(&bad, .name = "out", .data = "x", .uid = 1000);
	tb_end(&bad);
	unpack_fails(f, &bad, CTR_INVALID_ARGUMENT, "'out'", "map of ids");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_entry),
		cmocka_unit_test(nanoseconds_and_large_numbers),
		cmocka_unit_test(names_are_bytes),
		cmocka_unit_test(names_that_are_too_long),
		cmocka_unit_test(escapes_are_errors),
		cmocka_unit_test(what_looks_like_an_escape_stays_inside),
		cmocka_unit_test(replacing),
		cmocka_unit_test(replaced_parents_are_found_again),
		cmocka_unit_test(hard_links),
		cmocka_unit_test(extended_attributes),
		cmocka_unit_test(acls_become_attributes),
		cmocka_unit_test(sparse_files_stay_sparse),
		cmocka_unit_test(implied_directories),
		cmocka_unit_test(implied_directories_are_marked),
		cmocka_unit_test(a_file_is_no_parent),
		cmocka_unit_test(setgid_directories_do_not_spread),
		cmocka_unit_test(owners_go_through_the_map),
	};

	if (!fixture_possible())
		return 0;
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
