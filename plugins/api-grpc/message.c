/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests from bytes, replies to bytes. The lengths were checked by the core against
 * grpc.max_recv_message_size.
 */
#include <string.h>

#include "plugins/api-grpc/api.h"

ctr_code api_unpack(struct api *api, const ProtobufCMessageDescriptor *type, const void *data,
		    uint64_t n, ProtobufCMessage **ret, struct ctr_error *err)
{
	ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, (size_t)n, data);

	if (!message)
		return api->host->fail(err, CTR_INVALID_ARGUMENT, "the request is no message '%s'",
				       type->name);

	*ret = message;
	return CTR_OK;
}

ctr_code api_reply(struct api *api, struct ctr_rpc_call *rc, const ProtobufCMessage *message,
		   struct ctr_error *err)
{
	size_t n = protobuf_c_message_get_packed_size(message);
	uint8_t *data = api->host->alloc(n > 0 ? n : 1);

	if (!data)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED,
				       "out of memory for a reply of %zu bytes", n);

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

static ctr_code send_batch(struct api_batch *b, struct ctr_error *err)
{
	uint8_t *bytes = b->bytes ? b->bytes : b->api->host->alloc(1);
	size_t len = b->len;

	if (!bytes)
		return b->api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory for a reply");
	b->bytes = NULL;
	b->len = b->cap = b->rows = 0;
	if (b->api->rpc->reply(b->rc, bytes, len) != CTR_OK)
		return b->api->host->fail(err, CTR_CANCELLED, "the call is over");
	return CTR_OK;
}

ctr_code api_batch_add(struct api_batch *b, const ProtobufCMessage *one_row, struct ctr_error *err)
{
	const struct ctr_host *h = b->api->host;
	size_t n = protobuf_c_message_get_packed_size(one_row);

	if (n > b->cap - b->len) {
		size_t cap = b->cap * 2 > b->len + n ? b->cap * 2 : b->len + n + 1024;
		uint8_t *grown = h->alloc(cap);

		if (!grown)
			return h->fail(err, CTR_RESOURCE_EXHAUSTED,
				       "out of memory for a reply of %zu bytes", cap);
		if (b->len)
			memcpy(grown, b->bytes, b->len);
		h->free(b->bytes);
		b->bytes = grown;
		b->cap = cap;
	}
	protobuf_c_message_pack(one_row, b->bytes + b->len);
	b->len += n;
	return ++b->rows == b->max_rows ? send_batch(b, err) : CTR_OK;
}

ctr_code api_batch_end(struct api_batch *b, ctr_code code, struct ctr_error *err)
{
	if (code == CTR_OK && (b->rows > 0 || b->max_rows == 0))
		code = send_batch(b, err);
	b->api->host->free(b->bytes);
	b->bytes = NULL;
	return code;
}
