/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole reads and writes. All functions handle EINTR and short transfers, and return
 * -errno on failure; a size limit is part of every read.
 */
#ifndef CTR_BASE_IO_H
#define CTR_BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes read (fewer than n only at end of file), or -errno. */
ssize_t io_read_full(int fd, void *data, size_t n);
ssize_t io_pread_full(int fd, void *data, size_t n, off_t at);
/* 0 or -errno. */
int io_write_full(int fd, const void *data, size_t n);
int io_pwrite_full(int fd, const void *data, size_t n, off_t at);

/*
 * Read a whole regular file below dir_fd (AT_FDCWD allowed) of at most max bytes. *ret_data is
 * NUL-terminated beyond its *ret_n bytes (ret_n may be NULL); the caller frees it. -EFBIG when
 * longer, -EINVAL when it is no regular file. Opened O_NONBLOCK, so a fifo never blocks.
 */
int io_read_file(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_n);
/* The same for an open descriptor, from its current offset; any type of file. */
int io_read_fd(int fd, size_t max, char **ret_data, size_t *ret_n);

/*
 * Write name below dir_fd by temporary file and rename; sync != 0 makes file and directory durable.
 */
int io_write_file(int dir_fd, const char *name, const void *data, size_t n, mode_t mode, int sync);

/* Copy n bytes (n == UINT64_MAX: to end of file) between descriptors; *ret_n bytes were copied. */
int io_copy(int from_fd, int to_fd, uint64_t n, uint64_t *ret_n);

#endif
