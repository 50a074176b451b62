/* SPDX-License-Identifier: Apache-2.0
 *
 * ttrpc server: connections, the table of services, and the frames that begin and feed calls. The
 * answers to wrong frames are those of the protocol's reference, word for word. Loop thread.
 */
#include "rpc/ttrpc_server.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/str.h"
#include "rpc/listener.h"
#include "rpc/pb.h"
#include "rpc/ttrpc_call.h"

#define CONNS_MAX 4096
#define CALLS_MAX 8192 /* of one connection */

struct holder {
	struct list link;
	struct listener *listener;
};

struct ttrpc_server {
	struct loop *loop;
	struct map *services;
	struct list conns, listeners;
	size_t n_conns, n_calls;
	ttrpc_idle_fn idle;
	void *idle_ud;
	unsigned flags;
};

/* Answer on a stream that has no call (any more). */
static void answer(struct ttrpc_peer *p, uint32_t stream, ctr_code code, const char *message)
{
	ttrpc_send_status(p, stream, code, message);
}

static struct ttrpc_call *find(struct ttrpc_peer *p, uint32_t stream)
{
	list_for (it, &p->calls[TTRPC_BUCKET(stream)]) {
		struct ttrpc_call *call = list_entry(it, struct ttrpc_call, link);

		if (call->stream == stream)
			return call;
	}

	return NULL;
}

static const struct ttrpc_method *find_method(const struct ttrpc_service *service, const char *name)
{
	for (size_t i = 0; i < service->n_methods; i++) {
		if (strcmp(service->methods[i].name, name) == 0)
			return &service->methods[i];
	}

	return NULL;
}

static void answer_named(struct ttrpc_peer *p, uint32_t stream, ctr_code code, const char *what,
			 const char *name)
{
	AUTO_FREE char *text = str_printf("%s %s", what, name);

	answer(p, stream, code, text ? text : what);
}

/* What the peer asked for, as a call in the table of its connection; NULL when it was answered
 * instead. */
static struct ttrpc_call *make_call(struct ttrpc_peer *p, uint32_t stream, Ttrpc__Request *req)
{
	const struct ttrpc_service *service = map_get(p->server->services, req->service);
	const struct ttrpc_method *method;
	struct ttrpc_call *call;

	if (!service) {
		answer_named(p, stream, CTR_UNIMPLEMENTED, "service", req->service);
		return NULL;
	}
	method = find_method(service, req->method);
	if (!method) {
		answer_named(p, stream, CTR_UNIMPLEMENTED, "method", req->method);
		return NULL;
	}

	call = p->n_calls < CALLS_MAX ? calloc(1, sizeof(*call)) : NULL;
	if (!call) {
		answer(p, stream, CTR_RESOURCE_EXHAUSTED, "too many calls");
		return NULL;
	}

	call->peer = p;
	call->cred = p->cred;
	call->loop = p->server->loop;
	call->n_server_calls = &p->server->n_calls;
	call->service = service;
	call->method = method;
	call->stream = stream;
	call->deadline_ns = NO_DEADLINE;
	if (req->timeout_nano > 0 &&
	    add_ok(clock_now_ns(), req->timeout_nano, &call->deadline_ns) < 0)
		call->deadline_ns = NO_DEADLINE;
	list_add(&p->calls[TTRPC_BUCKET(stream)], &call->link);
	p->n_calls++;
	p->server->n_calls++;
	return call;
}

