/* SPDX-License-Identifier: Apache-2.0
 *
 * The container log on disk: appended to by whole records, rotated before a record that would not
 * fit. A file never exceeds max_bytes unless one record alone does.
 */
#ifndef CTR_SHIM_LOGFILE_H
#define CTR_SHIM_LOGFILE_H

#include <stddef.h>
#include <stdint.h>

#include "shim/logline.h"

struct log_file {
	struct log_out out; /* first member: what the framers write to */
	char *path;
	int fd;
	uint64_t size;      /* bytes of the current file, buffered ones included */
	uint64_t max_bytes; /* 0: never rotated */
	uint32_t max_files; /* the current one included */
	char *buf;          /* only between the first put and log_file_flush() */
	size_t buf_len;
};

/* Open or make path (its directories too, 0755; the file 0640) for appending. 0 or -errno. */
int log_file_open(struct log_file *f, const char *path, uint64_t max_bytes, uint32_t max_files);
/* Hand what is buffered to the kernel. Called after each feed, so nothing waits in memory. */
int log_file_flush(struct log_file *f);
void log_file_done(struct log_file *f); /* flushes too */

/* mkdir -p of the directory that holds the absolute path. 0 or -errno. */
int make_parent_dirs(const char *path);

#endif
