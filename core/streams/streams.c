/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry of streams and one stream's queue. A stream lives while the client's side (its
 * plugin) or the core's side has it; the peer's functions are never called under a lock.
 */
#include "core/streams/streams.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/map.h"
#include "base/str.h"
#include "core/call/call.h"
#include "core/daemon.h"
#include "core/transfer/transfer.h"
#include "rpc/pb.h"

#define STREAMS_MAX 4096
#define ID_MAX      512
#define QUEUE_BYTES (256 * 1024) /* then the client waits */
#define MESSAGE_MAX (16 * 1024 * 1024)
#define WAIT_MS     500

struct streams {
	pthread_mutex_t lock; /* guards by_name, and owner of each stream in it */
	struct map *by_name;  /* "<namespace>/<id>" -> struct ctr_stream */
};

struct message {
	struct list link;
	Google__Protobuf__Any *any;
	size_t n;
};

struct ctr_stream {
	struct streams *owner; /* NULL once it is not in the registry any more */
	char *name;
	atomic_uint refs;
	const struct ctr_stream_peer *ops;
	void *peer;
	int event_fd; /* readable when there is news for the core's side */

	pthread_mutex_t lock; /* guards all below; no call-out under it */
	struct list queue;
	size_t queued;
	int pending; /* the client was told to wait */
	int ended;   /* the client sends no more */
	int gone;    /* there is no client any more */
	int taken;   /* the core's side has it */
	int left;    /* the core's side has given it back */
};

static void message_free(struct message *m)
{
	list_del(&m->link);
	pb_free(m->any);
	free(m);
}

static void stream_unref(struct ctr_stream *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;

	list_for_safe (it, &s->queue)
		message_free(list_entry(it, struct message, link));
	if (s->ops)
		s->ops->release(s->peer);
	fd_close(&s->event_fd);
	pthread_mutex_destroy(&s->lock);
	free(s->name);
	free(s);
}

