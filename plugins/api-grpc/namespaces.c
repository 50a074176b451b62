/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.namespaces.v1.Namespaces over ctr.namespaces.v0. No method needs a namespace
 * of its own.
 */
#include <stdlib.h>

#include <ctr/unstable/namespaces.h>

#include "containerd/services/namespaces/v1/namespace.pb-c.h"
#include "plugins/api-grpc/api.h"
#include "plugins/api-grpc/fields.h"

#define DESCRIPTOR(name) &containerd__services__namespaces__v1__##name##__descriptor

typedef Containerd__Services__Namespaces__V1__Namespace namespace_message;

struct service {
	struct api *api;
	const struct ctr_namespaces_ops *ops;
};

/* Where a sink's answer goes: wrap() puts the namespace into the reply of its method. */
struct answer {
	struct service *s;
	struct ctr_rpc_call *rc;
	struct ctr_error *err;
	struct api_batch *batch; /* of a list */
	ctr_code (*wrap)(struct answer *a, namespace_message *m);
};

static ctr_code answer_get(struct answer *a, namespace_message *m)
{
	Containerd__Services__Namespaces__V1__GetNamespaceResponse reply;

	containerd__services__namespaces__v1__get_namespace_response__init(&reply);
	reply.namespace_ = m;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static ctr_code answer_create(struct answer *a, namespace_message *m)
{
	Containerd__Services__Namespaces__V1__CreateNamespaceResponse reply;

	containerd__services__namespaces__v1__create_namespace_response__init(&reply);
	reply.namespace_ = m;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static ctr_code answer_update(struct answer *a, namespace_message *m)
{
	Containerd__Services__Namespaces__V1__UpdateNamespaceResponse reply;

	containerd__services__namespaces__v1__update_namespace_response__init(&reply);
	reply.namespace_ = m;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static ctr_code answer_list(struct answer *a, namespace_message *m)
{
	Containerd__Services__Namespaces__V1__ListNamespacesResponse row;

	containerd__services__namespaces__v1__list_namespaces_response__init(&row);
	row.namespaces = &m;
	row.n_namespaces = 1;
	return api_batch_add(a->batch, &row.base, a->err);
}

static ctr_code sink(void *ud, const struct ctr_namespace *ns)
{
	struct answer *a = ud;
	AUTO_ENTRIES labels = { 0 };
	namespace_message m;

	if (api_labels_out(ns->labels, DESCRIPTOR(namespace__labels_entry), &labels) < 0)
		return a->s->api->host->fail(a->err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	containerd__services__namespaces__v1__namespace__init(&m);
	m.name = api_lent(ns->name);
	m.n_labels = labels.n;
	m.labels = (void *)labels.list;
	return a->wrap(a, &m);
}

static ctr_code get(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		    struct ctr_error *err)
{
	struct service *s = self;
	struct answer a = { .s = s, .rc = rc, .err = err, .wrap = answer_get };
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(get_namespace_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Namespaces__V1__GetNamespaceRequest *req = (void *)message;

	code = s->ops->get(s->api->host, s->api->rpc->call(rc), req->name, sink, &a, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

static ctr_code list(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		     struct ctr_error *err)
{
	struct service *s = self;
	struct api_batch batch = { .api = s->api, .rc = rc };
	struct answer a = { .s = s, .rc = rc, .err = err, .batch = &batch, .wrap = answer_list };

	(void)data; /* containerd ignores the filter too */
	(void)n;
	return api_batch_end(&batch,
			     s->ops->list(s->api->host, s->api->rpc->call(rc), sink, &a, err), err);
}

/* The namespace of a create or update request; *ret_mem is the caller's to free. */
static ctr_code read_namespace(struct service *s, const namespace_message *m,
			       struct ctr_label **ret_mem, struct ctr_namespace *ret,
			       struct ctr_error *err)
{
	*ret = (struct ctr_namespace){ .size = sizeof(*ret), .name = m ? m->name : "" };
	if (m && api_labels_in(m->labels, m->n_labels, ret_mem, &ret->labels) < 0)
		return s->api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	return CTR_OK;
}

static ctr_code create(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct service *s = self;
	struct answer a = { .s = s, .rc = rc, .err = err, .wrap = answer_create };
	AUTO_FREE struct ctr_label *mem = NULL;
	struct ctr_namespace ns;
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(create_namespace_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Namespaces__V1__CreateNamespaceRequest *req = (void *)message;

	code = read_namespace(s, req->namespace_, &mem, &ns, err);
	if (code == CTR_OK)
		code = s->ops->create(s->api->host, s->api->rpc->call(rc), &ns, sink, &a, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

static ctr_code update(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct service *s = self;
	struct answer a = { .s = s, .rc = rc, .err = err, .wrap = answer_update };
	AUTO_FREE struct ctr_label *mem = NULL;
	struct ctr_namespace ns;
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(update_namespace_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Namespaces__V1__UpdateNamespaceRequest *req = (void *)message;

	code = read_namespace(s, req->namespace_, &mem, &ns, err);
	if (code == CTR_OK)
		code = s->ops->update(s->api->host, s->api->rpc->call(rc), &ns,
				      api_mask(req->update_mask), sink, &a, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

static ctr_code delete (void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(delete_namespace_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Namespaces__V1__DeleteNamespaceRequest *req = (void *)message;

	code = s->ops->remove(s->api->host, s->api->rpc->call(rc), req->name, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code == CTR_OK ? api_reply_empty(s->api, rc, err) : code;
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Get", .flags = CTR_RPC_INLINE | CTR_RPC_NO_NAMESPACE, .message = get },
	{ .name = "List", .flags = CTR_RPC_NO_NAMESPACE, .message = list },
	{ .name = "Create", .flags = CTR_RPC_NO_NAMESPACE, .message = create },
	{ .name = "Update", .flags = CTR_RPC_NO_NAMESPACE, .message = update },
	{ .name = "Delete", .flags = CTR_RPC_NO_NAMESPACE, .message = delete },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = sizeof(methods) / sizeof(methods[0]),
	.name = "containerd.services.namespaces.v1.Namespaces",
	.methods = methods,
};

ctr_code api_namespaces_init(struct api *api, struct ctr_error *err)
{
	uint32_t size;
	const struct ctr_namespaces_ops *ops =
		api->host->service(api->host, CTR_SERVICE_NAMESPACES, &size);
	struct service *s = ops ? malloc(sizeof(*s)) : NULL;

	if (!ops)
		return CTR_OK;
	if (!s)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*s = (struct service){ .api = api, .ops = ops };
	return api_add(api, &service, s, err);
}
