/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugin tables: the typed getters that plugins get as host->config, and the search for keys that
 * nobody read. Core thread only. What is lent to a plugin lives as long as the configuration.
 */
#include "core/config/impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"

/* The SDK's opaque view of a table node, one for each node. NULL on OOM. */
static struct ctr_table *view_of(struct config *c, struct node *n)
{
	struct ctr_table *t;

	for (t = c->tables; t; t = t->next) {
		if (t->node == n)
			return t;
	}
	t = malloc(sizeof(*t));
	if (!t)
		return NULL;
	*t = (struct ctr_table){ .node = n, .config = c, .next = c->tables };
	t->asked = calloc(1, sizeof(*t->asked));
	if (!t->asked) {
		free(t);
		return NULL;
	}
	c->tables = t;
	return t;
}

void config_free_tables(struct config *c)
{
	for (struct ctr_table *t = c->tables, *next; t; t = next) {
		next = t->next;
		strv_free(t->asked->keys);
		free(t->asked);
		free(t);
	}
	for (size_t i = 0; i < c->n_lent; i++)
		strv_free(c->lent[i]);
	free(c->lent);
}

static int lend(struct config *c, char **v)
{
	char ***grown = reallocarray(c->lent, c->n_lent + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	c->lent = grown;
	c->lent[c->n_lent++] = v;
	return 0;
}

/* A message about key: where the key is, or else the table. */
static ctr_code fail_at(const struct ctr_table *t, const char *key, struct ctr_error *err,
			const char *cause)
{
	const struct node *n = node_get(t->node, key);
	AUTO_FREE char *at = origin_text(n ? n : t->node);
	AUTO_FREE char *path = node_path(t->node, key);

	return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s: %s: %s", at ? at : "", path ? path : key,
			cause);
}

static ctr_code fail_type(const struct ctr_table *t, const struct node *n, const char *expected,
			  struct ctr_error *err)
{
	char cause[160];

	snprintf(cause, sizeof(cause), "expected %s, found %s", expected, node_type_name(n->type));
	return fail_at(t, n->key, err, cause);
}

static int holds(char *const *v, const char *s)
{
	for (; v && *v; v++) {
		if (str_eq(*v, s))
			return 1;
	}
	return 0;
}

/* The value of a key, marked as read; NULL when absent. The name is kept for suggestions. */
static struct node *take(const struct ctr_table *t, const char *key)
{
	struct node *n = node_get(t->node, key);

	if (n)
		n->read = 1;
	if (!holds(t->asked->keys, key))
		(void)strv_push(&t->asked->keys, key); /* without memory: no suggestion */
	return n;
}

static ctr_code get_str(const struct ctr_table *t, const char *key, const char *fallback,
			const char **ret, struct ctr_error *err)
{
	const struct node *n = take(t, key);

	if (n && n->type != NODE_STR)
		return fail_type(t, n, "a string", err);
	*ret = n ? n->str : fallback;
	return CTR_OK;
}

static ctr_code get_integer(const struct ctr_table *t, const char *key, int64_t fallback,
			    int64_t min, int64_t max, int64_t *ret, struct ctr_error *err)
{
	const struct node *n = take(t, key);
	char cause[160];

	if (!n) {
		*ret = fallback;
		return CTR_OK;
	}
	if (n->type != NODE_INT)
		return fail_type(t, n, "an integer", err);
	if (n->num < min || n->num > max) {
		snprintf(cause, sizeof(cause),
			 "%" PRId64 " is out of range, allowed are %" PRId64 " to %" PRId64, n->num,
			 min, max);
		return fail_at(t, key, err, cause);
	}
	*ret = n->num;
	return CTR_OK;
}

static ctr_code get_boolean(const struct ctr_table *t, const char *key, int32_t fallback,
			    int32_t *ret, struct ctr_error *err)
{
	const struct node *n = take(t, key);

	if (n && n->type != NODE_BOOL)
		return fail_type(t, n, "a boolean", err);
	*ret = n ? n->num != 0 : fallback;
	return CTR_OK;
}

static ctr_code get_duration(const struct ctr_table *t, const char *key, int64_t fallback_ns,
			     int64_t *ret_ns, struct ctr_error *err)
{
	const struct node *n = take(t, key);
	int64_t value;

	if (!n) {
		*ret_ns = fallback_ns;
		return CTR_OK;
	}
	if (n->type != NODE_STR)
		return fail_type(t, n, "a duration (\"1m30s\")", err);
	if (parse_duration(n->str, &value) < 0 || value < 0)
		return fail_at(t, key, err, "not a duration such as \"1m30s\"");
	*ret_ns = value;
	return CTR_OK;
}

static ctr_code get_bytes(const struct ctr_table *t, const char *key, int64_t fallback_bytes,
			  int64_t *ret_bytes, struct ctr_error *err)
{
	const struct node *n = take(t, key);
	uint64_t value;

	if (!n) {
		*ret_bytes = fallback_bytes;
		return CTR_OK;
	}
	if (n->type != NODE_STR && n->type != NODE_INT)
		return fail_type(t, n, "a size (bytes, or \"64MiB\")", err);
	if (n->type == NODE_INT && n->num < 0)
		return fail_at(t, key, err, "a size cannot be negative");
	if (n->type == NODE_INT) {
		*ret_bytes = n->num;
		return CTR_OK;
	}
	if (parse_size(n->str, &value) < 0 || value > INT64_MAX)
		return fail_at(t, key, err, "not a size such as \"64MiB\"");
	*ret_bytes = (int64_t)value;
	return CTR_OK;
}

