/* SPDX-License-Identifier: Apache-2.0
 *
 * The differ plugin with the real, caged worker: apply from a complete and from a growing source, opaque directories set
 * from outside the cage, compare, cancel and errors. Needs root; skipped otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "fixture.h"
#include "paper_host.h"
#include "plugins/differ/differ.h"
#include "tarball.h"

#define AUTO_TARBALL(name) AUTO_BUF name = BUF_INIT(TB_MAX)
#define OCI_LAYER          "application/vnd.oci.image.layer.v1.tar"

static struct differ differ_here(void)
{
	return (struct differ){ .host = &paper_host, .worker = CTR_WORKER_BINARY };
}

/* ---- sources ---- */

struct source_self {
	int64_t size, step, available;
	int event;
	ctr_code fail;
	int calls;
};

static ctr_code source_status(const struct ctr_source *s, int64_t *ret_available,
			      int32_t *ret_complete, struct ctr_error *err)
{
	struct source_self *self = s->self;

	self->calls++;
	if (self->fail && self->available > 0)
		return ctr_fail(err, self->fail, "the download failed");
	self->available = self->step ? MIN(self->size, self->available + self->step) : self->size;
	*ret_available = self->available;
	*ret_complete = self->available == self->size;
	return CTR_OK;
}

struct layer {
	int fd;
	struct source_self self;
	struct ctr_source source;
	struct ctr_descriptor descriptor;
};

static void layer_init(struct layer *l, const struct buf *tar, int64_t step)
{
	l->fd = memfd_create("layer", MFD_CLOEXEC);
	assert_int_equal(io_write_full(l->fd, tar->data, tar->len), 0);
	/* Always readable: each look finds more. */
	l->self = (struct source_self){ .size = (int64_t)tar->len,
					.step = step,
					.event = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK) };
	l->source = (struct ctr_source){ .size = sizeof(l->source),
					 .fd = l->fd,
					 .event_fd = step ? l->self.event : -1,
					 .status = source_status,
					 .self = &l->self };
	l->descriptor = (struct ctr_descriptor){ .size = sizeof(l->descriptor),
						 .media_type = OCI_LAYER "+gzip",
						 .digest = "sha256:00" };
}

static void layer_done(struct layer *l)
{
	fd_close(&l->fd);
	fd_close(&l->self.event);
}

static ctr_code apply(struct fixture *f, struct layer *l, uint32_t whiteouts,
		      struct ctr_applied *ret)
{
	struct differ d = differ_here();
	struct ctr_tree tree = { .size = sizeof(tree), .whiteouts = whiteouts, .fd = f->fd };
	struct ctr_apply args = { .size = sizeof(args),
				  .flags = 0,
				  .layer = &l->descriptor,
				  .source = &l->source,
				  .tree = &tree };
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;

	*ret = (struct ctr_applied){ .size = sizeof(*ret) };
	code = differ_apply(&d, paper_call, &args, ret, &err);
	snprintf(f->message, sizeof(f->message), "%s", code == CTR_OK ? "" : error_text(&err));
	return code;
}

static void put_layer(struct buf *b)
{
	tb_add(b, .name = "d/", .type = '5', .mode = 0711, .uid = 4);
	tb_add(b, .name = "d/.wh..wh..opq");
	tb_add(b, .name = "d/suid", .data = "suid", .mode = 04755, .uid = 5);
	tb_add(b, .name = "d/dev", .type = '3', .major = 1, .minor = 3, .mode = 0666);
	tb_add(b, .name = "d/gr\xfc\xdf", .data = "latin-1");
	tb_add(b, .name = "d/hard", .type = '1', .link = "d/suid", .mode = 04755, .uid = 5);
	tb_add(b, .name = ".wh.gone");
	tb_end(b);
}

