/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.diff.v1.Diff over ctr.diffs.v0. Both methods work for as long as a layer
 * takes, on the bulk pool.
 */
#include <stdlib.h>

#include <ctr/unstable/diffs.h>

#include "base/clock.h"
#include "base/macros.h"
#include "containerd/services/diff/v1/diff.pb-c.h"
#include "plugins/api-grpc/api.h"
#include "plugins/api-grpc/fields.h"

#define REQUEST(type) &containerd__services__diff__v1__##type##__descriptor

typedef Containerd__Services__Diff__V1__ApplyRequest apply_request;
typedef Containerd__Services__Diff__V1__DiffRequest diff_request;

struct service {
	struct api *api;
	const struct ctr_diffs_ops *ops;
};

static ctr_code out_of_memory(const struct service *s, struct ctr_error *err)
{
	return s->api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
}

static ctr_code reply_applied(struct service *s, struct ctr_rpc_call *rc,
			      const struct ctr_applied *applied, struct ctr_error *err)
{
	Containerd__Services__Diff__V1__ApplyResponse reply;
	Containerd__Types__Descriptor d;

	containerd__services__diff__v1__apply_response__init(&reply);
	containerd__types__descriptor__init(&d);
	d.media_type = api_lent(applied->media_type);
	d.digest = api_lent(applied->digest);
	d.size = applied->length_bytes;
	reply.applied = &d;
	return api_reply(s->api, rc, &reply.base, err);
}

static ctr_code run_apply(struct service *s, struct ctr_rpc_call *rc, const apply_request *m,
			  struct ctr_error *err)
{
	struct ctr_applied applied = { .size = sizeof(applied), .media_type = "" };
	AUTO_FREE struct ctr_mount *mounts = api_mounts_in(m->mounts, m->n_mounts);
	AUTO_FREE struct ctr_label *mem = NULL;
	struct ctr_descriptor layer = { .size = sizeof(layer) };
	ctr_code code;

	if (!m->diff)
		return s->api->host->fail(err, CTR_INVALID_ARGUMENT,
					  "apply: the layer's descriptor is missing");
	if (m->n_payloads > 0)
		return s->api->host->fail(
			err, CTR_UNIMPLEMENTED,
			"apply: there is no stream processor for payload '%.128s'",
			m->payloads[0]->key);
	if (!mounts || api_labels_in(m->diff->annotations, m->diff->n_annotations, &mem,
				     &layer.annotations) < 0)
		return out_of_memory(s, err);
	layer.media_type = m->diff->media_type;
	layer.digest = m->diff->digest;
	layer.length_bytes = m->diff->size;
	code = s->ops->apply(s->api->host, s->api->rpc->call(rc), &layer, mounts, m->n_mounts,
			     m->sync_fs ? CTR_APPLY_SYNC : 0, &applied, err);
	return code == CTR_OK ? reply_applied(s, rc, &applied, err) : code;
}

static ctr_code apply(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		      struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code = api_unpack(s->api, REQUEST(apply_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	code = run_apply(s, rc, (void *)message, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

struct answer {
	struct service *s;
	struct ctr_rpc_call *rc;
	struct ctr_error *err;
};

static ctr_code reply_diff(void *ud, const struct ctr_descriptor *blob)
{
	struct answer *a = ud;
	Containerd__Services__Diff__V1__DiffResponse reply;
	Containerd__Types__Descriptor d;
	AUTO_ENTRIES annotations = { 0 };

	if (api_labels_out(blob->annotations,
			   &containerd__types__descriptor__annotations_entry__descriptor,
			   &annotations) < 0)
		return out_of_memory(a->s, a->err);
	containerd__services__diff__v1__diff_response__init(&reply);
	containerd__types__descriptor__init(&d);
	d.media_type = api_lent(blob->media_type);
	d.digest = api_lent(blob->digest);
	d.size = blob->length_bytes;
	d.annotations = (void *)annotations.list;
	d.n_annotations = annotations.n;
	reply.diff = &d;
	return api_reply(a->s->api, a->rc, &reply.base, a->err);
}

static ctr_code run_diff(struct service *s, struct ctr_rpc_call *rc, const diff_request *m,
			 struct ctr_error *err)
{
	AUTO_FREE struct ctr_mount *lower = api_mounts_in(m->left, m->n_left);
	AUTO_FREE struct ctr_mount *upper = api_mounts_in(m->right, m->n_right);
	AUTO_FREE struct ctr_label *mem = NULL;
	struct answer a = { s, rc, err };
	struct ctr_diff_args args = {
		.size = sizeof(args),
		.lower = lower,
		.upper = upper,
		.n_lower = m->n_left,
		.n_upper = m->n_right,
		.media_type = m->media_type,
		.ref = m->ref,
		.source_date_ns = CTR_NO_DEADLINE,
	};

	if (!lower || !upper || api_labels_in(m->labels, m->n_labels, &mem, &args.labels) < 0)
		return out_of_memory(s, err);
	if (m->source_date_epoch)
		args.source_date_ns = api_time_ns(m->source_date_epoch);
	return s->ops->compare(s->api->host, s->api->rpc->call(rc), &args, reply_diff, &a, err);
}

static ctr_code diff(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		     struct ctr_error *err)
{
	struct service *s = self;
	ProtobufCMessage *message;
	ctr_code code = api_unpack(s->api, REQUEST(diff_request), data, n, &message, err);

	if (code != CTR_OK)
		return code;
	code = run_diff(s, rc, (void *)message, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Apply", .flags = CTR_RPC_BULK, .message = apply },
	{ .name = "Diff", .flags = CTR_RPC_BULK, .message = diff },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = ARRAY_SIZE(methods),
	.name = "containerd.services.diff.v1.Diff",
	.methods = methods,
};

ctr_code api_diff_init(struct api *api, struct ctr_error *err)
{
	const struct ctr_diffs_ops *ops;
	struct service *s;
	uint32_t size;

	ops = api->host->service(api->host, CTR_SERVICE_DIFFS, &size);
	if (!ops)
		return CTR_OK;

	s = malloc(sizeof(*s));
	if (!s)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*s = (struct service){ .api = api, .ops = ops };
	return api_add(api, &service, s, err);
}
