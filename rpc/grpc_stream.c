/* SPDX-License-Identifier: Apache-2.0
 *
 * The gRPC client's side of an HTTP/2 session: answers, statuses, and how streams end. A stream
 * object lives until nghttp2 has closed its stream, since frames that are being written may point
 * at it; its owner has been told, or has cancelled, before. Loop thread.
 */
#include "rpc/grpc_stream.h"

#include <string.h>

#include "base/str.h"
#include "rpc/grpc_wire.h"

/* ------------------------------------------------------------------ the end of streams */

void grpc_stream_release(struct grpc_stream *st)
{
	loop_del_timer(st->timer);
	list_del(&st->link);
	list_del(&st->drained);
	h2_release(&st->client->h2, grpc_out_clear(&st->stream.out));
	grpc_in_done(&st->in);
	free(st->answer);
	free(st->text);
	free(st);
}

/* Tell the owner, once. The object stays. */
void grpc_stream_settle(struct grpc_stream *st, ctr_code code, const char *message)
{
	if (st->settled)
		return;

	st->settled = true;
	loop_del_timer(take_ptr(&st->timer));
	if (st->done)
		st->done(st->ud, code, message, code == CTR_OK ? st->answer : NULL,
			 code == CTR_OK ? st->n_answer : 0);
	else
		st->ops->end(st->ud, code, message);
}

/* Tell the server that nobody waits any more. */
void grpc_stream_reset(struct grpc_stream *st)
{
	nghttp2_submit_rst_stream(st->client->h2.session, NGHTTP2_FLAG_NONE, st->id,
				  NGHTTP2_CANCEL);
	h2_flush_later(&st->client->h2);
}

void grpc_stream_fail(struct grpc_stream *st, ctr_code code, const char *message)
{
	if (st->settled)
		return;

	grpc_stream_reset(st);
	grpc_stream_settle(st, code, message);
}

/* What an answer without grpc-status means, by the protocol's own table. */
static ctr_code code_of_http(int status)
{
	switch (status) {
	case 400:
		return CTR_INTERNAL;
	case 401:
		return CTR_UNAUTHENTICATED;
	case 403:
		return CTR_PERMISSION_DENIED;
	case 404:
		return CTR_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return CTR_UNAVAILABLE;
	default:
		return CTR_UNKNOWN;
	}
}

static void settle_reset(struct grpc_stream *st, uint32_t error_code)
{
	AUTO_FREE char *text = NULL;
	ctr_code code = CTR_INTERNAL;

	if (st->http_status >= 0 && st->http_status != 200) {
		text = str_printf("the server answered with HTTP status %d", st->http_status);
		code = code_of_http(st->http_status);
	} else {
		text = str_printf("the server ended the stream without a status (HTTP/2 error %u)",
				  error_code);
		if (error_code == NGHTTP2_REFUSED_STREAM)
			code = CTR_UNAVAILABLE;
		else if (error_code == NGHTTP2_CANCEL)
			code = CTR_CANCELLED;
	}
	grpc_stream_settle(st, code, str_or(text, "the server ended the stream without a status"));
}

static void settle_status(struct grpc_stream *st)
{
	const char *text = st->text ? st->text : "";
	AUTO_FREE char *cut = NULL;
	ctr_code code;
	size_t n = 0;

	if (st->grpc_status == 0) {
		if (st->done && !st->has_answer)
			grpc_stream_settle(st, CTR_INTERNAL, "the answer has no message");
		else
			grpc_stream_settle(st, CTR_OK, "");
		return;
	}

	code = code_from_wire(st->grpc_status, text, &n);
	cut = str_ndup(text, n);
	grpc_stream_settle(st, code == CTR_OK ? CTR_UNKNOWN : code, cut ? cut : text);
}

/* ------------------------------------------------------------------ what nghttp2 tells */

static struct grpc_stream *find(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static int number(const uint8_t *p, size_t n)
{
	int v = 0;

	if (n == 0 || n > 3)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (p[i] - '0');
	}

	return v;
}

