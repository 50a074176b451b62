/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries to a pax tar stream, written by libarchive into an encoder. What pax can say exactly is said (nanoseconds,
 * any name, any owner, attributes, holes); nothing else, so that equal trees give equal bytes.
 */
#ifndef CTR_WORKER_TAR_WRITER_H
#define CTR_WORKER_TAR_WRITER_H

#include "worker/codec/encoder.h"
#include "worker/tar/reader.h"

struct tar_writer;

ctr_code tar_writer_open(struct encoder *e, struct tar_writer **ret, struct ctr_error *err);
void tar_writer_free(struct tar_writer *w); /* NULL allowed */
static inline void tar_writer_freep(struct tar_writer **w)
{
	tar_writer_free(*w);
}
#define AUTO_TAR_WRITER AUTO(tar_writer_freep) struct tar_writer

/* To come before tar_put(), for its entry. A hole is what no region of a file of
 * that size covers; without regions there is none. */
ctr_code tar_put_xattr(struct tar_writer *w, const char *name, const void *value, size_t n,
		       struct ctr_error *err);
ctr_code tar_put_region(struct tar_writer *w, uint64_t size, uint64_t offset, uint64_t n,
			struct ctr_error *err);
/* times[0] and n_xattr are not looked at. */
ctr_code tar_put(struct tar_writer *w, const struct tar_entry *e, struct ctr_error *err);
/* The content of a TAR_FILE, e->size bytes in all; those of holes are given too (as zeros). */
ctr_code tar_put_data(struct tar_writer *w, const void *data, size_t n, struct ctr_error *err);
/* The end of the archive; the encoder is the caller's to finish. */
ctr_code tar_writer_end(struct tar_writer *w, struct ctr_error *err);

#endif
