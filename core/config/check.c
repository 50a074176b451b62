/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks the merged tree against the schema: unknown keys with the nearest known one, types,
 * ranges, choices. Finds all faults, not only the first.
 */
#include "core/config/impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

char *origin_text(const struct node *n)
{
	return n->line > 0 ? str_printf("%s:%d", n->file, n->line) : str_dup(n->file);
}

void fault_at(struct faults *f, const struct node *n, const char *fmt, ...)
{
	AUTO_FREE char *at = origin_text(n);
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_printf(&f->text, "%s%s: %s", f->text.len > 0 ? "\n" : "", at ? at : n->file, text);
}

ctr_code faults_result(struct faults *f, struct ctr_error *err)
{
	ctr_code code = CTR_OK;

	if (f->text.len > 0)
		code = ctr_fail(err, CTR_INVALID_ARGUMENT, "%s", f->text.data);
	else if (buf_failed(&f->text))
		code = ctr_fail(err, CTR_RESOURCE_EXHAUSTED,
				"read the configuration: out of memory");
	buf_done(&f->text);
	return code;
}

static void wrong_type(struct faults *f, const struct config_key *key, const struct node *n)
{
	fault_at(f, n, "%s: expected %s, found %s", key->path, schema_type_name(key->type),
		 node_type_name(n->type));
}

static void check_range(struct faults *f, const struct config_key *key, const struct node *n,
			int64_t value)
{
	char min[40], max[40];

	if (value >= key->min && value <= key->max)
		return;

	snprintf(min, sizeof(min), "%" PRId64, key->min);
	snprintf(max, sizeof(max), "%" PRId64, key->max);
	if (key->type == KEY_DURATION) {
		str_from_duration(key->min, min, sizeof(min));
		str_from_duration(key->max, max, sizeof(max));
	}
	fault_at(f, n, "%s: out of range, allowed are %s to %s", key->path, min, max);
}

static void check_number(struct faults *f, const struct config_key *key, const struct node *n)
{
	int64_t value = n->num;

	if (n->type == NODE_STR && key->type != KEY_INT) {
		if (schema_number(key, n->str, &value) < 0) {
			fault_at(f, n, "%s: '%s' is not %s", key->path, n->str,
				 schema_type_name(key->type));
			return;
		}
	} else if (n->type != NODE_INT || key->type == KEY_DURATION) {
		wrong_type(f, key, n);
		return;
	}
	check_range(f, key, n, value);
}

static int is_choice(const char *choices, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = choices; n > 0 && (at = strstr(at, word)); at += n) {
		if ((at == choices || at[-1] == '|') && (at[n] == '\0' || at[n] == '|'))
			return 1;
	}
	return 0;
}

static void check_text(struct faults *f, const struct config_key *key, const struct node *n)
{
	if (n->type != NODE_STR)
		wrong_type(f, key, n);
	else if (key->type == KEY_PATH && n->str[0] != '/')
		fault_at(f, n, "%s: '%s' is not an absolute path", key->path, n->str);
	else if (key->type == KEY_ENUM && !is_choice(key->choices, n->str))
		fault_at(f, n, "%s: '%s' is none of %s", key->path, n->str, key->choices);
}

static void check_strv(struct faults *f, const struct config_key *key, const struct node *n)
{
	if (n->type != NODE_ARRAY) {
		wrong_type(f, key, n);
		return;
	}
	for (const struct node *it = n->first; it; it = it->next) {
		if (it->type != NODE_STR)
			fault_at(f, it, "%s: expected a string, found %s", key->path,
				 node_type_name(it->type));
	}
}

static void check_value(struct faults *f, const struct config_key *key, const struct node *n)
{
	switch (key->type) {
	case KEY_STR:
	case KEY_ENUM:
	case KEY_PATH:
		check_text(f, key, n);
		break;
	case KEY_BOOL:
		if (n->type != NODE_BOOL)
			wrong_type(f, key, n);
		break;
	case KEY_INT:
	case KEY_DURATION:
	case KEY_SIZE:
		check_number(f, key, n);
		break;
	case KEY_STRV:
		check_strv(f, key, n);
		break;
	}
}

static void unknown_key(struct faults *f, const char *table, const char *path, const struct node *n)
{
	char near[SCHEMA_NAME_ROOM];

	if (schema_nearest(table, n->key, near))
		fault_at(f, n, "unknown key '%s', did you mean '%s%s%s'", path, table,
			 *table ? "." : "", near);
	else
		fault_at(f, n, "unknown key '%s'", path);
}

static void check_table(struct faults *f, const struct node *table, const char *prefix)
{
	for (const struct node *n = table->first; n; n = n->next) {
		AUTO_FREE char *path = str_printf("%s%s%s", prefix, *prefix ? "." : "", n->key);
		const struct config_key *key;

		if (path && str_eq(path, "plugins"))
			continue;
		if (!path) {
			f->text.failed = -ENOMEM;
			return;
		}
		key = schema_find(path);
		if (key)
			check_value(f, key, n);
		else if (!schema_is_table(path))
			unknown_key(f, prefix, path, n);
		else if (n->type != NODE_TABLE)
			fault_at(f, n, "%s: expected a table, found %s", path,
				 node_type_name(n->type));
		else
			check_table(f, n, path);
	}
}

/* [plugins] holds tables only; what is in them is for each plugin to say. */
static void check_plugins(struct faults *f, const struct node *plugins)
{
	if (plugins->type != NODE_TABLE) {
		fault_at(f, plugins, "plugins: expected a table, found %s",
			 node_type_name(plugins->type));
		return;
	}
	for (const struct node *n = plugins->first; n; n = n->next) {
		if (n->type != NODE_TABLE)
			fault_at(f, n, "plugins.\"%s\": expected a table, found %s", n->key,
				 node_type_name(n->type));
	}
}

void config_check(struct config *c, struct faults *f)
{
	const struct node *plugins = node_get(c->top, "plugins");
	const struct node *unsafe = node_get(c->top, "unsafe_plugin_paths");

	if (plugins)
		check_plugins(f, plugins);
	check_table(f, c->top, "");
	if (unsafe && unsafe->type == NODE_BOOL && unsafe->num && !c->may_be_unsafe)
		fault_at(f, unsafe,
			 "unsafe_plugin_paths: only a file given by -c from outside /etc and /usr "
			 "may set this");
}
