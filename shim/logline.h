/* SPDX-License-Identifier: Apache-2.0
 *
 * From bytes to log records: splits a stream at newlines and at 16 KiB, and writes each piece as a
 * docker json-file line or a CRI line (P and F tags). Knows nothing of files; one framer a stream.
 */
#ifndef CTR_SHIM_LOGLINE_H
#define CTR_SHIM_LOGLINE_H

#include <stddef.h>
#include <stdint.h>

#include "shim/uri.h"

#define LOG_LINE_MAX 16384 /* bytes of one record's text; longer lines become several records */

/* Where records go: begin() once with the exact size of the record, then put() for its parts. */
struct log_out {
	int (*begin)(struct log_out *out, size_t record_bytes);
	int (*put)(struct log_out *out, const void *data, size_t n);
};

struct log_framer {
	enum log_format format;
	const char *stream; /* "stdout", "stderr" */
	char *held;         /* a line without its end, NULL when there is none */
	size_t held_len;
};

/* Take n bytes that arrived at wall_ns. 0 or the first error of out, and then bytes are lost. */
int log_feed(struct log_framer *f, const char *data, size_t n, int64_t wall_ns,
	     struct log_out *out);
/* End of the stream: write what is held. */
int log_finish(struct log_framer *f, int64_t wall_ns, struct log_out *out);
void log_framer_done(struct log_framer *f);

#endif
