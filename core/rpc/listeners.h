/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's sockets and the services that plugins register on them: the glue between rpc/
 * (HTTP/2, ttrpc) and the SDK's "ctr.rpc.v0". A call gets its struct ctr_call here, is refused for
 * a bad namespace here, and is run on the loop, the pool of short work or the bulk pool as its
 * method says. See docs/calls.md.
 */
#ifndef CTR_CORE_RPC_LISTENERS_H
#define CTR_CORE_RPC_LISTENERS_H

#include "status/status.h"

struct daemon;
struct listeners;

/* Makes the servers and provides "ctr.rpc.v0"; nothing listens yet. Loop thread, as all here. */
ctr_code listeners_new(struct daemon *d, struct listeners **ret, struct ctr_error *err);
/* Bind d->address and d->ttrpc_address. CTR_ALREADY_EXISTS: a live daemon serves one of them. */
ctr_code listeners_listen(struct listeners *l, struct ctr_error *err);
/* Cut every connection: calls are cancelled. What pool threads still run ends later. */
void listeners_stop(struct listeners *l);
/* After the pools have ended and the loop has run what they posted. NULL allowed. */
void listeners_free(struct listeners *l);

#endif
