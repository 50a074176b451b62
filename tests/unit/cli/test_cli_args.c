/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing of flags by tables, and the table of all verbs itself.
 */
#include "unit.h"

#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

static const struct flag flags[] = {
	{ "interactive", 'i', FLAG_BOOL, NULL, "", NULL },
	{ "tty", 't', FLAG_BOOL, NULL, "", NULL },
	{ "name", 0, FLAG_TEXT, "NAME", "", NULL },
	{ "env", 'e', FLAG_LIST, "K=V", "", NULL },
	{ "memory", 'm', FLAG_TEXT, "BYTES", "", NULL },
};
static const struct flag global_flags[] = { { "namespace", 'n', FLAG_TEXT, "NAME", "", NULL } };
static const struct verb stop = {
	.name = "run", .options = VERB_STOP, .min_args = 1, .max_args = ANY_ARGS, FLAGS(flags)
};
static const struct verb loose = { .name = "rm", .max_args = 2, FLAGS(flags) };
static const struct verb global = { .name = "ctrctl", FLAGS(global_flags) };

struct parsed {
	struct args args, globals;
	char **argv;
	struct ctr_error err;
	ctr_code code;
};

static void parse(struct parsed *p, const struct verb *v, const char *line)
{
	*p = (struct parsed){ 0 };
	p->argv = strv_split(line, ' ');
	p->code = args_parse(v, &global, p->argv, &p->args, &p->globals, &p->err);
}

static void done(struct parsed *p)
{
	args_done(&p->args);
	args_done(&p->globals);
	strv_free(p->argv);
	error_done(&p->err);
}

static void combined_letters_and_values(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, &stop, "-it -e A=1 -eB=2 --env C=3 --env=D=4 -m=5 --name x image -i cmd");
	assert_int_equal(p.code, CTR_OK);
	assert_true(arg_on(&p.args, "interactive"));
	assert_true(arg_on(&p.args, "tty"));
	assert_string_equal(arg_text(&p.args, "name"), "x");
	assert_string_equal(arg_text(&p.args, "memory"), "5");
	assert_int_equal(strv_len(arg_list(&p.args, "env")), 4);
	assert_string_equal(arg_list(&p.args, "env")[1], "B=2");
	assert_string_equal(arg_list(&p.args, "env")[3], "D=4");
	assert_int_equal(p.args.n_rest, 3);
	assert_string_equal(p.args.rest[1], "-i");
	done(&p);
}

static void flags_may_follow_where_the_rest_is_ours(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, &loose, "a -i --namespace=k8s.io b");
	assert_int_equal(p.code, CTR_OK);
	assert_true(arg_on(&p.args, "interactive"));
	assert_string_equal(arg_text(&p.globals, "namespace"), "k8s.io");
	assert_int_equal(p.args.n_rest, 2);
	done(&p);
	parse(&p, &loose, "-- -i");
	assert_int_equal(p.code, CTR_OK);
	assert_string_equal(p.args.rest[0], "-i");
	done(&p);
}

static void booleans_take_true_and_false(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, &loose, "--tty=true --interactive=false");
	assert_int_equal(p.code, CTR_OK);
	assert_true(arg_on(&p.args, "tty"));
	assert_false(arg_on(&p.args, "interactive"));
	assert_null(arg_text(&p.args, "name"));
	assert_null(arg_list(&p.args, "env")[0]);
	done(&p);
}

static void mistakes_are_explained(void **state)
{
	static const struct {
		const struct verb *verb;
		const char *line, *text;
	} cases[] = {
		{ &loose, "--nmae x", "unknown flag '--nmae' (did you mean '--name'?)" },
		{ &loose, "--zzzzzz", "unknown flag '--zzzzzz'" },
		{ &loose, "-iz", "unknown flag '-z' in '-iz'" },
		{ &loose, "--name", "flag --name needs NAME" },
		{ &loose, "-m", "flag --memory needs BYTES" },
		{ &loose, "--tty=maybe", "flag --tty is true or false, not 'maybe'" },
		{ &loose, "a b c", "too many arguments from 'c' on" },
		{ &stop, "-i", "usage: run " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parsed p;

		parse(&p, cases[i].verb, cases[i].line);
		assert_int_equal(p.code, CTR_INVALID_ARGUMENT);
		assert_string_equal(error_text(&p.err), cases[i].text);
		done(&p);
	}
}

static void help_needs_no_arguments(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, &stop, "--help");
	assert_int_equal(p.code, CTR_OK);
	assert_true(p.args.help);
	done(&p);
}

static void check_verb(const struct verb *v)
{
	assert_true(v->n_flags <= FLAGS_MAX);
	assert_non_null(v->help);
	if (v->verbs)
		assert_null(v->run);
	else
		assert_non_null(v->run);
	for (size_t i = 0; i < v->n_flags; i++) {
		assert_true((v->flags[i].kind == FLAG_BOOL) == (v->flags[i].value == NULL));
		for (size_t k = 0; k < i; k++) {
			if (str_eq(v->flags[i].name, v->flags[k].name) ||
			    (v->flags[i].letter && v->flags[i].letter == v->flags[k].letter))
				fail_msg("%s: --%s and --%s clash", v->name, v->flags[i].name,
					 v->flags[k].name);
		}
	}
	for (size_t i = 0; i < v->n_verbs; i++)
		check_verb(&v->verbs[i]);
}

static void the_table_of_verbs_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < cli_root.n_verbs; i++)
		check_verb(&cli_root.verbs[i]);
	assert_non_null(verb_find(cli_root.verbs, cli_root.n_verbs, "run"));
	assert_null(verb_find(cli_root.verbs, cli_root.n_verbs, "push"));
	assert_string_equal(verb_nearest(cli_root.verbs, cli_root.n_verbs, "exce"), "exec");
	assert_string_equal(verb_nearest(cli_root.verbs, cli_root.n_verbs, "rnu"), "run");
	assert_string_equal(verb_nearest(cli_root.verbs, cli_root.n_verbs, "imges"), "images");
	assert_null(verb_nearest(cli_root.verbs, cli_root.n_verbs, "qqqqqqqq"));
}

static void help_names_every_flag(void **state)
{
	const struct verb *run = verb_find(cli_root.verbs, cli_root.n_verbs, "run");
	AUTO_BUF b = BUF_INIT(65536);

	(void)state;
	help_verb("ctrctl", run, &b);
	for (size_t i = 0; i < run->n_flags; i++)
		assert_non_null(strstr(b.data, run->flags[i].name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(combined_letters_and_values),
		cmocka_unit_test(flags_may_follow_where_the_rest_is_ours),
		cmocka_unit_test(booleans_take_true_and_false),
		cmocka_unit_test(mistakes_are_explained),
		cmocka_unit_test(help_needs_no_arguments),
		cmocka_unit_test(the_table_of_verbs_is_sound),
		cmocka_unit_test(help_names_every_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
