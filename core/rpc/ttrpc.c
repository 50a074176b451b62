/* SPDX-License-Identifier: Apache-2.0
 *
 * ttrpc calls (shims talk to the daemon so): unary only. The server's calls belong to the loop's
 * thread, so an answer from a pool thread is posted there; the call object here is counted and
 * outlives the server's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/str.h"
#include "core/daemon.h"
#include "core/rpc/internal.h"

struct ttrpc_answer {
	void *data; /* a reply, or */
	size_t n;
	ctr_code code;
	char *message;
};

static void answer_free(struct ttrpc_answer *a)
{
	if (!a)
		return;
	free(a->data);
	free(a->message);
	free(a);
}

static void call_ref(struct ctr_rpc_call *rc)
{
	atomic_fetch_add(&rc->refs, 1);
}

static void call_unref(struct ctr_rpc_call *rc)
{
	if (atomic_fetch_sub(&rc->refs, 1) > 1)
		return;
	answer_free(rc->answer);
	call_done(&rc->call);
	free(rc->message);
	free(rc);
}

/* Loop thread. The server's call is dead afterwards, and so the call is closed. */
static void send_answer(void *ud)
{
	struct ctr_rpc_call *rc = ud;
	const struct ttrpc_answer *a = rc->answer;
	struct ttrpc_call *call = take_ptr(&rc->ttrpc);

	if (a->code == CTR_OK)
		ttrpc_call_reply(call, a->data, a->n);
	else
		ttrpc_call_finish(call, a->code, a->message);
	rpc_call_closed(rc);
	call_unref(rc); /* the server's */
}

/* The first answer counts. Takes a over. */
static int give_answer(struct ctr_rpc_call *rc, struct ttrpc_answer *a)
{
	if (atomic_flag_test_and_set(&rc->answered)) {
		answer_free(a);
		return -EPIPE;
	}
	rc->answer = a;
	if (loop_post(rc->bound->service->listeners->daemon->loop, send_answer, rc) < 0) {
		log_error("%s: an answer is lost: out of memory", rc->bound->method->name);
		return -ENOMEM;
	}
	return 0;
}

static int call_reply(struct ctr_rpc_call *rc, void *data, size_t n)
{
	struct ttrpc_answer *a = calloc(1, sizeof(*a));

	if (!a) {
		free(data);
		return -ENOMEM;
	}
	a->data = data;
	a->n = n;
	return give_answer(rc, a);
}

static void call_finish(struct ctr_rpc_call *rc, ctr_code code, const char *message)
{
	struct ttrpc_answer *a = calloc(1, sizeof(*a));

	if (!a) {
		log_error("%s: an answer is lost: out of memory", rc->bound->method->name);
		return;
	}
	a->code = code;
	a->message = str_dup(message);
	(void)give_answer(rc, a);
}

/* There are no streams, and no queue that could fill. */
static void call_consume(struct ctr_rpc_call *rc)
{
	(void)rc;
}

static size_t call_queued(struct ctr_rpc_call *rc)
{
	(void)rc;
	return 0;
}

static const char *call_metadata(struct ctr_rpc_call *rc, const char *key)
{
	return ttrpc_call_metadata(rc->ttrpc, key);
}

static const struct transport transport = {
	.ref = call_ref,
	.unref = call_unref,
	.reply = call_reply,
	.finish = call_finish,
	.consume = call_consume,
	.queued = call_queued,
	.metadata = call_metadata,
};

static void *copy_message(struct ctr_rpc_call *rc, const void *data, size_t n)
{
	void *copy = malloc(n);

	(void)rc;
	if (copy)
		memcpy(copy, data, n);
	return copy;
}

static void on_start(struct ttrpc_call *call, const void *data, size_t n)
{
	const struct bound_method *bound = ttrpc_call_method(call)->data;
	struct ctr_rpc_call *rc = calloc(1, sizeof(*rc));

	if (!rc) {
		ttrpc_call_finish(call, CTR_RESOURCE_EXHAUSTED, "out of memory for a request");
		return;
	}
	rc->transport = &transport;
	rc->ttrpc = call;
	rc->bound = bound;
	rc->client = (uint64_t)ttrpc_call_peer(call)->pid;
	atomic_init(&rc->refs, 1);
	atomic_flag_clear(&rc->answered);
	ttrpc_call_set_data(call, rc);
	if (rpc_call_begin(rc, bound, ttrpc_call_deadline_ns(call)) < 0)
		return;
	/* Those would be borrowed from the server's call, which dies with the answer; ttrpc clients
	 * send neither. */
	rc->call.lease = rc->call.trace_id = "";
	rpc_call_dispatch(rc, data, n, copy_message, 0);
}

static void on_cancel(struct ttrpc_call *call)
{
	struct ctr_rpc_call *rc = ttrpc_call_data(call);

	if (rc)
		rpc_call_cancelled(rc);
}

ctr_code rpc_bind_ttrpc(struct bound_service *s, struct ctr_error *err)
{
	uint32_t n = s->service->n_methods;
	int r;

	s->ttrpc_methods = calloc(n, sizeof(*s->ttrpc_methods));
	if (!s->ttrpc_methods)
		return ctr_fail_errno(err, ENOMEM, "register service '%s'", s->service->name);
	for (uint32_t i = 0; i < n; i++) {
		s->ttrpc_methods[i] = (struct ttrpc_method){
			.name = s->methods[i].method->name,
			.start = on_start,
			.cancel = on_cancel,
			.data = &s->methods[i],
		};
	}
	s->ttrpc = (struct ttrpc_service){
		.name = s->service->name,
		.methods = s->ttrpc_methods,
		.n_methods = n,
		.ud = s,
	};
	r = ttrpc_server_register(s->listeners->ttrpc, &s->ttrpc);
	if (r == -EEXIST)
		return ctr_fail(err, CTR_ALREADY_EXISTS,
				"service '%s' is registered by another plugin", s->service->name);
	if (r < 0)
		return ctr_fail_errno(err, r, "register service '%s'", s->service->name);
	return CTR_OK;
}
