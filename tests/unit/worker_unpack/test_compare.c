/* SPDX-License-Identifier: Apache-2.0
 *
 * Comparing promises: applied to the lower tree, the layer gives the upper one; it holds what changed and nothing else,
 * in byte order; equal trees give equal bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "fixture.h"
#include "tarball.h"
#include "worker/compare/compare.h"
#include "worker/tar/reader.h"

#define AUTO_TARBALL(name) AUTO_BUF name = BUF_INIT(TB_MAX)

/* Put the tar's entries into the directory name of the fixture's root, made if need be. */
static int tree(struct fixture *f, const char *name, const struct buf *tar,
		enum unpack_whiteouts how)
{
	int fd;

	if (mkdirat(f->fd, name, 0755) < 0)
		assert_int_equal(errno, EEXIST);
	fd = openat(f->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	f->opt.root_fd = fd;
	f->opt.whiteouts = how;
	unpacks(f, tar);
	return fd;
}

static struct compare_result compare(int lower, int upper, int touched, enum codec_kind codec,
				     struct buf *layer)
{
	AUTO_CLOSE int out = memfd_create("layer", MFD_CLOEXEC);
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE char *data = NULL;
	struct compare_options opt = { .lower_fd = lower,
				       .upper_fd = upper,
				       .touched_fd = touched,
				       .out_fd = out,
				       .codec = codec };
	struct compare_result res;
	size_t n;

