/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree of configuration values: making, merging, naming. Pure memory.
 */
#include "core/config/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"

#define PATH_TEXT_MAX 8192

struct node *node_new(enum node_type type, struct node *parent, const char *key, const char *file,
		      int32_t line)
{
	struct node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	if (key) {
		n->key = str_dup(key);
		if (!n->key) {
			free(n);
			return NULL;
		}
	}
	n->type = type;
	n->file = file;
	n->line = line;
	n->parent = parent;
	if (!parent)
		return n;

	if (parent->last)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	return n;
}

int node_set_str(struct node *n, const char *s, size_t len)
{
	char *copy;

	if (memchr(s, '\0', len))
		return -EINVAL;
	copy = str_ndup(s, len);
	if (!copy)
		return -ENOMEM;

	free(n->str);
	n->str = copy;
	return 0;
}

void node_free(struct node *n)
{
	if (!n)
		return;

	/* Depth is bounded by CONFIG_DEPTH_MAX. */
	for (struct node *child = n->first, *next; child; child = next) {
		next = child->next;
		node_free(child);
	}
	free(n->key);
	free(n->str);
	free(n);
}

void node_unlink(struct node *n)
{
	struct node *prev = NULL;

	if (!n->parent)
		return;

	for (struct node *it = n->parent->first; it != n; it = it->next)
		prev = it;
	if (prev)
		prev->next = n->next;
	else
		n->parent->first = n->next;
	if (n->parent->last == n)
		n->parent->last = prev;
	n->parent = n->next = NULL;
}

struct node *node_get(const struct node *table, const char *key)
{
	if (!table || table->type != NODE_TABLE)
		return NULL;

	for (struct node *it = table->first; it; it = it->next) {
		if (str_eq(it->key, key))
			return it;
	}
	return NULL;
}

static void node_append(struct node *to, struct node *n)
{
	n->parent = to;
	n->next = NULL;
	if (to->last)
		to->last->next = n;
	else
		to->first = n;
	to->last = n;
}

void node_merge(struct node *to, struct node *from)
{
	for (struct node *n = from->first, *next; n; n = next) {
		struct node *old = node_get(to, n->key);

		next = n->next;
		node_unlink(n);
		if (old && old->type == NODE_TABLE && n->type == NODE_TABLE) {
			node_merge(old, n);
			continue;
		}
		if (old) {
			node_unlink(old);
			node_free(old);
		}
		node_append(to, n);
	}
	node_free(from);
}

const char *node_type_name(enum node_type type)
{
	switch (type) {
	case NODE_STR:
		return "a string";
	case NODE_INT:
		return "an integer";
	case NODE_FLOAT:
		return "a float";
	case NODE_BOOL:
		return "a boolean";
	case NODE_ARRAY:
		return "an array";
	case NODE_TABLE:
		return "a table";
	}
	return "nothing";
}

static int bare_key(const char *s)
{
	return *s &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] ==
		       '\0';
}

static void put_key(struct buf *b, const char *key)
{
	if (b->len > 0)
		buf_putc(b, '.');
	buf_printf(b, bare_key(key) ? "%s" : "\"%s\"", key);
}

static void put_path(struct buf *b, const struct node *n)
{
	if (n->parent)
		put_path(b, n->parent);
	if (n->key)
		put_key(b, n->key);
}

char *node_path(const struct node *n, const char *key)
{
	AUTO_BUF b = BUF_INIT(PATH_TEXT_MAX);

	put_path(&b, n);
	if (key)
		put_key(&b, key);
	return buf_take(&b, NULL);
}
