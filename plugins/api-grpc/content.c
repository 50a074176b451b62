/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.content.v1.Content over ctr.contents.v0: everything but Read (content_read.c) and Write
 * (content_write.c).
 */
#include <errno.h>
#include <stdlib.h>

#include "plugins/api-grpc/content.h"

#define LIST_PER_REPLY 100

struct answer {
	struct contents *c;
	struct ctr_rpc_call *rc;
	struct ctr_error *err;
	struct api_batch batch;
};

static ctr_code out_of_memory(struct contents *c, struct ctr_error *err)
{
	return c->api->host->fail_errno(err, ENOMEM, "content");
}

/* ---- information ---- */

struct info_message {
	Containerd__Services__Content__V1__Info m;
	Google__Protobuf__Timestamp created, updated;
	struct api_entries labels;
};

static int fill_info(struct info_message *im, const struct ctr_content_info *info)
{
	containerd__services__content__v1__info__init(&im->m);
	if (api_labels_out(info->labels,
			   &containerd__services__content__v1__info__labels_entry__descriptor,
			   &im->labels) < 0)
		return -ENOMEM;
	im->created = api_time(info->created_ns);
	im->updated = api_time(info->updated_ns);
	im->m.digest = api_lent(info->digest);
	im->m.size = info->length_bytes;
	im->m.created_at = &im->created;
	im->m.updated_at = &im->updated;
	im->m.labels = (void *)im->labels.list;
	im->m.n_labels = im->labels.n;
	return 0;
}

static ctr_code reply_info(void *ud, const struct ctr_content_info *info)
{
	struct answer *a = ud;
	Containerd__Services__Content__V1__InfoResponse m =
		CONTAINERD__SERVICES__CONTENT__V1__INFO_RESPONSE__INIT;
	struct info_message im = { 0 };

	if (fill_info(&im, info) < 0)
		return out_of_memory(a->c, a->err);
	m.info = &im.m;
	ctr_code code = api_reply(a->c->api, a->rc, &m.base,
				  a->err); /* Update's answer has the same shape */
	api_entries_done(&im.labels);
	return code;
}