static int is(const uint8_t *name, size_t n, const char *want)
{
	return n == strlen(want) && memcmp(name, want, n) == 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *ud)
{
	struct grpc_stream *st = find(session, frame->hd.stream_id);

	(void)flags;
	(void)ud;
	if (!st || st->settled)
		return 0;

	if (is(name, n_name, ":status")) {
		st->http_status = number(value, n_value);
	} else if (is(name, n_name, "grpc-status")) {
		st->grpc_status = number(value, n_value);
		if (st->grpc_status < 0 || st->grpc_status > CTR_UNAUTHENTICATED)
			st->grpc_status = CTR_UNKNOWN;
	} else if (is(name, n_name, "grpc-message") && !st->text) {
		st->text = grpc_message_decode((const char *)value, n_value);
	}

	return 0;
}

static void take_message(struct grpc_stream *st, const uint8_t *data, size_t n)
{
	if (!st->done) {
		st->ops->message(st->ud, data, n);
		return;
	}
	if (st->has_answer) {
		grpc_stream_fail(st, CTR_INTERNAL, "more than one message for a call that has one");
		return;
	}

	st->answer = grpc_in_take(&st->in, data, n);
	st->n_answer = n;
	st->has_answer = true;
	if (!st->answer)
		grpc_stream_fail(st, CTR_RESOURCE_EXHAUSTED, "out of memory");
}

static void bad_message(struct grpc_stream *st, enum grpc_in_result r)
{
	AUTO_FREE char *text = NULL;

	switch (r) {
	case GRPC_IN_MORE:
	case GRPC_IN_MESSAGE:
		return;
	case GRPC_IN_TOO_LARGE:
		text = str_printf("grpc: received message larger than max (%u vs. %u)", st->in.need,
				  GRPC_MESSAGE_LIMIT);
		grpc_stream_fail(st, CTR_RESOURCE_EXHAUSTED, str_or(text, "message too large"));
		return;
	case GRPC_IN_COMPRESSED:
	case GRPC_IN_BAD_FLAG:
		grpc_stream_fail(st, CTR_INTERNAL,
				 "the answer is compressed, which was not asked for");
		return;
	case GRPC_IN_NO_MEMORY:
		grpc_stream_fail(st, CTR_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
		   void *ud)
{
	struct grpc_stream *st = find(session, id);

	(void)flags;
	(void)ud;
	nghttp2_session_consume(session, id, n);
	while (st && !st->settled && n > 0) {
		const uint8_t *data;
		size_t n_data;
		enum grpc_in_result r =
			grpc_in_feed(&st->in, &p, &n, GRPC_MESSAGE_LIMIT, &data, &n_data);

		if (r == GRPC_IN_MESSAGE) {
			take_message(st, data, n_data);
			grpc_in_done(&st->in);
		} else {
			bad_message(st, r);
		}
	}

	return 0;
}

/* The server is done: so are we, even when we had more to say. */
static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ud)
{
	struct grpc_stream *st;

	(void)ud;
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;

	st = find(session, frame->hd.stream_id);
	if (!st || st->settled || st->grpc_status < 0)
		return 0;

	if (!st->half_closed || st->stream.out.bytes > 0)
		grpc_stream_reset(st);
	if (grpc_in_is_partial(&st->in) && st->grpc_status == 0)
		grpc_stream_settle(st, CTR_INTERNAL, "the answer ended inside a message");
	else
		settle_status(st);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *ud)
{
	struct grpc_stream *st = find(session, id);

	(void)ud;
	if (!st)
		return 0;

	nghttp2_session_set_stream_user_data(session, id, NULL);
	if (st->grpc_status >= 0)
		settle_status(st);
	else
		settle_reset(st, error_code);
	grpc_stream_release(st);
	return 0;
}

int grpc_stream_callbacks(nghttp2_session_callbacks **ret)
{
	int r = h2_callbacks(ret);

	if (r < 0)
		return r;

	nghttp2_session_callbacks_set_on_header_callback(*ret, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(*ret, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(*ret, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(*ret, on_stream_close);
	return 0;
}
