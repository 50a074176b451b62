/* SPDX-License-Identifier: Apache-2.0
 *
 * --help from the tables.
 */
#include <string.h>

#include "cli/args.h"

#define COLUMN 28

static void pad(struct buf *out, size_t from)
{
	do
		buf_putc(out, ' ');
	while (++from < COLUMN);
}

static void flag_line(struct buf *out, const struct flag *f)
{
	size_t start = out->len;

	if (f->letter)
		buf_printf(out, "  -%c, --%s", f->letter, f->name);
	else
		buf_printf(out, "      --%s", f->name);
	if (f->kind != FLAG_BOOL)
		buf_printf(out, " %s", f->value);
	pad(out, out->len - start);
	buf_printf(out, "%s%s\n", f->help, f->kind == FLAG_LIST ? " (may be repeated)" : "");
}

static void flag_lines(struct buf *out, const struct verb *v, const char *title)
{
	if (v->n_flags == 0)
		return;
	buf_printf(out, "\n%s:\n", title);
	for (size_t i = 0; i < v->n_flags; i++)
		flag_line(out, &v->flags[i]);
}

static void verb_lines(struct buf *out, const struct verb *group, int groups)
{
	for (size_t i = 0; i < group->n_verbs; i++) {
		const struct verb *v = &group->verbs[i];
		size_t start = out->len;

		if ((v->options & VERB_QUIET) || (v->n_verbs > 0) != groups)
			continue;
		buf_printf(out, "  %s", v->name);
		pad(out, out->len - start + COLUMN / 2);
		buf_printf(out, "%s\n", v->help);
	}
}

void help_group(const char *path, const struct verb *group, struct buf *out)
{
	int has_groups = 0;

	for (size_t i = 0; i < group->n_verbs; i++)
		has_groups |= group->verbs[i].n_verbs > 0;
	buf_printf(out, "usage: %s [FLAGS] %s\n\n%s\n\nverbs:\n", path, "VERB ...", group->help);
	verb_lines(out, group, 0);
	if (has_groups) {
		buf_puts(out, "\ngroups:\n");
		verb_lines(out, group, 1);
	}
	flag_lines(out, group, "flags");
	buf_printf(out, "\n'%s VERB --help' tells more of a verb\n", path);
}

void help_verb(const char *path, const struct verb *verb, struct buf *out)
{
	buf_printf(out, "usage: %s %s%s%s%s\n\n%s\n", path, verb->name,
		   verb->n_flags ? " [FLAGS]" : "", verb->args && verb->args[0] ? " " : "",
		   verb->args ? verb->args : "", verb->help);
	flag_lines(out, verb, "flags");
}
