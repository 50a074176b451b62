/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this plugin share: each <service>.c turns one of containerd's gRPC services into calls of the core
 * services, and back. It holds no rule of its own: validation, locks and defaults are the core's.
 */
#ifndef CTR_API_GRPC_API_H
#define CTR_API_GRPC_API_H

#include <protobuf-c/protobuf-c.h>

#include <ctr/plugin.h>
#include <ctr/types.h>
#include <ctr/unstable/rpc.h>

struct api {
	const struct ctr_host *host;
	const struct ctr_rpc_ops *rpc;
	struct api_kept *kept; /* the services' objects, until fini */
};

/* Register a service. self comes from malloc and is taken over, in every case. */
ctr_code api_add(struct api *api, const struct ctr_rpc_service *service, void *self,
		 struct ctr_error *err);
/* Release what the services left. None is called any more. */
void api_kept_free(struct api *api);

/* Each service file has one of these: look the core service up, register the gRPC service. Called in init(). */
typedef ctr_code (*api_init_fn)(struct api *api, struct ctr_error *err);

ctr_code api_version_init(struct api *api, struct ctr_error *err);
ctr_code api_introspection_init(struct api *api, struct ctr_error *err);
ctr_code api_health_init(struct api *api, struct ctr_error *err);
ctr_code api_namespaces_init(struct api *api, struct ctr_error *err);
ctr_code api_containers_init(struct api *api, struct ctr_error *err);
ctr_code api_images_init(struct api *api, struct ctr_error *err);
ctr_code api_leases_init(struct api *api, struct ctr_error *err);
ctr_code api_content_init(struct api *api, struct ctr_error *err);
ctr_code api_snapshots_init(struct api *api, struct ctr_error *err);
ctr_code api_diff_init(struct api *api, struct ctr_error *err);
ctr_code api_events_init(struct api *api, struct ctr_error *err);
ctr_code api_tasks_init(struct api *api, struct ctr_error *err);
ctr_code api_transfer_init(struct api *api, struct ctr_error *err);
ctr_code api_streaming_init(struct api *api, struct ctr_error *err);

/* message.c: the request as a message, or CTR_INVALID_ARGUMENT; the caller frees it with protobuf_c_message_free_unpacked. */
ctr_code api_unpack(struct api *api, const ProtobufCMessageDescriptor *type, const void *data,
		    uint64_t n, ProtobufCMessage **ret, struct ctr_error *err);
/* Pack and send one reply. */
ctr_code api_reply(struct api *api, struct ctr_rpc_call *rc, const ProtobufCMessage *message,
		   struct ctr_error *err);
ctr_code api_reply_empty(struct api *api, struct ctr_rpc_call *rc, struct ctr_error *err);

/*
 * Many rows in few replies: a message with one row is that row's part of a message with many, since repeated fields
 * concatenate. Rows may be borrowed: each is packed at once.
 */
struct api_batch {
	struct api *api;
	struct ctr_rpc_call *rc;
	size_t max_rows; /* of one reply; 0: all in one, which is then sent even when empty */
	size_t rows, len, cap;
	uint8_t *bytes;
};
ctr_code api_batch_add(struct api_batch *b, const ProtobufCMessage *one_row, struct ctr_error *err);
/* Send the rest when code is CTR_OK, release, and pass code on. */
ctr_code api_batch_end(struct api_batch *b, ctr_code code, struct ctr_error *err);

#endif
