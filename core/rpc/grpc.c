/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC calls: the server's callbacks lead to call.c, and call.c's answers to the server. A struct
 * ctr_rpc_call is the data of its grpc_call and lives as long. Callbacks run on the loop's thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/daemon.h"
#include "core/rpc/internal.h"

static void grpc_ref(struct ctr_rpc_call *rc)
{
	grpc_call_ref(rc->grpc);
}

static void grpc_unref(struct ctr_rpc_call *rc)
{
	grpc_call_unref(rc->grpc);
}

static int grpc_reply(struct ctr_rpc_call *rc, void *data, size_t n)
{
	return grpc_call_reply(rc->grpc, data, n);
}

static void grpc_finish(struct ctr_rpc_call *rc, ctr_code code, const char *message)
{
	grpc_call_finish(rc->grpc, code, message);
}

static void grpc_consume(struct ctr_rpc_call *rc)
{
	grpc_call_consume(rc->grpc);
}

static size_t grpc_queued(struct ctr_rpc_call *rc)
{
	return grpc_call_queued_bytes(rc->grpc);
}

static const char *grpc_metadata(struct ctr_rpc_call *rc, const char *key)
{
	return grpc_call_metadata(rc->grpc, key);
}

static const struct transport transport = {
	.ref = grpc_ref,
	.unref = grpc_unref,
	.reply = grpc_reply,
	.finish = grpc_finish,
	.consume = grpc_consume,
	.queued = grpc_queued,
	.metadata = grpc_metadata,
};

static void free_call(void *data)
{
	struct ctr_rpc_call *rc = data;

	call_done(&rc->call);
	free(rc->message);
	free(rc);
}

/* NULL after the call was finished with a refusal. */
static struct ctr_rpc_call *begin(struct grpc_call *call)
{
	struct ctr_rpc_call *rc = calloc(1, sizeof(*rc));

	if (!rc) {
		grpc_call_finish(call, CTR_RESOURCE_EXHAUSTED, "out of memory for a request");
		return NULL;
	}
	rc->transport = &transport;
	rc->grpc = call;
	rc->client = (uint64_t)grpc_call_peer(call)->pid;
	grpc_call_set_data(call, rc, free_call);
	if (rpc_call_begin(rc, grpc_call_method(call)->data, grpc_call_deadline_ns(call)) < 0)
		return NULL;
	return rc;
}

static void *take_message(struct ctr_rpc_call *rc, const void *data, size_t n)
{
	(void)data;
	(void)n;
	return grpc_call_take(rc->grpc);
}

static void on_unary(struct grpc_call *call, const void *data, size_t n)
{
	struct ctr_rpc_call *rc = begin(call);

	if (rc)
		rpc_call_dispatch(rc, data, n, take_message, 0);
}

/* A client stream is the plugin's from the start: closed() is owed even when no message comes. */
static void on_open(struct grpc_call *call)
{
	struct ctr_rpc_call *rc = begin(call);

	if (rc)
		rc->told = 1;
}

static void on_message(struct grpc_call *call, const void *data, size_t n)
{
	struct ctr_rpc_call *rc = grpc_call_data(call);

	if (rc && rc->told)
		rpc_call_dispatch(rc, data, n, take_message, 0);
}

static void on_half_close(struct grpc_call *call)
{
	struct ctr_rpc_call *rc = grpc_call_data(call);

	if (rc && rc->told)
		rpc_call_dispatch(rc, NULL, 0, take_message, 1);
}

static void on_cancel(struct grpc_call *call)
{
	struct ctr_rpc_call *rc = grpc_call_data(call);

	if (rc)
		rpc_call_cancelled(rc);
}

static void on_drained(struct grpc_call *call)
{
	struct ctr_rpc_call *rc = grpc_call_data(call);

	if (rc)
		rpc_call_drained(rc);
}

static void on_closed(struct grpc_call *call)
{
	struct ctr_rpc_call *rc = grpc_call_data(call);

	if (rc)
		rpc_call_closed(rc);
}

static void fill_method(struct grpc_method *to, const struct bound_method *from)
{
	uint32_t flags = from->method->flags;
	int streams = (flags & CTR_RPC_CLIENT_STREAM) != 0;

	*to = (struct grpc_method){
		.name = from->method->name,
		.flags = (streams ? GRPC_CLIENT_STREAM : 0) |
			 (flags & CTR_RPC_SERVER_STREAM ? GRPC_SERVER_STREAM : 0),
		.unary = streams ? NULL : on_unary,
		.open = streams ? on_open : NULL,
		.message = streams ? on_message : NULL,
		.half_close = streams ? on_half_close : NULL,
		.cancel = on_cancel,
		.drained = on_drained,
		.closed = on_closed,
		.data = from,
	};
}

ctr_code rpc_bind_grpc(struct bound_service *s, struct ctr_error *err)
{
	uint32_t n = s->service->n_methods;
	int r;

	s->grpc_methods = calloc(n, sizeof(*s->grpc_methods));
	if (!s->grpc_methods)
		return ctr_fail_errno(err, ENOMEM, "register service '%s'", s->service->name);
	for (uint32_t i = 0; i < n; i++)
		fill_method(&s->grpc_methods[i], &s->methods[i]);
	s->grpc = (struct grpc_service){
		.name = s->service->name,
		.methods = s->grpc_methods,
		.n_methods = n,
		.ud = s,
	};
	r = grpc_server_register(s->listeners->grpc, &s->grpc);
	if (r == -EEXIST)
		return ctr_fail(err, CTR_ALREADY_EXISTS,
				"service '%s' is registered by another plugin", s->service->name);
	if (r < 0)
		return ctr_fail_errno(err, r, "register service '%s'", s->service->name);
	return CTR_OK;
}
