/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's configuration: TOML files merged key by key, checked against one table of known keys
 * (schema.c), with the file and line of every value. Plugin tables are handed to their plugins,
 * which check them. See docs/configuration.md, which is generated from the same table.
 */
#ifndef CTR_CORE_CONFIG_H
#define CTR_CORE_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <ctr/config.h>

#include "status/status.h"

#define CONFIG_DEFAULT_PATH CTR_SYSCONFDIR "/config.toml"
#define CONFIG_FILE_MAX     (1024 * 1024) /* bytes of one file */
#define CONFIG_DEPTH_MAX    16            /* nested tables and arrays */

struct config;

/* What the command line says over the files; NULL: not given. */
struct config_args {
	const char *path; /* -c */
	const char *root, *state, *address, *log_level;
	const char *prefix; /* before the default paths, for tests; NULL: "" */
};

/*
 * Read the files, merge, check all of the daemon's own keys. Every fault is in err's message, one a
 * line, each with file, line and, for an unknown key, the nearest known one. The default path may
 * be missing, one given by -c not.
 */
ctr_code config_load(const struct config_args *args, struct config **ret, struct ctr_error *err);
void config_free(struct config *c); /* NULL allowed */

/*
 * Values by their path in the schema ("grpc.address"), the default when not set. Asking for an
 * unknown path is a bug.
 */
const char *config_str(const struct config *c, const char *path);
int64_t config_int(const struct config *c,
		   const char *path); /* also durations (ns) and sizes (bytes) */
int config_bool(const struct config *c, const char *path);
char *const *config_strv(const struct config *c,
			 const char *path); /* NULL-terminated, never NULL */

/* The table [plugins."<uri>"], an empty one when absent. Lives as long as the configuration. */
const struct ctr_table *config_plugin_table(struct config *c, const char *uri);
/*
 * After check() and init(): a message for each key of the table that nobody read. CTR_OK or
 * CTR_INVALID_ARGUMENT.
 */
ctr_code config_plugin_unread(struct config *c, const char *uri, struct ctr_error *err);
/*
 * Tables below [plugins] that belong to none of these uris, NULL-terminated: typos. CTR_OK or
 * CTR_INVALID_ARGUMENT.
 */
ctr_code config_plugin_unknown(struct config *c, char *const *uris, struct ctr_error *err);
/*
 * "file:line" of a value, "command line", or "default"; element i of an array, or -1 for the value
 * itself. Borrowed.
 */
const char *config_origin(struct config *c, const char *path, int i);
/* 1 when plugin files are used unchecked (unsafe_plugin_paths). */
int config_unsafe(const struct config *c);
/* The getters that plugins get as host->config. */
extern const struct ctr_config_ops config_table_ops;

/* `ctrd config default`, `ctrd config show [--origin]`, and docs/configuration.md. 0 or -EIO. */
int config_print_default(FILE *out);
int config_print(struct config *c, int origin, FILE *out);
int config_print_reference(FILE *out);

#endif
