/* SPDX-License-Identifier: Apache-2.0
 *
 * One request on its way: its struct ctr_call, the thread that its handler runs on, and the end, of
 * which the plugin hears exactly once and never while one of its functions runs. The loop thread
 * delivers, pool threads run handlers; what they share is atomic.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/str.h"
#include "core/daemon.h"
#include "core/pool/pool.h"
#include "core/rpc/internal.h"

#define HAND         2u /* one function of the plugin at work */
#define CLOSED       1u
#define RETRY_NS     (10 * NS_PER_MSEC)
#define TRACE_ID_MAX 256

static struct daemon *daemon_of(const struct ctr_rpc_call *rc)
{
	return rc->bound->service->listeners->daemon;
}

static const char *namespace_of(struct ctr_rpc_call *rc)
{
	const char *ns = rc->transport->metadata(rc, "containerd-namespace");

	return ns ? ns : rc->transport->metadata(rc, "containerd-namespace-ttrpc");
}

/* The texts are containerd's: clients show and compare them. */
static int refuse_namespace(struct ctr_rpc_call *rc, const char *ns)
{
	char text[512];

	if (!ns || !*ns) {
		rc->transport->finish(rc, CTR_FAILED_PRECONDITION, "namespace is required");
		return -1;
	}
	if (strlen(ns) > IDENT_MAX)
		snprintf(text, sizeof(text),
			 "namespace validation: identifier \"%.200s\" greater than maximum length "
			 "(%d characters)",
			 ns, IDENT_MAX);
	else
		snprintf(text, sizeof(text),
			 "namespace validation: identifier \"%s\" must match "
			 "^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$",
			 ns);
	rc->transport->finish(rc, CTR_INVALID_ARGUMENT, text);
	return -1;
}

int rpc_call_begin(struct ctr_rpc_call *rc, const struct bound_method *bound, int64_t deadline_ns)
{
	const char *ns = namespace_of(rc);
	uint32_t flags = bound->method->flags;
	int valid = ns && strlen(ns) <= IDENT_MAX && ident_valid(ns);
	const char *trace_id;

	rc->bound = bound;
	call_init(&rc->call, valid ? ns : "");
	if (!valid && !(flags & CTR_RPC_NO_NAMESPACE))
		return refuse_namespace(rc, ns);

	/* Borrowed from the transport's call, which lives at least as long. */
	rc->call.lease = str_or(rc->transport->metadata(rc, "containerd-lease"), "");
	trace_id = rc->transport->metadata(rc, "traceparent");
	if (trace_id && strlen(trace_id) <= TRACE_ID_MAX)
		rc->call.trace_id = trace_id;
	rc->call.deadline_ns = deadline_ns;
	if (flags & CTR_RPC_BULK && call_cancellable(&rc->call) < 0)
		log_debug("%s: no descriptor for cancel, the method polls", bound->method->name);
	return 0;
}

/* The last thing the plugin hears of the call. Loop thread. */
static void tell_closed(void *ud)
{
	struct ctr_rpc_call *rc = ud;
	const struct ctr_rpc_method *m = rc->bound->method;

	if (rc->told && m->closed)
		m->closed(rc->bound->service->self, rc);
	rc->transport->unref(rc);
}

/* The call's reference that tell_closed() drops passes from the loop's closed() to here. */
static void close_on_loop(struct ctr_rpc_call *rc)
{
	struct loop *loop = daemon_of(rc)->loop;

	if (loop_here(loop))
		tell_closed(rc);
	else if (loop_post(loop, tell_closed, rc) < 0)
		log_error("%s: end of a call is lost, out of memory: its memory stays",
			  rc->bound->method->name);
}

static void hand_take(struct ctr_rpc_call *rc)
{
	atomic_fetch_add(&rc->hands, HAND);
	rc->transport->ref(rc);
}

static void hand_drop(struct ctr_rpc_call *rc)
{
	if (atomic_fetch_sub(&rc->hands, HAND) == (HAND | CLOSED))
		close_on_loop(rc);
	rc->transport->unref(rc);
}

void rpc_call_closed(struct ctr_rpc_call *rc)
{
	call_cancel(&rc->call, CTR_CANCELLED);
	rpc_call_drained(rc);
	rc->transport->ref(rc);
	if (atomic_fetch_or(&rc->hands, CLOSED) == 0)
		tell_closed(rc);
}

