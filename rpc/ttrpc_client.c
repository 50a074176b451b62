/* SPDX-License-Identifier: Apache-2.0
 *
 * ttrpc client; see ttrpc_client.h. A call is in the table of its connection until its callback is
 * about to be called; answers for streams that are not there are dropped. Loop thread.
 */
#include "rpc/ttrpc_client.h"

#include <errno.h>
#include <string.h>

#include "google/rpc/status.pb-c.h"
#include "ttrpc/request.pb-c.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/str.h"
#include "rpc/listener.h"
#include "rpc/pb.h"
#include "rpc/ttrpc_conn.h"

#define BUCKETS        16
#define BUCKET(stream) ((stream) >> 1 & (BUCKETS - 1))
#define METADATA_MAX   64
#define CLOSED_TEXT    "ttrpc: closed"

struct ttrpc_client {
	struct loop *loop;
	struct ttrpc_conn *conn;
	ttrpc_closed_fn closed;
	void *ud;
	struct list calls[BUCKETS];
	uint32_t next_stream; /* 0: all used up */
	int open, inside, freed;
};

struct ttrpc_pending {
	struct list link;
	struct ttrpc_client *client;
	struct loop_timer *timer;
	ttrpc_done_fn done; /* unary, or NULL */
	const struct ttrpc_stream_ops *ops;
	void *ud;
	uint32_t stream;
	unsigned flags;
	int half_closed;
};

static void leave(struct ttrpc_client *c)
{
	if (--c->inside > 0 || !c->freed)
		return;

	ttrpc_conn_free(c->conn);
	free(c);
}

static void drop(struct ttrpc_pending *p)
{
	list_del(&p->link);
	loop_del_timer(p->timer);
	free(p);
}

/* The end of a call: out of the table first, then tell. */
static void settle(struct ttrpc_pending *p, ctr_code code, const char *message, const void *data,
		   size_t n)
{
	struct ttrpc_pending copy = *p;

	drop(p);
	if (copy.done) {
		copy.done(copy.ud, code, message, data, n);
		return;
	}

	copy.ops->end(copy.ud, code, message);
}

static void settle_wire(struct ttrpc_pending *p, const Google__Rpc__Status *status)
{
	size_t n = 0;
	ctr_code code = code_from_wire(status->code, status->message, &n);
	AUTO_FREE char *text = str_ndup(status->message, n);

	settle(p, code == CTR_OK ? CTR_UNKNOWN : code, text ? text : status->message, NULL, 0);
}

static void fail_all(struct ttrpc_client *c)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		while (!list_empty(&c->calls[i]))
			settle(list_entry(c->calls[i].next, struct ttrpc_pending, link),
			       CTR_UNAVAILABLE, CLOSED_TEXT, NULL, 0);
	}
}

static struct ttrpc_pending *find(struct ttrpc_client *c, uint32_t stream)
{
	list_for (it, &c->calls[BUCKET(stream)]) {
		struct ttrpc_pending *p = list_entry(it, struct ttrpc_pending, link);

		if (p->stream == stream)
			return p;
	}

	return NULL;
}

static void response(struct ttrpc_client *c, struct ttrpc_pending *p, const struct ttrpc_frame *f,
		     const uint8_t *data)
{
	AUTO_PB Ttrpc__Response *resp =
		pb_unpack(&ttrpc__response__descriptor, data, f->len, TTRPC_DATA_MAX);

	if (!resp) {
		settle(p, CTR_INTERNAL, "the answer is no ttrpc.Response", NULL, 0);
		return;
	}
	if (resp->status && resp->status->code != 0) {
		settle_wire(p, resp->status);
		return;
	}

	if (!p->done) {
		uint32_t stream = p->stream;

		p->ops->message(p->ud, resp->payload.data ? (const void *)resp->payload.data : "",
				resp->payload.len);
		p = find(c, stream); /* the callback may have cancelled it */
		if (!p)
			return;
	}

	settle(p, CTR_OK, "", resp->payload.data ? (const void *)resp->payload.data : "",
	       resp->payload.len);
}