/* Hand a vector to the plugin; it is the configuration's from here on. */
static ctr_code lend_strv(const struct ctr_table *t, char **v, const char *const **ret,
			  uint64_t *ret_n, struct ctr_error *err)
{
	uint64_t n = v ? strv_len(v) : 0;

	if (v && lend(t->config, v) < 0) {
		strv_free(v);
		return ctr_fail_errno(err, ENOMEM, "read the configuration");
	}
	*ret = (const char *const *)v;
	*ret_n = n;
	return CTR_OK;
}

static ctr_code get_strv(const struct ctr_table *t, const char *key, const char *const **ret,
			 uint64_t *ret_n, struct ctr_error *err)
{
	const struct node *n = take(t, key);
	AUTO_STRV v = NULL;

	if (n && n->type != NODE_ARRAY)
		return fail_type(t, n, "an array of strings", err);
	for (const struct node *it = n ? n->first : NULL; it; it = it->next) {
		if (it->type != NODE_STR)
			return fail_type(t, n, "an array of strings", err);
		if (strv_push(&v, it->str) < 0)
			return ctr_fail_errno(err, ENOMEM, "read the configuration");
	}
	return lend_strv(t, take_ptr(&v), ret, ret_n, err);
}

static ctr_code get_table(const struct ctr_table *t, const char *key, const struct ctr_table **ret,
			  struct ctr_error *err)
{
	struct node *n = take(t, key);

	if (n && n->type != NODE_TABLE)
		return fail_type(t, n, "a table", err);
	if (!n)
		n = node_new(NODE_TABLE, t->config->strays, key, t->node->file, t->node->line);
	*ret = n ? view_of(t->config, n) : NULL;
	if (!*ret)
		return ctr_fail_errno(err, ENOMEM, "read the configuration");
	return CTR_OK;
}

static ctr_code get_keys(const struct ctr_table *t, const char *const **ret, uint64_t *ret_n,
			 struct ctr_error *err)
{
	AUTO_STRV v = NULL;

	for (struct node *n = t->node->first; n; n = n->next) {
		n->read = 1;
		if (strv_push(&v, n->key) < 0)
			return ctr_fail_errno(err, ENOMEM, "read the configuration");
	}
	return lend_strv(t, take_ptr(&v), ret, ret_n, err);
}

CTR_PRINTF(4, 5)
static ctr_code fail_key(const struct ctr_table *t, const char *key, struct ctr_error *err,
			 const char *fmt, ...)
{
	char cause[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(cause, sizeof(cause), fmt, args);
	va_end(args);
	return fail_at(t, key, err, cause);
}

const struct ctr_config_ops config_table_ops = {
	.size = sizeof(config_table_ops),
	.str = get_str,
	.integer = get_integer,
	.boolean = get_boolean,
	.duration = get_duration,
	.bytes = get_bytes,
	.strv = get_strv,
	.table = get_table,
	.keys = get_keys,
	.fail = fail_key,
};

const struct ctr_table *config_plugin_table(struct config *c, const char *uri)
{
	struct node *n = node_get(node_get(c->top, "plugins"), uri);

	if (!n)
		n = node_new(NODE_TABLE, c->strays, uri, "default", 0);
	return n ? view_of(c, n) : NULL;
}

/* The word nearest to the mistyped one, or NULL when none is near. */
static const char *nearest(char *const *words, const char *name)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;

	for (; words && *words; words++) {
		size_t distance = edit_distance(*words, name);

		if (distance < best_distance && edit_near(*words, name)) {
			best_distance = distance;
			best = *words;
		}
	}
	return best;
}

static char *const *asked_of(const struct config *c, const struct node *table)
{
	for (const struct ctr_table *t = c->tables; t; t = t->next) {
		if (t->node == table)
			return t->asked->keys;
	}
	return NULL;
}

/* A table that was asked for is searched; one that nobody asked for is one unread key. */
static void find_unread(const struct config *c, const struct node *table, struct faults *f)
{
	for (const struct node *n = table->first; n; n = n->next) {
		AUTO_FREE char *path = NULL;
		const char *near;

		if (n->read && n->type == NODE_TABLE)
			find_unread(c, n, f);
		if (n->read)
			continue;
		path = node_path(n, NULL);
		near = nearest(asked_of(c, table), n->key);
		fault_at(f, n, "unknown key '%s'%s%s%s", path ? path : n->key,
			 near ? ", did you mean '" : "", near ? near : "", near ? "'" : "");
	}
}

ctr_code config_plugin_unread(struct config *c, const char *uri, struct ctr_error *err)
{
	struct faults f = { .text = BUF_INIT(FAULTS_MAX) };
	const struct node *n = node_get(node_get(c->top, "plugins"), uri);

	if (n)
		find_unread(c, n, &f);
	return faults_result(&f, err);
}

ctr_code config_plugin_unknown(struct config *c, char *const *uris, struct ctr_error *err)
{
	struct faults f = { .text = BUF_INIT(FAULTS_MAX) };
	const struct node *plugins = node_get(c->top, "plugins");

	for (const struct node *n = plugins ? plugins->first : NULL; n; n = n->next) {
		const char *near;

		if (holds(uris, n->key))
			continue;
		near = nearest(uris, n->key);
		if (near)
			fault_at(&f, n, "no plugin '%s', did you mean '%s'", n->key, near);
		else
			fault_at(&f, n, "no plugin '%s' in plugin_files", n->key);
	}
	return faults_result(&f, err);
}
