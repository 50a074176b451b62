/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs of this folder share: cmocka, and a temporary directory per test that is gone
 * afterwards, whatever the test did.
 */
#ifndef CTR_TESTS_TEMP_H
#define CTR_TESTS_TEMP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define CASE(fn)      cmocka_unit_test(fn)
#define TEMP_CASE(fn) cmocka_unit_test_setup_teardown(fn, temp_up, temp_down)

struct temp {
	char path[64];
	int fd;
};

/* A step of the set-up that has to succeed. */
static inline void ok(int r)
{
	if (r < 0)
		fail_msg("set-up: %s", strerror(errno));
}

/* valgrind of Debian 12 knows neither openat2 nor pidfd_open; the kernels we run on do. */
static inline int unsupported(int r)
{
	if (r != -ENOSYS)
		return 0;
	puts("skipped: a system call that this needs is not implemented here");
	return 1;
}

static inline int temp_up(void **state)
{
	struct temp *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	snprintf(t->path, sizeof(t->path), "/tmp/ctr-test-XXXXXX");
	if (!mkdtemp(t->path))
		return -1;
	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = t;
	return t->fd < 0;
}

static inline int temp_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline int temp_down(void **state)
{
	struct temp *t = *state;

	close(t->fd);
	nftw(t->path, temp_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(t);
	return 0;
}

static inline void temp_write(const struct temp *t, const char *name, const char *text)
{
	int fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static inline int temp_has(const struct temp *t, const char *name)
{
	return faccessat(t->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Open descriptors of this process. */
static inline int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

#endif
