/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration as text: the defaults with their help, what is in force with its origin, and
 * the reference page.
 */
#include "core/config/impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static void put_quoted(FILE *out, const char *s, size_t n)
{
	fputc('"', out);
	for (size_t i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)s[i];

		if (ch == '"' || ch == '\\')
			fprintf(out, "\\%c", ch);
		else if (ch < 0x20 || ch == 0x7f)
			fprintf(out, "\\u%04x", ch);
		else
			fputc(ch, out);
	}
	fputc('"', out);
}

static void put_fallback(FILE *out, const struct config_key *key)
{
	const char *s = key->fallback;
	size_t n;

	switch (key->type) {
	case KEY_INT:
	case KEY_BOOL:
		fputs(s, out);
		return;
	case KEY_STR:
	case KEY_ENUM:
	case KEY_PATH:
	case KEY_DURATION:
	case KEY_SIZE:
		put_quoted(out, s, strlen(s));
		return;
	case KEY_STRV:
		break;
	}
	if (!*s) {
		fputs("[]", out);
		return;
	}
	fputs("[\n", out);
	for (;; s += n + 1) {
		n = strcspn(s, "|");
		fputc('\t', out);
		put_quoted(out, s, n);
		fputs(",\n", out);
		if (!s[n])
			break;
	}
	fputc(']', out);
}

/* Length of the table part of a path: 4 of "grpc.address", 0 at the top. */
static size_t table_len(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot ? (size_t)(dot - path) : 0;
}

/* A header where the table changes. */
static void put_header(FILE *out, const char *path, const char *before)
{
	size_t n = table_len(path);

	if (n == 0 || (before && table_len(before) == n && !strncmp(path, before, n)))
		return;
	fprintf(out, "\n[%.*s]\n", (int)n, path);
}

static const char *last_part(const char *path)
{
	size_t n = table_len(path);

	return n > 0 ? path + n + 1 : path;
}

static int finish(FILE *out)
{
	return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}

int config_print_default(FILE *out)
{
	fputs("# The defaults of ctrd " CTR_VERSION ". Say only what differs.\n", out);
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];

		put_header(out, key->path, i > 0 ? config_keys[i - 1].path : NULL);
		fprintf(out, "# %s\n%s = ", key->help, last_part(key->path));
		put_fallback(out, key);
		fputc('\n', out);
	}
	return finish(out);
}

static void put_node(FILE *out, const struct node *n)
{
	switch (n->type) {
	case NODE_STR:
		put_quoted(out, n->str, strlen(n->str));
		return;
	case NODE_INT:
		fprintf(out, "%" PRId64, n->num);
		return;
	case NODE_BOOL:
		fputs(n->num ? "true" : "false", out);
		return;
	case NODE_FLOAT:
		fprintf(out, "%.17g", n->real);
		return;
	case NODE_ARRAY:
		fputs("[ ", out);
		for (const struct node *it = n->first; it; it = it->next) {
			put_node(out, it);
			fputs(it->next ? ", " : " ", out);
		}
		fputc(']', out);
		return;
	case NODE_TABLE:
		break;
	}
	fputs("{ ", out);
	for (const struct node *it = n->first; it; it = it->next) {
		put_quoted(out, it->key, strlen(it->key));
		fputs(" = ", out);
		put_node(out, it);
		fputs(it->next ? ", " : " ", out);
	}
	fputc('}', out);
}

static void put_origin(FILE *out, const struct node *n)
{
	AUTO_FREE char *at = n ? origin_text(n) : NULL;

	fprintf(out, "  # %s", at ? at : "default");
}

static void print_plugin(const struct node *table, int origin, FILE *out)
{
	fprintf(out, "\n[plugins.\"%s\"]\n", table->key);
	for (const struct node *n = table->first; n; n = n->next) {
		put_quoted(out, n->key, strlen(n->key));
		fputs(" = ", out);
		put_node(out, n);
		if (origin)
			put_origin(out, n);
		fputc('\n', out);
	}
}

int config_print(struct config *c, int origin, FILE *out)
{
	const struct node *plugins = node_get(c->top, "plugins");

	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];
		const struct node *n = config_node(c, key->path);

		put_header(out, key->path, i > 0 ? config_keys[i - 1].path : NULL);
		fprintf(out, "%s = ", last_part(key->path));
		if (n)
			put_node(out, n);
		else
			put_fallback(out, key);
		if (origin)
			put_origin(out, n);
		fputc('\n', out);
	}
	for (const struct node *n = plugins ? plugins->first : NULL; n; n = n->next)
		print_plugin(n, origin, out);
	return finish(out);
}

static void print_reference_key(const struct config_key *key, FILE *out)
{
	char min[40], max[40];

	fprintf(out, "### `%s`\n\n%s\n\n- Type: %s\n", key->path, key->help,
		schema_type_name(key->type));
	snprintf(min, sizeof(min), "%" PRId64, key->min);
	snprintf(max, sizeof(max), "%" PRId64, key->max);
	if (key->type == KEY_DURATION) {
		str_from_duration(key->min, min, sizeof(min));
		str_from_duration(key->max, max, sizeof(max));
	}
	if (key->max > key->min)
		fprintf(out, "- Range: %s to %s\n", min, max);
	if (key->choices)
		fprintf(out, "- One of: %s\n", key->choices);
	if (key->type == KEY_STRV && *key->fallback)
		fputs("- Default: the plugins that are installed with the daemon\n\n", out);
	else if (str_eq(key->path, "libexec"))
		fputs("- Default: where the daemon was installed\n\n", out);
	else
		fprintf(out, "- Default: `%s`\n\n", *key->fallback ? key->fallback : "(empty)");
}

static const char reference_head[] =
	"# Configuration\n\n"
	"<!-- Made by `ctrd config reference` from core/config/schema.c; a test compares the two. "
	"-->\n\n"
	"`/etc/ctr/config.toml`, TOML, `version = 1`. Around it drop-ins are merged key by key, "
	"the later wins:\n"
	"`/usr/lib/ctr/conf.d/*.toml`, `/etc/ctr/config.toml`, `/etc/ctr/conf.d/*.toml`, "
	"`/run/ctr/conf.d/*.toml`, each\n"
	"folder sorted by name. Tables are merged, arrays and values replaced. A file given by "
	"`-c` stands alone, without\n"
	"drop-ins. The command line wins over all of it. A file has at most 1 MiB and 16 "
	"levels.\n\n"
	"`ctrd config default` prints the defaults, `ctrd config show --origin` what is in force "
	"and from where,\n"
	"`ctrd config check` reads everything, asks every plugin about its table and starts "
	"nothing: an unknown key, a\n"
	"wrong type or a missing plugin file is an error with file, line and the nearest known "
	"name.\n\n"
	"Durations are written as Go does (`1m30s`), sizes as a number of bytes or `64MiB`.\n\n"
	"## Plugins\n\n"
	"`[plugins.\"<kind>.<id>\"]` is the table of one plugin, for example\n"
	"`[plugins.\"io.containerd.snapshotter.v1.overlayfs\"]`; its keys are described in that "
	"plugin's README. Paths in\n"
	"`plugin_files` are absolute, and every component belongs to root and is not writable by "
	"group or others (a sticky\n"
	"directory of root passes); otherwise the plugin is not loaded.\n\n"
	"## Keys\n\n";

int config_print_reference(FILE *out)
{
	fputs(reference_head, out);
	for (size_t i = 0; i < config_n_keys; i++)
		print_reference_key(&config_keys[i], out);
	return finish(out);
}
