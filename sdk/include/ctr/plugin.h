/* SPDX-License-Identifier: Apache-2.0
 *
 * How a shared object becomes a plugin: the module descriptor, the plugin descriptor, and the host table that init()
 * receives. Read docs/plugin-authors.md first. Frozen since SDK 1.0.
 */
#ifndef CTR_PLUGIN_H
#define CTR_PLUGIN_H

#include <ctr/call.h>
#include <ctr/config.h>
#include <ctr/error.h>

struct ctr_deps; /* opaque, host side */

#define CTR_LOG_ERROR 0
#define CTR_LOG_WARN  1
#define CTR_LOG_INFO  2
#define CTR_LOG_DEBUG 3

/* The host table: one per plugin, appended to only. Thread-safe except where "init only" stands. */
struct ctr_host {
	uint32_t size, minor; /* of the running host, not of this header */
	void *(*alloc)(
		size_t n); /* memory that crosses the boundary: these two only. NULL when out of memory */
	void (*free)(void *p);
	/* Set err's message (err may be NULL) and return code. No class text at the end, no full stop. */
	ctr_code (*fail)(struct ctr_error *err, ctr_code code, const char *fmt, ...)
		CTR_PRINTF(3, 4);
	/* The same for an errno (either sign): code of the host's one table, message "<fmt>: <strerror>". */
	ctr_code (*fail_errno)(struct ctr_error *err, int32_t errnum, const char *fmt, ...)
		CTR_PRINTF(3, 4);
	/* Prefix the message: "<fmt>: <message>"; returns the code that err holds. */
	ctr_code (*wrap)(struct ctr_error *err, const char *fmt, ...) CTR_PRINTF(2, 3);
	/* An error object for calls that nobody gave one for; NULL when out of memory, which every function accepts. */
	struct ctr_error *(*error_new)(void);
	void (*error_free)(struct ctr_error *err);              /* NULL allowed */
	const char *(*error_text)(const struct ctr_error *err); /* never NULL; borrowed from err */
	void (*log)(const struct ctr_host *h, int32_t level, const char *fmt, ...) CTR_PRINTF(3, 4);
	/* A service by its versioned name ("ctr.store.v1"), or NULL; *ret_size its table's size. init only for
	 * services of plugins; those of the core at any time. */
	const void *(*service)(const struct ctr_host *h, const char *name, uint32_t *ret_size);
	const struct ctr_call_ops *call;
	const struct ctr_config_ops *config;
	/* The plugin's own directories, made 0700: <root>/<kind>.<id> and <state>/<kind>.<id>. */
	const char *root_dir, *state_dir;
	/* What introspection shows. init only; strings are copied. */
	void (*add_capability)(const struct ctr_host *h, const char *name); /* "rebase" */
	void (*add_export)(const struct ctr_host *h, const char *key,
			   const char *value);                                /* "root" */
	void (*add_platform)(const struct ctr_host *h, const char *platform); /* "linux/amd64" */
	/* Run job(ud) once on a bulk pool thread, on behalf of call. CTR_RESOURCE_EXHAUSTED when the queue is
	 * full; job is then not called. */
	ctr_code (*async)(const struct ctr_host *h, const struct ctr_call *call,
			  void (*job)(void *ud), void *ud, struct ctr_error *err);
	/* The i-th plugin that satisfied a need, in the order of the configuration: *ret_ops is a complete
	 * table of that kind (absent members answer CTR_UNIMPLEMENTED) and *ret_self goes with it. Valid until
	 * this plugin's fini has returned. CTR_NOT_FOUND past the last. init only. */
	ctr_code (*dep)(const struct ctr_deps *deps, const char *kind, const char *id, uint32_t i,
			const void **ret_ops, void **ret_self, const char **ret_id,
			struct ctr_error *err);
};

#define CTR_NEED_OPTIONAL 1u /* its absence is no error */
#define CTR_NEED_ALL      2u /* all plugins of the kind, not one */

/* An array element: frozen, hence the reserved word. */
struct ctr_require {
	const char *kind, *id; /* id NULL: any */
	uint32_t flags, reserved;
};

#define CTR_PLUGIN_SERIALIZED 1u /* the host calls the vtable under one mutex */

/* One implementation of one kind. */
struct ctr_plugin {
	uint32_t size, flags;
	const char *kind, *id;           /* "io.containerd.snapshotter.v1", "overlayfs" */
	const struct ctr_require *needs; /* ends with kind == NULL; NULL: none */
	const void *ops; /* the kind's vtable, e.g. struct ctr_snapshotter_ops; NULL: none */
	/* Lifecycle, on one thread, one at a time. check: read the configuration, no side effect (it powers
	 * `ctrd config check`). init: no thread, no socket; CTR_SKIP when not possible on this machine. A failed
	 * init has cleaned up after itself. start: threads and sockets may begin. */
	ctr_code (*check)(const struct ctr_host *h, const struct ctr_table *cfg,
			  struct ctr_error *err);
	ctr_code (*init)(const struct ctr_host *h, const struct ctr_table *cfg,
			 const struct ctr_deps *deps, void **ret_self, struct ctr_error *err);
	ctr_code (*start)(void *self, struct ctr_error *err);
	ctr_code (*health)(void *self, struct ctr_error *err); /* any thread, must not block */
	void (*stop)(void *self, int64_t deadline_ns); /* make pending calls return CTR_CANCELLED */
	void (*fini)(void *self);
};

#define CTR_MODULE_MAGIC 0x31525443u /* "CTR1" */
#define CTR_ABI_MAJOR    1

/* The one symbol of a plugin's .so. magic and the next word are frozen for ever; checked before any code runs. */
struct ctr_module {
	uint32_t magic;
	uint16_t abi_major, abi_minor; /* major must match; minor is information */
	uint32_t size, n_plugins;
	const struct ctr_plugin *const *plugins;
	const char *name, *version, *license;
};

#ifdef __cplusplus
#define CTR_EXTERN_C extern "C"
#else
#define CTR_EXTERN_C extern
#endif

/* CTR_MODULE("name", "1.0", "Apache-2.0", &plugin_a, &plugin_b); once per .so */
#define CTR_MODULE(name_, version_, license_, ...)                                                 \
	static const struct ctr_plugin *const ctr_module_plugins_[] = { __VA_ARGS__ };             \
	CTR_EXTERN_C const struct ctr_module ctr_module_v1;                                        \
	__attribute__((visibility("default"))) const struct ctr_module ctr_module_v1 = {           \
		CTR_MODULE_MAGIC,                                                                  \
		CTR_ABI_MAJOR,                                                                     \
		CTR_SDK_MINOR,                                                                     \
		(uint32_t)sizeof(struct ctr_module),                                               \
		(uint32_t)(sizeof(ctr_module_plugins_) / sizeof(ctr_module_plugins_[0])),          \
		ctr_module_plugins_,                                                               \
		name_,                                                                             \
		version_,                                                                          \
		license_                                                                           \
	}

#endif
