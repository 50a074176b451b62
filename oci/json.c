/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers over jansson for building objects.
 */
#include "oci/json.h"

int json_put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

int json_put_str(json_t *object, const char *key, const char *value)
{
	return value ? json_put(object, key, json_string(value)) : 0;
}

int json_put_int(json_t *object, const char *key, int64_t value)
{
	return json_put(object, key, json_integer(value));
}

int json_put_bool(json_t *object, const char *key, int value)
{
	return json_put(object, key, json_boolean(value));
}

json_t *json_strings(char *const *v)
{
	json_t *a = json_array();

	for (size_t i = 0; a && v && v[i]; i++) {
		if (json_array_append_new(a, json_string(v[i])) < 0) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

json_t *json_words(const char *const *v, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < n; i++) {
		if (json_array_append_new(a, json_string(v[i])) < 0) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}
