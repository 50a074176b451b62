/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte streams: the receiver grants a window, the sender stays within it. The end of the stream is
 * the end of the bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "containerd/types/transfer/streaming.pb-c.h"
#include "core/streams/streams.h"
#include "rpc/pb.h"

typedef Containerd__Types__Transfer__Data data_message;
typedef Containerd__Types__Transfer__WindowUpdate window_message;

#define DATA_MAX (4 * 1024 * 1024)

static ctr_code grant(struct stream_reader *r, struct ctr_error *err)
{
	window_message update;
	ctr_code code;

	if (r->window >= STREAM_WINDOW)
		return CTR_OK;
	containerd__types__transfer__window_update__init(&update);
	update.update = STREAM_WINDOW;
	code = stream_send(r->stream, &update, err);
	if (code == CTR_OK)
		r->window += STREAM_WINDOW;
	return code;
}

static ctr_code open_data(struct stream_reader *r, const Google__Protobuf__Any *any, void **ret,
			  size_t *ret_n, struct ctr_error *err)
{
	AUTO_PB data_message *data =
		pb_any_unpack(any, &containerd__types__transfer__data__descriptor, DATA_MAX);

	if (!data)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"a message of type '%.128s' in a stream of bytes",
				pb_any_name(any));
	r->window -= (int64_t)data->data.len;
	*ret_n = data->data.len;
	*ret = take_ptr(&data->data.data);
	data->data.len = 0;
	return CTR_OK;
}

ctr_code stream_read(struct stream_reader *r, void **ret, size_t *ret_n, struct ctr_error *err)
{
	ctr_code code;

	do {
		Google__Protobuf__Any *any = NULL;

		code = grant(r, err);
		if (code == CTR_OK)
			code = stream_recv(r->stream, r->call, &any, err);
		if (code != CTR_OK)
			return code;
		*ret = NULL;
		*ret_n = 0;
		if (!any)
			return CTR_OK;
		code = open_data(r, any, ret, ret_n, err);
		pb_free(any);
		if (code == CTR_OK && *ret_n == 0)
			free(take_ptr((char **)ret));
	} while (code == CTR_OK && *ret_n == 0);
	return code;
}

/* Wait until something may be sent. */
static ctr_code await_window(struct stream_writer *w, struct ctr_error *err)
{
	while (w->window <= 0) {
		AUTO_PB Google__Protobuf__Any *any = NULL;
		AUTO_PB window_message *update = NULL;
		ctr_code code = stream_recv(w->stream, w->call, &any, err);

		if (code != CTR_OK)
			return code;
		if (!any)
			return ctr_fail(err, CTR_CANCELLED,
					"the client has stopped to read the stream");
		update = pb_any_unpack(any, &containerd__types__transfer__window_update__descriptor,
				       DATA_MAX);
		if (!update || update->update < 0)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"a message of type '%.128s' where a window belongs",
					pb_any_name(any));
		w->window += update->update;
	}
	return CTR_OK;
}

ctr_code stream_write(struct stream_writer *w, const void *data, size_t n, struct ctr_error *err)
{
	const uint8_t *at = data;

	while (n > 0) {
		data_message message;
		ctr_code code = await_window(w, err);
		size_t now = MIN(MIN(n, (size_t)STREAM_CHUNK), (size_t)MAX(w->window, 0));

		if (code != CTR_OK)
			return code;
		containerd__types__transfer__data__init(&message);
		message.data.data = (uint8_t *)(uintptr_t)at; /* only read by the packing */
		message.data.len = now;
		code = stream_send(w->stream, &message, err);
		if (code != CTR_OK)
			return code;
		w->window -= (int64_t)now;
		at += now;
		n -= now;
	}
	return CTR_OK;
}
