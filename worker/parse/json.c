/* SPDX-License-Identifier: Apache-2.0
 *
 * Bounded JSON: depth is counted before jansson sees the text (its own limit is 2048), strings and
 * lists are limited where they are read. NUL in strings and duplicate keys are refused.
 */
#include "worker/parse/json.h"

#include <string.h>

#include "base/str.h"

void json_release(json_t **j)
{
	if (*j)
		json_decref(*j);
}

ctr_code json_no_memory(struct ctr_error *err)
{
	return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
}

static int too_deep(const char *s, size_t n)
{
	size_t depth = 0;
	int in_string = 0;

	for (size_t i = 0; i < n; i++) {
		if (in_string) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == '"')
				in_string = 0;
		} else if (s[i] == '"') {
			in_string = 1;
		} else if (s[i] == '{' || s[i] == '[') {
			if (++depth > JSON_DEPTH_LIMIT)
				return 1;
		} else if ((s[i] == '}' || s[i] == ']') && depth > 0) {
			depth--;
		}
	}
	return 0;
}

/*
 * jansson quotes the text near an error: foreign bytes, so only the place and the kind are passed
 * on.
 */
static const char *cause(const json_error_t *e)
{
	switch (json_error_code(e)) {
	case json_error_premature_end_of_input:
		return "it ends too early";
	case json_error_end_of_input_expected:
		return "there is something after its end";
	case json_error_invalid_utf8:
		return "invalid UTF-8";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "NUL in a string";
	case json_error_duplicate_key:
		return "a key appears twice";
	case json_error_numeric_overflow:
		return "a number is too large";
	default: /* a library's list */
		return "syntax error";
	}
}

static ctr_code load(const char *data, size_t n, const char *what, json_t **ret,
		     struct ctr_error *err)
{
	json_error_t e;

	if (too_deep(data, n))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"%s: JSON is nested deeper than %d levels", what, JSON_DEPTH_LIMIT);
	*ret = json_loadb(data, n, JSON_REJECT_DUPLICATES, &e);
	if (!*ret)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s: no valid JSON: line %d: %s", what,
				e.line, cause(&e));
	return CTR_OK;
}

ctr_code json_document(const char *data, size_t n, const char *what, json_t **ret,
		       struct ctr_error *err)
{
	AUTO_JSON *j = NULL;
	ctr_code code = load(data, n, what, &j, err);

	if (code != CTR_OK)
		return code;
	if (!json_is_object(j))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s: JSON is no object", what);
	*ret = take_ptr(&j);
	return CTR_OK;
}

ctr_code json_list_document(const char *data, size_t n, const char *what, json_t **ret,
			    struct ctr_error *err)
{
	AUTO_JSON *j = NULL;
	ctr_code code = load(data, n, what, &j, err);

	if (code != CTR_OK)
		return code;
	if (!json_is_array(j))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s: JSON is no list", what);
	*ret = take_ptr(&j);
	return CTR_OK;
}

json_t *json_member(const json_t *obj, const char *key)
{
	json_t *j = json_object_get(obj, key);

	return json_is_null(j) ? NULL : j;
}

static ctr_code wrong(const char *key, const char *what, struct ctr_error *err)
{
	return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' %s", key, what);
}

ctr_code json_get_object(const json_t *obj, const char *key, json_t **ret, struct ctr_error *err)
{
	json_t *j = json_member(obj, key);

	if (j && !json_is_object(j))
		return wrong(key, "is no object", err);
	if (j && json_object_size(j) > JSON_LIST_LIMIT)
		return wrong(key, "has too many members", err);
	*ret = j;
	return CTR_OK;
}

ctr_code json_get_list(const json_t *obj, const char *key, size_t max, json_t **ret,
		       struct ctr_error *err)
{
	json_t *j = json_member(obj, key);

	if (j && !json_is_array(j))
		return wrong(key, "is no list", err);
	if (j && json_array_size(j) > max)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' has more than %zu elements", key,
				max);
	*ret = j;
	return CTR_OK;
}

ctr_code json_get_text(const json_t *obj, const char *key, size_t max, const char **ret,
		       struct ctr_error *err)
{
	json_t *j = json_member(obj, key);

	if (j && !json_is_string(j))
		return wrong(key, "is no string", err);
	if (j && json_string_length(j) > max)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is longer than %zu bytes", key,
				max);
	*ret = j ? json_string_value(j) : "";
	return CTR_OK;
}