	if (compare_trees(&opt, &res, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	assert_int_equal(io_read_fd(out, TB_MAX, &data, &n), 0);
	assert_int_equal(n, res.layer.size);
	layer->len = 0;
	assert_int_equal(buf_append(layer, data, n), 0);
	return res;
}

/* The layer's names, one a line, each with its type's letter. */
static void list_names(const struct buf *layer, struct buf *ret)
{
	static const char letters[] = "fdlhcbp?";
	AUTO_CLOSE int fd = memfd_create("layer", MFD_CLOEXEC);
	struct codec_options co = { .kind = CODEC_AUTO };
	AUTO_ERROR err = ERROR_INIT;
	AUTO_CODEC *c = NULL;
	AUTO_TAR *r = NULL;
	struct tar_entry e;
	struct source src;
	bool end = false;

	assert_int_equal(io_write_full(fd, layer->data, layer->len), 0);
	assert_int_equal(source_file(&src, fd, &err), CTR_OK);
	assert_int_equal(codec_open(&src, &co, &c, &err), CTR_OK);
	assert_int_equal(tar_open(c, &r, &err), CTR_OK);
	while (tar_next(r, &e, &end, &err) == CTR_OK && !end)
		buf_printf(ret, "%c %s\n", letters[e.type], e.name);
	assert_true(end);
	buf_puts(ret, "");
}

static void layer_is(const struct buf *layer, const char *names)
{
	AUTO_BUF got = BUF_INIT(TB_MAX);

	list_names(layer, &got);
	assert_string_equal(got.data ? got.data : "", names);
}

static void dump(struct buf *b, int dir, const char *path);

static void dump_one(struct buf *b, int dir, const char *path, const char *name)
{
	char full[NAME_MAX * 4], text[4096] = "", list[1024];
	struct stat st;

	snprintf(full, sizeof(full), "%s/%s", path, name);
	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	buf_printf(b, "%s %o %u:%u %llu %lld.%09ld n%u", full, st.st_mode, st.st_uid, st.st_gid,
		   S_ISREG(st.st_mode) ? (unsigned long long)st.st_size
				       : (unsigned long long)st.st_rdev,
		   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		   S_ISDIR(st.st_mode) ? 0 : (unsigned)st.st_nlink);
	if (S_ISLNK(st.st_mode) && readlinkat(dir, name, text, sizeof(text) - 1) > 0)
		buf_printf(b, " -> %s", text);
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

		ssize_t n = flistxattr(fd, list, sizeof(list));
		for (const char *p = list; n > 0; n -= (ssize_t)strlen(p) + 1, p += strlen(p) + 1) {
			ssize_t m = fgetxattr(fd, p, text, sizeof(text));
			buf_printf(b, " %s=%.*s", p, (int)m, text);
		}
		if (S_ISREG(st.st_mode)) {
			ssize_t m = io_read_full(fd, text, sizeof(text));
			buf_append(b, " ", 1);
			buf_append(b, text, (size_t)m);
		}
		buf_putc(b, '\n');
		if (S_ISDIR(st.st_mode))
			dump(b, fd, full);
		return;
	}
	buf_putc(b, '\n');
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void dump(struct buf *b, int dir, const char *path)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	AUTO_STRV names = NULL;
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			assert_int_equal(strv_push(&names, e->d_name), 0);
	closedir(d);
	if (!names)
		return;
	qsort(names, strv_len(names), sizeof(*names), by_name);
	for (char **p = names; *p; p++)
		dump_one(b, dir, path, *p);
}

static void expect_same_trees(int a, int b)
{
	AUTO_BUF x = BUF_INIT(TB_MAX), y = BUF_INIT(TB_MAX);

	dump(&x, a, "");
	dump(&y, b, "");
	buf_puts(&x, "");
	buf_puts(&y, "");
	assert_string_equal(x.data ? x.data : "", y.data ? y.data : "");
}

/* A tree with everything in it, and what a later one makes of it. */
static void put_first(struct buf *b)
{
	tb_add(b, .name = "same/", .type = '5');
	tb_add(b, .name = "same/file", .data = "same");
	tb_add(b, .name = "same/link", .type = '2', .link = "file");
	tb_add(b, .name = "etc/", .type = '5', .mode = 0750, .gid = 3);
	tb_add(b, .name = "etc/changed", .data = "old content");
	tb_add(b, .name = "etc/mode", .data = "m");
	tb_add(b, .name = "etc/gone", .data = "gone");
	tb_add(b, .name = "gone-dir/", .type = '5');
	tb_add(b, .name = "gone-dir/f", .data = "f");
	tb_add(b, .name = "file-to-dir", .data = "f");
	tb_add(b, .name = "dir-to-file/", .type = '5');
	tb_add(b, .name = "dir-to-file/f", .data = "f");
	tb_add(b, .name = "target", .type = '2', .link = "one");
	tb_add(b, .name = "linked", .data = "linked");
	tb_add(b, .name = "dev", .type = '3', .major = 1, .minor = 3);
	tb_end(b);
}

static void put_second(struct buf *b)
{
	AUTO_BUF rec = BUF_INIT(TB_MAX);

	tb_add(b, .name = "same/", .type = '5');
	tb_add(b, .name = "same/file", .data = "same");
	tb_add(b, .name = "same/link", .type = '2', .link = "file");
	tb_add(b, .name = "etc/", .type = '5', .mode = 0750, .gid = 3);
	tb_add(b, .name = "etc/changed", .data = "new content");
	tb_add(b, .name = "etc/mode", .data = "m", .mode = 0600, .uid = 12);
	tb_record(&rec, "mtime", "1700000005.25", 13);
	tb_record(&rec, "SCHILY.xattr.user.a", "value", 5);
	tb_pax(b, &rec);
	tb_add(b, .name = "etc/new \xc3\xbc \xfc", .data = "new");
	tb_add(b, .name = "etc/suid", .data = "s", .mode = 06755);
	tb_add(b, .name = "file-to-dir/", .type = '5');
	tb_add(b, .name = "file-to-dir/inside", .data = "i");
	tb_add(b, .name = "dir-to-file", .data = "f");
	tb_add(b, .name = "target", .type = '2', .link = "two");
	tb_add(b, .name = "linked", .data = "linked");
	tb_add(b, .name = "zz/", .type = '5');
	tb_add(b, .name = "zz/linked-too", .type = '1', .link = "linked");
	tb_add(b, .name = "dev", .type = '3', .major = 1, .minor = 5);
	tb_add(b, .name = "fifo", .type = '6');
	tb_add(b, .name = "new/", .type = '5', .mode = 0711);
	tb_add(b, .name = "new/sub/", .type = '5');
	tb_add(b, .name = "new/sub/a", .data = "two names");
	tb_add(b, .name = "new/sub/b", .type = '1', .link = "new/sub/a");
	tb_end(b);
}

static void round_trip(void **state)
{
	static const enum codec_kind kinds[] = { CODEC_PLAIN, CODEC_GZIP, CODEC_ZSTD };
	struct fixture *f = *state;
	AUTO_TARBALL(first);
	AUTO_TARBALL(second);
	AUTO_TARBALL(layer);
	AUTO_TARBALL(again);

	need_root();
	put_first(&first);
	put_second(&second);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		fixture_fresh(f);
		AUTO_CLOSE int a = tree(f, "a", &first, UNPACK_OVERLAY);
		AUTO_CLOSE int b = tree(f, "b", &second, UNPACK_OVERLAY);
		AUTO_CLOSE int c = tree(f, "c", &first, UNPACK_OVERLAY);

		struct compare_result res = compare(a, b, -1, kinds[i], &layer);
		fd_close(&c);
		c = tree(f, "c", &layer, UNPACK_NATIVE);
		assert_string_equal(f->res.diff_id, res.layer.diff_id);
		assert_int_equal(f->res.codec, kinds[i]);
		expect_same_trees(c, b);

		struct compare_result twice = compare(a, b, -1, kinds[i], &again);
		assert_string_equal(twice.layer.digest, res.layer.digest);
	}
}

static void holds_what_changed_in_order(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(first);
	AUTO_TARBALL(second);
	AUTO_TARBALL(layer);

	need_root();
	put_first(&first);
	put_second(&second);
	fixture_fresh(f);
	AUTO_CLOSE int a = tree(f, "a", &first, UNPACK_OVERLAY);
	AUTO_CLOSE int b = tree(f, "b", &second, UNPACK_OVERLAY);

	compare(a, b, -1, CODEC_PLAIN, &layer);
	layer_is(&layer, "c dev\n"
			 "f dir-to-file\n"
			 "d etc/\n"
			 "f etc/changed\n"
			 "f etc/.wh.gone\n"
			 "f etc/mode\n"
			 "f etc/new \xc3\xbc \xfc\n"
			 "f etc/suid\n"
			 "p fifo\n"
			 "d file-to-dir/\n"
			 "f file-to-dir/inside\n"
			 "f .wh.gone-dir\n"
			 "d new/\n"
			 "d new/sub/\n"
			 "f new/sub/a\n"
			 "h new/sub/b\n"
			 "l target\n"
			 "d zz/\n"
			 "f zz/linked-too\n"
			 "h linked\n");
}

static void equal_trees_give_an_empty_layer(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(first);
	AUTO_TARBALL(layer);

	need_root();
	put_first(&first);
	fixture_fresh(f);
	AUTO_CLOSE int a = tree(f, "a", &first, UNPACK_OVERLAY);
	AUTO_CLOSE int b = tree(f, "b", &first, UNPACK_OVERLAY);
	assert_int_equal(compare(a, b, -1, CODEC_PLAIN, &layer).entries, 0);
	assert_int_equal(layer.len, 1024);
	assert_int_equal(compare(b, b, -1, CODEC_GZIP, &layer).entries, 0);
}

static void from_nothing(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(second);
	AUTO_TARBALL(layer);

	need_root();
	put_second(&second);
	fixture_fresh(f);
	AUTO_CLOSE int b = tree(f, "b", &second, UNPACK_OVERLAY);
	compare(-1, b, -1, CODEC_GZIP, &layer);
	AUTO_CLOSE int c = tree(f, "c", &layer, UNPACK_OVERLAY);
	expect_same_trees(b, c);
}

/* Times without nanoseconds prove nothing: the content is compared. With them it is not. */
static void same_size_and_time(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(first);
	AUTO_TARBALL(second);
	AUTO_TARBALL(layer);

	fixture_fresh(f);
	tb_add(&first, .name = "f", .data = "one");
	tb_add(&first, .name = "l", .type = '2', .link = "one");
	tb_end(&first);
	tb_add(&second, .name = "f", .data = "two");
	tb_add(&second, .name = "l", .type = '2', .link = "two");
	tb_end(&second);
	AUTO_CLOSE int a = tree(f, "a", &first, UNPACK_OVERLAY);
	AUTO_CLOSE int b = tree(f, "b", &second, UNPACK_OVERLAY);
	compare(a, b, -1, CODEC_PLAIN, &layer);
	layer_is(&layer, "f f\nl l\n");
}

static void directories_on_the_way_are_written(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(first);
	AUTO_TARBALL(second);
	AUTO_TARBALL(layer);

	fixture_fresh(f);
	tb_add(&first, .name = "a/", .type = '5');
	tb_add(&first, .name = "a/b/", .type = '5', .mode = 0711);
	tb_add(&first, .name = "a/b/f", .data = "one");
	tb_add(&first, .name = "a/b/g", .data = "one");
	tb_add(&first, .name = "a/c/", .type = '5');
	tb_add(&first, .name = "a/c/f", .data = "same");
	tb_end(&first);
	tb_add(&second, .name = "a/", .type = '5');
	tb_add(&second, .name = "a/b/", .type = '5', .mode = 0711);
	tb_add(&second, .name = "a/b/f", .data = "two");
	tb_add(&second, .name = "a/c/", .type = '5');
	tb_add(&second, .name = "a/c/f", .data = "same");
	tb_end(&second);
	AUTO_CLOSE int a = tree(f, "a", &first, UNPACK_OVERLAY);
	AUTO_CLOSE int b = tree(f, "b", &second, UNPACK_OVERLAY);
	compare(a, b, -1, CODEC_PLAIN, &layer);
	layer_is(&layer, "d a/\nd a/b/\nf a/b/f\nf a/b/.wh.g\n");
	AUTO_CLOSE int c = tree(f, "c", &layer, UNPACK_OVERLAY);
	assert_true(c >= 0);
	assert_int_equal(stat_of(f, "c/a/b").st_mode, S_IFDIR | 0711);
}

static void sparse_files(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(layer);

	fixture_fresh(f);
	assert_int_equal(mkdirat(f->fd, "b", 0755), 0);
	AUTO_CLOSE int b = openat(f->fd, "b", O_RDONLY | O_DIRECTORY);
	AUTO_CLOSE int s = openat(b, "sparse", O_RDWR | O_CREAT, 0644);
	AUTO_CLOSE int hole = openat(b, "hole", O_RDWR | O_CREAT, 0644);
	assert_int_equal(pwrite(s, "start", 5, 0), 5);
	assert_int_equal(pwrite(s, "middle", 6, 20 << 20), 6);
	assert_int_equal(ftruncate(s, 50 << 20), 0);
	assert_int_equal(ftruncate(hole, 30 << 20), 0);

	compare(-1, b, -1, CODEC_PLAIN, &layer);
	assert_true(layer.len < 200000);
	AUTO_CLOSE int c = tree(f, "c", &layer, UNPACK_OVERLAY);
	expect_same_trees(b, c);
	assert_true(stat_of(f, "c/sparse").st_blocks < 1000);
	assert_int_equal(stat_of(f, "c/hole").st_size, 30 << 20);
	AUTO_CLOSE int t = openat(c, "sparse", O_RDONLY);
	char at[7] = "";
	assert_int_equal(pread(t, at, 6, 20 << 20), 6);
	assert_string_equal(at, "middle");
}

static void long_and_odd_names(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(layer);
	char name[256];

	fixture_fresh(f);
	memset(name, 'n', 255);
	name[255] = 0;
	assert_int_equal(mkdirat(f->fd, "a", 0755), 0);
	assert_int_equal(mkdirat(f->fd, "b", 0755), 0);
	AUTO_CLOSE int a = openat(f->fd, "a", O_RDONLY | O_DIRECTORY);
	AUTO_CLOSE int b = openat(f->fd, "b", O_RDONLY | O_DIRECTORY);
	assert_int_equal(mknodat(a, name, S_IFREG | 0644, 0), 0);
	name[0] = '\xfc';
	assert_int_equal(mknodat(b, name, S_IFREG | 0644, 0), 0);
	assert_int_equal(symlinkat("\xfc\xfe", b, "link"), 0);

	compare(a, b, -1, CODEC_PLAIN, &layer);
	f->opt.root_fd = a;
	f->opt.whiteouts = UNPACK_NATIVE;
	unpacks(f, &layer); /* the whiteout's own name has 259 bytes */
	expect_same_trees(a, b);
}

static void what_no_layer_can_say(void **state)
{
	struct fixture *f = *state;
	AUTO_CLOSE int out = memfd_create("layer", MFD_CLOEXEC);
	AUTO_ERROR err = ERROR_INIT;
	struct compare_options opt = {
		.lower_fd = -1, .upper_fd = f->fd, .touched_fd = -1, .out_fd = out
	};
	struct compare_result res;

	fixture_fresh(f);
	opt.upper_fd = f->fd;
	put_text(f, ".wh.name", "x");
	assert_int_equal(compare_trees(&opt, &res, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), "'.wh.name'"));

