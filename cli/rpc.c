/* SPDX-License-Identifier: Apache-2.0
 *
 * ctrctl's view of gRPC, on rpc/grpc_client.h. A pending call is freed by whoever finishes, cancels
 * or forgets it.
 */
#include "cli/rpc.h"

#include <errno.h>
#include <string.h>

#include "base/list.h"
#include "base/str.h"
#include "cli/pbutil.h"
#include "rpc/grpc_client.h"

#define PATH_ROOM 192

struct rpc {
	struct loop *loop;
	struct grpc_client *client;
	const char *ns, *lease;
};

struct rpc_pending {
	struct rpc *rpc;
	struct grpc_stream *stream; /* NULL once over */
	const ProtobufCMethodDescriptor *method;
	void *answer;
	ctr_code code;
	char *message;
	int done, forgotten;
	loop_fn fn;
	void *ud;
};

struct message {
	struct list link;
	void *pb;
};

struct rpc_stream {
	struct rpc *rpc;
	struct grpc_stream *stream; /* NULL once over */
	const ProtobufCMethodDescriptor *method;
	struct rpc_stream_options o;
	struct list queue;
	ctr_code code;
	char *text;
	int ended, waiting;
};

static ctr_code cannot_connect(int r, const char *address, struct ctr_error *err)
{
	const char *hint = r == -EACCES || r == -EPERM ? "are you root?" : "is it running?";

	(void)ctr_fail_errno(err, r, "cannot connect to ctrd at %s", address);
	if (err && err->message) {
		char *longer = str_printf("%s: %s", err->message, hint);

		if (longer) {
			free(err->message);
			err->message = longer;
		}
		err->code = CTR_UNAVAILABLE;
	}
	return CTR_UNAVAILABLE;
}

ctr_code rpc_open(struct loop *loop, const char *address, const char *ns, struct rpc **ret,
		  struct ctr_error *err)
{
	struct rpc *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return ctr_fail_errno(err, ENOMEM, "connection");
	r->loop = loop;
	r->ns = ns;
	e = grpc_client_connect(loop, address, NULL, NULL, &r->client);
	if (e < 0) {
		free(r);
		return cannot_connect(e, address, err);
	}
	*ret = r;
	return CTR_OK;
}

void rpc_close(struct rpc *r)
{
	if (!r)
		return;
	grpc_client_free(r->client);
	free(r);
}

void rpc_set_lease(struct rpc *r, const char *lease)
{
	r->lease = lease;
}

/* Fill in path (of PATH_ROOM) and metadata (two places). */
static const ProtobufCMethodDescriptor *prepare(struct rpc *r,
						const ProtobufCServiceDescriptor *service,
						const char *method, char *path,
						struct grpc_pair *pairs, struct grpc_request *rq)
{
	const ProtobufCMethodDescriptor *m =
		protobuf_c_service_descriptor_get_method_by_name(service, method);
	size_t n = strlen(service->name), k = strlen(method);

	if (!m || n + k + 3 > PATH_ROOM)
		return NULL;
	path[0] = '/';
	memcpy(path + 1, service->name, n);
	path[n + 1] = '/';
	memcpy(path + n + 2, method, k + 1);
	rq->path = path;
	rq->metadata = pairs;
	pairs[rq->n_metadata++] = (struct grpc_pair){ "containerd-namespace", r->ns };
	if (r->lease)
		pairs[rq->n_metadata++] = (struct grpc_pair){ "containerd-lease", r->lease };
	return m;
}

static void pending_free(struct rpc_pending *p)
{
	pb_free(p->answer);
	free(p->message);
	free(p);
}

static void on_done(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	struct rpc_pending *p = ud;

	p->stream = NULL;
	p->done = 1;
	p->code = code;
	if (p->forgotten) {
		pending_free(p);
		return;
	}
	if (code == CTR_OK) {
		p->answer = pb_unpack(p->method->output, data, n, PB_MAX);
		if (!p->answer)
			p->code = CTR_INTERNAL;
	}
	p->message = str_dup(p->code == code ? message : "the daemon's answer cannot be decoded");
	if (p->fn)
		p->fn(p->ud);
}

