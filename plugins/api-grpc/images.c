/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.images.v1.Images over ctr.images.v0.
 */
#include <stdlib.h>

#include <ctr/unstable/images.h>

#include "containerd/services/images/v1/images.pb-c.h"
#include "plugins/api-grpc/api.h"
#include "plugins/api-grpc/collect.h"
#include "plugins/api-grpc/fields.h"

#define DESCRIPTOR(name) &containerd__services__images__v1__##name##__descriptor

typedef Containerd__Services__Images__V1__Image image_message;

struct service {
	struct api *api;
	const struct ctr_images_ops *ops;
};

/* Where a sink's answer goes: wrap() puts the image into the reply of its method. */
struct answer {
	struct service *s;
	struct ctr_rpc_call *rc;
	struct ctr_error *err;
	struct api_batch *batch; /* of a list */
	ctr_code (*wrap)(struct answer *a, image_message *m);
};

static ctr_code answer_get(struct answer *a, image_message *m)
{
	Containerd__Services__Images__V1__GetImageResponse reply;

	containerd__services__images__v1__get_image_response__init(&reply);
	reply.image = m;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static ctr_code answer_create(struct answer *a, image_message *m)
{
	Containerd__Services__Images__V1__CreateImageResponse reply;

	containerd__services__images__v1__create_image_response__init(&reply);
	reply.image = m;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static ctr_code answer_update(struct answer *a, image_message *m)
{
	Containerd__Services__Images__V1__UpdateImageResponse reply;

	containerd__services__images__v1__update_image_response__init(&reply);
	reply.image = m;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static ctr_code answer_list(struct answer *a, image_message *m)
{
	Containerd__Services__Images__V1__ListImagesResponse row;

	containerd__services__images__v1__list_images_response__init(&row);
	row.images = &m;
	row.n_images = 1;
	return api_batch_add(a->batch, &row.base, a->err);
}

static ctr_code sink(void *ud, const struct ctr_image *image)
{
	struct answer *a = ud;
	AUTO_ENTRIES labels = { 0 };
	AUTO_ENTRIES annotations = { 0 };
	Google__Protobuf__Timestamp created = api_time(image->created_ns),
				    updated = api_time(image->updated_ns);
	Containerd__Types__Descriptor target;
	image_message m;

	if (api_labels_out(image->labels, DESCRIPTOR(image__labels_entry), &labels) < 0 ||
	    api_labels_out(image->target.annotations,
			   &containerd__types__descriptor__annotations_entry__descriptor,
			   &annotations) < 0)
		return a->s->api->host->fail(a->err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	containerd__types__descriptor__init(&target);
	target.media_type = api_lent(image->target.media_type);
	target.digest = api_lent(image->target.digest);
	target.size = image->target.length_bytes;
	target.n_annotations = annotations.n;
	target.annotations = (void *)annotations.list;
	containerd__services__images__v1__image__init(&m);
	m.name = api_lent(image->name);
	m.n_labels = labels.n;
	m.labels = (void *)labels.list;
	m.target = &target;
	m.created_at = &created;
	m.updated_at = &updated;
	return a->wrap(a, &m);
}

static ctr_code get(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		    struct ctr_error *err)
{
	struct service *s = self;
	struct answer a = { .s = s, .rc = rc, .err = err, .wrap = answer_get };
	ProtobufCMessage *message;
	ctr_code code = api_unpack(s->api, DESCRIPTOR(get_image_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Images__V1__GetImageRequest *req = (void *)message;

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
	ProtobufCMessage *message;
	ctr_code code = api_unpack(s->api, DESCRIPTOR(list_images_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Images__V1__ListImagesRequest *req = (void *)message;
	const struct ctr_filters filters = { (const char *const *)req->filters, req->n_filters };

	code = s->ops->list(s->api->host, s->api->rpc->call(rc), filters, sink, &a, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return api_batch_end(&batch, code, err);
}

/* A request's image; the arrays are the caller's to free. */
struct wanted {
	struct ctr_image image;
	struct ctr_label *labels, *annotations;
};

static void wanted_done(struct wanted *w)
{
	free(w->labels);
	free(w->annotations);
}

static ctr_code read_image(struct service *s, const image_message *m, struct wanted *ret,
			   struct ctr_error *err)
{
	struct ctr_image *image = &ret->image;
	const Containerd__Types__Descriptor *target = m ? m->target : NULL;

	*image = (struct ctr_image){
		.size = sizeof(*image),
		.name = m ? m->name : "",
		.target = {
			.size = sizeof(image->target),
			.media_type = target ? target->media_type : "",
			.digest = target ? target->digest : "",
			.length_bytes = target ? target->size : 0,
		},
	};
	if (m && api_labels_in(m->labels, m->n_labels, &ret->labels, &image->labels) < 0)
		return s->api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (target && api_labels_in(target->annotations, target->n_annotations, &ret->annotations,
				    &image->target.annotations) < 0)
		return s->api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	return CTR_OK;
}

static ctr_code create(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct service *s = self;
	struct answer a = { .s = s, .rc = rc, .err = err, .wrap = answer_create };
	AUTO(wanted_done) struct wanted w = { .labels = NULL };
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(create_image_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Images__V1__CreateImageRequest *req = (void *)message;

	code = read_image(s, req->image, &w, err);
	if (code == CTR_OK)
		code = s->ops->create(s->api->host, s->api->rpc->call(rc), &w.image,
				      api_time_ns(req->source_date_epoch), sink, &a, err);
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
		api_unpack(s->api, DESCRIPTOR(update_image_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Images__V1__UpdateImageRequest *req = (void *)message;

	code = read_image(s, req->image, &w, err);
	if (code == CTR_OK)
		code = s->ops->update(s->api->host, s->api->rpc->call(rc), &w.image,
				      api_mask(req->update_mask),
				      api_time_ns(req->source_date_epoch), sink, &a, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

static ctr_code delete (void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code =
		api_unpack(s->api, DESCRIPTOR(delete_image_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	const Containerd__Services__Images__V1__DeleteImageRequest *req = (void *)message;

	code = s->ops->remove(s->api->host, s->api->rpc->call(rc), req->name,
			      req->target ? req->target->digest : "", 0, err);
	const int sync = req->sync;

	protobuf_c_message_free_unpacked(message, NULL);
	if (code != CTR_OK)
		return code;
	return sync ? api_reply_collected(s->api, rc, err) : api_reply_empty(s->api, rc, err);
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Get", .flags = CTR_RPC_INLINE, .message = get },
	{ .name = "List", .message = list },
	{ .name = "Create", .message = create },
	{ .name = "Update", .message = update },
	{ .name = "Delete", .message = delete },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = sizeof(methods) / sizeof(methods[0]),
	.name = "containerd.services.images.v1.Images",
	.methods = methods,
};

ctr_code api_images_init(struct api *api, struct ctr_error *err)
{
	uint32_t size;
	const struct ctr_images_ops *ops = api->host->service(api->host, CTR_SERVICE_IMAGES, &size);
	struct service *s = ops ? malloc(sizeof(*s)) : NULL;

	if (!ops)
		return CTR_OK;
	if (!s)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*s = (struct service){ .api = api, .ops = ops };
	return api_add(api, &service, s, err);
}
