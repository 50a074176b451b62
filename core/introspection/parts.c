/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the core that containerd's users know as plugins: rows without a file, listed only
 * when the part is there. Names, kinds and needs are containerd's.
 */
#include <errno.h>

#include "base/str.h"
#include "core/config/config.h"
#include "core/daemon.h"
#include "core/introspection/introspection.h"
#include "core/registry/registry.h"
#include "core/registry/services.h"

#define EVENT    "io.containerd.event.v1"
#define METADATA "io.containerd.metadata.v1"
#define SERVICE  "io.containerd.service.v1"
#define GC       "io.containerd.gc.v1"
#define LEASE    "io.containerd.lease.v1"

struct part {
	const char *service; /* core service whose presence makes the part; NULL: always there */
	const char *kind, *id;
	const char *needs[5];
};

static const struct part parts[] = {
	{ NULL, EVENT, "exchange", { NULL } },
	{ "ctr.containers.v0", SERVICE, "containers-service", { EVENT, METADATA } },
	{ "ctr.contents.v0", SERVICE, "content-service", { METADATA } },
	{ "ctr.diff.v0", SERVICE, "diff-service", { "io.containerd.differ.v1" } },
	{ "ctr.images.v0", SERVICE, "images-service", { METADATA, GC } },
	{ "ctr.introspection.v0", SERVICE, "introspection-service", { NULL } },
	{ "ctr.namespaces.v0", SERVICE, "namespaces-service", { EVENT, METADATA } },
	{ "ctr.tasks.v0",
	  SERVICE,
	  "tasks-service",
	  { EVENT, "io.containerd.runtime.v2", METADATA } },
	{ "ctr.leases.v0", LEASE, "manager", { METADATA, GC } },
	{ "ctr.gc.v0", GC, "scheduler", { METADATA } },
	{ "ctr.streaming.v0", "io.containerd.streaming.v1", "manager", { METADATA } },
	{ "ctr.transfer.v0",
	  "io.containerd.transfer.v1",
	  "local",
	  { LEASE, METADATA, "io.containerd.differ.v1", "io.containerd.snapshotter.v1" } },
};

static int list_metadata(struct daemon *d)
{
	AUTO_FREE char *path = str_printf("%s/meta.db", d->root);
	const char *const needs[] = { "io.containerd.content.v1", EVENT,
				      "io.containerd.snapshotter.v1", NULL };
	const char *const exports[] = { "path", path, "policy", "shared", NULL };

	return path ? registry_add_builtin(d->registry, METADATA, "sqlite", needs, exports)
		    : -ENOMEM;
}

/* Clients have no other way to learn the configured default. */
static int list_snapshots(struct daemon *d)
{
	const char *const needs[] = { METADATA, NULL };
	const char *const exports[] = { "default-snapshotter",
					config_str(d->config, "default_snapshotter"), NULL };

	return registry_add_builtin(d->registry, SERVICE, "snapshots-service", needs, exports);
}

int introspection_list_parts(struct daemon *d)
{
	int r = d->store ? list_metadata(d) : 0;

	if (r == 0 && services_find(d, "ctr.snapshots.v0", NULL))
		r = list_snapshots(d);

	for (size_t i = 0; i < ARRAY_SIZE(parts) && r == 0; i++) {
		if (!parts[i].service || services_find(d, parts[i].service, NULL))
			r = registry_add_builtin(d->registry, parts[i].kind, parts[i].id,
						 parts[i].needs, NULL);
	}
	return r;
}
