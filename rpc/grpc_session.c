/* SPDX-License-Identifier: Apache-2.0
 *
 * The gRPC server's side of an HTTP/2 session: request headers, message bytes, the ends of streams.
 * What nghttp2 would check with strict messaging on and gRPC needs is checked here; the refusals
 * are those of grpc-go, word for word. Loop thread.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "rpc/grpc_call.h"
#include "rpc/grpc_wire.h"

#define BACKLOG_COMPACT (64u << 10)

static struct grpc_call *find(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static struct grpc_conn *conn_of(void *ud)
{
	struct h2 *h = ud;

	return container_of(h, struct grpc_conn, h2);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ud)
{
	struct grpc_call *call;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;

	call = grpc_call_new(conn_of(ud), frame->hd.stream_id);
	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;

	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
	return 0;
}

/* ------------------------------------------------------------------ headers */

static void keep_metadata(struct grpc_call *call, const char *name, size_t n_name,
			  const char *value, size_t n_value)
{
	size_t all = call->n_meta + n_name + n_value + 2;
	char *meta;

	if (all > GRPC_METADATA_MAX) {
		call->headers_too_large = true;
		return;
	}

	meta = realloc(call->meta, all);
	if (!meta) {
		call->headers_too_large = true;
		return;
	}

	call->meta = meta;
	memcpy(meta + call->n_meta, name, n_name + 1);
	memcpy(meta + call->n_meta + n_name + 1, value, n_value + 1);
	call->n_meta = (uint32_t)all;
}

static void head_path(struct grpc_call *call, const char *value, size_t n)
{
	const struct grpc_entry *entry = map_get(call->conn->server->paths, value);

	if (call->has_path)
		return;

	call->has_path = true;
	if (entry) {
		call->service = entry->service;
		call->method = entry->method;
	} else if (!call->wrong) {
		call->wrong = str_ndup(value, MIN(n, (size_t)1024));
	}
}

static void head_type(struct grpc_call *call, const char *value, size_t n)
{
	if (grpc_content_type_ok(value, n)) {
		call->has_type = true;
		return;
	}

	free(call->wrong);
	call->wrong = str_ndup(value, MIN(n, (size_t)256));
}

static void head_timeout(struct grpc_call *call, const char *value, size_t n)
{
	int64_t ns;

	if (grpc_timeout_parse(value, n, &ns) < 0)
		call->bad_timeout = true;
	else if (add_ok(clock_now_ns(), ns, &call->deadline_ns) < 0)
		call->deadline_ns = NO_DEADLINE;
}

static int is(const char *name, size_t n, const char *want)
{
	return n == strlen(want) && memcmp(name, want, n) == 0;
}

/* Headers of the transport that no handler asks for. */
static int is_noise(const char *name, size_t n)
{
	static const char *const noise[] = { "te", "user-agent", "accept-encoding",
					     "grpc-accept-encoding" };

	for (size_t i = 0; i < ARRAY_SIZE(noise); i++) {
		if (is(name, n, noise[i]))
			return 1;
	}

	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
		     const uint8_t *name_bytes, size_t n_name, const uint8_t *value_bytes,
		     size_t n_value, uint8_t flags, void *ud)
{
	const char *name = (const char *)name_bytes, *value = (const char *)value_bytes;
	struct grpc_call *call = find(session, frame->hd.stream_id);

	(void)flags;
	(void)ud;
	if (!call || call->begun || call->finished || frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	/* Both are terminated by nghttp2; a NUL inside would cut them. */
	if (memchr(value, '\0', n_value) || memchr(name, '\0', n_name))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;

	if (n_name > 0 && name[0] == ':') {
		if (is(name, n_name, ":path"))
			head_path(call, value, n_value);
		else if (is(name, n_name, ":method"))
			call->is_post = is(value, n_value, "POST");
	} else if (is(name, n_name, "content-type")) {
		head_type(call, value, n_value);
	} else if (is(name, n_name, "grpc-timeout")) {
		head_timeout(call, value, n_value);
	} else if (!is_noise(name, n_name)) {
		keep_metadata(call, name, n_name, value, n_value);
	}

	return 0;
}

static void refuse(struct grpc_call *call, const char *http_status, ctr_code code, char *text)
{
	grpc_call_refuse(call, http_status, code, str_or(text, "out of memory"));
	free(text);
}

static void refuse_path(struct grpc_call *call)
{
	char *path = call->wrong, *slash;

	if (!path) {
		refuse(call, "200", CTR_RESOURCE_EXHAUSTED, NULL);
		return;
	}

	path += path[0] == '/';
	slash = strrchr(path, '/');
	if (!slash) {
		refuse(call, "200", CTR_UNIMPLEMENTED,
		       str_printf("malformed method name: \"%s\"", call->wrong));
		return;
	}

	*slash = '\0';
	if (map_get(call->conn->server->services, path))
		refuse(call, "200", CTR_UNIMPLEMENTED,
		       str_printf("unknown method %s for service %s", slash + 1, path));
	else
		refuse(call, "200", CTR_UNIMPLEMENTED, str_printf("unknown service %s", path));
}

/* 0 when the request may begin. */
static int check_head(nghttp2_session *session, struct grpc_call *call)
{
	if (!call->has_path)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, call->id,
					  NGHTTP2_PROTOCOL_ERROR);
	else if (!call->has_type)
		refuse(call, "415", CTR_INVALID_ARGUMENT,
		       str_printf("invalid gRPC request content-type \"%s\"",
				  str_or(call->wrong, "")));
	else if (!call->is_post)
		refuse(call, "405", CTR_INTERNAL,
		       str_printf("received a HEADERS frame whose :method is not POST"));
	else if (call->bad_timeout)
		refuse(call, "400", CTR_INTERNAL, str_printf("malformed grpc-timeout"));
	else if (call->headers_too_large)
		refuse(call, "200", CTR_RESOURCE_EXHAUSTED,
		       str_printf("metadata larger than %u bytes", GRPC_METADATA_MAX));
	else if (!call->method)
		refuse_path(call);
	else
		return 0;

	return -1;
}

