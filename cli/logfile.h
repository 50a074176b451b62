/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a container's log: the rotated files from the oldest on, then the newest one, which may
 * still grow and be rotated away under us.
 */
#ifndef CTR_CLI_LOGFILE_H
#define CTR_CLI_LOGFILE_H

#include <stddef.h>
#include <stdint.h>

#include "status/status.h"

#define LOG_RECORD_MAX (256 * 1024) /* bytes of one line of the file */
#define LOG_FILES_MAX  1000

/* One record: where it came from, when, and its text (may lack a newline). plain files: time 0. */
struct log_record {
	int is_stderr;
	int64_t wall_ns;
	char time[40];
	char *text; /* malloc'ed */
	size_t n;
};

/* One line of a docker json-file, without its newline. 0, or -EINVAL when it is none. */
int log_record_parse(const char *line, size_t n, struct log_record *ret);
void log_record_done(struct log_record *r);

struct log_reader;

/*
 * path: the newest file. json: records; else the bytes of a plain file. NOT_FOUND when there is
 * none.
 */
ctr_code log_reader_open(const char *path, int json, struct log_reader **ret,
			 struct ctr_error *err);
/* Begin n records before the end (n 0: at the end). */
ctr_code log_reader_tail(struct log_reader *r, uint64_t n, struct ctr_error *err);
/* 1: *ret is filled (log_record_done()); 0: nothing more now; CTR error as a negative code. */
int log_reader_next(struct log_reader *r, struct log_record *ret);
/* A descriptor that is readable when next may have more, for following. -errno. */
int log_reader_watch(struct log_reader *r);
void log_reader_free(struct log_reader *r); /* NULL allowed */

#endif
