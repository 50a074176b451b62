/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: one entry a plugin, the guard that stands before its vtable,
 * and the kinds whose tables are known.
 */
#ifndef CTR_CORE_REGISTRY_INTERNAL_H
#define CTR_CORE_REGISTRY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/daemon.h"
#include "core/registry/registry.h"

#define MODULE_SYMBOL      "ctr_module_v1"
#define MODULE_PLUGINS_MAX 64
#define NEEDS_MAX          64
#define UNSTABLE_SHIFT     16

/* What a wrapper gets as its self: the plugin's own table and object. */
struct guard {
	const void *ops;
	void *self;
	const char *uri;
	int serialized;
	pthread_mutex_t lock; /* held around each call when serialized; guards nothing of ours */
	atomic_uint_fast64_t calls, failures;
};

/* A kind whose table is frozen: wrapped, checked at load. */
struct kind {
	const char *name;
	const void *wrapped; /* the complete table of wrappers */
	/* Names of the members after the size word, in order; NULL-terminated. */
	const char *const *mandatory;
	const char *config_default; /* key of its default id, or NULL */
};

extern const struct kind kind_snapshotter, kind_content, kind_differ;
const struct kind *kind_find(const char *name); /* NULL: an unstable kind */

void guard_enter(struct guard *g);
/* Count, unlock, and see that a failure has a legal code and a message. */
ctr_code guard_leave(struct guard *g, const char *method, ctr_code code, struct ctr_error *err);
/* UNIMPLEMENTED */
ctr_code guard_absent(struct guard *g, const char *method, struct ctr_error *err);

struct ctr_deps {
	struct entry *entry;
};

struct entry {
	struct ctr_host host; /* first: the plugin's pointer to it is the entry's */
	struct registry *registry;
	/* The plugin's own, maybe of an older, smaller size; NULL: a part of the core, or a file. */
	const struct ctr_plugin *plugin;
	const struct kind *kind; /* NULL for an unstable kind */
	char *kind_name, *id, *uri, *file, *version;
	uint32_t unstable; /* revision it was built for, 0: none */
	enum plugin_state state;
	ctr_code code;
	char *error;
	char **needs, **capabilities, **platforms, **exports;
	char *root_dir, *state_dir;
	const struct ctr_table *config;
	struct guard guard;
	struct ctr_deps deps;
	int visit;  /* 0, 1: on the path of the sort, 2: done */
	int inited; /* init succeeded: fini is owed */
	int in_init;
};

struct registry {
	struct daemon *daemon;
	struct entry **entries; /* in the order of the configuration until sorted */
	size_t n;
	struct entry **builtins; /* the core's own parts, as introspection shows them */
	size_t n_builtins;
};

/* entry.c */
/* Not added to the registry. NULL on OOM. */
struct entry *entry_new(struct registry *r, const char *kind, const char *id);
void entry_free(struct entry *e);
int registry_append(struct registry *r, struct entry *e); /* 0 or -ENOMEM */
/* Remember why it is not there, and log it. */
void entry_fail(struct entry *e, enum plugin_state state, ctr_code code,
		const struct ctr_error *err);
struct entry *entry_by_uri(const struct registry *r, const char *uri);
int entry_usable(const struct entry *e);

/* life.c: read the table through the plugin's check(), and find the keys that nobody read */
ctr_code entry_check(struct entry *e, struct ctr_error *err);
/* load.c */
ctr_code load_files(struct registry *r, struct ctr_error *err);
/* host.c */
void host_fill(struct entry *e);
/* graph.c: an order in which needs come first; cycles become failures of their members */
void graph_sort(struct registry *r);
/* CTR_OK when each need of e is met by a usable plugin; else the message names the path. */
ctr_code graph_check(struct entry *e, struct ctr_error *err);
int need_matches(const struct ctr_require *need, const struct entry *provider);
const struct ctr_require *entry_needs(const struct entry *e); /* never NULL; ends with kind NULL */

#endif
