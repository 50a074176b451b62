/* SPDX-License-Identifier: Apache-2.0
 *
 * Synchronous deletes: a collection on the bulk pool, then the empty reply.
 */
#include <stdlib.h>

#include <ctr/unstable/gc.h>

#include "plugins/api-grpc/collect.h"

struct waiting {
	struct api *api;
	const struct ctr_gc_ops *gc;
	struct ctr_rpc_call *rc; /* a reference */
};

static void collect(void *ud)
{
	struct waiting *w = ud;
	const struct ctr_host *h = w->api->host;
	const struct ctr_rpc_ops *rpc = w->api->rpc;
	struct ctr_error *err = h->error_new();
	ctr_code code = w->gc->run(h, rpc->call(w->rc), err);

	if (code == CTR_OK)
		code = api_reply_empty(w->api, w->rc, err);
	rpc->finish_error(w->rc, code, err);
	h->error_free(err);
	rpc->unref(w->rc);
	free(w);
}

ctr_code api_reply_collected(struct api *api, struct ctr_rpc_call *rc, struct ctr_error *err)
{
	uint32_t size;
	const struct ctr_gc_ops *gc = api->host->service(api->host, CTR_SERVICE_GC, &size);
	struct waiting *w = gc ? malloc(sizeof(*w)) : NULL;

	if (!gc)
		return api_reply_empty(api, rc, err);
	if (!w)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*w = (struct waiting){ .api = api, .gc = gc, .rc = rc };
	api->rpc->ref(rc);
	ctr_code code = api->host->async(api->host, api->rpc->call(rc), collect, w, err);

	if (code == CTR_OK)
		return CTR_PENDING;
	api->rpc->unref(rc);
	free(w);
	return code;
}
