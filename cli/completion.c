/* SPDX-License-Identifier: Apache-2.0
 *
 * completion: scripts for bash, zsh and fish, written from the tables of verbs and flags. Names of
 * containers and images are asked for when they are completed.
 */
#include "cli/completion.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "cli/verbs.h"

#define SCRIPT_MAX         (1 << 20)
#define CONTAINERS_COMMAND "ctrctl ps -a --format '{{.Names}}' 2>/dev/null"
#define IMAGES_COMMAND     "ctrctl images --format '{{.Name}}' 2>/dev/null"

typedef void each_fn(struct buf *out, const char *path, const struct verb *v);

static const char *command_for(const struct verb *v)
{
	if (!v->complete)
		return NULL;
	return str_eq(v->complete, "image") ? IMAGES_COMMAND : CONTAINERS_COMMAND;
}

/* Each verb that is shown, with its path below ctrctl ("run", "snapshot ls"). */
static void each_verb(struct buf *out, const struct verb *group, const char *prefix, each_fn *fn)
{
	for (size_t i = 0; i < group->n_verbs; i++) {
		const struct verb *v = &group->verbs[i];
		AUTO_FREE char *path = str_printf("%s%s%s", prefix, prefix[0] ? " " : "", v->name);

		if (!path || (v->options & VERB_QUIET))
			continue;
		if (v->verbs)
			each_verb(out, v, path, fn);
		else
			fn(out, path, v);
	}
}

static void put_names(struct buf *out, const struct verb *group)
{
	int first = 1;

	for (size_t i = 0; i < group->n_verbs; i++) {
		if (!(group->verbs[i].options & VERB_QUIET))
			buf_printf(out, "%s%s", first ? "" : " ", group->verbs[i].name);
		first = 0;
	}
}

static void put_flags(struct buf *out, const struct verb *v)
{
	for (size_t i = 0; i < v->n_flags; i++)
		buf_printf(out, "%s--%s", i ? " " : "", v->flags[i].name);
	buf_printf(out, "%s--help", v->n_flags ? " " : "");
}

static void bash_verb(struct buf *out, const char *path, const struct verb *v)
{
	const char *command = command_for(v);

	buf_printf(out, "\t'%s')\n\t\tflags='", path);
	put_flags(out, v);
	buf_puts(out, "'\n");
	for (size_t i = 0; i < v->n_flags; i++) {
		if (v->flags[i].choices)
			buf_printf(out, "\t\t[ \"$prev\" = --%s ] && words='%s'\n",
				   v->flags[i].name, v->flags[i].choices);
	}
	if (command)
		buf_printf(out, "\t\targs=1; list() { %s; }\n", command);
	buf_puts(out, "\t\t;;\n");
}

static void bash(struct buf *out)
{
	buf_puts(out, "# bash completion of ctrctl, made by 'ctrctl completion bash'\n"
		      "_ctrctl() {\n"
		      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		      "\tlocal path= word i flags= words= args=\n"
		      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		      "\t\tword=${COMP_WORDS[i]}\n"
		      "\t\tcase $word in\n"
		      "\t\t-n|-H|--namespace|--address) ((i++)) ;;\n"
		      "\t\t-*) ;;\n"
		      "\t\t*) path=$word; break ;;\n"
		      "\t\tesac\n"
		      "\tdone\n"
		      "\tcase $path in\n"
		      "\t'') words='");
	put_names(out, &cli_root);
	buf_puts(out, "'; flags='");
	put_flags(out, &cli_root);
	buf_puts(out, "' ;;\n");
	for (size_t i = 0; i < cli_root.n_verbs; i++) {
		if (!cli_root.verbs[i].verbs)
			continue;
		buf_printf(out,
			   "\t%s)\n\t\tif ((i + 1 < COMP_CWORD)); then path=\"$path "
			   "${COMP_WORDS[i+1]}\"\n"
			   "\t\telse words='",
			   cli_root.verbs[i].name);
		put_names(out, &cli_root.verbs[i]);
		buf_puts(out, "'; fi ;;\n");
	}
	buf_puts(out, "\tesac\n\tcase $path in\n");
	each_verb(out, &cli_root, "", bash_verb);
	buf_puts(out,
		 "\tesac\n"
		 "\tif [ -n \"$words\" ]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
		 "\telif [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n"
		 "\telif [ -n \"$args\" ]; then COMPREPLY=($(compgen -W \"$(list)\" -- \"$cur\"))\n"
		 "\tfi\n"
		 "}\n"
		 "complete -o default -F _ctrctl ctrctl\n");
}

/* Text inside single quotes of zsh and fish, without what _arguments would read as its own. */
static void put_quoted(struct buf *out, const char *s, int zsh)
{
	for (; *s; s++) {
		if (*s == '\'')
			buf_puts(out, zsh ? "'\\''" : "\\'");
		else if (zsh && strchr("[]:", *s))
			buf_printf(out, "\\%c", *s);
		else
			buf_putc(out, *s);
	}
}

static void zsh_flag(struct buf *out, const struct flag *f)
{
	const char *star = f->kind == FLAG_LIST ? "*" : "";

	buf_printf(out, "\t\t\t'%s--%s%s[", star, f->name, f->kind == FLAG_BOOL ? "" : "=");
	put_quoted(out, f->help, 1);
	buf_putc(out, ']');
	if (f->kind != FLAG_BOOL && f->choices)
		buf_printf(out, ":value:(%s)", f->choices);
	else if (f->kind != FLAG_BOOL)
		buf_puts(out, ":value:_files");
	buf_puts(out, "' \\\n");
}