static void expect_layer(struct fixture *f)
{
	char path[128], value[8] = "";

	assert_int_equal(stat_of(f, "d").st_mode, S_IFDIR | 0711);
	assert_int_equal(stat_of(f, "d/suid").st_mode, S_IFREG | 04755);
	assert_int_equal(stat_of(f, "d/hard").st_nlink, 2);
	assert_int_equal(stat_of(f, "d/dev").st_rdev, makedev(1, 3));
	expect_text(f, "d/gr\xfc\xdf", "latin-1");
	assert_int_equal(stat_of(f, "gone").st_rdev, makedev(0, 0));
	snprintf(path, sizeof(path), "%s/root/d", f->dir);
	assert_int_equal(getxattr(path, "trusted.overlay.opaque", value, sizeof(value)), 1);
	assert_string_equal(value, "y");
}

static void applies_a_complete_layer(void **state)
{
	struct fixture *f = *state;
	struct ctr_applied got;
	AUTO_TARBALL(b);
	struct layer l;

	fixture_fresh(f);
	put_layer(&b);
	layer_init(&l, &b, 0);
	if (apply(f, &l, CTR_WHITEOUT_OVERLAY, &got) != CTR_OK)
		fail_msg("%s", f->message);
	expect_layer(f);
	assert_int_equal(got.length_bytes, (int64_t)b.len);
	assert_string_equal(got.media_type, OCI_LAYER);
	assert_int_equal(strlen(got.digest), 71);
	layer_done(&l);
}

static void applies_a_growing_layer(void **state)
{
	struct fixture *f = *state;
	struct ctr_applied got;
	AUTO_TARBALL(b);
	struct layer l;
	char *content = malloc(3 << 20);

	assert_non_null(content);
	memset(content, 'c', 3 << 20);
	fixture_fresh(f);
	tb_add(&b, .name = "big", .data = content, .size = 3 << 20);
	free(content);
	put_layer(&b);
	layer_init(&l, &b, 10007);
	if (apply(f, &l, CTR_WHITEOUT_OVERLAY, &got) != CTR_OK)
		fail_msg("%s", f->message);
	expect_layer(f);
	assert_int_equal(stat_of(f, "big").st_size, 3 << 20);
	assert_true(l.self.calls > 10);
	layer_done(&l);
}

static void a_source_that_fails_ends_the_apply(void **state)
{
	struct fixture *f = *state;
	struct ctr_applied got;
	AUTO_TARBALL(b);
	struct layer l;

	fixture_fresh(f);
	put_layer(&b);
	layer_init(&l, &b, 700);
	l.self.fail = CTR_DATA_LOSS;
	assert_int_equal(apply(f, &l, CTR_WHITEOUT_OVERLAY, &got), CTR_DATA_LOSS);
	assert_non_null(strstr(f->message, "the download failed"));
	layer_done(&l);
}

static void bad_layers_name_layer_and_cause(void **state)
{
	struct fixture *f = *state;
	struct ctr_applied got;
	AUTO_TARBALL(b);
	struct layer l;

	fixture_fresh(f);
	tb_add(&b, .name = "../gr\xfc\xdf", .data = "x");
	tb_end(&b);
	layer_init(&l, &b, 0);
	assert_int_equal(apply(f, &l, CTR_WHITEOUT_OVERLAY, &got), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(f->message, "sha256:00"));
	assert_non_null(strstr(f->message, "'../gr\\xfc\\xdf' leaves the root"));
	layer_done(&l);

	AUTO_TARBALL(cut);
	tb_add(&cut, .name = "file", .data = "more than is there");
	cut.len = 520;
	layer_init(&l, &cut, 0);
	assert_int_equal(apply(f, &l, CTR_WHITEOUT_REMOVE, &got), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(f->message, "runcated"));
	l.descriptor.media_type = "application/vnd.oci.image.layer.v1.tar+encrypted";
	assert_int_equal(apply(f, &l, CTR_WHITEOUT_REMOVE, &got), CTR_UNIMPLEMENTED);
	layer_done(&l);
}

static void cancel_ends_the_apply(void **state)
{
	struct fixture *f = *state;
	struct ctr_applied got;
	AUTO_TARBALL(b);
	struct layer l;

	fixture_fresh(f);
	put_layer(&b);
	layer_init(&l, &b, 1);
	l.self.step = 1; /* and never again, as far as poll can tell */
	l.source.event_fd = -1;
	paper_cancel = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(apply(f, &l, CTR_WHITEOUT_OVERLAY, &got), CTR_CANCELLED);
	fd_close(&paper_cancel);
	layer_done(&l);
}