static void ring(struct ctr_stream *s)
{
	uint64_t one = 1;

	/* EAGAIN: it rings already. */
	while (write(s->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void unring(struct ctr_stream *s)
{
	uint64_t n;

	while (read(s->event_fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
}

static struct ctr_stream *stream_new(const char *ns, const char *id)
{
	struct ctr_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	list_init(&s->queue);
	atomic_init(&s->refs, 1);
	s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->name = str_printf("%s/%s", ns, id);
	if (s->event_fd < 0 || !s->name || pthread_mutex_init(&s->lock, NULL) != 0) {
		fd_close(&s->event_fd);
		free(s->name);
		free(s);
		return NULL;
	}
	return s;
}

static int stream_register(struct streams *all, struct ctr_stream *s)
{
	int r;

	pthread_mutex_lock(&all->lock);
	r = map_len(all->by_name) >= STREAMS_MAX ? -EMFILE : map_put(all->by_name, s->name, s);
	if (r == 0)
		s->owner = all;
	pthread_mutex_unlock(&all->lock);
	return r;
}

/* Take it out of the registry, so that its name is free again. */
static void stream_forget(struct streams *all, struct ctr_stream *s)
{
	pthread_mutex_lock(&all->lock);
	if (s->owner)
		(void)map_del(all->by_name, s->name);
	s->owner = NULL;
	pthread_mutex_unlock(&all->lock);
}

static ctr_code ops_open(const struct ctr_host *h, const struct ctr_call *call, const char *id,
			 const struct ctr_stream_peer *ops, void *peer, struct ctr_stream **ret,
			 struct ctr_error *err)
{
	struct streams *all = transfers_streams(host_daemon(h)->transfers);
	size_t n = strlen(id);
	struct ctr_stream *s;
	int r;

	if (n == 0 || n > ID_MAX || !str_is_utf8(id, n))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"a stream's id has 1 to %d bytes of UTF-8", ID_MAX);
	s = stream_new(call_ns(call), id);
	if (!s)
		return ctr_fail_errno(err, ENOMEM, "stream '%s'", id);
	r = stream_register(all, s);
	if (r < 0) {
		stream_unref(s);
		if (r == -EEXIST) /* in containerd's words, which clients see without a class */
			return ctr_fail(err, CTR_UNKNOWN, "already exists");
		return ctr_fail_errno(err, r, "stream '%s'", id);
	}
	s->ops = ops;
	s->peer = peer;
	*ret = s;
	return CTR_OK;
}

static struct message *message_new(const struct ctr_any *any)
{
	struct message *m = malloc(sizeof(*m));
	Google__Protobuf__Any *copy = malloc(sizeof(*copy));

	if (!m || !copy) {
		free(m);
		free(copy);
		return NULL;
	}
	google__protobuf__any__init(copy);
	m->any = copy;
	m->n = (size_t)any->n;
	list_init(&m->link);
	copy->type_url = str_dup(any->type_url);
	copy->value.data = malloc(m->n ? m->n : 1);
	if (!copy->type_url || !copy->value.data) {
		message_free(m);
		return NULL;
	}
	if (m->n)
		memcpy(copy->value.data, any->value, m->n);
	copy->value.len = m->n;
	return m;
}

static ctr_code ops_deliver(struct ctr_stream *s, const struct ctr_any *any, struct ctr_error *err)
{
	struct message *m = any->n <= MESSAGE_MAX ? message_new(any) : NULL;
	int left, full = 0;

	if (!m)
		return ctr_fail_errno(err, ENOMEM, "stream '%s'", s->name);
	pthread_mutex_lock(&s->lock);
	left = s->left || s->ended;
	if (!left) {
		list_add(&s->queue, &m->link);
		s->queued += m->n + sizeof(*m);
		full = s->pending = s->queued > QUEUE_BYTES;
	}
	pthread_mutex_unlock(&s->lock);
	if (left) {
		message_free(m);
		return CTR_CANCELLED;
	}
	ring(s);
	return full ? CTR_PENDING : CTR_OK;
}

static void ops_half_close(struct ctr_stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->ended = 1;
	pthread_mutex_unlock(&s->lock);
	ring(s);
}

static void ops_closed(struct ctr_stream *s)
{
	if (s->owner)
		stream_forget(s->owner, s);
	pthread_mutex_lock(&s->lock);
	s->ended = s->gone = 1;
	pthread_mutex_unlock(&s->lock);
	ring(s);
	stream_unref(s);
}

/* ---- the core's side ---- */

ctr_code streams_get(struct streams *all, const struct ctr_call *call, const char *id,
		     struct ctr_stream **ret, struct ctr_error *err)
{
	AUTO_FREE char *name = str_printf("%s/%s", call_ns(call), id);
	struct ctr_stream *s;

	if (!name)
		return ctr_fail_errno(err, ENOMEM, "stream '%s'", id);
	pthread_mutex_lock(&all->lock);
	s = map_get(all->by_name, name);
	if (s) {
		int taken;

		pthread_mutex_lock(&s->lock);
		taken = s->taken;
		s->taken = 1;
		pthread_mutex_unlock(&s->lock);
		if (taken)
			s = NULL;
	}
	if (s)
		atomic_fetch_add(&s->refs, 1);
	pthread_mutex_unlock(&all->lock);
	if (!s)
		return ctr_fail(err, CTR_NOT_FOUND, "stream '%s'", id);
	*ret = s;
	return CTR_OK;
}

ctr_code stream_send(struct ctr_stream *s, const void *message, struct ctr_error *err)
{
	Google__Protobuf__Any any;
	ctr_code code;
	int gone;

	pthread_mutex_lock(&s->lock);
	gone = s->gone;
	pthread_mutex_unlock(&s->lock);
	if (gone)
		return ctr_fail(err, CTR_CANCELLED, "stream '%s': the client is gone", s->name);

	int r = pb_any_pack(message, MESSAGE_MAX, &any);
	if (r < 0)
		return ctr_fail_errno(err, r, "stream '%s'", s->name);
	const struct ctr_any out = { any.type_url, any.value.data, any.value.len };
	code = s->ops->send(s->peer, &out);
	pb_any_done(&any);
	if (code != CTR_OK)
		return ctr_fail(err, code, "stream '%s': the client %s", s->name,
				code == CTR_CANCELLED ? "is gone" : "does not read");
	return CTR_OK;
}

uint64_t stream_queued(struct ctr_stream *s)
{
	return s->ops->queued_bytes(s->peer);
}

/* *ret_end: there will be no more. */
static Google__Protobuf__Any *take(struct ctr_stream *s, int *ret_end, int *ret_gone)
{
	Google__Protobuf__Any *any = NULL;
	int resume = 0;

	pthread_mutex_lock(&s->lock);
	if (!list_empty(&s->queue)) {
		struct message *m = list_entry(s->queue.next, struct message, link);

		any = take_ptr(&m->any);
		s->queued -= m->n + sizeof(*m);
		message_free(m);
	}
	resume = s->pending && s->queued <= QUEUE_BYTES / 2;
	if (resume)
		s->pending = 0;
	*ret_end = s->ended;
	*ret_gone = s->gone;
	pthread_mutex_unlock(&s->lock);
	if (resume)
		s->ops->resume(s->peer);
	return any;
}

ctr_code stream_poll(struct ctr_stream *s, Google__Protobuf__Any **ret, struct ctr_error *err)
{
	int end, gone;

	unring(s);
	*ret = take(s, &end, &gone);
	if (*ret)
		ring(s); /* there may be more */
	if (!*ret && gone)
		return ctr_fail(err, CTR_CANCELLED, "stream '%s': the client is gone", s->name);
	return CTR_OK;
}

ctr_code stream_recv(struct ctr_stream *s, const struct ctr_call *call, Google__Protobuf__Any **ret,
		     struct ctr_error *err)
{
	struct pollfd fds[] = {
		{ .fd = s->event_fd, .events = POLLIN },
		{ .fd = call_ops.cancel_fd(call), .events = POLLIN },
	};

	for (;;) {
		int end, gone;
		ctr_code code = call_check(call, err);

		if (code != CTR_OK)
			return code;
		unring(s);
		*ret = take(s, &end, &gone);
		if (*ret || (end && !gone))
			return CTR_OK;
		if (gone)
			return ctr_fail(err, CTR_CANCELLED, "stream '%s': the client is gone",
					s->name);
		(void)poll(fds, ARRAY_SIZE(fds), WAIT_MS);
	}
}

void stream_close(struct ctr_stream *s, ctr_code code, const char *message)
{
	int resume;

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->left = 1;
	resume = s->pending;
	s->pending = 0;
	list_for_safe (it, &s->queue)
		message_free(list_entry(it, struct message, link));
	s->queued = 0;
	pthread_mutex_unlock(&s->lock);
	if (resume)
		s->ops->resume(s->peer);
	s->ops->finish(s->peer, code, message);
	stream_unref(s);
}

static const struct ctr_streams_ops ops = {
	.size = sizeof(ops),
	.open = ops_open,
	.deliver = ops_deliver,
	.half_close = ops_half_close,
	.closed = ops_closed,
};

int streams_new(struct daemon *d, struct streams **ret)
{
	struct streams *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->by_name = map_new();
	r = s->by_name ? -pthread_mutex_init(&s->lock, NULL) : -ENOMEM;
	if (r < 0) {
		map_free(s->by_name);
		free(s);
		return r;
	}
	r = daemon_provide(d, CTR_SERVICE_STREAMS, &ops, sizeof(ops));
	if (r < 0) {
		streams_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void streams_free(struct streams *s)
{
	if (!s)
		return;
	map_free(s->by_name);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