static void start_call(struct ttrpc_peer *p, uint32_t stream, uint8_t flags, Ttrpc__Request *req)
{
	struct ttrpc_call *call = make_call(p, stream, req);
	int streams, with_data;

	if (!call) {
		pb_free(req);
		return;
	}

	call->req = req;
	streams = (call->method->flags & TTRPC_CLIENT_STREAM) != 0;
	with_data = !streams || req->payload.len > 0;
	call->half_closed = !streams || (flags & TTRPC_REMOTE_CLOSED) != 0;

	ttrpc_call_enter(call);
	call->method->start(
		call, with_data ? (req->payload.data ? (const void *)req->payload.data : "") : NULL,
		req->payload.len);
	/* A parked call keeps its metadata, not its request. */
	free(req->payload.data);
	req->payload.data = NULL;
	req->payload.len = 0;
	if (streams && call->half_closed && !ttrpc_call_ended(call))
		call->method->half_close(call);
	ttrpc_call_leave(call);
}

static void request(struct ttrpc_peer *p, const struct ttrpc_frame *f, const uint8_t *data)
{
	Ttrpc__Request *req;

	if (f->stream <= p->last_stream) {
		answer(p, f->stream, CTR_INVALID_ARGUMENT,
		       "StreamID cannot be re-used and must increment");
		return;
	}
	p->last_stream = f->stream;

	req = pb_unpack(&ttrpc__request__descriptor, data, f->len, TTRPC_DATA_MAX);
	if (!req) {
		answer(p, f->stream, CTR_INVALID_ARGUMENT,
		       "unmarshal request error: the bytes are no ttrpc.Request");
		return;
	}

	start_call(p, f->stream, f->flags, req);
}

static void stream_data(struct ttrpc_peer *p, const struct ttrpc_frame *f, const uint8_t *data)
{
	struct ttrpc_call *call = find(p, f->stream);

	if (!call) {
		answer(p, f->stream, CTR_INVALID_ARGUMENT, "StreamID is no longer active");
		return;
	}

	ttrpc_call_enter(call);
	if (!(f->flags & TTRPC_NO_DATA) && call->half_closed)
		ttrpc_call_abort(call, CTR_INVALID_ARGUMENT,
				 "data handling error: ttrpc: stream closed");
	else if (!(f->flags & TTRPC_NO_DATA))
		call->method->message(call, data, f->len);

	if (f->flags & TTRPC_REMOTE_CLOSED && !call->half_closed) {
		call->half_closed = 1;
		if (!ttrpc_call_ended(call))
			call->method->half_close(call);
		if (f->len > 0)
			ttrpc_call_abort(call, CTR_INVALID_ARGUMENT,
					 "data close message cannot include data");
	}
	ttrpc_call_leave(call);
}

static void on_frame(void *ud, const struct ttrpc_frame *f, const uint8_t *data)
{
	struct ttrpc_peer *p = ud;
	AUTO_FREE char *text = NULL;

	if (!data) {
		text = str_printf(TTRPC_TOO_LARGE, (size_t)f->len, TTRPC_DATA_MAX);
		answer(p, f->stream, CTR_RESOURCE_EXHAUSTED, text ? text : "message too large");
		return;
	}
	if (f->type != TTRPC_REQUEST && f->type != TTRPC_DATA)
		return;
	if (f->stream % 2 == 0) {
		answer(p, f->stream, CTR_INVALID_ARGUMENT,
		       "StreamID must be odd for client initiated streams");
		return;
	}

	if (f->type == TTRPC_REQUEST)
		request(p, f, data);
	else
		stream_data(p, f, data);
}

static void free_peer(struct ttrpc_peer *p)
{
	for (size_t i = 0; i < TTRPC_BUCKETS; i++) {
		while (!list_empty(&p->calls[i])) {
			struct ttrpc_call *call =
				list_entry(p->calls[i].next, struct ttrpc_call, link);

			ttrpc_call_enter(call);
			ttrpc_call_cancel(call);
			ttrpc_call_leave(call);
		}
	}

	list_del(&p->link);
	ttrpc_conn_free(p->conn);
	free(p);
}

static void on_closed(void *ud, int r)
{
	struct ttrpc_peer *p = ud;
	struct ttrpc_server *s = p->server;

	(void)r;
	s->n_conns--;
	free_peer(p);
	if (s->n_conns == 0 && s->idle)
		s->idle(s->idle_ud);
}

