/* SPDX-License-Identifier: Apache-2.0
 *
 * The plugins of this daemon: loaded from the files that the configuration names, put in order,
 * initialised, started, stopped. Core components find a plugin here by kind and id and get a
 * complete table: absent members answer CTR_UNIMPLEMENTED, and every call goes through the host's
 * one wrapper a method. See docs/plugins.md.
 */
#ifndef CTR_CORE_REGISTRY_H
#define CTR_CORE_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include <ctr/plugin.h>

#include "status/status.h"

struct daemon;
struct registry;

/*
 * The order in daemon.c: load (open files, check descriptors, read tables, sort), init, the core's
 * components, start. Each fails only for what the daemon cannot run with: a plugin of
 * required_plugins that failed or skipped, a cycle. Everything else is kept as that plugin's state.
 * Core thread only.
 */
ctr_code registry_load(struct daemon *d, struct registry **ret, struct ctr_error *err);
ctr_code registry_init(struct registry *r, struct ctr_error *err);
ctr_code registry_start(struct registry *r, struct ctr_error *err);
void registry_stop(struct registry *r, int64_t deadline_ns); /* in reverse order */
void registry_free(struct registry *r); /* fini in reverse order; NULL allowed */

/*
 * What `ctrd config check` asks after config_load(): every file can be loaded, every name in the
 * lists is a plugin, every plugin accepts its table, no table is left over. All faults in err's
 * message, one a line. Starts nothing.
 */
ctr_code registry_check(struct registry *r, struct ctr_error *err);

/*
 * A plugin that is there to be called: initialised, and not failed since. ret_ops is a complete
 * table of its kind (for the kinds of ctr/unstable: the plugin's own), ret_self goes with it; both
 * live as long as the registry. id NULL or "": the configured default of the kind, else the first
 * in the order of the configuration. CTR_NOT_FOUND. Any of the ret_ may be NULL. Any thread after
 * registry_init().
 */
ctr_code registry_find(struct registry *r, const char *kind, const char *id, const void **ret_ops,
		       void **ret_self, const char **ret_id, struct ctr_error *err);
/*
 * The i-th usable plugin of the kind in the order of the configuration: 0, or -ENOENT past the
 * last.
 */
int registry_nth(struct registry *r, const char *kind, uint32_t i, const void **ret_ops,
		 void **ret_self, const char **ret_id);

/*
 * A host table for the core's own calls of services, which take nothing from it but the daemon;
 * NULL when there is no plugin at all. Any thread after registry_init().
 */
const struct ctr_host *registry_host(struct registry *r);

enum plugin_state {
	PLUGIN_DISABLED, /* by disabled_plugins; its file was opened, none of its code ran */
	PLUGIN_LOADED,
	PLUGIN_SKIPPED, /* init said that it is not possible on this machine */
	PLUGIN_FAILED,
	PLUGIN_READY, /* init succeeded */
	PLUGIN_RUNNING,
};

/*
 * What introspection shows of one plugin, or of one part of the core that containerd's users know
 * as a plugin.
 */
struct plugin_view {
	const char *kind, *id, *file, *version; /* file "" for the core's own parts */
	enum plugin_state state;
	ctr_code code;      /* why it is not there; CTR_OK otherwise */
	const char *error;  /* "" or that code's message */
	char *const *needs; /* kinds; NULL-terminated, as all below; NULL: none */
	char *const *capabilities;
	char *const *platforms;
	char *const *exports; /* key, value, key, value, ... */
};
/*
 * 0, or -ENOENT past the last; in the order of init. Any thread after registry_start(), borrowed
 * for ever.
 */
int registry_view(struct registry *r, uint32_t i, struct plugin_view *ret);

/*
 * A part of the core to be listed by introspection. Strings are copied. needs and exports may be
 * NULL. 0 or -ENOMEM.
 */
int registry_add_builtin(struct registry *r, const char *kind, const char *id,
			 const char *const *needs, const char *const *exports);

/*
 * health of every running plugin: CTR_OK, or the first failure with the plugin's name. Any thread,
 * does not block.
 */
ctr_code registry_health(struct registry *r, struct ctr_error *err);

#endif
