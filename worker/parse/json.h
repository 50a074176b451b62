/* SPDX-License-Identifier: Apache-2.0
 *
 * Foreign JSON with limits, and getters that copy fields into protobuf-c messages (malloc'ed,
 * released by the message's free_unpacked). A field that is absent or null leaves the message's
 * default. Not thread-safe per document.
 */
#ifndef CTR_WORKER_PARSE_JSON_H
#define CTR_WORKER_PARSE_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "status/status.h"
#include "worker/wire.h"

#define JSON_DEPTH_LIMIT 64
#define JSON_TEXT_LIMIT  (64u << 10) /* one string */
#define JSON_LIST_LIMIT  8192        /* elements of one list or object that is copied */

void json_release(json_t **j);
#define AUTO_JSON AUTO(json_release) json_t

/*
 * An object of at most JSON_DEPTH_LIMIT levels; INVALID_ARGUMENT with line and cause. what names it
 * in messages.
 */
ctr_code json_document(const char *data, size_t n, const char *what, json_t **ret,
		       struct ctr_error *err);

/* The same for a list at the top. */
ctr_code json_list_document(const char *data, size_t n, const char *what, json_t **ret,
			    struct ctr_error *err);

/* Member key of obj, or NULL when absent or null. */
json_t *json_member(const json_t *obj, const char *key);
/* The same, but it must be an object or a list. */
ctr_code json_get_object(const json_t *obj, const char *key, json_t **ret, struct ctr_error *err);
ctr_code json_get_list(const json_t *obj, const char *key, size_t max, json_t **ret,
		       struct ctr_error *err);
/* Borrowed; "" when absent. */
ctr_code json_get_text(const json_t *obj, const char *key, size_t max, const char **ret,
		       struct ctr_error *err);

/* Into a message's field; the old value must be the default. */
ctr_code json_copy_text(const json_t *obj, const char *key, size_t max, char **field,
			struct ctr_error *err);
/* Printable ASCII without space only: media types, platforms. */
ctr_code json_copy_word(const json_t *obj, const char *key, size_t max, char **field,
			struct ctr_error *err);
ctr_code json_copy_list(const json_t *obj, const char *key, char ***field, size_t *n_field,
			struct ctr_error *err);
/* The keys of an object of anything (volumes, ports). */
ctr_code json_copy_keys(const json_t *obj, const char *key, char ***field, size_t *n_field,
			struct ctr_error *err);
/* An object of strings; those of other types or longer than value_max are errors. */
ctr_code json_copy_pairs(const json_t *obj, const char *key, Ctr__Worker__V1__Pair ***field,
			 size_t *n_field, struct ctr_error *err);

ctr_code json_no_memory(struct ctr_error *err);

#endif
