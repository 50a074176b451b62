/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams by name: what clients opened with Streaming.Stream, taken here by whoever their next call
 * belongs to. Each has a bounded queue towards the core; a client that fills it is made to wait,
 * one that does not read is refused more. Any thread. See docs/transfer.md.
 */
#ifndef CTR_CORE_STREAMS_H
#define CTR_CORE_STREAMS_H

#include <ctr/unstable/streams.h>

#include "google/protobuf/any.pb-c.h"
#include "status/status.h"

struct ctr_call;
struct daemon;
struct streams;

/* The registry, and the service "ctr.streams.v0"; before registry_init(). 0 or -errno. */
int streams_new(struct daemon *d, struct streams **ret);
void streams_free(struct streams *s); /* NULL allowed; all streams are closed before */

/* Take the stream (call's namespace, id): nobody else can any more. CTR_NOT_FOUND. */
ctr_code streams_get(struct streams *s, const struct ctr_call *call, const char *id,
		     struct ctr_stream **ret, struct ctr_error *err);
/* CTR_CANCELLED: the client is gone. CTR_RESOURCE_EXHAUSTED: it does not read. Does not block. */
ctr_code stream_send(struct ctr_stream *s, const void *message, struct ctr_error *err);
uint64_t stream_queued(struct ctr_stream *s); /* bytes that the client has not taken yet */
/*
 * The next message (pb_free), waiting for it; *ret NULL when the client sends no more. Ends with
 * the call.
 */
ctr_code stream_recv(struct ctr_stream *s, const struct ctr_call *call, Google__Protobuf__Any **ret,
		     struct ctr_error *err);
/* The same without waiting: *ret NULL also when there is none now. CTR_CANCELLED: the client is
 * gone. */
ctr_code stream_poll(struct ctr_stream *s, Google__Protobuf__Any **ret, struct ctr_error *err);
/* End it towards the client and give it back; NULL allowed. */
void stream_close(struct ctr_stream *s, ctr_code code, const char *message);

/* bytes.c: containerd's byte streams (Data and WindowUpdate) over such a stream. One thread each.
 */
#define STREAM_WINDOW 65536
#define STREAM_CHUNK  32768

struct stream_reader {
	struct ctr_stream *stream;
	const struct ctr_call *call;
	int64_t window; /* what the client may still send */
};
/* The next bytes (free(3)); *ret_n 0 at the end. */
ctr_code stream_read(struct stream_reader *r, void **ret, size_t *ret_n, struct ctr_error *err);

struct stream_writer {
	struct ctr_stream *stream;
	const struct ctr_call *call;
	int64_t window; /* what may still be sent */
};
ctr_code stream_write(struct stream_writer *w, const void *data, size_t n, struct ctr_error *err);

#endif