static ctr_code info(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		     struct ctr_error *err)
{
	struct contents *c = self;
	struct answer a = { .c = c, .rc = rc, .err = err };
	ProtobufCMessage *base = NULL;

	ctr_code code = api_unpack(c->api, CONTENT_REQUEST(info_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Content__V1__InfoRequest *m = (void *)base;
	code = c->ops->info(c->api->host, c->api->rpc->call(rc), m->digest, reply_info, &a, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code update(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct contents *c = self;
	struct answer a = { .c = c, .rc = rc, .err = err };
	ProtobufCMessage *base = NULL;
	AUTO_FREE struct ctr_label *mem = NULL;
	struct ctr_labels labels;

	ctr_code code = api_unpack(c->api, CONTENT_REQUEST(update_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Content__V1__UpdateRequest *m = (void *)base;
	if (!m->info)
		code = c->api->host->fail(err, CTR_INVALID_ARGUMENT, "content info required");
	else if (api_labels_in(m->info->labels, m->info->n_labels, &mem, &labels) < 0)
		code = out_of_memory(c, err);
	if (code == CTR_OK)
		code = c->ops->update(c->api->host, c->api->rpc->call(rc), m->info->digest, labels,
				      api_mask(m->update_mask), reply_info, &a, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code add_info(void *ud, const struct ctr_content_info *info)
{
	struct answer *a = ud;
	Containerd__Services__Content__V1__ListContentResponse m =
		CONTAINERD__SERVICES__CONTENT__V1__LIST_CONTENT_RESPONSE__INIT;
	Containerd__Services__Content__V1__Info *one[1];
	struct info_message im = { 0 };

	if (fill_info(&im, info) < 0)
		return out_of_memory(a->c, a->err);
	one[0] = &im.m;
	m.info = one;
	m.n_info = 1;
	ctr_code code = api_batch_add(&a->batch, &m.base, a->err);
	api_entries_done(&im.labels);
	return code;
}

static ctr_code list(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		     struct ctr_error *err)
{
	struct contents *c = self;
	struct answer a = { .c = c,
			    .rc = rc,
			    .err = err,
			    .batch = { .api = c->api, .rc = rc, .max_rows = LIST_PER_REPLY } };
	ProtobufCMessage *base = NULL;

	ctr_code code =
		api_unpack(c->api, CONTENT_REQUEST(list_content_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Content__V1__ListContentRequest *m = (void *)base;
	const struct ctr_filters filters = { (const char *const *)m->filters, m->n_filters };
	code = c->ops->list(c->api->host, c->api->rpc->call(rc), filters, add_info, &a, err);
	code = api_batch_end(&a.batch, code, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code delete_content(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			       struct ctr_error *err)
{
	struct contents *c = self;
	ProtobufCMessage *base = NULL;

	ctr_code code =
		api_unpack(c->api, CONTENT_REQUEST(delete_content_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Content__V1__DeleteContentRequest *m = (void *)base;
	code = c->ops->remove(c->api->host, c->api->rpc->call(rc), m->digest, err);
	if (code == CTR_OK)
		code = api_reply_empty(c->api, rc, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

/* ---- ingests ---- */

struct status_message {
	Containerd__Services__Content__V1__Status m;
	Google__Protobuf__Timestamp started, updated;
};

static void fill_status(struct status_message *sm, const struct ctr_ingest_status *s)
{
	containerd__services__content__v1__status__init(&sm->m);
	sm->started = api_time(s->started_ns);
	sm->updated = api_time(s->updated_ns);
	sm->m.ref = api_lent(s->ref);
	sm->m.offset = s->offset_bytes;
	sm->m.total = s->total_bytes;
	sm->m.expected = api_lent(s->expected);
	sm->m.started_at = &sm->started;
	sm->m.updated_at = &sm->updated;
}

static ctr_code reply_status(void *ud, const struct ctr_ingest_status *status)
{
	struct answer *a = ud;
	Containerd__Services__Content__V1__StatusResponse m =
		CONTAINERD__SERVICES__CONTENT__V1__STATUS_RESPONSE__INIT;
	struct status_message sm;

	fill_status(&sm, status);
	m.status = &sm.m;
	return api_reply(a->c->api, a->rc, &m.base, a->err);
}

static ctr_code status(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct contents *c = self;
	struct answer a = { .c = c, .rc = rc, .err = err };
	ProtobufCMessage *base = NULL;

	ctr_code code = api_unpack(c->api, CONTENT_REQUEST(status_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Content__V1__StatusRequest *m = (void *)base;
	code = c->ops->status(c->api->host, c->api->rpc->call(rc), m->ref, reply_status, &a, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code add_status(void *ud, const struct ctr_ingest_status *status)
{
	struct answer *a = ud;
	Containerd__Services__Content__V1__ListStatusesResponse m =
		CONTAINERD__SERVICES__CONTENT__V1__LIST_STATUSES_RESPONSE__INIT;
	Containerd__Services__Content__V1__Status *one[1];
	struct status_message sm;

	fill_status(&sm, status);
	one[0] = &sm.m;
	m.statuses = one;
	m.n_statuses = 1;
	return api_batch_add(&a->batch, &m.base, a->err);
}

static ctr_code list_statuses(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			      struct ctr_error *err)
{
	struct contents *c = self;
	struct answer a = { .c = c, .rc = rc, .err = err, .batch = { .api = c->api, .rc = rc } };
	ProtobufCMessage *base = NULL;

	ctr_code code =
		api_unpack(c->api, CONTENT_REQUEST(list_statuses_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Content__V1__ListStatusesRequest *m = (void *)base;
	const struct ctr_filters filters = { (const char *const *)m->filters, m->n_filters };
	code = c->ops->statuses(c->api->host, c->api->rpc->call(rc), filters, add_status, &a, err);
	code = api_batch_end(&a.batch, code, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code abort_ingest(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			     struct ctr_error *err)
{
	struct contents *c = self;
	ProtobufCMessage *base = NULL;

	ctr_code code = api_unpack(c->api, CONTENT_REQUEST(abort_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Content__V1__AbortRequest *m = (void *)base;
	code = c->ops->abort(c->api->host, c->api->rpc->call(rc), m->ref, err);
	if (code == CTR_OK)
		code = api_reply_empty(c->api, rc, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Info", .flags = CTR_RPC_INLINE, .message = info },
	{ .name = "Update", .message = update },
	{ .name = "List", .flags = CTR_RPC_SERVER_STREAM, .message = list },
	{ .name = "Delete", .message = delete_content },
	{ .name = "Read", .flags = CTR_RPC_BULK | CTR_RPC_SERVER_STREAM, .message = content_read },
	{ .name = "Status", .message = status },
	{ .name = "ListStatuses", .message = list_statuses },
	{ .name = "Write",
	  .flags = CTR_RPC_BULK | CTR_RPC_CLIENT_STREAM | CTR_RPC_SERVER_STREAM,
	  .message = content_write,
	  .half_close = content_write_end,
	  .closed = content_write_closed },
	{ .name = "Abort", .message = abort_ingest },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = ARRAY_SIZE(methods),
	.name = "containerd.services.content.v1.Content",
	.methods = methods,
};

ctr_code api_content_init(struct api *api, struct ctr_error *err)
{
	uint32_t size;
	const struct ctr_contents_ops *ops =
		api->host->service(api->host, CTR_SERVICE_CONTENTS, &size);
	if (!ops)
		return CTR_OK;

	struct contents *c = malloc(sizeof(*c));
	if (!c)
		return api->host->fail_errno(err, ENOMEM, "content");
	*c = (struct contents){ api, ops };
	return api_add(api, &service, c, err);
}
