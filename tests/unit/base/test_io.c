/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole transfers, whole files, atomic replacement, copies.
 */
#include "temp.h"

#include <pthread.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"

#define BIG ((size_t)300 << 10) /* more than a pipe holds */

static void *write_in_pieces(void *arg)
{
	int fd = *(int *)arg;
	char *data = malloc(BIG);

	memset(data, 'x', BIG);
	for (size_t at = 0; at < BIG; at += 1000)
		io_write_full(fd, data + at, MIN(BIG - at, (size_t)1000));
	free(data);
	fd_close(&fd);
	return NULL;
}

static void short_transfers_are_made_whole(void **state)
{
	AUTO_FREE char *data = malloc(BIG + 1);
	pthread_t thread;
	int p[2];

	(void)state;
	assert_int_equal(fd_pipe(p, 0), 0);
	pthread_create(&thread, NULL, write_in_pieces, &p[1]);
	assert_int_equal(io_read_full(p[0], data, 100000), 100000);
	assert_int_equal(io_read_full(p[0], data, BIG), BIG - 100000); /* to the end */
	assert_int_equal(io_read_full(p[0], data, 1), 0);
	assert_int_equal(io_read_full(-1, data, 1), -EBADF);
	assert_int_equal(io_write_full(-1, data, 1), -EBADF);
	pthread_join(thread, NULL);
	fd_close(&p[0]);
}