static ctr_code apply_mount(struct fixture *f, struct layer *l, const struct ctr_mount *m,
			    struct ctr_applied *ret)
{
	struct differ d = differ_here();
	struct ctr_apply args = { .size = sizeof(args),
				  .flags = CTR_APPLY_SYNC,
				  .layer = &l->descriptor,
				  .source = &l->source,
				  .mounts = m,
				  .n_mounts = 1 };
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;

	*ret = (struct ctr_applied){ .size = sizeof(*ret) };
	code = differ_apply(&d, NULL, &args, ret, &err);
	snprintf(f->message, sizeof(f->message), "%s", code == CTR_OK ? "" : error_text(&err));
	return code;
}

/* Overlay: the upper directory is written, and what the layer does not name looks as below. */
static void applies_to_mounts(void **state)
{
	struct fixture *f = *state;
	struct ctr_applied got;
	AUTO_TARBALL(b);
	struct layer l;

	fixture_fresh(f);
	AUTO_FREE char *lower = str_printf("lowerdir=%s/root/l1:%s/root/l0", f->dir, f->dir);
	AUTO_FREE char *upper = str_printf("upperdir=%s/root/u", f->dir);
	AUTO_FREE char *bind = str_printf("%s/root/n", f->dir);
	const char *options[] = { upper, lower, "workdir=/nowhere" }, *ro[] = { "ro", "rbind" };
	struct ctr_mount overlay = { "overlay", "overlay", "", options, 3 },
			 at = { "bind", bind, "", NULL, 0 };
	static const char *const dirs[] = { "l0", "l1", "u", "n", "l0/tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		assert_int_equal(mkdirat(f->fd, dirs[i], 0755), 0);
	assert_int_equal(fchmodat(f->fd, "l0/tmp", 01777, 0), 0);
	put_text(f, "n/gone", "old");
	tb_add(&b, .name = "tmp/f", .data = "f");
	tb_add(&b, .name = ".wh.gone");
	tb_end(&b);
	layer_init(&l, &b, 0);
	if (apply_mount(f, &l, &overlay, &got) != CTR_OK || apply_mount(f, &l, &at, &got) != CTR_OK)
		fail_msg("%s", f->message);
	assert_int_equal(stat_of(f, "u/tmp").st_mode, S_IFDIR | 01777);
	assert_int_equal(stat_of(f, "u/gone").st_rdev, makedev(0, 0));
	expect_text(f, "n/tmp/f", "f");
	assert_true(missing(f, "n/gone"));

	at.options = ro;
	at.n_options = 2;
	assert_int_equal(apply_mount(f, &l, &at, &got), CTR_INVALID_ARGUMENT);
	overlay.options = options + 1;
	overlay.n_options = 1;
	assert_int_equal(apply_mount(f, &l, &overlay, &got), CTR_INVALID_ARGUMENT);
	layer_done(&l);
}

/* The mount service of the test: one overlay, detached. */
static ctr_code mount_overlay(const struct ctr_host *h, const struct ctr_mount *mounts, uint64_t n,
			      int32_t *ret_fd, struct ctr_error *err)
{
	AUTO_CLOSE int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);

	(void)h;
	assert_int_equal(n, 1);
	for (uint64_t i = 0; fs >= 0 && i < mounts->n_options; i++) {
		AUTO_FREE char *key = str_dup(mounts->options[i]);
		char *value = strchr(key, '=');

		*value++ = 0;
		if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0) < 0)
			return ctr_fail_errno(err, errno, "overlay option '%s'", key);
	}
	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return ctr_fail_errno(err, errno, "make the overlay");
	*ret_fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	return *ret_fd < 0 ? ctr_fail_errno(err, errno, "mount the overlay") : CTR_OK;
}

static const struct ctr_mount_ops mount_ops = { .size = sizeof(mount_ops), .open = mount_overlay };

