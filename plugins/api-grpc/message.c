/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests from bytes, replies to bytes. The lengths were checked by the core against grpc.max_recv_message_size.
 */
#include "plugins/api-grpc/api.h"

ctr_code api_unpack(struct api *api, const ProtobufCMessageDescriptor *type, const void *data, uint64_t n,
		    ProtobufCMessage **ret, struct ctr_error *err)
{
	ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, (size_t)n, data);

	if (!message)
		return api->host->fail(err, CTR_INVALID_ARGUMENT, "the request is no message '%s'", type->name);

	*ret = message;
	return CTR_OK;
}

ctr_code api_reply(struct api *api, struct ctr_rpc_call *rc, const ProtobufCMessage *message, struct ctr_error *err)
{
	size_t n = protobuf_c_message_get_packed_size(message);
	uint8_t *data = api->host->alloc(n > 0 ? n : 1);

	if (!data)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory for a reply of %zu bytes", n);

	protobuf_c_message_pack(message, data);
	if (api->rpc->reply(rc, data, n) != CTR_OK)
		return api->host->fail(err, CTR_CANCELLED, "the call is over");
	return CTR_OK;
}

ctr_code api_reply_empty(struct api *api, struct ctr_rpc_call *rc, struct ctr_error *err)
{
	void *data = api->host->alloc(1);

	if (!data)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory for a reply");
	if (api->rpc->reply(rc, data, 0) != CTR_OK)
		return api->host->fail(err, CTR_CANCELLED, "the call is over");
	return CTR_OK;
}
