/* SPDX-License-Identifier: Apache-2.0
 *
 * Transfers and their side streams.
 */
#include "cli/xfer.h"

#include <errno.h>
#include <stdio.h>

#include "base/rand.h"
#include "cli/pbutil.h"

#define ID_ROOM 64

struct xfer_stream {
	struct cli *c;
	struct rpc_stream *rpc;
	char id[ID_ROOM];
	int ready;
	void (*fn)(void *ud, const Google__Protobuf__Any *any);
	void *ud;
};

/* The first message says that the id is known; what follows belongs to the transfer. */
static void on_message(void *ud, void *message)
{
	struct xfer_stream *s = ud;

	if (s->ready) {
		s->fn(s->ud, message);
		return;
	}
	s->ready = 1;
	loop_stop(s->c->loop);
}

static void on_end(void *ud)
{
	struct xfer_stream *s = ud;

	if (!s->ready)
		loop_stop(s->c->loop);
}

ctr_code xfer_send(struct xfer_stream *s, const void *message, struct ctr_error *err)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	int r = pb_any_pack(message, PB_MAX, &any);
	ctr_code code;

	if (r < 0)
		return ctr_fail_errno(err, r, "transfer");
	code = rpc_stream_send(s->rpc, &any, err);
	pb_any_done(&any);
	return code;
}

ctr_code xfer_open(struct cli *c, const char *prefix,
		   void (*fn)(void *ud, const Google__Protobuf__Any *any), void *ud,
		   struct xfer_stream **ret, struct ctr_error *err)
{
	Containerd__Services__Streaming__V1__StreamInit init =
		CONTAINERD__SERVICES__STREAMING__V1__STREAM_INIT__INIT;
	AUTO_XFER s = calloc(1, sizeof(*s));
	const struct rpc_stream_options o = { .on_message = on_message, .on_end = on_end, .ud = s };
	char random[17];
	struct rpc *rpc;
	ctr_code code;
	int r = 0;

	if (!s)
		return ctr_fail_errno(err, ENOMEM, "transfer");
	rand_hex(random, 16);
	(void)snprintf(s->id, sizeof(s->id), "%s-%s", prefix, random);
	s->c = c;
	s->fn = fn;
	s->ud = ud;
	init.id = s->id;
	code = cli_rpc(c, &rpc, err);
	if (code == CTR_OK)
		code = rpc_stream_open(rpc, STREAMING_SERVICE, "Stream", &o, &s->rpc, err);
	if (code == CTR_OK)
		code = xfer_send(s, &init, err);
	while (code == CTR_OK && !s->ready && !rpc_stream_ended(s->rpc) && r == 0)
		r = loop_run(c->loop);
	if (code == CTR_OK && !s->ready) {
		void *none = NULL;

		code = rpc_stream_recv(s->rpc, &none, err);
		if (code == CTR_OK)
			code = ctr_fail(err, CTR_UNAVAILABLE, "the daemon ended the stream");
		return ctr_wrap(err, "stream '%s'", prefix);
	}
	if (code == CTR_OK)
		*ret = take_ptr(&s);
	return code;
}

const char *xfer_id(const struct xfer_stream *s)
{
	return s->id;
}

struct rpc_stream *xfer_rpc(struct xfer_stream *s)
{
	return s->rpc;
}

int xfer_ended(const struct xfer_stream *s)
{
	return rpc_stream_ended(s->rpc);
}

void xfer_free(struct xfer_stream *s)
{
	if (!s)
		return;
	rpc_stream_free(s->rpc);
	free(s);
}

void auto_xfer(struct xfer_stream **s)
{
	xfer_free(*s);
}

ctr_code xfer_start(struct cli *c, const void *source, const void *destination,
		    const char *progress, struct rpc_pending **ret, struct ctr_error *err)
{
	TRANSFER(TransferRequest) req = TRANSFER_INIT(TRANSFER_REQUEST);
	TRANSFER(TransferOptions) options = TRANSFER_INIT(TRANSFER_OPTIONS);
	Google__Protobuf__Any from = GOOGLE__PROTOBUF__ANY__INIT, to = GOOGLE__PROTOBUF__ANY__INIT;
	struct rpc *rpc;
	ctr_code code = cli_rpc(c, &rpc, err);

	if (code != CTR_OK)
		return code;
	if (pb_any_pack(source, PB_MAX, &from) < 0 || pb_any_pack(destination, PB_MAX, &to) < 0) {
		code = ctr_fail_errno(err, ENOMEM, "transfer");
	} else {
		options.progress_stream = pb_str(progress ? progress : "");
		req.source = &from;
		req.destination = &to;
		req.options = &options;
		code = rpc_start(rpc, TRANSFER_SERVICE, "Transfer", &req, ret, err);
	}
	pb_any_done(&from);
	pb_any_done(&to);
	return code;
}