ctr_code rpc_start(struct rpc *r, const ProtobufCServiceDescriptor *service, const char *method,
		   const void *req, struct rpc_pending **ret, struct ctr_error *err)
{
	struct grpc_pair pairs[2];
	struct grpc_request rq = { 0 };
	char path[PATH_ROOM];
	AUTO_FREE void *data = NULL;
	struct rpc_pending *p = calloc(1, sizeof(*p));
	int e = p ? pb_pack(req, PB_MAX, &data, &rq.n) : -ENOMEM;

	if (e == 0) {
		p->rpc = r;
		p->method = prepare(r, service, method, path, pairs, &rq);
		rq.data = data;
		e = p->method ? grpc_client_call(r->client, &rq, on_done, p, &p->stream) : -EINVAL;
	}
	if (e < 0) {
		free(p);
		return e == -EPIPE
			       ? ctr_fail(err, CTR_UNAVAILABLE, "the connection to ctrd was lost")
			       : ctr_fail_errno(err, e, "call %s", method);
	}
	*ret = p;
	return CTR_OK;
}

void rpc_on_done(struct rpc_pending *p, loop_fn fn, void *ud)
{
	p->fn = fn;
	p->ud = ud;
}

int rpc_is_done(const struct rpc_pending *p)
{
	return p->done;
}

static void stop_loop(void *ud)
{
	loop_stop(((struct rpc_pending *)ud)->rpc->loop);
}

ctr_code rpc_finish(struct rpc_pending *p, void *ret, struct ctr_error *err)
{
	void **slot = ret;
	ctr_code code;
	int r = 0;

	rpc_on_done(p, stop_loop, p);
	while (!p->done && r == 0)
		r = loop_run(p->rpc->loop);
	if (r < 0) {
		rpc_cancel(p);
		return ctr_fail_errno(err, r, "event loop");
	}
	code = p->code;
	if (code != CTR_OK)
		(void)ctr_fail(err, code, "%s", str_or(p->message, "failed without a reason"));
	else if (slot)
		*slot = take_ptr(&p->answer);
	pending_free(p);
	return code;
}

void rpc_cancel(struct rpc_pending *p)
{
	if (!p)
		return;
	grpc_stream_cancel(p->stream);
	pending_free(p);
}

void rpc_forget(struct rpc_pending *p)
{
	if (p->done)
		pending_free(p);
	else
		p->forgotten = 1;
}

void auto_rpc_cancel(struct rpc_pending **p)
{
	rpc_cancel(*p);
}

ctr_code rpc_call(struct rpc *r, const ProtobufCServiceDescriptor *service, const char *method,
		  const void *req, void *ret, struct ctr_error *err)
{
	struct rpc_pending *p;
	ctr_code code = rpc_start(r, service, method, req, &p, err);

	return code == CTR_OK ? rpc_finish(p, ret, err) : code;
}

static void wake(struct rpc_stream *s)
{
	if (s->waiting)
		loop_stop(s->rpc->loop);
}

static void on_message(void *ud, const void *data, size_t n)
{
	struct rpc_stream *s = ud;
	void *pb = pb_unpack(s->method->output, data, n, PB_MAX);
	struct message *m;

	if (pb && s->o.on_message) {
		s->o.on_message(s->o.ud, pb);
		pb_free(pb);
		return;
	}
	m = pb ? calloc(1, sizeof(*m)) : NULL;
	if (!m) {
		pb_free(pb);
		s->code = CTR_INTERNAL; /* told when the stream's end is asked for */
	} else {
		m->pb = pb;
		list_add(&s->queue, &m->link);
	}
	wake(s);
}

static void on_end(void *ud, ctr_code code, const char *message)
{
	struct rpc_stream *s = ud;

	s->stream = NULL;
	s->ended = 1;
	if (s->code == CTR_OK) {
		s->code = code;
		s->text = str_dup(message);
	}
	wake(s);
	if (s->o.on_end)
		s->o.on_end(s->o.ud);
}

