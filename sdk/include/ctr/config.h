/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin's own TOML table, read through typed getters. The host remembers which keys check() asked for and reports
 * the others, so a mistyped key is an error without a schema. Frozen since SDK 1.0.
 */
#ifndef CTR_CONFIG_H
#define CTR_CONFIG_H

#include <ctr/error.h>

struct ctr_table; /* opaque; an absent table is an empty one, never NULL */

/*
 * Call during check() and init() only, on that thread. Each getter writes the fallback when the key is absent.
 * A value of the wrong type or out of range is CTR_INVALID_ARGUMENT with "file:line: key: cause".
 * Strings and vectors live as long as the plugin.
 */
struct ctr_config_ops {
	uint32_t size, reserved;
	ctr_code (*str)(const struct ctr_table *t, const char *key, const char *fallback,
			const char **ret, struct ctr_error *err);
	ctr_code (*integer)(const struct ctr_table *t, const char *key, int64_t fallback,
			    int64_t min, int64_t max, int64_t *ret, struct ctr_error *err);
	ctr_code (*boolean)(const struct ctr_table *t, const char *key, int32_t fallback,
			    int32_t *ret, struct ctr_error *err);
	/* Go's form, "1m30s"; negative refused. */
	ctr_code (*duration)(const struct ctr_table *t, const char *key, int64_t fallback_ns,
			     int64_t *ret_ns, struct ctr_error *err);
	/* A number of bytes, or "64MiB". */
	ctr_code (*bytes)(const struct ctr_table *t, const char *key, int64_t fallback_bytes,
			  int64_t *ret_bytes, struct ctr_error *err);
	/* *ret is an array of *ret_n strings; absent gives NULL and 0. */
	ctr_code (*strv)(const struct ctr_table *t, const char *key, const char *const **ret,
			 uint64_t *ret_n, struct ctr_error *err);
	/* *ret is an empty table when the key is absent. */
	ctr_code (*table)(const struct ctr_table *t, const char *key, const struct ctr_table **ret,
			  struct ctr_error *err);
	/* The names of this table's keys, for tables whose keys are data; asking marks them all as read. */
	ctr_code (*keys)(const struct ctr_table *t, const char *const **ret, uint64_t *ret_n,
			 struct ctr_error *err);
	/* An error of the plugin's own about a key: "file:line: key: <fmt>", CTR_INVALID_ARGUMENT. */
	ctr_code (*fail)(const struct ctr_table *t, const char *key, struct ctr_error *err,
			 const char *fmt, ...) CTR_PRINTF(4, 5);
};

#endif
