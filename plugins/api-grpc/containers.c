/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.containers.v1.Containers over ctr.containers.v0. ListStream sends one
 * container a message and pauses while its client is slow, without a thread.
 */
#include <stdlib.h>

#include <ctr/unstable/containers.h>

#include "base/str.h"
#include "containerd/services/containers/v1/containers.pb-c.h"
#include "plugins/api-grpc/api.h"
#include "plugins/api-grpc/fields.h"

#define DESCRIPTOR(name) &containerd__services__containers__v1__##name##__descriptor

#define STREAM_HIGH (1024 * 1024) /* queued bytes at which a ListStream pauses, and resumes */
#define STREAM_LOW  (256 * 1024)

typedef Containerd__Services__Containers__V1__Container container_message;
typedef Containerd__Services__Containers__V1__Container__ExtensionsEntry extension_entry;

struct service {
	struct api *api;
	const struct ctr_containers_ops *ops;
};

/* Where a sink's answer goes: wrap() puts the container into the reply of its method. */
struct answer {
	struct service *s;
	struct ctr_rpc_call *rc;
	struct ctr_error *err;
	struct api_batch *batch; /* of a list */
	ctr_code (*wrap)(struct answer *a, container_message *m);
};

/* ---- out ---- */

static ctr_code answer_get(struct answer *a, container_message *m)
{
	Containerd__Services__Containers__V1__GetContainerResponse reply;

	containerd__services__containers__v1__get_container_response__init(&reply);
	reply.container = m;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static ctr_code answer_create(struct answer *a, container_message *m)
{
	Containerd__Services__Containers__V1__CreateContainerResponse reply;

	containerd__services__containers__v1__create_container_response__init(&reply);
	reply.container = m;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static ctr_code answer_update(struct answer *a, container_message *m)
{
	Containerd__Services__Containers__V1__UpdateContainerResponse reply;

	containerd__services__containers__v1__update_container_response__init(&reply);
	reply.container = m;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static ctr_code answer_list(struct answer *a, container_message *m)
{
	Containerd__Services__Containers__V1__ListContainersResponse row;

	containerd__services__containers__v1__list_containers_response__init(&row);
	row.containers = &m;
	row.n_containers = 1;
	return api_batch_add(a->batch, &row.base, a->err);
}

static ctr_code answer_stream(struct answer *a, container_message *m)
{
	Containerd__Services__Containers__V1__ListContainerMessage reply;

	containerd__services__containers__v1__list_container_message__init(&reply);
	reply.container = m;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static Google__Protobuf__Any *any_out(const struct ctr_any *from, Google__Protobuf__Any *to)
{
	if (!from->type_url)
		return NULL;
	google__protobuf__any__init(to);
	to->type_url = api_lent(from->type_url);
	to->value.data = (uint8_t *)(uintptr_t)from->value;
	to->value.len = (size_t)from->n;
	return to;
}

struct extensions_out {
	extension_entry *items, **list;
	Google__Protobuf__Any *values;
};

static void extensions_done(struct extensions_out *e)
{
	free(e->items);
	free(e->list);
	free(e->values);
}

static int extensions_out(const struct ctr_container *c, struct extensions_out *e)
{
	const size_t n = (size_t)c->n_extensions;

	e->items = calloc(n + 1, sizeof(*e->items));
	e->list = calloc(n + 1, sizeof(*e->list));
	e->values = calloc(n + 1, sizeof(*e->values));
	if (!e->items || !e->list || !e->values)
		return -1;
	for (size_t i = 0; i < n; i++) {
		containerd__services__containers__v1__container__extensions_entry__init(
			&e->items[i]);
		e->items[i].key = api_lent(c->extensions[i].key);
		e->items[i].value = any_out(&c->extensions[i].value, &e->values[i]);
		e->list[i] = &e->items[i];
	}
	return 0;
}

static ctr_code sink(void *ud, const struct ctr_container *c)
{
	struct answer *a = ud;
	AUTO_ENTRIES labels = { 0 };
	AUTO(extensions_done) struct extensions_out extensions = { .items = NULL };
	Google__Protobuf__Timestamp created = api_time(c->created_ns),
				    updated = api_time(c->updated_ns);
	Google__Protobuf__Any spec, options;
	Containerd__Services__Containers__V1__Container__Runtime runtime;
	container_message m;

	if (api_labels_out(c->labels, DESCRIPTOR(container__labels_entry), &labels) < 0 ||
	    extensions_out(c, &extensions) < 0)
		return a->s->api->host->fail(a->err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	containerd__services__containers__v1__container__runtime__init(&runtime);
	runtime.name = api_lent(c->runtime);
	runtime.options = any_out(&c->options, &options);
	containerd__services__containers__v1__container__init(&m);
	m.id = api_lent(c->id);
	m.n_labels = labels.n;
	m.labels = (void *)labels.list;
	m.image = api_lent(c->image);
	m.runtime = &runtime;
	m.spec = any_out(&c->spec, &spec);
	m.snapshotter = api_lent(c->snapshotter);
	m.snapshot_key = api_lent(c->snapshot_key);
	m.created_at = &created;
	m.updated_at = &updated;
	m.n_extensions = (size_t)c->n_extensions;
	m.extensions = extensions.list;
	m.sandbox = api_lent(c->sandbox);
	return a->wrap(a, &m);
}

/* ---- in ---- */

static struct ctr_any any_in(const Google__Protobuf__Any *m)
{
	if (!m)
		return (struct ctr_any){ NULL, NULL, 0 };
	return (struct ctr_any){ m->type_url, m->value.data, m->value.len };
}

/* A request's container; the arrays are the caller's to free. */
struct wanted {
	struct ctr_container c;
	struct ctr_label *labels;
	struct ctr_extension *extensions;
};

static void wanted_done(struct wanted *w)
{
	free(w->labels);
	free(w->extensions);
}

static ctr_code read_container(struct service *s, const container_message *m, struct wanted *ret,
			       struct ctr_error *err)
{
	container_message none;

	if (!m) {
		containerd__services__containers__v1__container__init(&none);
		m = &none;
	}
	ret->c = (struct ctr_container){
		.size = sizeof(ret->c),
		.id = m->id,
		.image = m->image,
		.runtime = m->runtime ? m->runtime->name : "",
		.options = any_in(m->runtime ? m->runtime->options : NULL),
		.spec = any_in(m->spec),
		.snapshotter = m->snapshotter,
		.snapshot_key = m->snapshot_key,
		.sandbox = m->sandbox,
	};
	ret->extensions = calloc(m->n_extensions + 1, sizeof(*ret->extensions));
	if (!ret->extensions ||
	    api_labels_in(m->labels, m->n_labels, &ret->labels, &ret->c.labels) < 0)
		return s->api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	for (size_t i = 0; i < m->n_extensions; i++) {
		ret->extensions[i].key = m->extensions[i]->key;
		ret->extensions[i].value = any_in(m->extensions[i]->value);
		if (!ret->extensions[i].value.type_url) /* an entry without a value: an empty Any */
			ret->extensions[i].value.type_url = "";
	}
	ret->c.extensions = ret->extensions;
	ret->c.n_extensions = m->n_extensions;
	return CTR_OK;
}

/* ---- methods ---- */

static ctr_code get(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		    struct ctr_error *err)
{
	struct service *s = self;
	struct answer a = { .s = s, .rc = rc, .err = err, .wrap = answer_get };
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(get_container_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Containers__V1__GetContainerRequest *req = (void *)message;

	code = s->ops->get(s->api->host, s->api->rpc->call(rc), req->id, sink, &a, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

static ctr_code list(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		     struct ctr_error *err)
{
	struct service *s = self;
	struct api_batch batch = { .api = s->api, .rc = rc };
	struct answer a = { .s = s, .rc = rc, .err = err, .batch = &batch, .wrap = answer_list };
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(list_containers_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Containers__V1__ListContainersRequest *req = (void *)message;
	const struct ctr_filters filters = { (const char *const *)req->filters, req->n_filters };

	code = s->ops->list(s->api->host, s->api->rpc->call(rc), filters, sink, &a, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return api_batch_end(&batch, code, err);
}

static ctr_code create(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct service *s = self;
	struct answer a = { .s = s, .rc = rc, .err = err, .wrap = answer_create };
	AUTO(wanted_done) struct wanted w = { .labels = NULL };
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(create_container_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Containers__V1__CreateContainerRequest *req = (void *)message;

	code = read_container(s, req->container, &w, err);
	if (code == CTR_OK)
		code = s->ops->create(s->api->host, s->api->rpc->call(rc), &w.c, sink, &a, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

static ctr_code update(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct service *s = self;
	struct answer a = { .s = s, .rc = rc, .err = err, .wrap = answer_update };
	AUTO(wanted_done) struct wanted w = { .labels = NULL };
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(update_container_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Containers__V1__UpdateContainerRequest *req = (void *)message;

	code = read_container(s, req->container, &w, err);
	if (code == CTR_OK)
		code = s->ops->update(s->api->host, s->api->rpc->call(rc), &w.c,
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
		api_unpack(s->api, DESCRIPTOR(delete_container_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Containers__V1__DeleteContainerRequest *req = (void *)message;

	code = s->ops->remove(s->api->host, s->api->rpc->call(rc), req->id, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code == CTR_OK ? api_reply_empty(s->api, rc, err) : code;
}

/* ---- ListStream: the ids at once, then each container when there is room ---- */

struct stream {
	struct service *s;
	struct ctr_rpc_call *rc;
	char **ids;
	size_t n, at;
};

static void stream_free(struct stream *st)
{
	strv_free(st->ids);
	free(st);
}

static ctr_code keep_id(void *ud, const struct ctr_container *c)
{
	struct stream *st = ud;

	return strv_push(&st->ids, c->id) < 0 ? CTR_RESOURCE_EXHAUSTED : CTR_OK;
}

static void stream_on_drained(void *ud);

/*
 * Send until the client is behind (CTR_PENDING), or to the end. One that is gone meanwhile is left
 * out.
 */
static ctr_code stream_send(struct stream *st, struct ctr_error *err)
{
	const struct api *api = st->s->api;
	struct answer a = { .s = st->s, .rc = st->rc, .err = err, .wrap = answer_stream };

	while (st->at < st->n) {
		if (api->rpc->queued_bytes(st->rc) > STREAM_HIGH) {
			api->rpc->on_drained(st->rc, STREAM_LOW, stream_on_drained, st);
			return CTR_PENDING;
		}
		ctr_code code = st->s->ops->get(api->host, api->rpc->call(st->rc),
						st->ids[st->at++], sink, &a, err);

		if (code != CTR_OK && code != CTR_NOT_FOUND)
			return code;
	}
	return CTR_OK;
}

static void stream_on_drained(void *ud)
{
	struct stream *st = ud;
	const struct api *api = st->s->api;
	struct ctr_error *err = api->host->error_new();
	ctr_code code = stream_send(st, err);

	if (code != CTR_PENDING)
		api->rpc->finish_error(st->rc, code, err);
	api->host->error_free(err);
}

static ctr_code list_stream(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			    struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(list_containers_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Containers__V1__ListContainersRequest *req = (void *)message;
	const struct ctr_filters filters = { (const char *const *)req->filters, req->n_filters };
	struct stream *st = calloc(1, sizeof(*st));

	if (!st) {
		protobuf_c_message_free_unpacked(message, NULL);
		return s->api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	}
	*st = (struct stream){ .s = s, .rc = rc };
	s->api->rpc->set_data(rc, st); /* released by closed() */
	code = s->ops->list(s->api->host, s->api->rpc->call(rc), filters, keep_id, st, err);
	protobuf_c_message_free_unpacked(message, NULL);
	st->n = strv_len(st->ids);
	return code == CTR_OK ? stream_send(st, err) : code;
}

static void list_stream_closed(void *self, struct ctr_rpc_call *rc)
{
	struct service *s = self;
	struct stream *st = s->api->rpc->data(rc);

	if (st)
		stream_free(st);
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Get", .flags = CTR_RPC_INLINE, .message = get },
	{ .name = "List", .message = list },
	{ .name = "ListStream",
	  .flags = CTR_RPC_SERVER_STREAM,
	  .message = list_stream,
	  .closed = list_stream_closed },
	{ .name = "Create", .message = create },
	{ .name = "Update", .message = update },
	{ .name = "Delete", .message = delete },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = sizeof(methods) / sizeof(methods[0]),
	.name = "containerd.services.containers.v1.Containers",
	.methods = methods,
};

ctr_code api_containers_init(struct api *api, struct ctr_error *err)
{
	uint32_t size;
	const struct ctr_containers_ops *ops =
		api->host->service(api->host, CTR_SERVICE_CONTAINERS, &size);
	struct service *s = ops ? malloc(sizeof(*s)) : NULL;

	if (!ops)
		return CTR_OK;
	if (!s)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*s = (struct service){ .api = api, .ops = ops };
	return api_add(api, &service, s, err);
}
