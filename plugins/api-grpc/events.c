/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.events.v1.Events, and for shims containerd.services.events.ttrpc.v1.Events,
 * over ctr.events.v0. A subscriber's queue is its call's: one that does not read is ended with
 * RESOURCE_EXHAUSTED and harms nobody.
 */
#include <stdlib.h>

#include <ctr/unstable/events.h>

#include "containerd/services/events/ttrpc/v1/events.pb-c.h"
#include "containerd/services/events/v1/events.pb-c.h"
#include "plugins/api-grpc/api.h"
#include "plugins/api-grpc/fields.h"

#define QUEUE_MAX (4 * 1024 * 1024) /* bytes that wait for one subscriber */

struct service {
	struct api *api;
	const struct ctr_events_ops *ops;
};

static struct ctr_any any_in(const Google__Protobuf__Any *m)
{
	if (!m)
		return (struct ctr_any){ "", NULL, 0 };
	return (struct ctr_any){ m->type_url, m->value.data, m->value.len };
}

static ctr_code publish(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, &containerd__services__events__v1__publish_request__descriptor,
			   data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Events__V1__PublishRequest *req = (void *)message;
	const struct ctr_any event = any_in(req->event);

	code = s->ops->publish(s->api->host, s->api->rpc->call(rc), req->topic, &event, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code == CTR_OK ? api_reply_empty(s->api, rc, err) : code;
}

static ctr_code forward_envelope(struct service *s, struct ctr_rpc_call *rc,
				 const Containerd__Types__Envelope *m, struct ctr_error *err)
{
	if (!m)
		return s->api->host->fail(err, CTR_INVALID_ARGUMENT, "envelope must be set");
	const struct ctr_event event = {
		.size = sizeof(event),
		.timestamp_ns = api_time_ns(m->timestamp),
		.ns = m->namespace_,
		.topic = m->topic,
		.event = any_in(m->event),
	};

	return s->ops->forward(s->api->host, s->api->rpc->call(rc), &event, err);
}

static ctr_code forward(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, &containerd__services__events__v1__forward_request__descriptor,
			   data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Events__V1__ForwardRequest *req = (void *)message;

	code = forward_envelope(s, rc, req->envelope, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code == CTR_OK ? api_reply_empty(s->api, rc, err) : code;
}

static ctr_code forward_ttrpc(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			      struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code = api_unpack(
		s->api, &containerd__services__events__ttrpc__v1__forward_request__descriptor, data,
		n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Events__Ttrpc__V1__ForwardRequest *req = (void *)message;

	code = forward_envelope(s, rc, req->envelope, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code == CTR_OK ? api_reply_empty(s->api, rc, err) : code;
}

/* ---- Subscribe ---- */

struct subscriber {
	struct service *s;
	struct ctr_rpc_call *rc;
	struct ctr_event_subscription *subscription;
};

/* On a publisher's thread: pack, queue, and never wait. */
static ctr_code on_event(void *ud, const struct ctr_event *event)
{
	struct subscriber *sub = ud;
	const struct ctr_rpc_ops *rpc = sub->s->api->rpc;
	Google__Protobuf__Timestamp at = api_time(event->timestamp_ns);
	Google__Protobuf__Any any;
	Containerd__Types__Envelope m;

	if (rpc->queued_bytes(sub->rc) > QUEUE_MAX) {
		rpc->finish(sub->rc, CTR_RESOURCE_EXHAUSTED,
			    "the subscriber does not read its events");
		return CTR_RESOURCE_EXHAUSTED;
	}
	google__protobuf__any__init(&any);
	any.type_url = api_lent(event->event.type_url);
	any.value.data = (uint8_t *)(uintptr_t)event->event.value;
	any.value.len = (size_t)event->event.n;
	containerd__types__envelope__init(&m);
	m.timestamp = &at;
	m.namespace_ = api_lent(event->ns);
	m.topic = api_lent(event->topic);
	m.event = &any;
	return api_reply(sub->s->api, sub->rc, &m.base, NULL);
}

static ctr_code subscribe(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			  struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, &containerd__services__events__v1__subscribe_request__descriptor,
			   data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Events__V1__SubscribeRequest *req = (void *)message;
	const struct ctr_filters filters = { (const char *const *)req->filters, req->n_filters };
	struct subscriber *sub = calloc(1, sizeof(*sub));

	if (sub) {
		*sub = (struct subscriber){ .s = s, .rc = rc };
		code = s->ops->subscribe(s->api->host, s->api->rpc->call(rc), filters, on_event,
					 sub, &sub->subscription, err);
	} else {
		code = s->api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	}
	protobuf_c_message_free_unpacked(message, NULL);
	if (code != CTR_OK) {
		free(sub);
		return code;
	}
	s->api->rpc->set_data(rc, sub); /* released by closed() */
	return CTR_PENDING;
}

/* No event comes after unsubscribe; before it the call object is alive. */
static void subscribe_closed(void *self, struct ctr_rpc_call *rc)
{
	struct service *s = self;
	struct subscriber *sub = s->api->rpc->data(rc);

	if (!sub)
		return;
	s->ops->unsubscribe(s->api->host, sub->subscription);
	free(sub);
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Publish", .flags = CTR_RPC_INLINE, .message = publish },
	{ .name = "Forward", .flags = CTR_RPC_INLINE | CTR_RPC_NO_NAMESPACE, .message = forward },
	{ .name = "Subscribe",
	  .flags = CTR_RPC_INLINE | CTR_RPC_NO_NAMESPACE | CTR_RPC_SERVER_STREAM,
	  .message = subscribe,
	  .closed = subscribe_closed },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = sizeof(methods) / sizeof(methods[0]),
	.name = "containerd.services.events.v1.Events",
	.methods = methods,
};

static const struct ctr_rpc_method ttrpc_methods[] = {
	{ .name = "Forward",
	  .flags = CTR_RPC_INLINE | CTR_RPC_NO_NAMESPACE | CTR_RPC_TTRPC,
	  .message = forward_ttrpc },
};

static const struct ctr_rpc_service ttrpc_service = {
	.size = sizeof(ttrpc_service),
	.n_methods = sizeof(ttrpc_methods) / sizeof(ttrpc_methods[0]),
	.name = "containerd.services.events.ttrpc.v1.Events",
	.methods = ttrpc_methods,
};

ctr_code api_events_init(struct api *api, struct ctr_error *err)
{
	uint32_t size;
	const struct ctr_events_ops *ops = api->host->service(api->host, CTR_SERVICE_EVENTS, &size);
	struct service *s = ops ? malloc(sizeof(*s)) : NULL;

	if (!ops)
		return CTR_OK;
	if (!s)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*s = (struct service){ .api = api, .ops = ops };
	ctr_code code = api_add(api, &service, s, err);

	if (code != CTR_OK)
		return code;
	/* A shim's tasks may be another's to
	 * listen for. */
	code = api->rpc->add(api->host, &ttrpc_service, s, err);
	return code == CTR_ALREADY_EXISTS ? CTR_OK : code;
}
