/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.streams.v0": streams of messages that a client opens under a name of its own and
 * names in a later call (progress, credentials, archives). An API plugin brings the client's side;
 * the core's component that the other call belongs to takes it by name. Unstable: exact version
 * match.
 */
#ifndef CTR_UNSTABLE_STREAMS_H
#define CTR_UNSTABLE_STREAMS_H

#include <ctr/plugin.h>
#include <ctr/types.h>
#include <ctr/unstable/rpc.h>

#define CTR_SERVICE_STREAMS "ctr.streams.v0"

struct ctr_stream; /* reference counted, host side */

/* The client's side, as its plugin implements it. Functions may be called from any thread and must
 * not block. */
struct ctr_stream_peer {
	uint32_t size, reserved;
	/* Queue one message for the client. CTR_CANCELLED: it is gone. CTR_RESOURCE_EXHAUSTED: too
	 * much waits for it. */
	ctr_code (*send)(void *peer, const struct ctr_any *message);
	uint64_t (*queued_bytes)(void *peer);
	/* deliver() had answered CTR_PENDING: messages may be delivered again. */
	void (*resume)(void *peer);
	void (*finish)(void *peer, ctr_code code,
		       const char *message); /* the core's side is done; message may be NULL */
	void (*release)(void *peer);         /* the last that is heard of the stream */
};

struct ctr_streams_ops {
	uint32_t size, reserved;
	/* Register (call's namespace, id). ops and peer are borrowed until release(). CTR_UNKNOWN
	 * "already exists"; CTR_INVALID_ARGUMENT: the id; CTR_RESOURCE_EXHAUSTED: too many streams.
	 * Does not block. */
	ctr_code (*open)(const struct ctr_host *h, const struct ctr_call *call, const char *id,
			 const struct ctr_stream_peer *ops, void *peer, struct ctr_stream **ret,
			 struct ctr_error *err);
	/* A message of the client; copied. CTR_OK, or CTR_PENDING: taken, but no further one before
	 * resume(). CTR_CANCELLED: nobody will read it any more. Does not block. */
	ctr_code (*deliver)(struct ctr_stream *s, const struct ctr_any *message,
			    struct ctr_error *err);
	void (*half_close)(struct ctr_stream *s); /* the client sends no more */
	/* The client is gone; the plugin's reference ends with it. */
	void (*closed)(struct ctr_stream *s);
};

#endif
