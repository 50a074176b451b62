/* SPDX-License-Identifier: Apache-2.0
 *
 * ctrctl: find the verb, parse its flags, run it, return its exit code.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/ident.h"
#include "base/str.h"
#include "cli/cli.h"

#define HELP_MAX 65536

static void print_help(const struct cli *c, const struct verb *group, const struct verb *verb)
{
	AUTO_BUF b = BUF_INIT(HELP_MAX);

	if (verb)
		help_verb(c->path, verb, &b);
	else
		help_group(c->path, group, &b);
	fputs(b.data ? b.data : "", stdout);
}

/* The first of the names that is set, or the fallback. */
static const char *setting(const struct cli *c, const char *flag, const char *env1,
			   const char *env2, const char *fallback)
{
	const char *value = arg_text(&c->globals, flag);

	if (!value)
		value = cli_env(c, env1);
	if (!value)
		value = cli_env(c, env2);
	return value ? value : fallback;
}

static ctr_code settle(struct cli *c, struct ctr_error *err)
{
	c->address = setting(c, "address", "CTR_ADDRESS", "CONTAINERD_ADDRESS", DEFAULT_ADDRESS);
	if (str_starts(c->address, "unix://"))
		c->address += strlen("unix://");
	c->ns = setting(c, "namespace", "CTR_NAMESPACE", "CONTAINERD_NAMESPACE", DEFAULT_NAMESPACE);
	/* it becomes part of paths here */
	if (!ident_valid(c->ns))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is not a namespace's name", c->ns);
	return CTR_OK;
}

static ctr_code unknown_verb(const struct cli *c, const struct verb *group, const char *word,
			     struct ctr_error *err)
{
	const char *nearest = verb_nearest(group->verbs, group->n_verbs, word);

	if (nearest)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "unknown verb '%s' (did you mean '%s'?)",
				word, nearest);
	return ctr_fail(err, CTR_INVALID_ARGUMENT, "unknown verb '%s': see '%s --help'", word,
			c->path);
}

/*
 * Walk down the groups; flags before the verb are the global ones. *ret_verb NULL: only help was
 * asked for.
 */
static ctr_code find_verb(struct cli *c, char ***argv, const struct verb **ret_group,
			  const struct verb **ret_verb, struct ctr_error *err)
{
	static const struct verb none = { .name = "", .options = VERB_STOP, .max_args = ANY_ARGS };
	const struct verb *group = &cli_root;
	ctr_code code;

	for (;;) {
		struct args before = { 0 };
		const struct verb *next;
		char *path;

		*ret_group = group;
		code = args_parse(&none, &cli_root, *argv, &before, &c->globals, err);
		if (code != CTR_OK)
			return code;
		if (before.help || before.n_rest == 0)
			return CTR_OK;
		next = verb_find(group->verbs, group->n_verbs, before.rest[0]);
		if (!next)
			return unknown_verb(c, group, before.rest[0], err);
		*argv = before.rest + 1;
		if (!next->verbs) {
			*ret_verb = next;
			return CTR_OK;
		}
		path = str_printf("%s %s", c->path, next->name);
		if (!path)
			return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
		free(c->path);
		c->path = path;
		group = next;
	}
}

static ctr_code run(struct cli *c, char **argv, struct ctr_error *err)
{
	const struct verb *group = &cli_root, *verb = NULL;
	ctr_code code = find_verb(c, &argv, &group, &verb, err);

	if (code != CTR_OK)
		return code;
	if (arg_on(&c->globals, "version") && !verb) {
		puts("ctrctl " CTR_VERSION);
		return CTR_OK;
	}
	if (!verb) {
		print_help(c, group, NULL);
		return CTR_OK;
	}
	code = args_parse(verb, &cli_root, argv, &c->args, &c->globals, err);
	if (code != CTR_OK) {
		c->args.verb = verb;
		c->exit_code = str_eq(verb->name, "run") || str_eq(verb->name, "exec") ? 125 : 0;
		return code;
	}
	if (c->args.help) {
		print_help(c, group, verb);
		return CTR_OK;
	}
	code = settle(c, err);
	return code == CTR_OK ? verb->run(c, err) : code;
}

int main(int argc, char **argv, char **envp)
{
	struct cli c = { .envp = envp, .path = str_dup("ctrctl") };
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;

	(void)signal(SIGPIPE, SIG_IGN);
	c.globals.verb = &cli_root;
	code = argc > 0 && c.path ? run(&c, argv + 1, &err)
				  : ctr_fail(&err, CTR_INTERNAL, "no arguments");
	if (code != CTR_OK) {
		(void)fflush(stdout);
		cli_error(&c, c.subject, &err);
		c.exit_code = c.exit_code ? c.exit_code : 1;
	}
	if (c.failed && !c.exit_code)
		c.exit_code = 1;
	rpc_close(c.rpc);
	loop_free(c.loop);
	args_done(&c.args);
	args_done(&c.globals);
	free(c.path);
	free(c.state_dir);
	free(c.log_root);
	free(c.worker);
	return c.exit_code;
}
