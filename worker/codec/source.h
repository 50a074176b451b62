/* SPDX-License-Identifier: Apache-2.0
 *
 * Where compressed bytes come from: a regular file that may still be growing while it is read, a finished
 * file, or a stream (pipe or socket). One reader, one thread; a read blocks until there is something.
 */
#ifndef CTR_WORKER_SOURCE_H
#define CTR_WORKER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status/status.h"

struct source;

/*
 * Block until the file has grown beyond s->size or is complete; sets both by source_grow(). Called
 * only when every byte up to s->size has been read. An error ends the reading.
 */
typedef ctr_code (*source_wait_fn)(void *ud, struct source *s, struct ctr_error *err);

struct source {
	int fd;              /* the caller's */
	bool stream;         /* no offsets: read(2) until end of file */
	bool complete;       /* size is final */
	uint64_t size;       /* bytes known to be there */
	uint64_t offset;     /* bytes read so far */
	source_wait_fn wait; /* NULL for what does not grow */
	void *wait_ud;
};

/* A finished regular file, read from its start. */
ctr_code source_file(struct source *s, int fd, struct ctr_error *err);
/* A pipe or socket, read to its end. */
void source_stream(struct source *s, int fd);
/* A regular file of which size bytes are there now. */
void source_growing(struct source *s, int fd, uint64_t size, bool complete, source_wait_fn wait,
		    void *ud);

/* What the writer says: it never shrinks, and nothing follows 'complete'. CTR_INVALID_ARGUMENT otherwise. */
ctr_code source_grow(struct source *s, uint64_t size, bool complete, struct ctr_error *err);

/* At least one byte, or *ret_n == 0 at the end. CTR_DATA_LOSS: the file is shorter than was said. */
ctr_code source_read(struct source *s, void *data, size_t n, size_t *ret_n, struct ctr_error *err);

#endif