static void on_drained(void *ud)
{
	wake(ud);
}

ctr_code rpc_stream_open(struct rpc *r, const ProtobufCServiceDescriptor *service,
			 const char *method, const struct rpc_stream_options *o,
			 struct rpc_stream **ret, struct ctr_error *err)
{
	static const struct grpc_stream_ops ops = { .message = on_message,
						    .end = on_end,
						    .drained = on_drained };
	struct rpc_stream *s = calloc(1, sizeof(*s));
	struct grpc_pair pairs[2];
	struct grpc_request rq = { 0 };
	char path[PATH_ROOM];
	int e;

	if (!s)
		return ctr_fail_errno(err, ENOMEM, "stream %s", method);
	list_init(&s->queue);
	s->rpc = r;
	if (o)
		s->o = *o;
	s->method = prepare(r, service, method, path, pairs, &rq);
	e = s->method ? grpc_client_open(r->client, &rq, &ops, s, &s->stream) : -EINVAL;
	if (e < 0) {
		free(s);
		return e == -EPIPE
			       ? ctr_fail(err, CTR_UNAVAILABLE, "the connection to ctrd was lost")
			       : ctr_fail_errno(err, e, "stream %s", method);
	}
	*ret = s;
	return CTR_OK;
}

/* The stream's end as an error; a good end while more was expected is one too. */
static ctr_code end_error(const struct rpc_stream *s, struct ctr_error *err)
{
	if (s->code == CTR_OK)
		return ctr_fail(err, CTR_UNAVAILABLE, "the daemon ended the stream");
	return ctr_fail(err, s->code, "%s",
			str_or(s->text, "the daemon's message cannot be decoded"));
}

ctr_code rpc_stream_send(struct rpc_stream *s, const void *message, struct ctr_error *err)
{
	AUTO_FREE void *data = NULL;
	size_t n;
	int e = pb_pack(message, PB_MAX, &data, &n);

	if (e == 0 && !s->stream)
		return end_error(s, err);
	if (e == 0)
		e = grpc_stream_send(s->stream, data, n);
	return e < 0 ? ctr_fail_errno(err, e, "send to ctrd") : CTR_OK;
}

ctr_code rpc_stream_flush(struct rpc_stream *s, struct ctr_error *err)
{
	int r = 0;

	s->waiting = 1;
	while (s->stream && grpc_stream_queued_bytes(s->stream) > 0 && r == 0)
		r = loop_run(s->rpc->loop);
	s->waiting = 0;
	if (r < 0)
		return ctr_fail_errno(err, r, "event loop");
	return s->stream ? CTR_OK : end_error(s, err);
}

void rpc_stream_half_close(struct rpc_stream *s)
{
	if (s->stream)
		(void)grpc_stream_half_close(s->stream);
}

ctr_code rpc_stream_recv(struct rpc_stream *s, void *ret, struct ctr_error *err)
{
	void **slot = ret;
	struct message *m;
	int r = 0;

	s->waiting = 1;
	while (list_empty(&s->queue) && !s->ended && r == 0)
		r = loop_run(s->rpc->loop);
	s->waiting = 0;
	if (r < 0)
		return ctr_fail_errno(err, r, "event loop");
	if (list_empty(&s->queue)) {
		*slot = NULL;
		return s->code == CTR_OK ? CTR_OK : end_error(s, err);
	}
	m = list_entry(s->queue.next, struct message, link);
	list_del(&m->link);
	*slot = m->pb;
	free(m);
	return CTR_OK;
}

int rpc_stream_ended(const struct rpc_stream *s)
{
	return s->ended;
}

void rpc_stream_free(struct rpc_stream *s)
{
	if (!s)
		return;
	grpc_stream_cancel(s->stream);
	list_for_safe (it, &s->queue) {
		struct message *m = list_entry(it, struct message, link);

		pb_free(m->pb);
		free(m);
	}
	free(s->text);
	free(s);
}

void auto_rpc_stream(struct rpc_stream **s)
{
	rpc_stream_free(*s);
}
