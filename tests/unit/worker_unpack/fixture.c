/* SPDX-License-Identifier: Apache-2.0
 *
 * The fixture: one directory under /tmp, removed at the end.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"

static ctr_code note_opaque(void *ud, int dir_fd, struct ctr_error *err)
{
	struct fixture *f = ud;
	struct stat st;

	(void)err;
	assert_int_equal(fstat(dir_fd, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_true(f->n_opaque < OPAQUE_MAX);
	f->opaque[f->n_opaque++] = st.st_ino;
	return CTR_OK;
}

static int top(const struct fixture *f)
{
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

int fixture_possible(void)
{
	AUTO_CLOSE int fd = path_open(AT_FDCWD, ".", PATH_BENEATH, O_PATH | O_DIRECTORY, 0);

	if (fd == -ENOSYS)
		print_message("skipped: this kernel, or valgrind, has no openat2\n");
	return fd != -ENOSYS;
}

void fixture_fresh(struct fixture *f)
{
	AUTO_CLOSE int dir = top(f);

	fd_close(&f->fd);
	assert_int_equal(path_remove_tree(dir, "root"), 0);
	assert_int_equal(mkdirat(dir, "root", 0755), 0);
	f->fd = openat(dir, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->fd >= 0);
	f->opt = (struct unpack_options){ .root_fd = f->fd, .opaque = note_opaque, .opaque_ud = f };
	f->n_opaque = 0;
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || !setlocale(LC_CTYPE, "C.UTF-8"))
		return -1;
	f->fd = -1;
	memcpy(f->dir, "/tmp/ctr-unpack-XXXXXX", 23);
	if (!mkdtemp(f->dir))
		return -1;
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	AUTO_CLOSE int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	fd_close(&f->fd);
	path_remove_tree(tmp, f->dir + 5);
	free(f);
	return 0;
}

ctr_code unpack(struct fixture *f, const struct buf *tar)
{
	AUTO_ERROR err = ERROR_INIT;
	AUTO_CLOSE int fd = memfd_create("layer", MFD_CLOEXEC);
	struct source src;
	ctr_code code;

	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, tar->data ? tar->data : "", tar->len), 0);
	assert_int_equal(source_file(&src, fd, &err), CTR_OK);
	code = unpack_layer(&src, &f->opt, &f->res, &err);
	snprintf(f->message, sizeof(f->message), "%s", code == CTR_OK ? "" : error_text(&err));
	return code;
}

void unpacks(struct fixture *f, const struct buf *tar)
{
	if (unpack(f, tar) != CTR_OK)
		fail_msg("%s", f->message);
}

void unpack_fails(struct fixture *f, const struct buf *tar, ctr_code code, const char *part,
		  const char *part2)
{
	ctr_code got = unpack(f, tar);

	if (got != code)
		fail_msg("code %d '%s', but %d was expected", got, f->message, code);
	if ((part && !strstr(f->message, part)) || (part2 && !strstr(f->message, part2)))
		fail_msg("'%s' does not name '%s' and '%s'", f->message, part, part2 ? part2 : "");
}

struct stat stat_of(struct fixture *f, const char *path)
{
	struct stat st = { 0 };

	if (fstatat(f->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("'%s': %s", path, strerror(errno));
	return st;
}

int missing(struct fixture *f, const char *path)
{
	struct stat st;

	return fstatat(f->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	       (errno == ENOENT || errno == ENOTDIR);
}

void expect_text(struct fixture *f, const char *path, const char *text)
{
	AUTO_FREE char *data = NULL;
	int r = io_read_file(f->fd, path, 1U << 20, &data, NULL);

	if (r < 0)
		fail_msg("'%s': %s", path, strerror(-r));
	assert_string_equal(data, text);
}

void put_text(struct fixture *f, const char *path, const char *text)
{
	AUTO_CLOSE int fd = openat(f->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
}

int is_opaque(struct fixture *f, const char *path)
{
	ino_t ino = stat_of(f, path).st_ino;

	for (size_t i = 0; i < f->n_opaque; i++)
		if (f->opaque[i] == ino)
			return 1;
	return 0;
}

void need_root(void)
{
	if (geteuid() != 0)
		skip();
}
