/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd's filter language: `name==foo,labels."a/b"~=/^x/`. A list of filters is an OR, the
 * selectors inside one an AND. What an object's fields are says a callback. See docs/filters.md.
 */
#ifndef CTR_CORE_META_FILTER_H
#define CTR_CORE_META_FILTER_H

#include <ctr/types.h>

#include "status/status.h"

struct filter;

#define FILTERS_MAX  256  /* in one list */
#define FILTER_MAX   8192 /* bytes of one */
#define FILTER_PARTS 64   /* selectors of one filter, and fields of one path */

/*
 * The value of the field named by path[0..n-1] (n >= 1): 1 and *ret (borrowed until the match is
 * over) when it is present, 0 when it is not. An empty string counts as the callback says.
 */
typedef int (*filter_field_fn)(const void *obj, const char *const *path, size_t n,
			       const char **ret);

/* n 0: matches everything. CTR_INVALID_ARGUMENT with containerd's text, CTR_RESOURCE_EXHAUSTED. */
ctr_code filter_parse(const char *const *filters, size_t n, struct filter **ret,
		      struct ctr_error *err);
void filter_free(struct filter *f); /* NULL allowed */
void auto_filter(struct filter **f);
#define AUTO_FILTER AUTO(auto_filter) struct filter

/* 1 or 0. One thread at a time for one filter. f NULL matches everything. */
int filter_match(const struct filter *f, filter_field_fn fn, const void *obj);

/*
 * Helpers of callbacks: a plain string field (present when not empty), and a map whose key is path
 * joined with '.'.
 */
int filter_string(const char *value, size_t n_path, const char **ret);
int filter_labels(struct ctr_labels l, const char *const *path, size_t n, const char **ret);

#endif
