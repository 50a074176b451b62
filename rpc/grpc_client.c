/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC client; see grpc_client.h: the connection, calls and what they send, and waiting for one.
 * Loop thread.
 */
#include "rpc/grpc_client.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "rpc/grpc_stream.h"
#include "rpc/grpc_wire.h"
#include "rpc/listener.h"

#define FIXED_HEADERS 7
#define METADATA_MAX  32
#define CLOSED_TEXT   "the connection is closed"

static void release(struct grpc_client *c)
{
	while (!list_empty(&c->streams))
		grpc_stream_release(list_entry(c->streams.next, struct grpc_stream, link));
	h2_done(&c->h2);
	nghttp2_session_callbacks_del(c->callbacks);
	nghttp2_option_del(c->options);
	free(c);
}

static void leave(struct grpc_client *c)
{
	if (--c->inside == 0 && c->freed && !c->h2.busy)
		release(c);
}

static void fail_all(struct grpc_client *c)
{
	bool again = true;

	/* A callback may begin or cancel others: look anew after each. */
	while (again) {
		again = false;
		list_for (it, &c->streams) {
			struct grpc_stream *st = list_entry(it, struct grpc_stream, link);

			if (st->settled)
				continue;
			grpc_stream_settle(st, CTR_UNAVAILABLE, CLOSED_TEXT);
			again = true;
			break;
		}
	}
}

static void parsed(void *ud)
{
	(void)ud;
}

static void written(void *ud)
{
	struct grpc_client *c = ud;

	while (!list_empty(&c->drained)) {
		struct grpc_stream *st = list_entry(c->drained.next, struct grpc_stream, drained);

		list_del(&st->drained);
		if (!st->settled)
			st->ops->drained(st->ud);
	}
}

static void over(void *ud, int r)
{
	struct grpc_client *c = ud;

	(void)r;
	c->inside++;
	c->open = false;
	fail_all(c);
	if (!c->freed && c->closed)
		c->closed(c->ud);
	/* Not freed yet: the socket goes now, the rest with grpc_client_free(). */
	if (!c->freed) {
		while (!list_empty(&c->streams))
			grpc_stream_release(list_entry(c->streams.next, struct grpc_stream, link));
		h2_done(&c->h2);
	}
	leave(c);
}

static const struct h2_ops h2_ops = { .parsed = parsed, .written = written, .over = over };

static int start_session(struct grpc_client *c)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADER_LIST },
	};
	nghttp2_session *session;

	if (grpc_stream_callbacks(&c->callbacks) < 0)
		return -ENOMEM;

	c->options = h2_options();
	if (!c->options ||
	    nghttp2_session_client_new2(&session, c->callbacks, &c->h2, c->options) != 0)
		return -ENOMEM;

	c->h2.session = session;
	if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) !=
		    0 ||
	    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, H2_CONN_WINDOW) !=
		    0)
		return -ENOMEM;

	return 0;
}

int grpc_client_new(struct loop *loop, int fd, grpc_closed_fn closed, void *ud,
		    struct grpc_client **ret)
{
	struct grpc_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;

	list_init(&c->streams);
	list_init(&c->drained);
	c->h2.fd = -1;
	c->closed = closed;
	c->ud = ud;
	r = start_session(c);
	if (r == 0)
		r = h2_start(&c->h2, loop, fd, &c->shared, &h2_ops, c);
	if (r < 0) {
		release(c);
		return r;
	}

	c->open = true;
	h2_flush_later(&c->h2);
	*ret = c;
	return 0;
}

int grpc_client_connect(struct loop *loop, const char *path, grpc_closed_fn closed, void *ud,
			struct grpc_client **ret)
{
	AUTO_CLOSE int fd = unix_connect(path);
	int r;

	if (fd < 0)
		return fd;

	r = grpc_client_new(loop, fd, closed, ud, ret);
	if (r == 0)
		take_fd(&fd);
	return r;
}

void grpc_client_free(struct grpc_client *c)
{
	if (!c || c->freed)
		return;

	c->inside++;
	c->freed = true;
	c->open = false;
	fail_all(c);
	c->h2.dead = 1;
	leave(c);
}

