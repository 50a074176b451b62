/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.transfer.v1.Transfer over ctr.transfer.v0. The call is parked until the core
 * has done it: no thread of the pools waits here.
 */
#include <stdlib.h>

#include <ctr/unstable/transfer.h>

#include "base/macros.h"
#include "containerd/services/transfer/v1/transfer.pb-c.h"
#include "plugins/api-grpc/api.h"

typedef Containerd__Services__Transfer__V1__TransferRequest request;

struct service {
	struct api *api;
	const struct ctr_transfer_ops *ops;
};

/* One call under way. */
struct transfer {
	struct api *api;
	struct ctr_rpc_call *rc; /* a reference */
};

static void transfer_done(void *ud, ctr_code code, struct ctr_error *err)
{
	struct transfer *t = ud;
	const struct ctr_rpc_ops *rpc = t->api->rpc;

	if (code == CTR_OK)
		code = api_reply_empty(t->api, t->rc, err);
	if (code == CTR_OK)
		rpc->finish(t->rc, CTR_OK, NULL);
	else
		rpc->finish_error(t->rc, code, err);
	rpc->unref(t->rc);
	free(t);
}

static ctr_code start(struct service *s, struct ctr_rpc_call *rc, const request *m,
		      struct ctr_error *err)
{
	const struct ctr_host *h = s->api->host;
	struct ctr_transfer_args args = { .size = sizeof(args), .progress_stream = "" };
	struct transfer *t;
	ctr_code code;

	if (!m->source || !m->destination)
		return h->fail(err, CTR_INVALID_ARGUMENT,
			       "a transfer needs a source and a destination");
	args.source = (struct ctr_any){ m->source->type_url, m->source->value.data,
					m->source->value.len };
	args.destination = (struct ctr_any){ m->destination->type_url, m->destination->value.data,
					     m->destination->value.len };
	if (m->options)
		args.progress_stream = m->options->progress_stream;
	t = malloc(sizeof(*t));
	if (!t)
		return h->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*t = (struct transfer){ .api = s->api, .rc = rc };
	s->api->rpc->ref(rc);
	code = s->ops->start(h, s->api->rpc->call(rc), &args, transfer_done, t, err);
	if (code == CTR_OK)
		return CTR_PENDING;
	s->api->rpc->unref(rc);
	free(t);
	return code;
}

static ctr_code transfer(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			 struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code = api_unpack(
		s->api, &containerd__services__transfer__v1__transfer_request__descriptor, data, n,
		&message, err);

	if (code != CTR_OK)
		return code;
	code = start(s, rc, (void *)message, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Transfer", .flags = CTR_RPC_INLINE, .message = transfer },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = ARRAY_SIZE(methods),
	.name = "containerd.services.transfer.v1.Transfer",
	.methods = methods,
};

ctr_code api_transfer_init(struct api *api, struct ctr_error *err)
{
	const struct ctr_transfer_ops *ops;
	struct service *s;
	uint32_t size;

	ops = api->host->service(api->host, CTR_SERVICE_TRANSFER, &size);
	if (!ops)
		return CTR_OK;

	s = malloc(sizeof(*s));
	if (!s)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*s = (struct service){ .api = api, .ops = ops };
	return api_add(api, &service, s, err);
}
