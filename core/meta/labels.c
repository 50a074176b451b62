/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels and annotations: a sorted map without empty values, its limits, its form in a column ("key
 * NUL value NUL" for each, in order), and the part of a field mask that concerns it.
 */
#include <errno.h>
#include <string.h>

#include "base/ident.h"
#include "base/str.h"
#include "core/meta/meta.h"

#define KEY_SHOWN 64 /* bytes of a key in an error message */

void meta_labels_done(struct meta_labels *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free((void *)(uintptr_t)l->items[i].key);
		free((void *)(uintptr_t)l->items[i].value);
	}
	free(l->items);
	*l = (struct meta_labels){ 0 };
}

/* Where key is, or belongs. */
static size_t find(const struct meta_labels *l, const char *key, int *ret_found)
{
	size_t low = 0, high = l->n;

	*ret_found = 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(l->items[mid].key, key);

		if (order == 0) {
			*ret_found = 1;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void drop(struct meta_labels *l, size_t at)
{
	free((void *)(uintptr_t)l->items[at].key);
	free((void *)(uintptr_t)l->items[at].value);
	l->n--;
	memmove(&l->items[at], &l->items[at + 1], (l->n - at) * sizeof(*l->items));
}

static int insert(struct meta_labels *l, size_t at, char *key, char *value)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		struct ctr_label *grown = reallocarray(l->items, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		l->items = grown;
		l->cap = cap;
	}
	memmove(&l->items[at + 1], &l->items[at], (l->n - at) * sizeof(*l->items));
	l->items[at] = (struct ctr_label){ .key = key, .value = value };
	l->n++;
	return 0;
}

int meta_labels_set(struct meta_labels *l, const char *key, const char *value)
{
	int found;
	size_t at = find(l, key, &found);

	if (!value || !*value) {
		if (found)
			drop(l, at);
		return 0;
	}
	AUTO_FREE char *copy = str_dup(value);

	if (!copy)
		return -ENOMEM;
	if (found) {
		free((void *)(uintptr_t)l->items[at].value);
		l->items[at].value = take_ptr(&copy);
		return 0;
	}
	AUTO_FREE char *name = str_dup(key);

	if (!name || insert(l, at, name, copy) < 0)
		return -ENOMEM;
	take_ptr(&name);
	take_ptr(&copy);
	return 0;
}

int meta_labels_copy(struct meta_labels *l, struct ctr_labels from)
{
	AUTO_LABELS copy = META_LABELS_INIT;

	for (uint64_t i = 0; i < from.n; i++)
		if (meta_labels_set(&copy, from.items[i].key, from.items[i].value) < 0)
			return -ENOMEM;
	meta_labels_done(l);
	*l = copy;
	copy = (struct meta_labels){ 0 };
	return 0;
}

const char *meta_label(struct ctr_labels l, const char *key)
{
	for (uint64_t i = 0; i < l.n; i++)
		if (str_eq(l.items[i].key, key))
			return l.items[i].value;
	return NULL;
}

ctr_code meta_labels_check(const char *what, struct ctr_labels l, struct ctr_error *err)
{
	for (uint64_t i = 0; i < l.n; i++) {
		const char *key = l.items[i].key, *value = l.items[i].value;

		if (label_valid(key, value))
			continue;
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"%s%slabel key and value length (%zu bytes) greater than maximum "
				"size (%d bytes), "
				"key: %.*s",
				what, *what ? ": " : "", strlen(key) + strlen(value), LABEL_MAX,
				KEY_SHOWN, key);
	}
	return CTR_OK;
}

int meta_labels_pack(const struct meta_labels *l, void **ret_data, size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += strlen(l->items[i].key) + strlen(l->items[i].value) + 2;
	char *data = n ? malloc(n) : NULL, *at = data;

	if (n && !data)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		at = stpcpy(at, l->items[i].key) + 1;
		at = stpcpy(at, l->items[i].value) + 1;
	}
	*ret_data = data;
	*ret_n = n;
	return 0;
}

int meta_labels_unpack(const void *data, size_t n, struct meta_labels *ret)
{
	AUTO_LABELS l = META_LABELS_INIT;
	const char *at = data, *end = at ? at + n : at;

	while (at < end) {
		const char *value = memchr(at, '\0', (size_t)(end - at));
		const char *next =
			value ? memchr(value + 1, '\0', (size_t)(end - value - 1)) : NULL;

		if (!next)
			return -EBADMSG;
		if (meta_labels_set(&l, at, value + 1) < 0)
			return -ENOMEM;
		at = next + 1;
	}
	meta_labels_done(ret);
	*ret = l;
	l = (struct meta_labels){ 0 };
	return 0;
}

ctr_code meta_labels_column(sqlite3_stmt *stmt, int column, struct meta_labels *ret,
			    struct ctr_error *err)
{
	size_t n;
	const void *data = row_blob(stmt, column, &n);
	int r = meta_labels_unpack(data, n, ret);

	if (r == -EBADMSG)
		return ctr_fail(err, CTR_DATA_LOSS, "labels in the database are damaged");
	return r < 0 ? ctr_fail_errno(err, r, "labels") : CTR_OK;
}

int meta_labels_apply(struct meta_labels *l, struct ctr_labels wanted, const char *root,
		      const char *path)
{
	const size_t n = strlen(root);

	if (!str_starts(path, root))
		return 0;
	if (path[n] == '\0')
		return meta_labels_copy(l, wanted) < 0 ? -ENOMEM : 1;
	if (path[n] != '.')
		return 0;
	return meta_labels_set(l, path + n + 1, meta_label(wanted, path + n + 1)) < 0 ? -ENOMEM : 1;
}
