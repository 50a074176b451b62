/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of one ttrpc call at the server: answers, streams, deadline and cancel. A call is in its
 * connection's table while an answer is due; it is freed when its handler has finished it. Loop
 * thread.
 */
#include "rpc/ttrpc_call.h"

#include <errno.h>
#include <string.h>

#include "google/rpc/status.pb-c.h"

#include "base/clock.h"
#include "base/str.h"
#include "rpc/pb.h"

#define PAYLOAD_TAG 0x12 /* ttrpc.Response.payload: field 2, bytes */
#define VARINT_ROOM 10

static size_t varint(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	for (; v > 0x7f; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

void ttrpc_send_status(struct ttrpc_peer *p, uint32_t stream, ctr_code code, const char *literal)
{
	const struct ttrpc_frame f = { .stream = stream, .type = TTRPC_RESPONSE };
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	Ttrpc__Response resp = TTRPC__RESPONSE__INIT;
	AUTO_FREE char *text = str_dup(literal);
	AUTO_FREE void *data = NULL;
	size_t n = 0;

	status.code = CTR_GRPC_CODE(code);
	if (text)
		status.message = text;
	resp.status = &status;
	if (pb_pack(&resp, TTRPC_DATA_MAX, &data, &n) == 0)
		ttrpc_conn_send(p->conn, &f, data, n, NULL, 0);
}

/* The table forgets the call: nothing will be sent for it again. */
static void detach(struct ttrpc_call *call)
{
	if (!call->peer)
		return;

	list_del(&call->link);
	call->peer->n_calls--;
	(*call->n_server_calls)--;
	call->peer = NULL;
	loop_del_timer(take_ptr(&call->timer));
}

static void free_call(struct ttrpc_call *call)
{
	detach(call);
	pb_free(call->req);
	free(call);
}

int ttrpc_call_ended(const struct ttrpc_call *call)
{
	return call->released || !call->peer;
}

void ttrpc_call_cancel(struct ttrpc_call *call)
{
	detach(call);
	if (call->released || call->told)
		return;

	call->told = 1;
	if (call->method->cancel)
		call->method->cancel(call);
}

void ttrpc_call_abort(struct ttrpc_call *call, ctr_code code, const char *literal)
{
	if (ttrpc_call_ended(call))
		return;

	ttrpc_send_status(call->peer, call->stream, code, literal);
	ttrpc_call_cancel(call);
}

static void expired(void *ud)
{
	struct ttrpc_call *call = ud;

	call->timer = NULL;
	ttrpc_call_enter(call);
	ttrpc_call_abort(call, CTR_DEADLINE_EXCEEDED, "context deadline exceeded");
	ttrpc_call_leave(call);
}

void ttrpc_call_enter(struct ttrpc_call *call)
{
	call->inside++;
}

void ttrpc_call_leave(struct ttrpc_call *call)
{
	if (--call->inside > 0)
		return;
	if (call->released) {
		free_call(call);
		return;
	}

	/* Only a call that stays pays for a timer. Without memory for one it waits without a
	 * limit. */
	if (call->peer && !call->timer && call->deadline_ns != NO_DEADLINE)
		loop_add_timer(call->loop, call->deadline_ns, expired, call, &call->timer);
}

/* The handler is done with the call. */
static void done(struct ttrpc_call *call)
{
	detach(call);
	call->released = 1;
	if (call->inside == 0)
		free_call(call);
}

static void send_too_large(struct ttrpc_call *call, size_t n)
{
	AUTO_FREE char *text = str_printf(TTRPC_TOO_LARGE, n, TTRPC_DATA_MAX);

	ttrpc_send_status(call->peer, call->stream, CTR_RESOURCE_EXHAUSTED,
			  str_or(text, "message too large"));
}

void ttrpc_call_reply(struct ttrpc_call *call, const void *data, size_t n)
{
	const struct ttrpc_frame f = { .stream = call->stream, .type = TTRPC_RESPONSE };
	uint8_t head[1 + VARINT_ROOM] = { PAYLOAD_TAG };
	size_t n_head = n > 0 ? 1 + varint(head + 1, n) : 0;
	int r;

	if (call->peer) {
		r = ttrpc_conn_send(call->peer->conn, &f, head, n_head, data, n);
		if (r == -EMSGSIZE)
			send_too_large(call, n_head + n);
	}

	done(call);
}

int ttrpc_call_send(struct ttrpc_call *call, const void *data, size_t n)
{
	const struct ttrpc_frame f = { .stream = call->stream, .type = TTRPC_DATA };

	if (!call->peer)
		return -EPIPE;

	return ttrpc_conn_send(call->peer->conn, &f, data, n, NULL, 0);
}

void ttrpc_call_finish(struct ttrpc_call *call, ctr_code code, const char *message)
{
	const struct ttrpc_frame last = { .stream = call->stream,
					  .type = TTRPC_DATA,
					  .flags = TTRPC_REMOTE_CLOSED | TTRPC_NO_DATA };
	AUTO_FREE char *text = NULL;

	if (code == CTR_OK && !(call->method->flags & TTRPC_SERVER_STREAM)) {
		ttrpc_call_reply(call, NULL, 0);
		return;
	}

	if (call->peer && code == CTR_OK) {
		ttrpc_conn_send(call->peer->conn, &last, NULL, 0, NULL, 0);
	} else if (call->peer) {
		text = error_wire_text(code, message ? message : "");
		ttrpc_send_status(call->peer, call->stream, code,
				  str_or(text, code_class_text(code)));
	}

	done(call);
}

void *ttrpc_call_ud(const struct ttrpc_call *call)
{
	return call->service->ud;
}

const struct ttrpc_method *ttrpc_call_method(const struct ttrpc_call *call)
{
	return call->method;
}

const char *ttrpc_call_service(const struct ttrpc_call *call)
{
	return call->service->name;
}

const char *ttrpc_call_metadata(const struct ttrpc_call *call, const char *key)
{
	for (size_t i = 0; i < call->req->n_metadata; i++) {
		if (strcmp(call->req->metadata[i]->key, key) == 0)
			return call->req->metadata[i]->value;
	}

	return NULL;
}

int64_t ttrpc_call_deadline_ns(const struct ttrpc_call *call)
{
	return call->deadline_ns;
}

const struct ucred *ttrpc_call_peer(const struct ttrpc_call *call)
{
	return &call->cred;
}

int ttrpc_call_over(const struct ttrpc_call *call)
{
	return !call->peer;
}

void ttrpc_call_set_data(struct ttrpc_call *call, void *data)
{
	call->data = data;
}

void *ttrpc_call_data(const struct ttrpc_call *call)
{
	return call->data;
}
