/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon is made of: one object, made in main(), from which all state hangs. Each component has a folder and
 * a header; none of them reaches into another's insides.
 */
#ifndef CTR_CORE_DAEMON_H
#define CTR_CORE_DAEMON_H

#include <stdint.h>

#include <ctr/plugin.h>

struct config;
struct config_args;
struct content_meta;
struct events;
struct gc;
struct helpers;
struct introspection;
struct listeners;
struct loop;
struct map;
struct pool;
struct registry;
struct store;
struct tasks;
struct transfers;

struct daemon {
	struct loop *loop;
	struct pool *work; /* short metadata work; may block on the writer's fsync */
	struct pool *bulk; /* apply, diff, large content */
	struct config *config;
	struct registry *registry;
	struct store *store;
	struct events *events;
	struct listeners *listeners; /* core/rpc: sockets and registered services */
	struct map *services;        /* name -> struct service, core/registry/services.h */
	struct helpers *helpers;     /* core/host: paths of our own programs */
	struct introspection *introspection;
	/* The components below are started in this order and stopped in reverse. */
	struct gc *gc;
	struct tasks *tasks;
	struct transfers *transfers;
	const char *root, *state, *address, *ttrpc_address;
	const char *libexec; /* where ctr-worker and the shim are */
	int root_fd, state_fd;
};

/* What main() read from the command line and the environment. */
struct daemon_args {
	const struct config_args *config;
	const char *notify_socket; /* NULL: none */
};

/* From configuration to the end: 0, or 1 after a failure that was told on stderr or in the log. */
int daemon_run(const struct daemon_args *args);

/* A core service becomes visible to plugins as host->service(name). The table is borrowed for ever. */
int daemon_provide(struct daemon *d, const char *name, const void *table, uint32_t size);

/* What a service function learns from the host table that it gets as its first argument. */
struct daemon *host_daemon(const struct ctr_host *h);
const char *
host_plugin_uri(const struct ctr_host *h); /* "io.containerd.snapshotter.v1.overlayfs" */

#endif