static void zsh_verb(struct buf *out, const char *path, const struct verb *v)
{
	const char *command = command_for(v);

	buf_printf(out, "\t\t('%s')\n\t\t\t_arguments \\\n", path);
	for (size_t i = 0; i < v->n_flags; i++)
		zsh_flag(out, &v->flags[i]);
	if (command)
		buf_printf(out, "\t\t\t'*:%s:{compadd -- ${(f)\"$(%s)\"}}'", v->complete,
			   str_eq(v->complete, "image")
				   ? "ctrctl images --format \"{{.Name}}\" 2>/dev/null"
				   : "ctrctl ps -a --format \"{{.Names}}\" 2>/dev/null");
	else
		buf_puts(out, "\t\t\t'*:file:_files'");
	buf_puts(out, "\n\t\t\t;;\n");
}

static void zsh_names(struct buf *out, const struct verb *group)
{
	for (size_t i = 0; i < group->n_verbs; i++) {
		if (group->verbs[i].options & VERB_QUIET)
			continue;
		buf_printf(out, " '%s:", group->verbs[i].name);
		put_quoted(out, group->verbs[i].help, 1);
		buf_putc(out, '\'');
	}
}

static void zsh(struct buf *out)
{
	buf_puts(out, "#compdef ctrctl\n"
		      "# zsh completion of ctrctl, made by 'ctrctl completion zsh'\n"
		      "_ctrctl() {\n"
		      "\tlocal -a verbs\n"
		      "\tif ((CURRENT == 2)); then\n"
		      "\t\tverbs=(");
	zsh_names(out, &cli_root);
	buf_puts(out, ")\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n\tlocal "
		      "path=$words[2]\n\tcase $path in\n");
	for (size_t i = 0; i < cli_root.n_verbs; i++) {
		if (!cli_root.verbs[i].verbs)
			continue;
		buf_printf(out, "\t\t(%s)\n\t\t\tif ((CURRENT == 3)); then verbs=(",
			   cli_root.verbs[i].name);
		zsh_names(out, &cli_root.verbs[i]);
		buf_puts(out, "); _describe verb verbs; return; fi\n"
			      "\t\t\tpath=\"$path $words[3]\"; shift words; ((CURRENT--)) ;;\n");
	}
	buf_puts(out, "\tesac\n\tshift words; ((CURRENT--))\n\tcase $path in\n");
	each_verb(out, &cli_root, "", zsh_verb);
	buf_puts(out, "\tesac\n}\n_ctrctl \"$@\"\n");
}

static void fish_flags(struct buf *out, const char *condition, const struct verb *v)
{
	for (size_t i = 0; i < v->n_flags; i++) {
		const struct flag *f = &v->flags[i];

		buf_printf(out, "complete -c ctrctl -n '%s' -l %s", condition, f->name);
		if (f->letter)
			buf_printf(out, " -s %c", f->letter);
		if (f->kind != FLAG_BOOL)
			buf_puts(out, f->choices ? " -x" : " -r");
		if (f->choices)
			buf_printf(out, " -a '%s'", f->choices);
		buf_puts(out, " -d '");
		put_quoted(out, f->help, 0);
		buf_puts(out, "'\n");
	}
}

static void fish_verb(struct buf *out, const char *path, const struct verb *v)
{
	const char *command = command_for(v);
	const char *space = strchr(path, ' ');
	AUTO_FREE char *first = str_ndup(path, space ? (size_t)(space - path) : strlen(path));
	AUTO_FREE char *condition =
		!first ? NULL
		       : str_printf("__fish_seen_subcommand_from %s%s%s", first,
				    space ? "; and __fish_seen_subcommand_from " : "",
				    space ? space + 1 : "");

	if (!condition)
		return;
	fish_flags(out, condition, v);
	if (command) {
		buf_printf(out, "complete -c ctrctl -n '%s' -f -a '(", condition);
		put_quoted(out, command, 0);
		buf_puts(out, ")'\n");
	}
}

static void fish_names(struct buf *out, const char *condition, const struct verb *group)
{
	for (size_t i = 0; i < group->n_verbs; i++) {
		if (group->verbs[i].options & VERB_QUIET)
			continue;
		buf_printf(out, "complete -c ctrctl -n '%s' -f -a %s -d '", condition,
			   group->verbs[i].name);
		put_quoted(out, group->verbs[i].help, 0);
		buf_puts(out, "'\n");
	}
}

static void fish(struct buf *out)
{
	buf_puts(out, "# fish completion of ctrctl, made by 'ctrctl completion fish'\n");
	fish_names(out, "__fish_use_subcommand", &cli_root);
	fish_flags(out, "__fish_use_subcommand", &cli_root);
	for (size_t i = 0; i < cli_root.n_verbs; i++) {
		const struct verb *g = &cli_root.verbs[i];
		AUTO_BUF names = BUF_INIT(4096);
		AUTO_FREE char *condition = NULL;

		if (!g->verbs)
			continue;
		put_names(&names, g);
		condition = str_printf(
			"__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from %s",
			g->name, names.data ? names.data : "");
		if (condition)
			fish_names(out, condition, g);
	}
	each_verb(out, &cli_root, "", fish_verb);
}

int completion_script(const char *shell, struct buf *out)
{
	static const struct {
		const char *name;
		void (*write)(struct buf *out);
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (!str_eq(shells[i].name, shell))
			continue;
		shells[i].write(out);
		return buf_failed(out);
	}
	return -EINVAL;
}

ctr_code verb_completion(struct cli *c, struct ctr_error *err)
{
	AUTO_BUF out = BUF_INIT(SCRIPT_MAX);

	if (completion_script(c->args.rest[0], &out) == -EINVAL)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s': bash, zsh or fish",
				c->args.rest[0]);
	return out_flush(&out, err);
}