	fixture_fresh(f);
	opt.upper_fd = f->fd;
	opt.max_entries = 1;
	put_text(f, "one", "x");
	put_text(f, "two", "x");
	assert_int_equal(compare_trees(&opt, &res, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), "limit of 1 entries"));
}

/* Only what the overlay's own directory holds is looked at; the rest is taken to be unchanged. */
static void touched_directory_prunes(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(first);
	AUTO_TARBALL(second);
	AUTO_TARBALL(own);
	AUTO_TARBALL(layer);

	fixture_fresh(f);
	tb_add(&first, .name = "d/", .type = '5');
	tb_add(&first, .name = "d/f", .data = "one");
	tb_add(&first, .name = "d/gone", .data = "one");
	tb_add(&first, .name = "e/", .type = '5');
	tb_add(&first, .name = "e/f", .data = "one");
	tb_end(&first);
	tb_add(&second, .name = "d/", .type = '5');
	tb_add(&second, .name = "d/f", .data = "two");
	tb_add(&second, .name = "d/new/", .type = '5');
	tb_add(&second, .name = "d/new/f", .data = "two");
	tb_add(&second, .name = "e/", .type = '5');
	tb_add(&second, .name = "e/f", .data = "never seen");
	tb_end(&second);
	tb_add(&own, .name = "d/", .type = '5');
	tb_add(&own, .name = "d/f", .data = "two");
	tb_add(&own, .name = "d/new/", .type = '5');
	tb_add(&own, .name = "d/new/f", .data = "two");
	tb_end(&own);
	AUTO_CLOSE int a = tree(f, "a", &first, UNPACK_OVERLAY);
	AUTO_CLOSE int b = tree(f, "b", &second, UNPACK_OVERLAY);
	AUTO_CLOSE int t = tree(f, "t", &own, UNPACK_OVERLAY);
	compare(a, b, t, CODEC_PLAIN, &layer);
	layer_is(&layer, "d d/\nf d/f\nf d/.wh.gone\nd d/new/\nf d/new/f\n");
}

