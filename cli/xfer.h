/* SPDX-License-Identifier: Apache-2.0
 *
 * Transfers: the side streams (progress, credentials, bytes in and out) and the call itself.
 */
#ifndef CTR_CLI_XFER_H
#define CTR_CLI_XFER_H

#include "cli/api.h"
#include "cli/cli.h"

struct xfer_stream;

/*
 * Open a side stream and wait until the daemon knows its id. Messages after that go to fn (on the
 * loop).
 */
ctr_code xfer_open(struct cli *c, const char *prefix,
		   void (*fn)(void *ud, const Google__Protobuf__Any *any), void *ud,
		   struct xfer_stream **ret, struct ctr_error *err);
const char *xfer_id(const struct xfer_stream *s);
ctr_code xfer_send(struct xfer_stream *s, const void *message, struct ctr_error *err);
struct rpc_stream *xfer_rpc(struct xfer_stream *s);
int xfer_ended(const struct xfer_stream *s);
void xfer_free(struct xfer_stream *s); /* NULL allowed */
void auto_xfer(struct xfer_stream **s);
#define AUTO_XFER AUTO(auto_xfer) struct xfer_stream *

/* Start Transfer from one message to the other; progress: stream id or NULL. */
ctr_code xfer_start(struct cli *c, const void *source, const void *destination,
		    const char *progress, struct rpc_pending **ret, struct ctr_error *err);

#endif