static const struct ttrpc_conn_ops conn_ops = { .frame = on_frame, .closed = on_closed };

int ttrpc_server_serve(struct ttrpc_server *s, int fd, const struct ucred *peer)
{
	AUTO_FREE struct ttrpc_peer *p = NULL;
	int r;

	if (s->flags & TTRPC_SAME_USER && (peer->uid != geteuid() || peer->gid != getegid()))
		return -EPERM;
	if (s->n_conns >= CONNS_MAX)
		return -EMFILE;

	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;

	p->server = s;
	p->cred = *peer;
	for (size_t i = 0; i < TTRPC_BUCKETS; i++)
		list_init(&p->calls[i]);
	r = ttrpc_conn_new(s->loop, fd, &conn_ops, p, &p->conn);
	if (r < 0)
		return r;

	list_add(&s->conns, &p->link);
	s->n_conns++;
	take_ptr(&p);
	return 0;
}

static void accepted(void *ud, int fd, const struct ucred *peer)
{
	if (ttrpc_server_serve(ud, fd, peer) < 0)
		fd_close(&fd);
}

static ctr_code hold(struct ttrpc_server *s, struct holder *h, ctr_code code)
{
	if (code != CTR_OK) {
		free(h);
		return code;
	}

	list_add(&s->listeners, &h->link);
	return CTR_OK;
}

ctr_code ttrpc_server_listen(struct ttrpc_server *s, const char *path, mode_t mode, gid_t gid,
			     struct ctr_error *err)
{
	struct holder *h = calloc(1, sizeof(*h));

	if (!h)
		return ctr_fail_errno(err, ENOMEM, "listen on '%s'", path);

	return hold(s, h, listener_open(s->loop, path, mode, gid, accepted, s, &h->listener, err));
}

ctr_code ttrpc_server_adopt(struct ttrpc_server *s, int listening_fd, struct ctr_error *err)
{
	struct holder *h = calloc(1, sizeof(*h));

	if (!h)
		return ctr_fail_errno(err, ENOMEM, "listen on descriptor %d", listening_fd);

	return hold(s, h, listener_adopt(s->loop, listening_fd, accepted, s, &h->listener, err));
}

void ttrpc_server_stop_listening(struct ttrpc_server *s)
{
	list_for_safe (it, &s->listeners) {
		struct holder *h = list_entry(it, struct holder, link);

		list_del(&h->link);
		listener_free(h->listener);
		free(h);
	}
}

int ttrpc_server_register(struct ttrpc_server *s, const struct ttrpc_service *service)
{
	/* The map holds non-const pointers; it is only read through map_get(). */
	void *value;

	memcpy(&value, &service, sizeof(value));
	return map_put(s->services, service->name, value);
}

size_t ttrpc_server_conns(const struct ttrpc_server *s)
{
	return s->n_conns;
}

void ttrpc_server_on_idle(struct ttrpc_server *s, ttrpc_idle_fn fn, void *ud)
{
	s->idle = fn;
	s->idle_ud = ud;
}

size_t ttrpc_server_calls(const struct ttrpc_server *s)
{
	return s->n_calls;
}

int ttrpc_server_new(struct loop *loop, unsigned flags, struct ttrpc_server **ret)
{
	AUTO_FREE struct ttrpc_server *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;

	s->services = map_new();
	if (!s->services)
		return -ENOMEM;

	s->loop = loop;
	s->flags = flags;
	list_init(&s->conns);
	list_init(&s->listeners);
	*ret = take_ptr(&s);
	return 0;
}

void ttrpc_server_free(struct ttrpc_server *s)
{
	if (!s)
		return;

	ttrpc_server_stop_listening(s);
	while (!list_empty(&s->conns))
		free_peer(list_entry(s->conns.next, struct ttrpc_peer, link));
	map_free(s->services);
	free(s);
}