static void times_are_clamped(void **state)
{
	struct fixture *f = *state;
	AUTO_CLOSE int out = memfd_create("layer", MFD_CLOEXEC);
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE char *data = NULL;
	struct compare_options opt = { .lower_fd = -1,
				       .touched_fd = -1,
				       .out_fd = out,
				       .codec = CODEC_PLAIN,
				       .clamp_times = true,
				       .clamp_to = 1000 };
	struct compare_result res;
	AUTO_TARBALL(layer);
	size_t n;

	fixture_fresh(f);
	assert_int_equal(mkdirat(f->fd, "b", 0755), 0);
	AUTO_CLOSE int b = openat(f->fd, "b", O_RDONLY | O_DIRECTORY);
	assert_int_equal(mknodat(b, "f", S_IFREG | 0644, 0), 0);
	opt.upper_fd = b;
	assert_int_equal(compare_trees(&opt, &res, &err), CTR_OK);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	assert_int_equal(io_read_fd(out, TB_MAX, &data, &n), 0);
	assert_int_equal(buf_append(&layer, data, n), 0);
	AUTO_CLOSE int c = tree(f, "c", &layer, UNPACK_OVERLAY);
	assert_true(c >= 0);
	assert_int_equal(stat_of(f, "c/f").st_mtim.tv_sec, 1000);
	assert_int_equal(stat_of(f, "c/f").st_mtim.tv_nsec, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(holds_what_changed_in_order),
		cmocka_unit_test(equal_trees_give_an_empty_layer),
		cmocka_unit_test(from_nothing),
		cmocka_unit_test(same_size_and_time),
		cmocka_unit_test(directories_on_the_way_are_written),
		cmocka_unit_test(sparse_files),
		cmocka_unit_test(long_and_odd_names),
		cmocka_unit_test(what_no_layer_can_say),
		cmocka_unit_test(touched_directory_prunes),
		cmocka_unit_test(times_are_clamped),
	};

	if (!fixture_possible())
		return 0;
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
