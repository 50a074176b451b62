/* SPDX-License-Identifier: Apache-2.0
 *
 * The descriptor of api-grpc: containerd's gRPC services over the core's. Each service file
 * registers itself in init; a core service that is not there leaves its gRPC service out, and calls
 * of it are answered by the core with UNIMPLEMENTED.
 */
#include <stdlib.h>

#include "plugins/api-grpc/api.h"

#include <ctr/unstable/version.h>

/* In the order in which introspection lists them. */
static const api_init_fn services[] = {
	api_version_init,   api_introspection_init, api_health_init, api_namespaces_init,
	api_leases_init,    api_content_init,       api_images_init, api_containers_init,
	api_snapshots_init, api_tasks_init,         api_diff_init,   api_streaming_init,
	api_transfer_init,  api_events_init,
};

static ctr_code api_init(const struct ctr_host *h, const struct ctr_table *cfg,
			 const struct ctr_deps *deps, void **ret_self, struct ctr_error *err)
{
	const struct ctr_rpc_ops *rpc;
	struct api *api;
	uint32_t size;
	ctr_code code;

	(void)cfg;
	(void)deps;
	rpc = h->service(h, CTR_SERVICE_RPC, &size);
	if (!rpc)
		return h->fail(err, CTR_UNIMPLEMENTED, "this daemon offers no service '%s'",
			       CTR_SERVICE_RPC);

	/* Services are registered for ever and refer to it, so it is never freed while the daemon
	 * runs. */
	api = calloc(1, sizeof(*api));
	if (!api)
		return h->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	api->host = h;
	api->rpc = rpc;
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		code = services[i](api, err);
		if (code != CTR_OK)
			return code;
	}
	*ret_self = api;
	return CTR_OK;
}

static void api_fini(void *self)
{
	struct api *api = self;

	api_kept_free(api);
	free(api);
}

static const struct ctr_plugin api_grpc = {
	.size = sizeof(api_grpc),
	.flags = CTR_PLUGIN_UNSTABLE,
	.kind = CTR_KIND_GRPC,
	.id = "api-grpc",
	.init = api_init,
	.fini = api_fini,
};

CTR_MODULE("api-grpc", CTR_VERSION, "Apache-2.0", &api_grpc);