void rpc_call_cancelled(struct ctr_rpc_call *rc)
{
	int late = clock_now_ns() >= rc->call.deadline_ns;

	call_cancel(&rc->call, late ? CTR_DEADLINE_EXCEEDED : CTR_CANCELLED);
	rpc_call_drained(rc);
}

static void finish_failed(struct ctr_rpc_call *rc, ctr_code code, const struct ctr_error *err)
{
	int grpc = CTR_GRPC_CODE(code);

	/* CTR_SKIP and the like have no meaning on the wire. */
	if (code > 0xffff || grpc < CTR_CANCELLED || grpc > CTR_UNAUTHENTICATED)
		code = CTR_UNKNOWN;
	rc->transport->finish(rc, code, err->message);
}

/* message() or half_close() has returned: what does that mean for the call? */
static void settle(struct ctr_rpc_call *rc, ctr_code code, int half_close,
		   const struct ctr_error *err)
{
	int streams = (rc->bound->method->flags & CTR_RPC_CLIENT_STREAM) != 0;
	int running = PHASE_RUNNING;

	if (code == CTR_PENDING) {
		/* resume() may have come before the handler returned. */
		if (!atomic_compare_exchange_strong(&rc->phase, &running, PHASE_IDLE)) {
			atomic_store(&rc->phase, PHASE_IDLE);
			rc->transport->consume(rc);
		}
		return;
	}
	atomic_store(&rc->phase, PHASE_IDLE);
	if (code != CTR_OK)
		finish_failed(rc, code, err);
	else if (!streams)
		rc->transport->finish(rc, CTR_OK, NULL);
	else if (!half_close)
		rc->transport->consume(rc);
}

static void run_handler(struct ctr_rpc_call *rc, const void *data, size_t n, int half_close)
{
	const struct ctr_rpc_method *m = rc->bound->method;
	void *self = rc->bound->service->self;
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;

	if (half_close)
		code = m->half_close(self, rc, &err);
	else
		code = m->message(self, rc, data, n, &err);
	settle(rc, code, half_close, &err);
}

/* On a pool thread. */
static void pool_handler(void *ud)
{
	struct ctr_rpc_call *rc = ud;
	AUTO_FREE void *data = take_ptr(&rc->message);

	run_handler(rc, data, rc->n, rc->half_close);
	hand_drop(rc);
}

static struct pool *pool_of(const struct ctr_rpc_call *rc)
{
	const struct daemon *d = daemon_of(rc);

	return rc->bound->method->flags & CTR_RPC_BULK ? d->bulk : d->work;
}

static void queue_handler(struct ctr_rpc_call *rc, const void *data, size_t n, rpc_take_fn take,
			  int half_close)
{
	int r;

	rc->n = n;
	rc->half_close = half_close;
	if (n > 0) {
		rc->message = take(rc, data, n);
		if (!rc->message) {
			rc->transport->finish(rc, CTR_RESOURCE_EXHAUSTED,
					      "out of memory for a request");
			return;
		}
	}
	hand_take(rc);
	r = pool_run(pool_of(rc), rc->client, pool_handler, rc);
	if (r == 0)
		return;

	free(take_ptr(&rc->message));
	rc->transport->finish(rc, CTR_RESOURCE_EXHAUSTED,
			      r == -EAGAIN ? "too many requests wait (pool in the configuration)"
					   : "no thread for a request");
	hand_drop(rc);
}

void rpc_call_dispatch(struct ctr_rpc_call *rc, const void *data, size_t n, rpc_take_fn take,
		       int half_close)
{
	const struct ctr_rpc_method *m = rc->bound->method;

	rc->told = 1;
	if (half_close && !m->half_close)
		return;

	atomic_store(&rc->phase, PHASE_RUNNING);
	if (!(m->flags & CTR_RPC_INLINE)) {
		queue_handler(rc, data, n, take, half_close);
		return;
	}
	hand_take(rc);
	run_handler(rc, data, n, half_close);
	hand_drop(rc);
}

/* A function that waits for the queue to sink: where the method's handlers run. */
static void run_drain(void *ud)
{
	struct drain *drain = ud;
	struct ctr_rpc_call *rc = drain->rc;

	drain->fn(drain->ud);
	free(drain);
	hand_drop(rc);
}

