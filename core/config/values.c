/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's own values by path, with the defaults of the schema. Reads only; any thread after
 * config_load(), but for config_origin().
 */
#include "core/config/impl.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct node *config_node(const struct config *c, const char *path)
{
	char part[SCHEMA_NAME_ROOM];
	struct node *n = c->top;

	while (n && *path) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(part))
			return NULL;
		memcpy(part, path, len);
		part[len] = '\0';
		n = node_get(n, part);
		path += len + (path[len] == '.');
	}
	return n;
}

static const struct config_key *known(const char *path)
{
	const struct config_key *key = schema_find(path);

	assert(key);
	return key;
}

const char *config_str(const struct config *c, const char *path)
{
	const struct node *n = config_node(c, path);

	return n ? n->str : known(path)->fallback;
}

int64_t config_int(const struct config *c, const char *path)
{
	const struct config_key *key = known(path);
	const struct node *n = config_node(c, path);
	int64_t value = n ? n->num : 0;

	/* Both texts were checked: the file's by config_check(), the schema's by its unit test. */
	if (!n || n->type == NODE_STR)
		(void)schema_number(key, n ? n->str : key->fallback, &value);
	return value;
}

int config_bool(const struct config *c, const char *path)
{
	return config_int(c, path) != 0;
}

char *const *config_strv(const struct config *c, const char *path)
{
	return c->vectors[known(path) - config_keys];
}

int config_unsafe(const struct config *c)
{
	return config_bool(c, "unsafe_plugin_paths");
}

/* A vector that is never NULL, so that callers need no case for "none". */
static int vector_of(const struct config *c, const struct config_key *key, char ***ret)
{
	const struct node *n = config_node(c, key->path);
	AUTO_STRV v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	if (!n && *key->fallback) {
		strv_free(take_ptr(&v));
		v = strv_split(key->fallback, '|');
		if (!v)
			return -ENOMEM;
	}
	for (n = n ? n->first : NULL; n; n = n->next) {
		if (strv_push(&v, n->str) < 0)
			return -ENOMEM;
	}
	*ret = take_ptr(&v);
	return 0;
}

int config_build_vectors(struct config *c)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		if (config_keys[i].type == KEY_STRV &&
		    vector_of(c, &config_keys[i], &c->vectors[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

const char *config_origin(struct config *c, const char *path, int i)
{
	const struct node *n = config_node(c, path);
	char *text;

	if (!n)
		return "default";
	if (i >= 0) {
		for (n = n->first; n && i > 0; i--)
			n = n->next;
	}
	text = n ? origin_text(n) : NULL;
	if (!text)
		return "default";

	free(c->last_origin);
	c->last_origin = text;
	return c->last_origin;
}
