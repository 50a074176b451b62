/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc.health.v1: the daemon as a whole (service ""). Watch sends the state of now and stays open
 * until the client ends it: a daemon that could tell of its own end has already closed the socket.
 */
#include <stdlib.h>

#include "grpc/health/v1/health.pb-c.h"
#include "plugins/api-grpc/api.h"

#include <ctr/unstable/introspection.h>

struct health {
	struct api *api;
	const struct ctr_introspection_ops *introspection;
};

typedef Grpc__Health__V1__HealthCheckRequest health_request;
typedef Grpc__Health__V1__HealthCheckResponse health_response;

static void fill_status(const struct health *h, health_response *reply)
{
	int well = h->introspection->health(h->api->host, NULL) == CTR_OK;

	reply->status = well ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
			     : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
}

/*
 * *ret_overall: the request asks for the daemon as a whole, the only service whose health is known.
 */
static ctr_code read_request(const struct health *h, const void *data, uint64_t n, int *ret_overall,
			     struct ctr_error *err)
{
	ProtobufCMessage *message;
	ctr_code code;

	code = api_unpack(h->api, &grpc__health__v1__health_check_request__descriptor, data, n,
			  &message, err);
	if (code != CTR_OK)
		return code;
	*ret_overall = ((const health_request *)message)->service[0] == '\0';
	protobuf_c_message_free_unpacked(message, NULL);
	return CTR_OK;
}

static ctr_code health_check(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			     struct ctr_error *err)
{
	struct health *h = self;
	health_response reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
	int overall;
	ctr_code code;

	code = read_request(h, data, n, &overall, err);
	if (code != CTR_OK)
		return code;
	if (!overall)
		return h->api->host->fail(err, CTR_NOT_FOUND, "unknown service");
	fill_status(h, &reply);
	return api_reply(h->api, rc, &reply.base, err);
}

static ctr_code health_list(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			    struct ctr_error *err)
{
	struct health *h = self;
	health_response overall = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
	Grpc__Health__V1__HealthListResponse__StatusesEntry entry =
		GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__STATUSES_ENTRY__INIT;
	Grpc__Health__V1__HealthListResponse__StatusesEntry *entries[] = { &entry };
	Grpc__Health__V1__HealthListResponse reply = GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__INIT;

	(void)data;
	(void)n;
	fill_status(h, &overall);
	entry.value = &overall;
	reply.statuses = entries;
	reply.n_statuses = 1;
	return api_reply(h->api, rc, &reply.base, err);
}

static ctr_code health_watch(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			     struct ctr_error *err)
{
	struct health *h = self;
	health_response reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
	int overall;
	ctr_code code;

	code = read_request(h, data, n, &overall, err);
	if (code != CTR_OK)
		return code;
	if (overall)
		fill_status(h, &reply);
	else
		reply.status =
			GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
	code = api_reply(h->api, rc, &reply.base, err);
	return code == CTR_OK ? CTR_PENDING : code;
}

#define FLAGS (CTR_RPC_INLINE | CTR_RPC_NO_NAMESPACE)

static const struct ctr_rpc_method methods[] = {
	{ .name = "Check", .flags = FLAGS, .message = health_check },
	{ .name = "List", .flags = FLAGS, .message = health_list },
	{ .name = "Watch", .flags = FLAGS | CTR_RPC_SERVER_STREAM, .message = health_watch },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = sizeof(methods) / sizeof(methods[0]),
	.name = "grpc.health.v1.Health",
	.methods = methods,
};

ctr_code api_health_init(struct api *api, struct ctr_error *err)
{
	const struct ctr_introspection_ops *introspection;
	struct health *h;
	uint32_t size;

	introspection = api->host->service(api->host, CTR_SERVICE_INTROSPECTION, &size);
	if (!introspection)
		return CTR_OK;

	h = malloc(sizeof(*h));
	if (!h)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*h = (struct health){ .api = api, .introspection = introspection };
	return api_add(api, &service, h, err);
}
