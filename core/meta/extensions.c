/* SPDX-License-Identifier: Apache-2.0
 *
 * Extensions in a column: for each "key NUL type-url NUL", the length of the value as 4 bytes
 * little-endian, the value.
 */
#include "core/meta/extensions.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"

void extensions_done(struct extensions *e)
{
	free(e->items);
	*e = (struct extensions){ 0 };
}

int extensions_set(struct extensions *e, const char *key, struct ctr_any value)
{
	size_t at = 0;

	while (at < e->n && strcmp(e->items[at].key, key) < 0)
		at++;
	const int found = at < e->n && strcmp(e->items[at].key, key) == 0;

	if (!value.type_url) {
		if (found) {
			e->n--;
			memmove(&e->items[at], &e->items[at + 1], (e->n - at) * sizeof(*e->items));
		}
		return 0;
	}
	if (!found) {
		if (e->n >= EXTENSIONS_MAX)
			return -E2BIG;
		struct ctr_extension *grown = reallocarray(e->items, e->n + 1, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		e->items = grown;
		memmove(&e->items[at + 1], &e->items[at], (e->n - at) * sizeof(*e->items));
		e->n++;
	}
	e->items[at] = (struct ctr_extension){ .key = key, .value = value };
	return 0;
}

int extensions_pack(const struct extensions *e, void **ret_data, size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++)
		n += strlen(e->items[i].key) + strlen(e->items[i].value.type_url) + 6 +
		     e->items[i].value.n;
	char *data = n ? malloc(n) : NULL, *at = data;

	if (n && !data)
		return -ENOMEM;
	for (size_t i = 0; i < e->n; i++) {
		const struct ctr_any *v = &e->items[i].value;

		at = stpcpy(at, e->items[i].key) + 1;
		at = stpcpy(at, v->type_url) + 1;
		for (int byte = 0; byte < 4; byte++)
			*at++ = (char)(v->n >> (8 * byte) & 0xff);
		if (v->n)
			memcpy(at, v->value, v->n);
		at += v->n;
	}
	*ret_data = data;
	*ret_n = n;
	return 0;
}

/* The string at *at, and *at behind its NUL; NULL when it does not end before end. */
static const char *take_string(const char **at, const char *end)
{
	const char *s = *at, *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;

	if (nul)
		*at = nul + 1;
	return nul ? s : NULL;
}

int extensions_unpack(const void *data, size_t n, struct extensions *ret)
{
	AUTO_EXTENSIONS e = EXTENSIONS_INIT;
	const char *at = data, *end = at ? at + n : at;

	while (at < end) {
		struct ctr_any v = { 0 };
		const char *key = take_string(&at, end);

		v.type_url = key ? take_string(&at, end) : NULL;
		if (!v.type_url || end - at < 4)
			return -EBADMSG;
		for (int byte = 0; byte < 4; byte++)
			v.n |= (uint64_t)(unsigned char)*at++ << (8 * byte);
		if (v.n > (size_t)(end - at))
			return -EBADMSG;
		v.value = at;
		at += v.n;
		if (extensions_set(&e, key, v) < 0)
			return -ENOMEM;
	}
	extensions_done(ret);
	*ret = e;
	e = (struct extensions)EXTENSIONS_INIT;
	return 0;
}