ctr_code json_copy_text(const json_t *obj, const char *key, size_t max, char **field,
			struct ctr_error *err)
{
	const char *text;
	ctr_code code = json_get_text(obj, key, max, &text, err);

	if (code != CTR_OK || !*text)
		return code;
	char *copy = str_dup(text);
	if (!copy)
		return json_no_memory(err);
	*field = copy;
	return CTR_OK;
}

ctr_code json_copy_word(const json_t *obj, const char *key, size_t max, char **field,
			struct ctr_error *err)
{
	const char *text;
	ctr_code code = json_get_text(obj, key, max, &text, err);

	if (code != CTR_OK)
		return code;
	for (const char *s = text; *s; s++)
		if (*s <= ' ' || *s > '~')
			return wrong(key, "has characters that do not belong there", err);
	return json_copy_text(obj, key, max, field, err);
}

/* Room for n pointers; n 0 gives NULL and that is right for protobuf-c. */
static int room_for(size_t n, size_t size, void *ret_array)
{
	void *array = n ? calloc(n, size) : NULL;

	if (n && !array)
		return -1;
	memcpy(ret_array, &array, sizeof(array));
	return 0;
}

ctr_code json_copy_list(const json_t *obj, const char *key, char ***field, size_t *n_field,
			struct ctr_error *err)
{
	json_t *list;
	ctr_code code = json_get_list(obj, key, JSON_LIST_LIMIT, &list, err);

	if (code != CTR_OK || !list)
		return code;
	if (room_for(json_array_size(list), sizeof(char *), field) < 0)
		return json_no_memory(err);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *j = json_array_get(list, i);

		if (!json_is_string(j))
			return wrong(key, "holds something that is no string", err);
		if (json_string_length(j) > JSON_TEXT_LIMIT)
			return wrong(key, "holds a string that is too long", err);
		char *copy = str_dup(json_string_value(j));
		if (!copy)
			return json_no_memory(err);
		(*field)[(*n_field)++] = copy;
	}
	return CTR_OK;
}

ctr_code json_copy_keys(const json_t *obj, const char *key, char ***field, size_t *n_field,
			struct ctr_error *err)
{
	json_t *members;
	ctr_code code = json_get_object(obj, key, &members, err);

	if (code != CTR_OK || !members)
		return code;
	if (room_for(json_object_size(members), sizeof(char *), field) < 0)
		return json_no_memory(err);
	for (void *it = json_object_iter(members); it; it = json_object_iter_next(members, it)) {
		char *copy = strlen(json_object_iter_key(it)) > JSON_TEXT_LIMIT
				     ? NULL
				     : str_dup(json_object_iter_key(it));

		if (!copy)
			return wrong(key, "holds a key that is too long", err);
		(*field)[(*n_field)++] = copy;
	}
	return CTR_OK;
}

static ctr_code copy_pair(const char *name, const json_t *value, Ctr__Worker__V1__Pair *p,
			  struct ctr_error *err)
{
	ctr__worker__v1__pair__init(p);
	if (strlen(name) > JSON_TEXT_LIMIT || json_string_length(value) > JSON_TEXT_LIMIT)
		return wrong("labels or annotations", "hold a string that is too long", err);
	AUTO_FREE char *k = str_dup(name);
	AUTO_FREE char *v = str_dup(json_string_value(value));
	if (!k || !v)
		return json_no_memory(err);
	p->key = take_ptr(&k);
	p->value = take_ptr(&v);
	return CTR_OK;
}

ctr_code json_copy_pairs(const json_t *obj, const char *key, Ctr__Worker__V1__Pair ***field,
			 size_t *n_field, struct ctr_error *err)
{
	json_t *members;
	ctr_code code = json_get_object(obj, key, &members, err);

	if (code != CTR_OK || !members)
		return code;
	if (room_for(json_object_size(members), sizeof(void *), field) < 0)
		return json_no_memory(err);
	for (void *it = json_object_iter(members); it; it = json_object_iter_next(members, it)) {
		const json_t *value = json_object_iter_value(it);

		if (!json_is_string(value))
			return wrong(key, "holds a value that is no string", err);
		Ctr__Worker__V1__Pair *p = malloc(sizeof(*p));
		if (!p)
			return json_no_memory(err);
		(*field)[(*n_field)++] = p;
		code = copy_pair(json_object_iter_key(it), value, p, err);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}
