/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.streaming.v1.Streaming: the client's side of the streams that Transfer reads
 * and writes. The first message names the stream, an Empty answers it; from then on messages pass
 * through. Loop's thread, never blocks.
 */
#include <stdlib.h>
#include <string.h>

#include <ctr/unstable/streams.h>

#include "base/str.h"
#include "containerd/services/streaming/v1/streaming.pb-c.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/empty.pb-c.h"
#include "plugins/api-grpc/api.h"
#include "plugins/api-grpc/fields.h"

#define QUEUED_MAX (8 * 1024 * 1024) /* bytes for a client that does not read */

struct service {
	struct api *api;
	const struct ctr_streams_ops *ops;
};

static ctr_code send_any(struct api *api, struct ctr_rpc_call *rc, const struct ctr_any *message)
{
	Google__Protobuf__Any any;

	google__protobuf__any__init(&any);
	any.type_url = api_lent(message->type_url);
	any.value.data = (uint8_t *)(uintptr_t)message->value;
	any.value.len = (size_t)message->n;
	return api_reply(api, rc, &any.base, NULL);
}

/* What the core has of a stream here: the call, kept until release(). */
struct peer {
	struct service *service;
	struct ctr_rpc_call *rc;
	struct ctr_stream *stream;
};

static ctr_code peer_send(void *ud, const struct ctr_any *message)
{
	struct peer *p = ud;
	const struct ctr_rpc_ops *rpc = p->service->api->rpc;

	if (rpc->queued_bytes(p->rc) + message->n > QUEUED_MAX)
		return CTR_RESOURCE_EXHAUSTED;
	return send_any(p->service->api, p->rc, message);
}

static uint64_t peer_queued(void *ud)
{
	struct peer *p = ud;

	return p->service->api->rpc->queued_bytes(p->rc);
}

static void peer_resume(void *ud)
{
	struct peer *p = ud;

	p->service->api->rpc->resume(p->rc);
}

static void peer_finish(void *ud, ctr_code code, const char *message)
{
	struct peer *p = ud;

	p->service->api->rpc->finish(p->rc, code, message);
}

static void peer_release(void *ud)
{
	struct peer *p = ud;

	p->service->api->rpc->unref(p->rc);
	free(p);
}

static const struct ctr_stream_peer peer_ops = {
	.size = sizeof(peer_ops),
	.send = peer_send,
	.queued_bytes = peer_queued,
	.resume = peer_resume,
	.finish = peer_finish,
	.release = peer_release,
};

static ctr_code say_ready(struct service *s, struct ctr_rpc_call *rc)
{
	const struct ctr_any empty = { google__protobuf__empty__descriptor.name, NULL, 0 };

	return send_any(s->api, rc, &empty);
}

static ctr_code open_stream(struct service *s, struct ctr_rpc_call *rc, const char *id,
			    struct ctr_error *err)
{
	const struct ctr_host *h = s->api->host;
	struct peer *p = malloc(sizeof(*p));
	ctr_code code;

	if (!p)
		return h->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*p = (struct peer){ .service = s, .rc = rc };
	s->api->rpc->ref(rc);
	code = s->ops->open(h, s->api->rpc->call(rc), id, &peer_ops, p, &p->stream, err);
	if (code != CTR_OK) {
		peer_release(p);
		return code;
	}
	s->api->rpc->set_data(rc, p);
	return say_ready(s, rc);
}

static const char *type_of(const Google__Protobuf__Any *any)
{
	const char *slash = strrchr(any->type_url, '/');

	return slash ? slash + 1 : any->type_url;
}

static ctr_code first(struct service *s, struct ctr_rpc_call *rc, const Google__Protobuf__Any *any,
		      struct ctr_error *err)
{
	const ProtobufCMessageDescriptor *type =
		&containerd__services__streaming__v1__stream_init__descriptor;
	ProtobufCMessage *message;
	ctr_code code;

	if (!str_eq(type_of(any), type->name))
		return s->api->host->fail(err, CTR_INVALID_ARGUMENT,
					  "the first message of a stream must be '%s'", type->name);
	code = api_unpack(s->api, type, any->value.data, any->value.len, &message, err);
	if (code != CTR_OK)
		return code;
	code = open_stream(s, rc,
			   ((Containerd__Services__Streaming__V1__StreamInit *)(void *)message)->id,
			   err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

static ctr_code deliver(struct service *s, struct peer *p, const Google__Protobuf__Any *any,
			struct ctr_error *err)
{
	const struct ctr_any message = { any->type_url, any->value.data, any->value.len };
	ctr_code code = s->ops->deliver(p->stream, &message, err);

	/* Nobody reads any more: what comes is dropped until the client hears of it. */
	return code == CTR_CANCELLED ? CTR_OK : code;
}

static ctr_code stream_message(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			       struct ctr_error *err)
{
	struct service *s = self;
	struct peer *p = s->api->rpc->data(rc);
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, &google__protobuf__any__descriptor, data, n, &message, err);

	if (code != CTR_OK)
		return code;
	code = p ? deliver(s, p, (void *)message, err) : first(s, rc, (void *)message, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

static ctr_code stream_half_close(void *self, struct ctr_rpc_call *rc, struct ctr_error *err)
{
	struct service *s = self;
	struct peer *p = s->api->rpc->data(rc);

	if (!p)
		return s->api->host->fail(err, CTR_INVALID_ARGUMENT, "a stream without a name");
	s->ops->half_close(p->stream);
	return CTR_OK;
}

static void stream_closed(void *self, struct ctr_rpc_call *rc)
{
	struct service *s = self;
	struct peer *p = s->api->rpc->data(rc);

	s->api->rpc->set_data(rc, NULL);
	if (p)
		s->ops->closed(p->stream);
}

static const struct ctr_rpc_method methods[] = {
	{
		.name = "Stream",
		.flags = CTR_RPC_INLINE | CTR_RPC_CLIENT_STREAM | CTR_RPC_SERVER_STREAM,
		.message = stream_message,
		.half_close = stream_half_close,
		.closed = stream_closed,
	},
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = ARRAY_SIZE(methods),
	.name = "containerd.services.streaming.v1.Streaming",
	.methods = methods,
};

ctr_code api_streaming_init(struct api *api, struct ctr_error *err)
{
	const struct ctr_streams_ops *ops;
	struct service *s;
	uint32_t size;

	ops = api->host->service(api->host, CTR_SERVICE_STREAMS, &size);
	if (!ops)
		return CTR_OK;

	s = malloc(sizeof(*s));
	if (!s)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*s = (struct service){ .api = api, .ops = ops };
	return api_add(api, &service, s, err);
}
