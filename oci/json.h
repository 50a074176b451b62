/* SPDX-License-Identifier: Apache-2.0
 *
 * Small helpers over jansson for building objects: failures (out of memory, a string that is not
 * UTF-8) add up in an int, so that a builder checks once at its end.
 */
#ifndef CTR_OCI_JSON_H
#define CTR_OCI_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/macros.h"

static inline void auto_json(json_t **j)
{
	json_decref(*j);
}
#define AUTO_JSON AUTO(auto_json) json_t *

/* 0, or -1 when value is NULL or there is no memory; takes value over. */
int json_put(json_t *object, const char *key, json_t *value);
int json_put_str(json_t *object, const char *key, const char *value); /* NULL: nothing is put */
int json_put_int(json_t *object, const char *key, int64_t value);
int json_put_bool(json_t *object, const char *key, int value);
json_t *json_strings(char *const *v); /* array; NULL on failure */
json_t *json_words(const char *const *v, size_t n);

#endif