static void stream_data(struct ttrpc_client *c, struct ttrpc_pending *p,
			const struct ttrpc_frame *f, const uint8_t *data)
{
	if (!(p->flags & TTRPC_SERVER_STREAM)) {
		settle(p, CTR_INTERNAL, "data on a stream that is none of the server's", NULL, 0);
		return;
	}

	if (!(f->flags & TTRPC_NO_DATA)) {
		p->ops->message(p->ud, data, f->len);
		p = find(c, f->stream);
	}
	if (p && f->flags & TTRPC_REMOTE_CLOSED)
		settle(p, CTR_OK, "", NULL, 0);
}

static void on_frame(void *ud, const struct ttrpc_frame *f, const uint8_t *data)
{
	struct ttrpc_client *c = ud;
	struct ttrpc_pending *p = find(c, f->stream);
	AUTO_FREE char *text = NULL;

	if (!p)
		return;

	c->inside++;
	if (!data) {
		text = str_printf(TTRPC_TOO_LARGE, (size_t)f->len, TTRPC_DATA_MAX);
		settle(p, CTR_RESOURCE_EXHAUSTED, text ? text : "message too large", NULL, 0);
	} else if (f->type == TTRPC_RESPONSE) {
		response(c, p, f, data);
	} else if (f->type == TTRPC_DATA) {
		stream_data(c, p, f, data);
	}
	leave(c);
}

static void on_closed(void *ud, int r)
{
	struct ttrpc_client *c = ud;

	(void)r;
	c->inside++;
	c->open = 0;
	fail_all(c);
	if (!c->freed && c->closed)
		c->closed(c->ud);
	leave(c);
}

static const struct ttrpc_conn_ops conn_ops = { .frame = on_frame, .closed = on_closed };

int ttrpc_client_new(struct loop *loop, int fd, ttrpc_closed_fn closed, void *ud,
		     struct ttrpc_client **ret)
{
	AUTO_FREE struct ttrpc_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;

	c->loop = loop;
	c->closed = closed;
	c->ud = ud;
	c->next_stream = 1;
	c->open = 1;
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&c->calls[i]);
	r = ttrpc_conn_new(loop, fd, &conn_ops, c, &c->conn);
	if (r < 0)
		return r;

	*ret = take_ptr(&c);
	return 0;
}

int ttrpc_client_connect(struct loop *loop, const char *path, ttrpc_closed_fn closed, void *ud,
			 struct ttrpc_client **ret)
{
	AUTO_CLOSE int fd = unix_connect(path);
	int r;

	if (fd < 0)
		return fd;

	r = ttrpc_client_new(loop, fd, closed, ud, ret);
	if (r == 0)
		take_fd(&fd);
	return r;
}

void ttrpc_client_free(struct ttrpc_client *c)
{
	if (!c || c->freed)
		return;

	c->inside++;
	c->freed = 1;
	c->open = 0;
	fail_all(c);
	leave(c);
}

int ttrpc_client_is_open(const struct ttrpc_client *c)
{
	return c->open;
}

static void expired(void *ud)
{
	struct ttrpc_pending *p = ud;
	struct ttrpc_client *c = p->client;

	p->timer = NULL;
	c->inside++;
	settle(p, CTR_DEADLINE_EXCEEDED, "context deadline exceeded", NULL, 0);
	leave(c);
}

/* The wire form of a request; the metadata is read in place. */
static int encode(const struct ttrpc_request *rq, int64_t timeout_ns, void **ret, size_t *ret_n)
{
	Ttrpc__Request req = TTRPC__REQUEST__INIT;
	Ttrpc__KeyValue pairs[METADATA_MAX], *refs[METADATA_MAX];
	int r;

	if (rq->n_metadata > METADATA_MAX)
		return -EMSGSIZE;

	/* protobuf-c's strings are not const; packing only reads them. */
	for (size_t i = 0; i < rq->n_metadata; i++) {
		ttrpc__key_value__init(&pairs[i]);
		memcpy(&pairs[i].key, &rq->metadata[i].key, sizeof(char *));
		memcpy(&pairs[i].value, &rq->metadata[i].value, sizeof(char *));
		refs[i] = &pairs[i];
	}
	memcpy(&req.service, &rq->service, sizeof(char *));
	memcpy(&req.method, &rq->method, sizeof(char *));
	memcpy(&req.payload.data, &rq->data, sizeof(void *));
	req.payload.len = rq->n;
	req.timeout_nano = timeout_ns;
	req.metadata = refs;
	req.n_metadata = rq->n_metadata;
	r = pb_pack(&req, TTRPC_DATA_MAX, ret, ret_n);
	return r == -E2BIG ? -EMSGSIZE : r;
}

