/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.ttrpc.v0": calls to ttrpc servers (shims), and where this daemon itself listens. All functions and
 * callbacks: the loop's thread. Unstable: exact version match.
 */
#ifndef CTR_UNSTABLE_TTRPC_H
#define CTR_UNSTABLE_TTRPC_H

#include <ctr/plugin.h>

#define CTR_SERVICE_TTRPC "ctr.ttrpc.v0"

struct ctr_ttrpc; /* one connection */

/* data is the reply's message, borrowed; message is "" on success. Called exactly once, never from inside call(). */
typedef void (*ctr_ttrpc_done)(void *ud, ctr_code code, const char *message, const void *data,
			       uint64_t n);

struct ctr_ttrpc_ops {
	uint32_t size, reserved;
	/* path of a unix socket. closed (may be NULL) is called once when the peer ends the connection, after every call
	 * on it has failed with CTR_UNAVAILABLE; the handle still wants close(). */
	ctr_code (*connect)(const struct ctr_host *h, const char *path, void (*closed)(void *ud),
			    void *ud, struct ctr_ttrpc **ret, struct ctr_error *err);
	/* deadline_ns: CLOCK_MONOTONIC or CTR_NO_DEADLINE; past it done gets CTR_DEADLINE_EXCEEDED. ns goes along as
	 * metadata. data is copied. On failure done is not called. */
	ctr_code (*call)(struct ctr_ttrpc *c, const char *service, const char *method,
			 const char *ns, int64_t deadline_ns, const void *data, uint64_t n,
			 ctr_ttrpc_done done, void *ud, struct ctr_error *err);
	/* Pending calls get CTR_CANCELLED before it returns; closed is not called. NULL allowed. */
	void (*close)(struct ctr_ttrpc *c);
	/* Of this daemon; borrowed. */
	const char *(*grpc_address)(const struct ctr_host *h);
	const char *(*ttrpc_address)(const struct ctr_host *h);
};

#endif
