/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.leases.v1.Leases over ctr.leases.v0.
 */
#include <stdlib.h>

#include <ctr/unstable/leases.h>

#include "containerd/services/leases/v1/leases.pb-c.h"
#include "plugins/api-grpc/api.h"
#include "plugins/api-grpc/collect.h"
#include "plugins/api-grpc/fields.h"

#define DESCRIPTOR(name) &containerd__services__leases__v1__##name##__descriptor

typedef Containerd__Services__Leases__V1__Lease lease_message;

struct service {
	struct api *api;
	const struct ctr_leases_ops *ops;
};

struct answer {
	struct service *s;
	struct ctr_rpc_call *rc;
	struct ctr_error *err;
	struct api_batch *batch; /* of a list; NULL: the answer of create */
};

static ctr_code lease_sink(void *ud, const struct ctr_lease *lease)
{
	struct answer *a = ud;
	AUTO_ENTRIES labels = { 0 };
	Google__Protobuf__Timestamp created = api_time(lease->created_ns);
	Containerd__Services__Leases__V1__CreateResponse reply;
	Containerd__Services__Leases__V1__ListResponse row;
	lease_message m, *one = &m;

	if (api_labels_out(lease->labels, DESCRIPTOR(lease__labels_entry), &labels) < 0)
		return a->s->api->host->fail(a->err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	containerd__services__leases__v1__lease__init(&m);
	m.id = api_lent(lease->id);
	m.created_at = &created;
	m.n_labels = labels.n;
	m.labels = (void *)labels.list;
	if (a->batch) {
		containerd__services__leases__v1__list_response__init(&row);
		row.leases = &one;
		row.n_leases = 1;
		return api_batch_add(a->batch, &row.base, a->err);
	}
	containerd__services__leases__v1__create_response__init(&reply);
	reply.lease = &m;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static ctr_code create(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct service *s = self;
	struct answer a = { .s = s, .rc = rc, .err = err };
	AUTO_FREE struct ctr_label *mem = NULL;
	struct ctr_lease lease = { .size = sizeof(lease) };
	ProtobufCMessage *message;
	ctr_code code = api_unpack(s->api, DESCRIPTOR(create_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Leases__V1__CreateRequest *req = (void *)message;

	lease.id = req->id;
	if (api_labels_in(req->labels, req->n_labels, &mem, &lease.labels) < 0)
		code = s->api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (code == CTR_OK)
		code = s->ops->create(s->api->host, s->api->rpc->call(rc), &lease, lease_sink, &a,
				      err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

static ctr_code delete (void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code = api_unpack(s->api, DESCRIPTOR(delete_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Leases__V1__DeleteRequest *req = (void *)message;

	code = s->ops->remove(s->api->host, s->api->rpc->call(rc), req->id, 0, err);
	const int sync = req->sync;

	protobuf_c_message_free_unpacked(message, NULL);
	if (code != CTR_OK)
		return code;
	return sync ? api_reply_collected(s->api, rc, err) : api_reply_empty(s->api, rc, err);
}

static ctr_code list(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		     struct ctr_error *err)
{
	struct service *s = self;
	struct api_batch batch = { .api = s->api, .rc = rc };
	struct answer a = { .s = s, .rc = rc, .err = err, .batch = &batch };
	ProtobufCMessage *message;
	ctr_code code = api_unpack(s->api, DESCRIPTOR(list_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Leases__V1__ListRequest *req = (void *)message;
	const struct ctr_filters filters = { (const char *const *)req->filters, req->n_filters };

	code = s->ops->list(s->api->host, s->api->rpc->call(rc), filters, lease_sink, &a, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return api_batch_end(&batch, code, err);
}

static struct ctr_lease_resource resource_in(const Containerd__Services__Leases__V1__Resource *m)
{
	return (struct ctr_lease_resource){
		.size = sizeof(struct ctr_lease_resource),
		.type = m ? m->type : "",
		.id = m ? m->id : "",
	};
}

static ctr_code add_resource(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			     struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(add_resource_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Leases__V1__AddResourceRequest *req = (void *)message;
	const struct ctr_lease_resource resource = resource_in(req->resource);

	code = s->ops->add_resource(s->api->host, s->api->rpc->call(rc), req->id, &resource, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code == CTR_OK ? api_reply_empty(s->api, rc, err) : code;
}

static ctr_code delete_resource(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
				struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(delete_resource_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Leases__V1__DeleteResourceRequest *req = (void *)message;
	const struct ctr_lease_resource resource = resource_in(req->resource);

	code = s->ops->remove_resource(s->api->host, s->api->rpc->call(rc), req->id, &resource,
				       err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code == CTR_OK ? api_reply_empty(s->api, rc, err) : code;
}

static ctr_code resource_sink(void *ud, const struct ctr_lease_resource *resource)
{
	struct answer *a = ud;
	Containerd__Services__Leases__V1__ListResourcesResponse row;
	Containerd__Services__Leases__V1__Resource m, *one = &m;

	containerd__services__leases__v1__resource__init(&m);
	m.id = api_lent(resource->id);
	m.type = api_lent(resource->type);
	containerd__services__leases__v1__list_resources_response__init(&row);
	row.resources = &one;
	row.n_resources = 1;
	return api_batch_add(a->batch, &row.base, a->err);
}

static ctr_code list_resources(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			       struct ctr_error *err)
{
	struct service *s = self;
	struct api_batch batch = { .api = s->api, .rc = rc };
	struct answer a = { .s = s, .rc = rc, .err = err, .batch = &batch };
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(list_resources_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Leases__V1__ListResourcesRequest *req = (void *)message;

	code = s->ops->resources(s->api->host, s->api->rpc->call(rc), req->id, resource_sink, &a,
				 err);
	protobuf_c_message_free_unpacked(message, NULL);
	return api_batch_end(&batch, code, err);
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Create", .message = create },
	{ .name = "Delete", .message = delete },
	{ .name = "List", .message = list },
	{ .name = "AddResource", .message = add_resource },
	{ .name = "DeleteResource", .message = delete_resource },
	{ .name = "ListResources", .message = list_resources },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = sizeof(methods) / sizeof(methods[0]),
	.name = "containerd.services.leases.v1.Leases",
	.methods = methods,
};

ctr_code api_leases_init(struct api *api, struct ctr_error *err)
{
	uint32_t size;
	const struct ctr_leases_ops *ops = api->host->service(api->host, CTR_SERVICE_LEASES, &size);
	struct service *s = ops ? malloc(sizeof(*s)) : NULL;

	if (!ops)
		return CTR_OK;
	if (!s)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*s = (struct service){ .api = api, .ops = ops };
	return api_add(api, &service, s, err);
}
