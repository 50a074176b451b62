/* SPDX-License-Identifier: Apache-2.0
 *
 * One event is on its way at a time: that keeps the order without any bookkeeping. A lost
 * connection costs no try: the event waits for the daemon. An answer that says "not now" costs one,
 * and any other error drops the event with a log line, since it would be refused again.
 */
#include "shim/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "containerd/services/events/ttrpc/v1/events.pb-c.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "rpc/ttrpc_client.h"

#define EVENT_MAX   (1 << 20)
#define RETRY_MAX_S 30

struct event {
	struct list node;
	const char *topic; /* for messages */
	int tries;
	size_t n;
	void *data; /* the encoded ForwardRequest */
};

struct events {
	struct loop *loop;
	const char *path;
	const char *ns;
	struct ttrpc_client *client;
	struct loop_timer *retry;
	int failures; /* to connect, in a row */
	int sending;
	struct list queue;
	size_t n;
	loop_fn flushed;
	void *flushed_ud;
	struct loop_timer *flush_limit;
};

static void send_next(struct events *e);

static void event_free(struct events *e, struct event *ev)
{
	list_del(&ev->node);
	e->n--;
	free(ev->data);
	free(ev);
}

static struct event *first(struct events *e)
{
	return list_empty(&e->queue) ? NULL : list_entry(e->queue.next, struct event, node);
}

static void tell_flushed(struct events *e)
{
	loop_fn fn = e->flushed;

	e->flushed = NULL;
	loop_del_timer(e->flush_limit);
	e->flush_limit = NULL;
	if (fn)
		fn(e->flushed_ud);
}

static void retry_due(void *ud)
{
	struct events *e = ud;

	e->retry = NULL;
	send_next(e);
}

static void retry_in(struct events *e, int seconds)
{
	if (e->retry)
		return;
	if (loop_add_timer(e->loop, clock_now_ns() + seconds * NS_PER_SEC, retry_due, e,
			   &e->retry) < 0)
		log_warn("events wait for the daemon's next call: no memory for a timer");
}

static void closed(void *ud)
{
	struct events *e = ud;

	ttrpc_client_free(e->client);
	e->client = NULL;
	if (e->n > 0)
		retry_in(e, 1);
}

/* Later, within the limit of tries; or not at all. */
static void refused(struct events *e, struct event *ev, ctr_code code, const char *message)
{
	int code_n = CTR_GRPC_CODE(code);
	int not_now = code_n == CTR_UNAVAILABLE || code_n == CTR_DEADLINE_EXCEEDED ||
		      code_n == CTR_RESOURCE_EXHAUSTED || code_n == CTR_CANCELLED;

	if (not_now && ++ev->tries <= EVENTS_TRIES) {
		retry_in(e, ev->tries);
		return;
	}
	log_warn("event '%s' is dropped: %s", ev->topic, message);
	event_free(e, ev);
	send_next(e);
}

static void forwarded(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	struct events *e = ud;
	struct event *ev = first(e);

	(void)data;
	(void)n;
	e->sending = 0;
	if (code == CTR_OK) {
		e->failures = 0;
		event_free(e, ev);
		send_next(e);
	} else if (!e->client || !ttrpc_client_is_open(e->client)) {
		retry_in(e, 1); /* closed() frees the client */
	} else {
		refused(e, ev, code, message);
	}
}

static int connect_daemon(struct events *e)
{
	int r;

	if (e->client)
		return 0;
	r = ttrpc_client_connect(e->loop, e->path, closed, e, &e->client);
	if (r < 0) {
		e->failures++;
		retry_in(e, MIN(e->failures, RETRY_MAX_S));
	}
	return r;
}

static void send_next(struct events *e)
{
	struct event *ev = first(e);
	struct ttrpc_request rq = {
		.service = "containerd.services.events.ttrpc.v1.Events",
		.method = "Forward",
		.deadline_ns = clock_now_ns() + EVENTS_TIMEOUT_NS,
	};

	if (!ev) {
		tell_flushed(e);
		return;
	}
	if (e->sending || e->retry || connect_daemon(e) < 0)
		return;
	rq.data = ev->data;
	rq.n = ev->n;
	e->sending = ttrpc_client_call(e->client, &rq, forwarded, e, NULL) == 0;
	if (!e->sending)
		retry_in(e, 1);
}

int events_new(struct loop *loop, const char *address, const char *ns, struct events **ret)
{
	struct events *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->loop = loop;
	e->path = str_starts(address, "unix://") ? address + strlen("unix://") : address;
	e->ns = ns;
	list_init(&e->queue);
	*ret = e;
	return 0;
}

static int encode(const struct events *e, const char *topic, const void *message, void **ret,
		  size_t *ret_n)
{
	Containerd__Services__Events__Ttrpc__V1__ForwardRequest rq =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__FORWARD_REQUEST__INIT;
	Containerd__Types__Envelope envelope = CONTAINERD__TYPES__ENVELOPE__INIT;
	Google__Protobuf__Timestamp now = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	int r = pb_any_pack(message, EVENT_MAX, &any);

	if (r < 0)
		return r;
	pb_timestamp_set(&now, clock_wall_ns());
	envelope.timestamp = &now;
	envelope.namespace_ = (char *)(uintptr_t)e->ns;
	envelope.topic = (char *)(uintptr_t)topic;
	envelope.event = &any;
	rq.envelope = &envelope;
	r = pb_pack(&rq, EVENT_MAX, ret, ret_n);
	pb_any_done(&any);
	return r;
}

/* The oldest goes, but not the one that is on its way. */
static void make_room(struct events *e)
{
	struct list *oldest = e->queue.next;

	if (e->n < EVENTS_KEPT)
		return;
	if (e->sending)
		oldest = oldest->next;
	log_warn("event '%s' is dropped: too many wait for the daemon",
		 list_entry(oldest, struct event, node)->topic);
	event_free(e, list_entry(oldest, struct event, node));
}

void events_publish(struct events *e, const char *topic, const void *message)
{
	struct event *ev;

	if (!*e->path)
		return;
	ev = calloc(1, sizeof(*ev));
	if (!ev || encode(e, topic, message, &ev->data, &ev->n) < 0) {
		log_error("event '%s' is lost: out of memory", topic);
		free(ev);
		return;
	}
	ev->topic = topic;
	make_room(e);
	list_add(&e->queue, &ev->node);
	e->n++;
	send_next(e);
}

void events_kick(struct events *e)
{
	if (!e->retry)
		return;
	loop_del_timer(e->retry);
	e->retry = NULL;
	send_next(e);
}

static void flush_over(void *ud)
{
	struct events *e = ud;

	e->flush_limit = NULL;
	tell_flushed(e);
}

void events_flush(struct events *e, int64_t deadline_ns, loop_fn fn, void *ud)
{
	e->flushed = fn;
	e->flushed_ud = ud;
	if (e->n == 0 || loop_add_timer(e->loop, deadline_ns, flush_over, e, &e->flush_limit) < 0)
		tell_flushed(e);
}

void events_free(struct events *e)
{
	if (!e)
		return;
	ttrpc_client_free(e->client); /* ends the call in flight, if any */
	loop_del_timer(e->retry);
	loop_del_timer(e->flush_limit);
	while (e->n > 0)
		event_free(e, first(e));
	free(e);
}