static void begin(nghttp2_session *session, struct grpc_call *call)
{
	if (check_head(session, call) < 0)
		return;

	free(take_ptr(&call->wrong));
	call->begun = true;
	call->conn->server->n_calls++;
	list_add(&call->conn->fresh, &call->fresh);
	if (!(call->method->flags & GRPC_CLIENT_STREAM))
		return;

	call->told = true;
	if (call->method->open)
		call->method->open(call);
}

/* ------------------------------------------------------------------ messages */

static void abort_with(struct grpc_call *call, ctr_code code, char *text)
{
	grpc_call_abort(call, code, str_or(text, "out of memory"));
	free(text);
}

static void bad_message(struct grpc_call *call, enum grpc_in_result r)
{
	const char *encoding;

	switch (r) {
	case GRPC_IN_MORE:
	case GRPC_IN_MESSAGE:
		return;
	case GRPC_IN_TOO_LARGE:
		abort_with(call, CTR_RESOURCE_EXHAUSTED,
			   str_printf("grpc: received message larger than max (%u vs. %zu)",
				      call->in.need, call->message_max));
		return;
	case GRPC_IN_COMPRESSED:
		encoding = grpc_call_metadata(call, "grpc-encoding");
		abort_with(
			call, CTR_UNIMPLEMENTED,
			str_printf("grpc: Decompressor is not installed for grpc-encoding \"%s\"",
				   str_or(encoding, "")));
		return;
	case GRPC_IN_BAD_FLAG:
		abort_with(call, CTR_INTERNAL,
			   str_printf("grpc: received unexpected payload format %u",
				      call->in.prefix[0]));
		return;
	case GRPC_IN_NO_MEMORY:
		grpc_call_abort(call, CTR_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
}

/* The one request of a unary or server-streaming call; it may lie in the read buffer until the
 * end of this wake-up. */
static void input_unary(struct grpc_call *call, const uint8_t *p, size_t n)
{
	enum grpc_in_result r;

	if (call->has_message) {
		if (n > 0)
			grpc_call_abort(call, CTR_INTERNAL,
					"more than one message for a call that takes one");
		return;
	}

	r = grpc_in_feed(&call->in, &p, &n, call->message_max, &call->message, &call->n_message);
	if (r == GRPC_IN_MESSAGE) {
		call->has_message = true;
		if (list_empty(&call->fresh))
			list_add(&call->conn->fresh, &call->fresh);
		if (n > 0)
			input_unary(call, p, n);
		return;
	}
	bad_message(call, r);
}

/* Hand messages on until one stays with the handler: the bytes used. */
static size_t deliver(struct grpc_call *call, const uint8_t *p, size_t n)
{
	size_t all = n;

	while (n > 0 && !call->with_handler && !call->finished) {
		enum grpc_in_result r = grpc_in_feed(&call->in, &p, &n, call->message_max,
						     &call->message, &call->n_message);

		if (r != GRPC_IN_MESSAGE) {
			bad_message(call, r);
			continue;
		}
		call->with_handler = call->delivering = true;
		call->method->message(call, call->message, call->n_message);
		call->delivering = false;
		call->message = NULL;
		grpc_in_done(&call->in);
	}

	return call->finished ? all : all - n;
}

static void keep_backlog(struct grpc_call *call, const uint8_t *p, size_t n)
{
	if (call->backlog_at > BACKLOG_COMPACT && call->backlog_at * 2 > call->backlog.len) {
		buf_consume(&call->backlog, call->backlog_at);
		call->backlog_at = 0;
	}
	if (buf_append(&call->backlog, p, n) < 0)
		grpc_call_abort(call, CTR_RESOURCE_EXHAUSTED, "out of memory");
}

static void tell_half_close(struct grpc_call *call)
{
	if (!call->peer_closed || call->half_close_told || call->with_handler ||
	    call->backlog.len > 0 || call->finished)
		return;

	call->half_close_told = true;
	if (grpc_in_is_partial(&call->in))
		grpc_call_abort(call, CTR_INTERNAL, "the stream ended inside a message");
	else if (call->method->half_close)
		call->method->half_close(call);
}

static void input_stream(nghttp2_session *session, struct grpc_call *call, const uint8_t *p,
			 size_t n)
{
	size_t used = 0;

	if (!call->with_handler && call->backlog.len == 0)
		used = deliver(call, p, n);
	if (used > 0)
		nghttp2_session_consume_stream(session, call->id, used);
	if (used < n)
		keep_backlog(call, p + used, n - used);
}

void grpc_session_resume(struct grpc_call *call)
{
	const uint8_t *p = (const uint8_t *)call->backlog.data;
	size_t used;

	call->with_handler = false;
	if (call->backlog.len > 0) {
		used = deliver(call, p + call->backlog_at, call->backlog.len - call->backlog_at);
		call->backlog_at += used;
		if (call->backlog_at == call->backlog.len) {
			buf_done(&call->backlog);
			call->backlog_at = 0;
		}
		if (used > 0)
			nghttp2_session_consume_stream(call->conn->h2.session, call->id, used);
	}
	tell_half_close(call);
	grpc_conn_dirty(call->conn);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
		   void *ud)
{
	struct grpc_call *call = find(session, id);

	(void)flags;
	(void)ud;
	/* The connection's window is never held back: one slow stream does not stop the others. */
	nghttp2_session_consume_connection(session, n);
	if (!call || call->finished || !call->begun)
		return 0;

	if (call->method->flags & GRPC_CLIENT_STREAM) {
		input_stream(session, call, p, n);
		return 0;
	}

	nghttp2_session_consume_stream(session, id, n);
	input_unary(call, p, n);
	return 0;
}

static void half_close_unary(struct grpc_call *call)
{
	if (!call->has_message) {
		grpc_call_abort(call, CTR_INTERNAL,
				grpc_in_is_partial(&call->in) ? "the stream ended inside a message"
							      : "the call ended without a message");
		return;
	}

	call->told = true;
	call->method->unary(call, call->message, call->n_message);
	call->message = NULL;
	call->has_message = false;
	grpc_in_done(&call->in);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ud)
{
	struct grpc_call *call;

	(void)ud;
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;

	call = find(session, frame->hd.stream_id);
	if (!call)
		return 0;

	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		call->peer_closed = true;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		begin(session, call);
	if (!call->peer_closed || call->finished || !call->begun)
		return 0;

	if (call->method->flags & GRPC_CLIENT_STREAM)
		tell_half_close(call);
	else
		half_close_unary(call);
	return 0;
}

/* An answer that ends before the client has: tell it to send no more. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *ud)
{
	struct grpc_call *call;

	(void)ud;
	if (frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;

	call = find(session, frame->hd.stream_id);
	if (call && !call->peer_closed)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
					  NGHTTP2_NO_ERROR);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *ud)
{
	struct grpc_call *call = find(session, id);

	(void)error_code;
	(void)ud;
	if (call) {
		nghttp2_session_set_stream_user_data(session, id, NULL);
		grpc_call_detach(call);
	}
	return 0;
}

int grpc_session_callbacks(nghttp2_session_callbacks **ret)
{
	int r = h2_callbacks(ret);

	if (r < 0)
		return r;

	nghttp2_session_callbacks_set_on_begin_headers_callback(*ret, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(*ret, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(*ret, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(*ret, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(*ret, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(*ret, on_stream_close);
	return 0;
}