static void positioned_transfers(void **state)
{
	const struct temp *t = *state;
	AUTO_CLOSE int fd = openat(t->fd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char data[16];

	assert_int_equal(io_pwrite_full(fd, "abcdef", 6, 10), 0);
	assert_int_equal(io_pread_full(fd, data, 16, 12), 4);
	assert_memory_equal(data, "cdef", 4);
	assert_int_equal(io_pread_full(fd, data, 3, 10), 3);
	assert_int_equal(io_pread_full(fd, data, 3, 16), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(io_pread_full(-1, data, 1, 0), -EBADF);
	assert_int_equal(io_pwrite_full(-1, data, 1, 0), -EBADF);
}

static void read_file_within_its_limit(void **state)
{
	const struct temp *t = *state;
	char *data = NULL;
	size_t n = 0;

	temp_write(t, "f", "12345");
	temp_write(t, "empty", "");
	assert_int_equal(io_read_file(t->fd, "f", 5, &data, &n), 0);
	assert_int_equal(n, 5);
	assert_string_equal(data, "12345");
	free(data);
	data = NULL;
	assert_int_equal(io_read_file(t->fd, "f", 4, &data, &n), -EFBIG);
	assert_int_equal(io_read_file(t->fd, "f", 0, &data, &n), -EFBIG);
	assert_null(data);
	assert_int_equal(io_read_file(t->fd, "empty", 0, &data, NULL), 0);
	assert_string_equal(data, "");
	free(data);
	/* Files of /proc have no size; a fifo must not block, nor a directory pass. */
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/status", 65536, &data, &n), 0);
	assert_true(n > 100);
	free(data);
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/status", 50, &data, &n), -EFBIG);
	assert_int_equal(mkfifoat(t->fd, "fifo", 0600), 0);
	assert_int_equal(io_read_file(t->fd, "fifo", 10, &data, &n), -EINVAL);
	assert_int_equal(io_read_file(t->fd, ".", 10, &data, &n), -EINVAL);
	assert_int_equal(io_read_file(t->fd, "none", 10, &data, &n), -ENOENT);
}

static void read_fd_grows_to_any_size(void **state)
{
	pthread_t thread;
	char *data = NULL;
	size_t n = 0;
	int p[2];

	(void)state;
	assert_int_equal(fd_pipe(p, 0), 0);
	pthread_create(&thread, NULL, write_in_pieces, &p[1]);
	assert_int_equal(io_read_fd(p[0], BIG, &data, &n), 0);
	assert_int_equal(n, BIG);
	assert_int_equal(data[BIG - 1], 'x');
	assert_int_equal(data[BIG], '\0');
	pthread_join(thread, NULL);
	free(data);
	fd_close(&p[0]);
	assert_int_equal(io_read_fd(-1, 10, &data, &n), -EBADF);
}

static int n_entries(const struct temp *t)
{
	DIR *dir = opendir(t->path);
	int n = -2;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void write_file_replaces_atomically(void **state)
{
	const struct temp *t = *state;
	char *data;
	struct stat st;

	assert_int_equal(io_write_file(t->fd, "f", "one", 3, 0644, 0), 0);
	assert_int_equal(io_write_file(t->fd, "f", "second", 6, 0666, 1), 0);
	assert_int_equal(io_read_file(t->fd, "f", 100, &data, NULL), 0);
	assert_string_equal(data, "second");
	free(data);
	assert_int_equal(fstatat(t->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0666); /* whatever the umask is */

	assert_int_equal(mkdirat(t->fd, "dir", 0700), 0);
	assert_int_equal(io_write_file(t->fd, "dir/g", "x", 1, 0600, 1), 0);
	assert_true(temp_has(t, "dir/g"));
	assert_int_equal(io_write_file(t->fd, "dir", "x", 1, 0600, 0), -EISDIR);
	assert_int_equal(io_write_file(t->fd, "none/g", "x", 1, 0600, 0), -ENOENT);
	assert_int_equal(io_write_file(t->fd, "", "x", 1, 0600, 0), -EINVAL);
	assert_int_equal(io_write_file(t->fd, "dir/", "x", 1, 0600, 0), -EINVAL);
	assert_int_equal(io_write_file(t->fd, "dir/..", "x", 1, 0600, 0), -EINVAL);
	assert_int_equal(n_entries(t), 2); /* no temporary file is left */
}

static void write_file_takes_the_longest_name(void **state)
{
	const struct temp *t = *state;
	char name[256], path[4200];

	memset(name, 'n', 255);
	name[255] = '\0';
	assert_int_equal(io_write_file(t->fd, name, "x", 1, 0600, 0), 0);
	assert_true(temp_has(t, name));
	memset(path, '/', sizeof(path));
	path[sizeof(path) - 2] = 'f';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(io_write_file(t->fd, path, "x", 1, 0600, 0), -ENAMETOOLONG);
}

static void copies_files_pipes_and_proc(void **state)
{
	const struct temp *t = *state;
	AUTO_CLOSE int from = openat(t->fd, "from", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	AUTO_CLOSE int to = openat(t->fd, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	AUTO_CLOSE int proc = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *data = malloc(BIG);
	uint64_t n = 42;
	int p[2];

	memset(data, 'd', BIG);
	assert_int_equal(io_write_full(from, data, BIG), 0);
	assert_int_equal(lseek(from, 0, SEEK_SET), 0);
	assert_int_equal(io_copy(from, to, 1000, &n), 0);
	assert_int_equal(n, 1000);
	assert_int_equal(io_copy(from, to, UINT64_MAX, &n), 0);
	assert_int_equal(n, BIG - 1000);
	assert_int_equal(lseek(to, 0, SEEK_CUR), BIG);
	assert_int_equal(io_copy(from, to, 10, &n), 0); /* the end came first */
	assert_int_equal(n, 0);

	assert_int_equal(io_copy(proc, to, UINT64_MAX, &n), 0);
	assert_true(n > 100);

	assert_int_equal(fd_pipe(p, 0), 0);
	assert_int_equal(io_write_full(p[1], "abc", 3), 0);
	assert_int_equal(io_copy(p[0], to, 2, &n), 0);
	assert_int_equal(n, 2);
	fd_close(&p[1]);
	assert_int_equal(io_copy(p[0], to, UINT64_MAX, NULL), 0);
	fd_close(&p[0]);
}

static void a_failed_copy_tells_how_far_it_came(void **state)
{
	const struct temp *t = *state;
	AUTO_CLOSE int to = open("/dev/full", O_WRONLY | O_CLOEXEC);
	AUTO_CLOSE int from = -1;
	uint64_t n = 42;

	temp_write(t, "from", "12345");
	from = openat(t->fd, "from", O_RDONLY | O_CLOEXEC);
	assert_int_equal(io_copy(from, to, UINT64_MAX, &n), -ENOSPC);
	assert_int_equal(n, 0);
	assert_int_equal(lseek(from, 0, SEEK_SET), 0);
	assert_int_equal(io_copy(from, -1, UINT64_MAX, &n), -EBADF);
	assert_int_equal(io_copy(-1, to, UINT64_MAX, &n), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(short_transfers_are_made_whole),
		TEMP_CASE(positioned_transfers),
		TEMP_CASE(read_file_within_its_limit),
		CASE(read_fd_grows_to_any_size),
		TEMP_CASE(write_file_replaces_atomically),
		TEMP_CASE(write_file_takes_the_longest_name),
		TEMP_CASE(copies_files_pipes_and_proc),
		TEMP_CASE(a_failed_copy_tells_how_far_it_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