int grpc_client_is_open(const struct grpc_client *c)
{
	return c->open;
}

/* ------------------------------------------------------------------ calls */

static void expired(void *ud)
{
	struct grpc_stream *st = ud;
	struct grpc_client *c = st->client;

	st->timer = NULL;
	c->inside++;
	grpc_stream_fail(st, CTR_DEADLINE_EXCEEDED, "context deadline exceeded");
	leave(c);
}

static ssize_t read_cb(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room,
		       uint32_t *flags, nghttp2_data_source *source, void *ud)
{
	struct grpc_stream *st = source->ptr;
	ssize_t n;

	(void)session;
	(void)id;
	(void)buf;
	(void)ud;
	if (st->stream.out.bytes == 0 && !st->half_closed) {
		st->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}

	n = h2_promise(&st->stream, room, flags);
	if (st->half_closed && (size_t)n == st->stream.out.bytes)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return n;
}

static void sent(struct h2_stream *s, size_t n)
{
	struct grpc_stream *st = container_of(s, struct grpc_stream, stream);

	(void)n;
	if (st->stream.out.bytes == 0 && st->ops && st->ops->drained && list_empty(&st->drained))
		list_add(&st->client->drained, &st->drained);
}

static int push(struct grpc_stream *st, const void *data, size_t n)
{
	AUTO_FREE struct grpc_msg *m = NULL;
	void *copy;

	if (n > GRPC_MESSAGE_LIMIT)
		return -EMSGSIZE;

	m = malloc(sizeof(*m));
	copy = malloc(n > 0 ? n : 1);
	if (!m || !copy) {
		free(copy);
		return -ENOMEM;
	}

	if (n > 0)
		memcpy(copy, data, n);
	grpc_msg_init(m, copy, n);
	grpc_out_push(&st->stream.out, take_ptr(&m));
	return 0;
}

static void resume(struct grpc_stream *st)
{
	if (st->deferred) {
		st->deferred = false;
		nghttp2_session_resume_data(st->client->h2.session, st->id);
	}
	h2_flush_later(&st->client->h2);
}

static nghttp2_nv pair_nv(const char *key, const char *value)
{
	return (nghttp2_nv){ .name = h2_bytes(key),
			     .namelen = strlen(key),
			     .value = h2_bytes(value),
			     .valuelen = strlen(value) };
}

static int submit(struct grpc_client *c, const struct grpc_request *rq, struct grpc_stream *st)
{
	const nghttp2_data_provider provider = { .source.ptr = st, .read_callback = read_cb };
	nghttp2_nv nva[FIXED_HEADERS + METADATA_MAX] = {
		H2_NV_LITERAL(":method", "POST"),
		H2_NV_LITERAL(":scheme", "http"),
		H2_NV(":path", rq->path, strlen(rq->path)),
		H2_NV_LITERAL(":authority", "localhost"),
		H2_NV_LITERAL("content-type", "application/grpc"),
		H2_NV_LITERAL("te", "trailers"),
	};
	char timeout[GRPC_TIMEOUT_ROOM];
	size_t n = FIXED_HEADERS - 1;

	if (rq->deadline_ns != 0 && rq->deadline_ns != NO_DEADLINE) {
		grpc_timeout_format(rq->deadline_ns - clock_now_ns(), timeout);
		nva[n++] = H2_NV("grpc-timeout", timeout, strlen(timeout));
	}
	for (size_t i = 0; i < rq->n_metadata; i++)
		nva[n++] = pair_nv(rq->metadata[i].key, rq->metadata[i].value);

	st->id = nghttp2_submit_request(c->h2.session, NULL, nva, n, &provider, st);
	return st->id < 0 ? (st->id == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPIPE) : 0;
}

static void auto_stream(struct grpc_stream **st)
{
	if (*st)
		grpc_stream_release(*st);
}

