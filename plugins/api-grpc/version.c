/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.version.v1: the daemon's version and source revision.
 */
#include <stdlib.h>

#include "containerd/services/version/v1/version.pb-c.h"
#include "plugins/api-grpc/api.h"

#include <ctr/unstable/introspection.h>

struct version {
	struct api *api;
	const struct ctr_introspection_ops *introspection;
};

static ctr_code version_get(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			    struct ctr_error *err)
{
	struct version *v = self;
	struct ctr_server_info info = { .size = sizeof(info) };
	Containerd__Services__Version__V1__VersionResponse reply =
		CONTAINERD__SERVICES__VERSION__V1__VERSION_RESPONSE__INIT;
	ctr_code code;

	(void)data;
	(void)n;
	code = v->introspection->server(v->api->host, &info, err);
	if (code != CTR_OK)
		return code;

	/* protobuf-c wants char *, and writes to none of them. */
	reply.version = (char *)(uintptr_t)info.version;
	reply.revision = (char *)(uintptr_t)info.revision;
	return api_reply(v->api, rc, &reply.base, err);
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Version",
	  .flags = CTR_RPC_INLINE | CTR_RPC_NO_NAMESPACE,
	  .message = version_get },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = sizeof(methods) / sizeof(methods[0]),
	.name = "containerd.services.version.v1.Version",
	.methods = methods,
};

ctr_code api_version_init(struct api *api, struct ctr_error *err)
{
	const struct ctr_introspection_ops *introspection;
	struct version *v;
	uint32_t size;

	introspection = api->host->service(api->host, CTR_SERVICE_INTROSPECTION, &size);
	if (!introspection)
		return CTR_OK;

	v = malloc(sizeof(*v));
	if (!v)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*v = (struct version){ .api = api, .introspection = introspection };
	return api_add(api, &service, v, err);
}
