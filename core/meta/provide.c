/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables behind "ctr.namespaces.v0", "ctr.containers.v0", "ctr.images.v0" and "ctr.leases.v0":
 * each function only finds the daemon that its host table belongs to.
 */
#include "core/gc/gc.h"
#include "core/events/service.h"
#include "core/meta/records.h"
#include "core/store/service.h"

static ctr_code ns_get(const struct ctr_host *h, const struct ctr_call *call, const char *name,
		       ctr_namespace_sink sink, void *ud, struct ctr_error *err)
{
	return namespace_get(host_daemon(h), call, name, sink, ud, err);
}

static ctr_code ns_list(const struct ctr_host *h, const struct ctr_call *call,
			ctr_namespace_sink sink, void *ud, struct ctr_error *err)
{
	return namespace_list(host_daemon(h), call, sink, ud, err);
}

static ctr_code ns_create(const struct ctr_host *h, const struct ctr_call *call,
			  const struct ctr_namespace *ns, ctr_namespace_sink sink, void *ud,
			  struct ctr_error *err)
{
	return namespace_create(host_daemon(h), call, ns, sink, ud, err);
}

static ctr_code ns_update(const struct ctr_host *h, const struct ctr_call *call,
			  const struct ctr_namespace *ns, struct ctr_mask mask,
			  ctr_namespace_sink sink, void *ud, struct ctr_error *err)
{
	return namespace_update(host_daemon(h), call, ns, mask, sink, ud, err);
}

static ctr_code ns_remove(const struct ctr_host *h, const struct ctr_call *call, const char *name,
			  struct ctr_error *err)
{
	return namespace_remove(host_daemon(h), call, name, err);
}

static const struct ctr_namespaces_ops namespaces = {
	.size = sizeof(namespaces),
	.get = ns_get,
	.list = ns_list,
	.create = ns_create,
	.update = ns_update,
	.remove = ns_remove,
};

static ctr_code c_get(const struct ctr_host *h, const struct ctr_call *call, const char *id,
		      ctr_container_sink sink, void *ud, struct ctr_error *err)
{
	return container_get(host_daemon(h), call, id, sink, ud, err);
}

static ctr_code c_list(const struct ctr_host *h, const struct ctr_call *call,
		       struct ctr_filters filters, ctr_container_sink sink, void *ud,
		       struct ctr_error *err)
{
	return container_list(host_daemon(h), call, filters, sink, ud, err);
}

static ctr_code c_create(const struct ctr_host *h, const struct ctr_call *call,
			 const struct ctr_container *c, ctr_container_sink sink, void *ud,
			 struct ctr_error *err)
{
	return container_create(host_daemon(h), call, c, sink, ud, err);
}

static ctr_code c_update(const struct ctr_host *h, const struct ctr_call *call,
			 const struct ctr_container *c, struct ctr_mask mask,
			 ctr_container_sink sink, void *ud, struct ctr_error *err)
{
	return container_update(host_daemon(h), call, c, mask, sink, ud, err);
}

static ctr_code c_remove(const struct ctr_host *h, const struct ctr_call *call, const char *id,
			 struct ctr_error *err)
{
	return container_remove(host_daemon(h), call, id, err);
}

static const struct ctr_containers_ops containers = {
	.size = sizeof(containers),
	.get = c_get,
	.list = c_list,
	.create = c_create,
	.update = c_update,
	.remove = c_remove,
};

static ctr_code i_get(const struct ctr_host *h, const struct ctr_call *call, const char *name,
		      ctr_image_sink sink, void *ud, struct ctr_error *err)
{
	return image_get(host_daemon(h), call, name, sink, ud, err);
}

static ctr_code i_list(const struct ctr_host *h, const struct ctr_call *call,
		       struct ctr_filters filters, ctr_image_sink sink, void *ud,
		       struct ctr_error *err)
{
	return image_list(host_daemon(h), call, filters, sink, ud, err);
}

static ctr_code i_create(const struct ctr_host *h, const struct ctr_call *call,
			 const struct ctr_image *image, int64_t epoch_ns, ctr_image_sink sink,
			 void *ud, struct ctr_error *err)
{
	return image_create(host_daemon(h), call, image, epoch_ns, sink, ud, err);
}

static ctr_code i_update(const struct ctr_host *h, const struct ctr_call *call,
			 const struct ctr_image *image, struct ctr_mask mask, int64_t epoch_ns,
			 ctr_image_sink sink, void *ud, struct ctr_error *err)
{
	return image_update(host_daemon(h), call, image, mask, epoch_ns, sink, ud, err);
}

static ctr_code i_remove(const struct ctr_host *h, const struct ctr_call *call, const char *name,
			 const char *target, int32_t sync, struct ctr_error *err)
{
	return image_remove(host_daemon(h), call, name, target, sync, err);
}

static const struct ctr_images_ops images = {
	.size = sizeof(images),
	.get = i_get,
	.list = i_list,
	.create = i_create,
	.update = i_update,
	.remove = i_remove,
};

static ctr_code l_create(const struct ctr_host *h, const struct ctr_call *call,
			 const struct ctr_lease *lease, ctr_lease_sink sink, void *ud,
			 struct ctr_error *err)
{
	return lease_create(host_daemon(h), call, lease, sink, ud, err);
}

static ctr_code l_remove(const struct ctr_host *h, const struct ctr_call *call, const char *id,
			 int32_t sync, struct ctr_error *err)
{
	return lease_remove(host_daemon(h), call, id, sync, err);
}

static ctr_code l_list(const struct ctr_host *h, const struct ctr_call *call,
		       struct ctr_filters filters, ctr_lease_sink sink, void *ud,
		       struct ctr_error *err)
{
	return lease_list(host_daemon(h), call, filters, sink, ud, err);
}

static ctr_code l_add(const struct ctr_host *h, const struct ctr_call *call, const char *id,
		      const struct ctr_lease_resource *resource, struct ctr_error *err)
{
	return lease_add_resource(host_daemon(h), call, id, resource, err);
}

static ctr_code l_drop(const struct ctr_host *h, const struct ctr_call *call, const char *id,
		       const struct ctr_lease_resource *resource, struct ctr_error *err)
{
	return lease_remove_resource(host_daemon(h), call, id, resource, err);
}

static ctr_code l_resources(const struct ctr_host *h, const struct ctr_call *call, const char *id,
			    ctr_lease_resource_sink sink, void *ud, struct ctr_error *err)
{
	return lease_resources(host_daemon(h), call, id, sink, ud, err);
}

static const struct ctr_leases_ops leases = {
	.size = sizeof(leases),
	.create = l_create,
	.remove = l_remove,
	.list = l_list,
	.add_resource = l_add,
	.remove_resource = l_drop,
	.resources = l_resources,
};

int meta_provide(struct daemon *d)
{
	int r = daemon_provide(d, CTR_SERVICE_NAMESPACES, &namespaces, sizeof(namespaces));

	if (r == 0)
		r = daemon_provide(d, CTR_SERVICE_CONTAINERS, &containers, sizeof(containers));
	if (r == 0)
		r = daemon_provide(d, CTR_SERVICE_IMAGES, &images, sizeof(images));
	if (r == 0)
		r = daemon_provide(d, CTR_SERVICE_LEASES, &leases, sizeof(leases));
	if (r == 0)
		r = store_provide(d);
	if (r == 0)
		r = events_provide(d);
	return r == 0 ? gc_provide(d) : r;
}
