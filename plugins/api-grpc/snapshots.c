/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.snapshots.v1.Snapshots over ctr.snapshots.v0.
 */
#include <errno.h>
#include <stdlib.h>

#include <ctr/unstable/snapshots.h>

#include "containerd/services/snapshots/v1/snapshots.pb-c.h"
#include "plugins/api-grpc/api.h"
#include "plugins/api-grpc/fields.h"

#define REQUEST(type)  &containerd__services__snapshots__v1__##type##__descriptor
#define LIST_PER_REPLY 100

struct snapshots {
	struct api *api;
	const struct ctr_snapshots_ops *ops;
};

/* What a sink needs to answer a call. */
struct answer {
	struct snapshots *s;
	struct ctr_rpc_call *rc;
	struct ctr_error *err;
};

static ctr_code out_of_memory(struct snapshots *s, struct ctr_error *err)
{
	return s->api->host->fail_errno(err, ENOMEM, "snapshots");
}

/* ---- mounts: Prepare, View, Mounts have one answer ---- */

static ctr_code reply_mounts(void *ud, const struct ctr_mount *mounts, uint64_t n)
{
	struct answer *a = ud;
	Containerd__Services__Snapshots__V1__MountsResponse m =
		CONTAINERD__SERVICES__SNAPSHOTS__V1__MOUNTS_RESPONSE__INIT;
	struct api_mounts out;

	if (api_mounts_out(mounts, n, &out) < 0)
		return out_of_memory(a->s, a->err);
	m.mounts = out.list;
	m.n_mounts = out.n;
	ctr_code code = api_reply(a->s->api, a->rc, &m.base, a->err);
	api_mounts_done(&out);
	return code;
}

