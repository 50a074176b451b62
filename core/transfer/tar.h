/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a tar archive of our own files onto a byte stream: ustar, with a pax record where a name
 * or a size needs one.
 */
#ifndef CTR_CORE_TRANSFER_TAR_H
#define CTR_CORE_TRANSFER_TAR_H

#include "core/streams/streams.h"

#define TAR_BLOCK 512

/* One entry's header; then exactly size bytes are written with tar_data(), and tar_pad() ends it.
 * type '0' or '5'. */
ctr_code tar_header(struct stream_writer *w, const char *name, int64_t size, unsigned mode,
		    char type, struct ctr_error *err);
ctr_code tar_pad(struct stream_writer *w, int64_t size, struct ctr_error *err);
ctr_code tar_end(struct stream_writer *w, struct ctr_error *err);
/* A whole small file. */
ctr_code tar_file(struct stream_writer *w, const char *name, const void *data, size_t n,
		  struct ctr_error *err);
/* The header block itself; for the test. 0, or -E2BIG: name or size do not fit. */
int tar_fill(unsigned char block[TAR_BLOCK], const char *name, int64_t size, unsigned mode,
	     char type);

#endif