static int start(struct grpc_client *c, const struct grpc_request *rq, struct grpc_stream **inout)
{
	AUTO(auto_stream) struct grpc_stream *st = take_ptr(inout);
	int r = 0;

	if (!st)
		return -ENOMEM;

	list_init(&st->link);
	list_init(&st->drained);
	st->client = c;
	st->stream.sent = sent;
	st->http_status = st->grpc_status = -1;
	if (!c->open || !nghttp2_session_check_request_allowed(c->h2.session))
		return -EPIPE;
	if (rq->n_metadata > METADATA_MAX)
		return -E2BIG;

	if (rq->data || st->done)
		r = push(st, rq->data, rq->n);
	if (r == 0 && rq->deadline_ns != 0 && rq->deadline_ns != NO_DEADLINE)
		r = loop_add_timer(c->h2.loop, rq->deadline_ns, expired, st, &st->timer);
	if (r == 0)
		r = submit(c, rq, st);
	if (r < 0)
		return r;

	list_add(&c->streams, &st->link);
	h2_flush_later(&c->h2);
	*inout = take_ptr(&st);
	return 0;
}

int grpc_client_call(struct grpc_client *c, const struct grpc_request *rq, grpc_done_fn done,
		     void *ud, struct grpc_stream **ret)
{
	struct grpc_stream *st = calloc(1, sizeof(*st));
	int r;

	if (st) {
		st->done = done;
		st->ud = ud;
		st->half_closed = true;
	}
	r = start(c, rq, &st);
	if (r == 0 && ret)
		*ret = st;
	return r;
}

int grpc_client_open(struct grpc_client *c, const struct grpc_request *rq,
		     const struct grpc_stream_ops *ops, void *ud, struct grpc_stream **ret)
{
	struct grpc_stream *st = calloc(1, sizeof(*st));
	int r;

	if (st) {
		st->ops = ops;
		st->ud = ud;
	}
	r = start(c, rq, &st);
	if (r == 0)
		*ret = st;
	return r;
}

int grpc_stream_send(struct grpc_stream *st, const void *data, size_t n)
{
	int r;

	if (st->settled || st->half_closed || !st->client->open)
		return -EPIPE;

	r = push(st, data, n);
	if (r == 0)
		resume(st);
	return r;
}

int grpc_stream_half_close(struct grpc_stream *st)
{
	if (st->settled || st->half_closed || !st->client->open)
		return -EPIPE;

	st->half_closed = true;
	resume(st);
	return 0;
}

size_t grpc_stream_queued_bytes(const struct grpc_stream *st)
{
	return st->stream.out.bytes;
}

void grpc_stream_cancel(struct grpc_stream *st)
{
	if (!st || st->settled)
		return;

	st->settled = true;
	loop_del_timer(take_ptr(&st->timer));
	if (st->client->h2.session)
		grpc_stream_reset(st);
}

/* ------------------------------------------------------------------ waiting */

struct waiting {
	struct loop *loop;
	struct ctr_error *err;
	void *data;
	size_t n;
	ctr_code code;
	bool over;
};

static void waited(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	struct waiting *w = ud;

	w->over = true;
	w->code = code;
	if (code == CTR_OK) {
		w->data = malloc(n > 0 ? n : 1);
		if (w->data && n > 0)
			memcpy(w->data, data, n);
		w->n = n;
		if (!w->data)
			w->code = ctr_fail_errno(w->err, ENOMEM, "keep the answer");
	} else {
		ctr_fail(w->err, code, "%s", message);
	}
	loop_stop(w->loop);
}

ctr_code grpc_client_wait(struct grpc_client *c, const struct grpc_request *rq, void **ret_data,
			  size_t *ret_n, struct ctr_error *err)
{
	struct waiting w = { .loop = c->h2.loop, .err = err };
	struct grpc_stream *st = NULL;
	int r = grpc_client_call(c, rq, waited, &w, &st);

	if (r == -EPIPE)
		return ctr_fail(err, CTR_UNAVAILABLE, "call '%s': %s", rq->path, CLOSED_TEXT);
	if (r < 0)
		return ctr_fail_errno(err, r, "call '%s'", rq->path);

	while (!w.over) {
		r = loop_run(w.loop);
		if (r < 0) {
			grpc_stream_cancel(st);
			return ctr_fail_errno(err, r, "call '%s'", rq->path);
		}
	}
	if (w.code != CTR_OK)
		return w.code;

	if (ret_n)
		*ret_n = w.n;
	if (ret_data)
		*ret_data = take_ptr(&w.data);
	free(w.data);
	return CTR_OK;
}