static ctr_code make(struct snapshots *s, struct ctr_rpc_call *rc, uint32_t kind, const void *data,
		     uint64_t n, struct ctr_error *err)
{
	struct answer answer = { s, rc, err };
	ProtobufCMessage *base = NULL;
	AUTO_FREE struct ctr_label *mem = NULL;
	struct ctr_snapshot_new args = { .size = sizeof(args) };

	/* A view's request has the same fields with the same numbers. */
	ctr_code code = api_unpack(s->api, REQUEST(prepare_snapshot_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Snapshots__V1__PrepareSnapshotRequest *m = (void *)base;
	args.key = m->key;
	args.parent = m->parent;
	if (api_labels_in(m->labels, m->n_labels, &mem, &args.labels) < 0)
		code = out_of_memory(s, err);
	if (code == CTR_OK)
		code = s->ops->prepare(s->api->host, s->api->rpc->call(rc), m->snapshotter, kind,
				       &args, reply_mounts, &answer, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code prepare(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			struct ctr_error *err)
{
	return make(self, rc, CTR_SNAPSHOT_ACTIVE, data, n, err);
}

static ctr_code view(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		     struct ctr_error *err)
{
	return make(self, rc, CTR_SNAPSHOT_VIEW, data, n, err);
}

static ctr_code mounts(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct snapshots *s = self;
	struct answer answer = { s, rc, err };
	ProtobufCMessage *base = NULL;

	ctr_code code = api_unpack(s->api, REQUEST(mounts_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Snapshots__V1__MountsRequest *m = (void *)base;
	code = s->ops->mounts(s->api->host, s->api->rpc->call(rc), m->snapshotter, m->key,
			      reply_mounts, &answer, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

/* ---- changes ---- */

static ctr_code commit(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct snapshots *s = self;
	ProtobufCMessage *base = NULL;
	AUTO_FREE struct ctr_label *mem = NULL;
	struct ctr_snapshot_commit args = { .size = sizeof(args) };

	ctr_code code = api_unpack(s->api, REQUEST(commit_snapshot_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Snapshots__V1__CommitSnapshotRequest *m = (void *)base;
	args.name = m->name;
	args.key = m->key;
	args.parent = m->parent;
	if (api_labels_in(m->labels, m->n_labels, &mem, &args.labels) < 0)
		code = out_of_memory(s, err);
	if (code == CTR_OK)
		code = s->ops->commit(s->api->host, s->api->rpc->call(rc), m->snapshotter, &args,
				      err);
	if (code == CTR_OK)
		code = api_reply_empty(s->api, rc, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code remove_snapshot(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
				struct ctr_error *err)
{
	struct snapshots *s = self;
	ProtobufCMessage *base = NULL;

	ctr_code code = api_unpack(s->api, REQUEST(remove_snapshot_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Snapshots__V1__RemoveSnapshotRequest *m = (void *)base;
	code = s->ops->remove(s->api->host, s->api->rpc->call(rc), m->snapshotter, m->key, err);
	if (code == CTR_OK)
		code = api_reply_empty(s->api, rc, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code cleanup(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			struct ctr_error *err)
{
	struct snapshots *s = self;
	ProtobufCMessage *base = NULL;

	ctr_code code = api_unpack(s->api, REQUEST(cleanup_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Snapshots__V1__CleanupRequest *m = (void *)base;
	code = s->ops->cleanup(s->api->host, s->api->rpc->call(rc), m->snapshotter, err);
	if (code == CTR_OK)
		code = api_reply_empty(s->api, rc, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

/* ---- information ---- */

struct info_message {
	Containerd__Services__Snapshots__V1__Info m;
	Google__Protobuf__Timestamp created, updated;
	struct api_entries labels;
};

static int fill_info(struct info_message *im, const struct ctr_snapshot_info *info)
{
	containerd__services__snapshots__v1__info__init(&im->m);
	if (api_labels_out(info->labels,
			   &containerd__services__snapshots__v1__info__labels_entry__descriptor,
			   &im->labels) < 0)
		return -ENOMEM;
	im->created = api_time(info->created_ns);
	im->updated = api_time(info->updated_ns);
	im->m.name = api_lent(info->name);
	im->m.parent = api_lent(info->parent);
	im->m.kind = (Containerd__Services__Snapshots__V1__Kind)info->kind;
	im->m.created_at = &im->created;
	im->m.updated_at = &im->updated;
	im->m.labels = (void *)im->labels.list;
	im->m.n_labels = im->labels.n;
	return 0;
}

static ctr_code reply_stat(void *ud, const struct ctr_snapshot_info *info)
{
	struct answer *a = ud;
	Containerd__Services__Snapshots__V1__StatSnapshotResponse m =
		CONTAINERD__SERVICES__SNAPSHOTS__V1__STAT_SNAPSHOT_RESPONSE__INIT;
	struct info_message im = { 0 };

	if (fill_info(&im, info) < 0)
		return out_of_memory(a->s, a->err);
	m.info = &im.m;
	ctr_code code = api_reply(a->s->api, a->rc, &m.base,
				  a->err); /* Update's answer has the same shape */
	api_entries_done(&im.labels);
	return code;
}

static ctr_code stat_snapshot(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			      struct ctr_error *err)
{
	struct snapshots *s = self;
	struct answer answer = { s, rc, err };
	ProtobufCMessage *base = NULL;

	ctr_code code = api_unpack(s->api, REQUEST(stat_snapshot_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Snapshots__V1__StatSnapshotRequest *m = (void *)base;
	code = s->ops->stat(s->api->host, s->api->rpc->call(rc), m->snapshotter, m->key, reply_stat,
			    &answer, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code update(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct snapshots *s = self;
	struct answer answer = { s, rc, err };
	ProtobufCMessage *base = NULL;
	AUTO_FREE struct ctr_label *mem = NULL;
	struct ctr_labels labels;

	ctr_code code = api_unpack(s->api, REQUEST(update_snapshot_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Snapshots__V1__UpdateSnapshotRequest *m = (void *)base;
	if (!m->info)
		code = s->api->host->fail(err, CTR_INVALID_ARGUMENT, "snapshot info required");
	else if (api_labels_in(m->info->labels, m->info->n_labels, &mem, &labels) < 0)
		code = out_of_memory(s, err);
	if (code == CTR_OK)
		code = s->ops->update(s->api->host, s->api->rpc->call(rc), m->snapshotter,
				      m->info->name, labels, api_mask(m->update_mask), reply_stat,
				      &answer, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code usage(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		      struct ctr_error *err)
{
	struct snapshots *s = self;
	ProtobufCMessage *base = NULL;
	struct ctr_usage u = { .size = sizeof(u) };

	ctr_code code = api_unpack(s->api, REQUEST(usage_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Snapshots__V1__UsageRequest *m = (void *)base;
	code = s->ops->usage(s->api->host, s->api->rpc->call(rc), m->snapshotter, m->key, &u, err);
	if (code == CTR_OK) {
		Containerd__Services__Snapshots__V1__UsageResponse reply =
			CONTAINERD__SERVICES__SNAPSHOTS__V1__USAGE_RESPONSE__INIT;

		reply.size = u.bytes;
		reply.inodes = u.inodes;
		code = api_reply(s->api, rc, &reply.base, err);
	}
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

/* ---- list: messages of up to a hundred ---- */

struct listing {
	struct answer a;
	struct api_batch batch;
};

static ctr_code add_row(void *ud, const struct ctr_snapshot_info *info)
{
	struct listing *l = ud;
	Containerd__Services__Snapshots__V1__ListSnapshotsResponse m =
		CONTAINERD__SERVICES__SNAPSHOTS__V1__LIST_SNAPSHOTS_RESPONSE__INIT;
	Containerd__Services__Snapshots__V1__Info *one[1];
	struct info_message im = { 0 };

	if (fill_info(&im, info) < 0)
		return out_of_memory(l->a.s, l->a.err);
	one[0] = &im.m;
	m.info = one;
	m.n_info = 1;
	ctr_code code = api_batch_add(&l->batch, &m.base, l->a.err);
	api_entries_done(&im.labels);
	return code;
}

static ctr_code list(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		     struct ctr_error *err)
{
	struct snapshots *s = self;
	struct listing l = { { s, rc, err },
			     { .api = s->api, .rc = rc, .max_rows = LIST_PER_REPLY } };
	ProtobufCMessage *base = NULL;

	ctr_code code = api_unpack(s->api, REQUEST(list_snapshots_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Snapshots__V1__ListSnapshotsRequest *m = (void *)base;
	const struct ctr_filters filters = { (const char *const *)m->filters, m->n_filters };
	code = s->ops->list(s->api->host, s->api->rpc->call(rc), m->snapshotter, filters, add_row,
			    &l, err);
	code = api_batch_end(&l.batch, code, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Prepare", .message = prepare },
	{ .name = "View", .message = view },
	{ .name = "Mounts", .message = mounts },
	{ .name = "Commit", .message = commit },
	{ .name = "Remove", .message = remove_snapshot },
	{ .name = "Stat", .flags = CTR_RPC_INLINE, .message = stat_snapshot },
	{ .name = "Update", .message = update },
	{ .name = "List", .flags = CTR_RPC_SERVER_STREAM, .message = list },
	{ .name = "Usage", .flags = CTR_RPC_BULK, .message = usage },
	{ .name = "Cleanup", .flags = CTR_RPC_BULK, .message = cleanup },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = ARRAY_SIZE(methods),
	.name = "containerd.services.snapshots.v1.Snapshots",
	.methods = methods,
};

ctr_code api_snapshots_init(struct api *api, struct ctr_error *err)
{
	uint32_t size;
	const struct ctr_snapshots_ops *ops =
		api->host->service(api->host, CTR_SERVICE_SNAPSHOTS, &size);
	if (!ops)
		return CTR_OK;

	struct snapshots *s = malloc(sizeof(*s));
	if (!s)
		return api->host->fail_errno(err, ENOMEM, "snapshots");
	*s = (struct snapshots){ api, ops };
	return api_add(api, &service, s, err);
}