static int begin(struct ttrpc_client *c, const struct ttrpc_request *rq, uint8_t flags,
		 int64_t timeout_ns, uint32_t *ret_stream)
{
	struct ttrpc_frame f = { .stream = c->next_stream, .type = TTRPC_REQUEST, .flags = flags };
	AUTO_FREE void *data = NULL;
	size_t n = 0;
	int r;

	if (!c->open || c->next_stream == 0)
		return -EPIPE;

	r = encode(rq, timeout_ns, &data, &n);
	if (r == 0)
		r = ttrpc_conn_send(c->conn, &f, data, n, NULL, 0);
	if (r < 0)
		return r;

	*ret_stream = c->next_stream;
	c->next_stream = c->next_stream > UINT32_MAX - 2 ? 0 : c->next_stream + 2;
	return 0;
}

static int start(struct ttrpc_client *c, const struct ttrpc_request *rq, uint8_t frame_flags,
		 struct ttrpc_pending *p)
{
	int64_t timeout_ns = 0;
	int r;

	p->client = c;
	if (rq->deadline_ns != 0 && rq->deadline_ns != NO_DEADLINE) {
		timeout_ns = MAX(rq->deadline_ns - clock_now_ns(), 1);
		r = loop_add_timer(c->loop, rq->deadline_ns, expired, p, &p->timer);
		if (r < 0)
			return r;
	}

	r = begin(c, rq, frame_flags, p->done ? timeout_ns : 0, &p->stream);
	if (r < 0) {
		loop_del_timer(take_ptr(&p->timer));
		return r;
	}

	list_add(&c->calls[BUCKET(p->stream)], &p->link);
	return 0;
}

int ttrpc_client_call(struct ttrpc_client *c, const struct ttrpc_request *rq, ttrpc_done_fn done,
		      void *ud, struct ttrpc_pending **ret)
{
	AUTO_FREE struct ttrpc_pending *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;

	p->done = done;
	p->ud = ud;
	p->half_closed = 1;
	r = start(c, rq, 0, p);
	if (r < 0)
		return r;

	if (ret)
		*ret = p;
	take_ptr(&p);
	return 0;
}

int ttrpc_client_open(struct ttrpc_client *c, const struct ttrpc_request *rq, unsigned flags,
		      const struct ttrpc_stream_ops *ops, void *ud, struct ttrpc_pending **ret)
{
	AUTO_FREE struct ttrpc_pending *p = calloc(1, sizeof(*p));
	int sends = (flags & TTRPC_CLIENT_STREAM) != 0, r;

	if (!p)
		return -ENOMEM;

	p->ops = ops;
	p->ud = ud;
	p->flags = flags;
	p->half_closed = !sends;
	r = start(c, rq, sends ? TTRPC_REMOTE_OPEN : TTRPC_REMOTE_CLOSED, p);
	if (r < 0)
		return r;

	*ret = take_ptr(&p);
	return 0;
}

int ttrpc_pending_send(struct ttrpc_pending *p, const void *data, size_t n)
{
	const struct ttrpc_frame f = { .stream = p->stream, .type = TTRPC_DATA };

	if (p->half_closed || !p->client->open)
		return -EPIPE;

	return ttrpc_conn_send(p->client->conn, &f, data, n, NULL, 0);
}

int ttrpc_pending_half_close(struct ttrpc_pending *p)
{
	const struct ttrpc_frame f = { .stream = p->stream,
				       .type = TTRPC_DATA,
				       .flags = TTRPC_REMOTE_CLOSED | TTRPC_NO_DATA };

	if (p->half_closed || !p->client->open)
		return -EPIPE;

	p->half_closed = 1;
	return ttrpc_conn_send(p->client->conn, &f, NULL, 0, NULL, 0);
}

void ttrpc_pending_cancel(struct ttrpc_pending *p)
{
	if (p)
		drop(p);
}