static void queue_drain(void *ud);

/* The pool is full: this must run all the same, so it comes again. Loop thread. */
static void retry_drain(void *ud)
{
	struct drain *drain = ud;

	if (loop_add_timer(daemon_of(drain->rc)->loop, clock_now_ns() + RETRY_NS, queue_drain,
			   drain, NULL) < 0)
		run_drain(drain);
}

static void queue_drain(void *ud)
{
	struct drain *drain = ud;
	struct ctr_rpc_call *rc = drain->rc;
	struct loop *loop = daemon_of(rc)->loop;
	int is_inline = (rc->bound->method->flags & CTR_RPC_INLINE) != 0;

	if (!is_inline && pool_run(pool_of(rc), rc->client, run_drain, drain) == 0)
		return;
	/* Posted even when this is the loop: fn must not run inside the function that asked for it.
	 */
	if (loop_post(loop, is_inline ? run_drain : retry_drain, drain) < 0)
		run_drain(drain);
}

void rpc_call_drained(struct ctr_rpc_call *rc)
{
	struct drain *drain = atomic_exchange(&rc->drain, NULL);

	if (drain)
		queue_drain(drain);
}

static int is_drained(struct ctr_rpc_call *rc, uint64_t low_bytes)
{
	return atomic_load(&rc->call.cancelled) ||
	       rc->transport->queued(rc) <=
		       MAX(low_bytes, rc->bound->service->listeners->low_bytes);
}

static void ops_on_drained(struct ctr_rpc_call *rc, uint64_t low_bytes, void (*fn)(void *ud),
			   void *ud)
{
	struct drain *drain = malloc(sizeof(*drain)), *old;

	hand_take(rc);
	if (!drain) {
		/* The promise to call it outlasts the memory: at once, then, and the call ends. */
		rc->transport->finish(rc, CTR_RESOURCE_EXHAUSTED, "out of memory");
		fn(ud);
		hand_drop(rc);
		return;
	}
	*drain = (struct drain){ .rc = rc, .fn = fn, .ud = ud };
	old = atomic_exchange(&rc->drain, drain);
	if (old)
		queue_drain(old);
	/* The loop may have drained it between the caller's look and the exchange. */
	if (is_drained(rc, low_bytes))
		rpc_call_drained(rc);
}

static const struct ctr_call *ops_call(struct ctr_rpc_call *rc)
{
	return &rc->call;
}

static void ops_ref(struct ctr_rpc_call *rc)
{
	rc->transport->ref(rc);
}

static void ops_unref(struct ctr_rpc_call *rc)
{
	rc->transport->unref(rc);
}

static void ops_set_data(struct ctr_rpc_call *rc, void *data)
{
	rc->data = data;
}

static void *ops_data(struct ctr_rpc_call *rc)
{
	return rc->data;
}

static ctr_code ops_reply(struct ctr_rpc_call *rc, void *data, uint64_t n)
{
	int r = rc->transport->reply(rc, data, (size_t)n);

	if (r == 0)
		return CTR_OK;
	return r == -EPIPE ? CTR_CANCELLED : CTR_RESOURCE_EXHAUSTED;
}

static uint64_t ops_queued_bytes(struct ctr_rpc_call *rc)
{
	return rc->transport->queued(rc);
}

static void ops_resume(struct ctr_rpc_call *rc)
{
	int running = PHASE_RUNNING;

	if (!atomic_compare_exchange_strong(&rc->phase, &running, PHASE_RESUMED))
		rc->transport->consume(rc);
}

static void ops_finish(struct ctr_rpc_call *rc, ctr_code code, const char *message)
{
	rc->transport->finish(rc, code, message);
}

static void ops_finish_error(struct ctr_rpc_call *rc, ctr_code code, struct ctr_error *err)
{
	rc->transport->finish(rc, code, err ? err->message : NULL);
}

const struct ctr_rpc_ops rpc_ops = {
	.size = sizeof(rpc_ops),
	.add = rpc_service_add,
	.call = ops_call,
	.ref = ops_ref,
	.unref = ops_unref,
	.set_data = ops_set_data,
	.data = ops_data,
	.reply = ops_reply,
	.queued_bytes = ops_queued_bytes,
	.on_drained = ops_on_drained,
	.resume = ops_resume,
	.finish = ops_finish,
	.finish_error = ops_finish_error,
};
