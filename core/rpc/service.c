/* SPDX-License-Identifier: Apache-2.0
 *
 * Registration: a plugin's service becomes a table of the gRPC or the ttrpc server, and a row of
 * introspection as containerd's users know it. Init and start only, on the core's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/daemon.h"
#include "core/registry/registry.h"
#include "core/rpc/internal.h"

#define METHODS_MAX 256

void rpc_service_free(struct bound_service *s)
{
	free(s->methods);
	free(s->grpc_methods);
	free(s->ttrpc_methods);
	free(s);
}

static ctr_code check_service(const struct ctr_rpc_service *service, int *ret_ttrpc,
			      struct ctr_error *err)
{
	uint32_t n_ttrpc = 0;

	if (service->size < sizeof(*service) || !service->name || !service->methods ||
	    service->n_methods == 0 || service->n_methods > METHODS_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"register a service: the table is incomplete");
	for (uint32_t i = 0; i < service->n_methods; i++) {
		const struct ctr_rpc_method *m = &service->methods[i];
		uint32_t known = CTR_RPC_INLINE | CTR_RPC_BULK | CTR_RPC_CLIENT_STREAM |
				 CTR_RPC_SERVER_STREAM | CTR_RPC_NO_NAMESPACE | CTR_RPC_TTRPC;
		uint32_t streams = CTR_RPC_CLIENT_STREAM | CTR_RPC_SERVER_STREAM;

		if (!m->name || !m->message || (m->flags & ~known))
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"register service '%s': method %u is incomplete",
					service->name, i);
		if (m->flags & CTR_RPC_TTRPC && m->flags & streams)
			return ctr_fail(err, CTR_UNIMPLEMENTED,
					"register service '%s': method '%s' streams, ttrpc "
					"services are unary",
					service->name, m->name);
		n_ttrpc += (m->flags & CTR_RPC_TTRPC) != 0;
	}
	if (n_ttrpc != 0 && n_ttrpc != service->n_methods)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"register service '%s': its methods are of both sockets",
				service->name);
	*ret_ttrpc = n_ttrpc != 0;
	return CTR_OK;
}

/* "containers" of "containerd.services.containers.v1.Containers". 0 or -ENOMEM. */
static int show(struct registry *r, const char *service)
{
	static const char prefix[] = "containerd.services.";
	const char *const needs[] = { "io.containerd.service.v1", NULL };
	AUTO_FREE char *id = NULL;

	if (str_eq(service, "grpc.health.v1.Health"))
		return registry_add_builtin(r, CTR_KIND_GRPC, "healthcheck", NULL, NULL);
	if (str_starts(service, prefix))
		id = str_ndup(service + strlen(prefix), strcspn(service + strlen(prefix), "."));
	else
		id = str_dup(service);
	if (!id)
		return -ENOMEM;
	return registry_add_builtin(r, CTR_KIND_GRPC, id, str_eq(id, "version") ? NULL : needs,
				    NULL);
}

static struct bound_service *bound_new(struct listeners *l, const struct ctr_rpc_service *service,
				       void *self)
{
	struct bound_service *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->listeners = l;
	s->service = service;
	s->self = self;
	s->methods = calloc(service->n_methods, sizeof(*s->methods));
	if (!s->methods) {
		free(s);
		return NULL;
	}
	for (uint32_t i = 0; i < service->n_methods; i++)
		s->methods[i] =
			(struct bound_method){ .service = s, .method = &service->methods[i] };
	return s;
}

ctr_code rpc_service_add(const struct ctr_host *h, const struct ctr_rpc_service *service,
			 void *self, struct ctr_error *err)
{
	struct daemon *d = host_daemon(h);
	struct bound_service *s;
	int is_ttrpc = 0;
	ctr_code code;

	code = check_service(service, &is_ttrpc, err);
	if (code != CTR_OK)
		return code;
	s = bound_new(d->listeners, service, self);
	if (!s)
		return ctr_fail_errno(err, ENOMEM, "register service '%s'", service->name);
	code = is_ttrpc ? rpc_bind_ttrpc(s, err) : rpc_bind_grpc(s, err);
	if (code != CTR_OK) {
		rpc_service_free(s);
		return code;
	}
	/* The server refers to it from here on. */
	s->next = d->listeners->services;
	d->listeners->services = s;
	if (!is_ttrpc && show(d->registry, service->name) < 0)
		return ctr_fail_errno(err, ENOMEM, "register service '%s'", service->name);
	return CTR_OK;
}