static ctr_code mount_tmpfs(const struct ctr_host *h, const struct ctr_mount *mounts, uint64_t n,
			    int32_t *ret_fd, struct ctr_error *err)
{
	AUTO_CLOSE int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	int *keep = (int *)(uintptr_t)mounts->source;

	(void)h;
	assert_int_equal(n, 1);
	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return ctr_fail_errno(err, errno, "make the tmpfs");
	*ret_fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	*keep = openat(*ret_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? ctr_fail_errno(err, errno, "mount the tmpfs") : CTR_OK;
}

/* A mount that is neither bind nor overlay is made, and written through. */
static void applies_to_what_must_be_mounted(void **state)
{
	static const struct ctr_mount_ops tmpfs_ops = { .size = sizeof(tmpfs_ops),
							.open = mount_tmpfs };
	struct fixture *f = *state;
	struct differ d = differ_here();
	AUTO_CLOSE int inside = -1;
	struct ctr_mount m = { "tmpfs", (const char *)&inside, "", NULL, 0 };
	struct ctr_apply args = { .size = sizeof(args), .mounts = &m, .n_mounts = 1 };
	struct ctr_applied got = { .size = sizeof(got) };
	AUTO_ERROR err = ERROR_INIT;
	AUTO_TARBALL(b);
	struct layer l;
	struct stat st;

	fixture_fresh(f);
	tb_add(&b, .name = "a/f", .data = "f");
	tb_end(&b);
	layer_init(&l, &b, 0);
	d.mount = &tmpfs_ops;
	args.layer = &l.descriptor;
	args.source = &l.source;
	if (differ_apply(&d, paper_call, &args, &got, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	assert_int_equal(fstatat(inside, "a/f", &st, 0), 0);
	layer_done(&l);
}

/* What a container does to its root, through the overlay. */
static void change_overlay(int at)
{
	AUTO_CLOSE int f = openat(at, "d/changed", O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(write(f, "changed", 7), 7);
	assert_int_equal(unlinkat(at, "d/gone", 0), 0);
	assert_int_equal(unlinkat(at, "tree/f", 0), 0);
	assert_int_equal(unlinkat(at, "tree", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(at, "tree", 0755), 0); /* opaque in the upper directory */
	assert_int_equal(mkdirat(at, "tree/new", 0755), 0);
	assert_int_equal(symlinkat("x", at, "tree/new/link"), 0);
	assert_int_equal(linkat(at, "d/changed", at, "d/linked", 0), 0);
}

/* The layer made from an overlay and its parent holds what was done, whether the short way is open or not. */
static void compares_an_overlay(void **state)
{
	static const char *const dirs[] = { "l", "u", "w", "c", "l/d", "l/tree", "c/d", "c/tree" };
	struct fixture *f = *state;
	struct differ d = differ_here();
	struct ctr_compared got = { .size = sizeof(got) }, longer = { .size = sizeof(longer) };
	struct ctr_applied applied;
	AUTO_CLOSE int out = memfd_create("layer", MFD_CLOEXEC), merged = -1, copy = -1;
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE char *data = NULL;
	AUTO_TARBALL(b);
	struct layer l;
	size_t n;

	fixture_fresh(f);
	AUTO_FREE char *below = str_printf("%s/root/l", f->dir),
		       *lower = str_printf("lowerdir=%s", below);
	AUTO_FREE char *upper = str_printf("upperdir=%s/root/u", f->dir);
	AUTO_FREE char *work = str_printf("workdir=%s/root/w", f->dir);
	const char *options[] = { lower, upper, work, "redirect_dir=off" };
	struct ctr_mount over = { "overlay", "overlay", "", options, 4 },
			 bind = { "bind", below, "", NULL, 0 };
	struct ctr_compare args = { .size = sizeof(args),
				    .lower = &bind,
				    .upper = &over,
				    .n_lower = 1,
				    .n_upper = 1,
				    .media_type = OCI_LAYER "+zstd",
				    .out_fd = out,
				    .source_date_ns = CTR_NO_DEADLINE };

	d.mount = &mount_ops;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		assert_int_equal(mkdirat(f->fd, dirs[i], 0755), 0);
	for (int i = 0; i < 2; i++) {
		put_text(f, i ? "c/d/changed" : "l/d/changed", "old");
		put_text(f, i ? "c/d/gone" : "l/d/gone", "old");
		put_text(f, i ? "c/tree/f" : "l/tree/f", "old");
	}
	if (mount_overlay(NULL, &over, 1, &merged, &err) != CTR_OK)
		skip();
	change_overlay(merged);
	fd_close(&merged);

	if (differ_compare(&d, paper_call, &args, &got, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	assert_int_equal(io_read_fd(out, TB_MAX, &data, &n), 0);
	assert_int_equal(buf_append(&b, data, n), 0);
	AUTO_FREE char *alias = str_printf("%s/root/./l", f->dir);
	bind.source = alias; /* not seen to be what the overlay stands on */
	if (differ_compare(&d, paper_call, &args, &longer, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	assert_string_equal(got.digest, longer.digest);

	copy = openat(f->fd, "c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	layer_init(&l, &b, 0);
	int root = f->fd;
	f->fd = copy;
	ctr_code code = apply(f, &l, CTR_WHITEOUT_REMOVE, &applied);
	f->fd = root;
	if (code != CTR_OK)
		fail_msg("%s", f->message);
	expect_text(f, "c/d/changed", "changed");
	assert_int_equal(stat_of(f, "c/d/linked").st_ino, stat_of(f, "c/d/changed").st_ino);
	assert_true(missing(f, "c/d/gone"));
	assert_true(missing(f, "c/tree/f"));
	assert_true(S_ISLNK(stat_of(f, "c/tree/new/link").st_mode));
	layer_done(&l);
}

static void compares_two_trees(void **state)
{
	struct fixture *f = *state;
	struct differ d = differ_here();
	struct ctr_compared got = { .size = sizeof(got) };
	struct ctr_applied applied;
	AUTO_CLOSE int out = memfd_create("layer", MFD_CLOEXEC);
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE char *data = NULL;
	AUTO_TARBALL(b);
	struct layer l;
	size_t n;

	fixture_fresh(f);
	AUTO_FREE char *a = str_printf("%s/root/a", f->dir);
	AUTO_FREE char *c = str_printf("%s/root/b", f->dir);
	struct ctr_mount lower = { "bind", a, "", NULL, 0 }, upper = { "bind", c, "", NULL, 0 };
	struct ctr_compare args = { .size = sizeof(args),
				    .lower = &lower,
				    .upper = &upper,
				    .n_lower = 1,
				    .n_upper = 1,
				    .media_type = "",
				    .out_fd = out,
				    .source_date_ns = CTR_NO_DEADLINE };

	assert_int_equal(mkdirat(f->fd, "a", 0755), 0);
	assert_int_equal(mkdirat(f->fd, "b", 0755), 0);
	put_text(f, "a/gone", "gone");
	put_text(f, "b/new", "new");
	if (differ_compare(&d, paper_call, &args, &got, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	assert_int_equal(io_read_fd(out, TB_MAX, &data, &n), 0);
	assert_int_equal(n, got.length_bytes);
	assert_int_equal(buf_append(&b, data, n), 0);

	AUTO_CLOSE int a_fd = openat(f->fd, "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	layer_init(&l, &b, 0);
	int root = f->fd;
	f->fd = a_fd;
	ctr_code code = apply(f, &l, CTR_WHITEOUT_REMOVE, &applied);
	f->fd = root;
	if (code != CTR_OK)
		fail_msg("%s", f->message);
	assert_string_equal(applied.digest, got.diff_id);
	expect_text(f, "a/new", "new");
	assert_true(missing(f, "a/gone"));
	layer_done(&l);

	args.media_type = "application/x-unknown";
	assert_int_equal(differ_compare(&d, paper_call, &args, &got, &err), CTR_UNIMPLEMENTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(applies_a_complete_layer),
		cmocka_unit_test(applies_a_growing_layer),
		cmocka_unit_test(a_source_that_fails_ends_the_apply),
		cmocka_unit_test(bad_layers_name_layer_and_cause),
		cmocka_unit_test(cancel_ends_the_apply),
		cmocka_unit_test(applies_to_mounts),
		cmocka_unit_test(compares_two_trees),
		cmocka_unit_test(compares_an_overlay),
		cmocka_unit_test(applies_to_what_must_be_mounted),
	};

	if (!fixture_possible() || geteuid() != 0)
		return 0;
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
