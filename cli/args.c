/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing of flags by the tables: --name=value, --name value, -x value, -xvalue, -abc, and "--" as
 * the end.
 */
#include "cli/args.h"

#include <assert.h>
#include <string.h>

#include "base/str.h"

struct parse {
	const struct verb *verb, *global;
	struct args *args, *globals;
	char **argv;
	size_t at;
};

static char *const no_list[] = { NULL };

static void values_done(struct args *a)
{
	for (size_t i = 0; i < FLAGS_MAX; i++)
		strv_free(a->values[i].list);
}

void args_done(struct args *a)
{
	values_done(a);
	strv_free(a->rest_owned);
	*a = (struct args){ 0 };
}

/* Edit distance where two swapped neighbours count once; words over 31 bytes resemble nothing. */
static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned d[3][32] = { { 0 } }; /* rows i - 2, i - 1 and i, by i modulo 3 */

	if (n > 31 || m > 31)
		return 99;
	for (size_t i = 0; i <= n; i++) {
		unsigned *row = d[i % 3], *above = d[(i + 2) % 3], *before = d[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t k = 1; k <= m; k++) {
			if (i == 0) {
				row[k] = (unsigned)k;
				continue;
			}
			row[k] = MIN(above[k], row[k - 1]) + 1;
			row[k] = MIN(row[k], above[k - 1] + (unsigned)(a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				row[k] = MIN(row[k], before[k - 2] + 1);
		}
	}
	return d[n % 3][m];
}

/* Near enough to be a slip of the fingers. */
static int near(const char *given, const char *name, unsigned *best)
{
	unsigned d = distance(given, name);

	if (str_starts(name, given) && strlen(given) >= 3)
		d = 1;
	if (d >= *best || d > 1 + (unsigned)strlen(given) / 3)
		return 0;
	*best = d;
	return 1;
}

static const char *flag_nearest(const struct verb *v, const char *name)
{
	const char *found = NULL;
	unsigned best = 99;

	for (size_t i = 0; i < v->n_flags; i++) {
		if (near(name, v->flags[i].name, &best))
			found = v->flags[i].name;
	}
	return found;
}

const char *verb_nearest(const struct verb *list, size_t n, const char *name)
{
	const char *found = NULL;
	unsigned best = 99;

	for (size_t i = 0; i < n; i++) {
		if (!(list[i].options & VERB_QUIET) && near(name, list[i].name, &best))
			found = list[i].name;
	}
	return found;
}

const struct verb *verb_find(const struct verb *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(list[i].name, name))
			return &list[i];
	}
	return NULL;
}

/*
 * Index of a flag in a verb's table by long name (n bytes), or by letter; n_flags when it is not
 * there.
 */
static size_t find_long(const struct verb *v, const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < v->n_flags; i++) {
		if (strlen(v->flags[i].name) == n && strncmp(v->flags[i].name, name, n) == 0)
			break;
	}
	return i;
}

static size_t find_letter(const struct verb *v, char letter)
{
	size_t i;

	for (i = 0; i < v->n_flags && v->flags[i].letter != letter; i++)
		;
	return i;
}

/* Of a flag that takes one value the last one counts, as scripts expect. */
static ctr_code store(struct args *a, size_t index, const char *text, struct ctr_error *err)
{
	const struct flag *f = &a->verb->flags[index];
	struct flag_value *v = &a->values[index];

	if (f->kind == FLAG_LIST && strv_push(&v->list, text) < 0)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "flag --%s: out of memory", f->name);
	v->set = 1;
	v->text = text;
	return CTR_OK;
}

/* true, false, or neither: -1. */
static int boolean(const char *text)
{
	if (str_eq(text, "true") || str_eq(text, "1"))
		return 1;
	return str_eq(text, "false") || str_eq(text, "0") ? 0 : -1;
}

static ctr_code take(struct parse *p, struct args *a, size_t index, const char *value,
		     struct ctr_error *err)
{
	const struct flag *f = &a->verb->flags[index];

	if (f->kind == FLAG_BOOL) {
		int on = value ? boolean(value) : 1;

		if (on < 0)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"flag --%s is true or false, not '%s'", f->name, value);
		a->values[index].set = on;
		return CTR_OK;
	}
	if (!value)
		value = p->argv[p->at] ? p->argv[p->at++] : NULL;
	if (!value)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "flag --%s needs %s", f->name, f->value);
	return store(a, index, value, err);
}

static ctr_code parse_long(struct parse *p, const char *word, struct ctr_error *err)
{
	const char *equals = strchr(word, '=');
	size_t n = equals ? (size_t)(equals - word) : strlen(word);
	size_t i = find_long(p->verb, word, n);
	const char *value = equals ? equals + 1 : NULL;
	const char *nearest;

	if (i < p->verb->n_flags)
		return take(p, p->args, i, value, err);
	i = find_long(p->global, word, n);
	if (i < p->global->n_flags)
		return take(p, p->globals, i, value, err);
	if (n == 4 && strncmp(word, "help", 4) == 0) {
		p->args->help = 1;
		return CTR_OK;
	}

	AUTO_FREE char *name = str_ndup(word, n);

	nearest = name ? flag_nearest(p->verb, name) : NULL;
	if (nearest)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"unknown flag '--%s' (did you mean '--%s'?)", name, nearest);
	return ctr_fail(err, CTR_INVALID_ARGUMENT, "unknown flag '--%s'", str_or(name, word));
}

static ctr_code parse_letters(struct parse *p, const char *letters, struct ctr_error *err)
{
	for (const char *l = letters; *l; l++) {
		struct args *a = p->args;
		size_t i = find_letter(p->verb, *l);

		if (i == p->verb->n_flags) {
			a = p->globals;
			i = find_letter(p->global, *l);
		}
		if (i == a->verb->n_flags && *l == 'h') {
			p->args->help = 1;
			continue;
		}
		if (i == a->verb->n_flags)
			return ctr_fail(err, CTR_INVALID_ARGUMENT, "unknown flag '-%c' in '-%s'",
					*l, letters);
		if (a->verb->flags[i].kind != FLAG_BOOL) {
			const char *value = l[1] == '=' ? l + 2 : l + 1;

			return take(p, a, i, l[1] ? value : NULL, err);
		}
		ctr_code code = take(p, a, i, NULL, err);

		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

static ctr_code check_count(const struct args *a, struct ctr_error *err)
{
	const struct verb *v = a->verb;

	if (a->help)
		return CTR_OK;
	if (a->n_rest < v->min_args)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "usage: %s %s", v->name,
				str_or(v->args, ""));
	if (a->n_rest > v->max_args)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "too many arguments from '%s' on",
				a->rest[v->max_args]);
	return CTR_OK;
}

ctr_code args_parse(const struct verb *verb, const struct verb *global, char **argv,
		    struct args *ret, struct args *globals, struct ctr_error *err)
{
	struct parse p = {
		.verb = verb, .global = global, .args = ret, .globals = globals, .argv = argv
	};
	ctr_code code = CTR_OK;

	assert(verb->n_flags <= FLAGS_MAX);
	ret->verb = verb;
	globals->verb = global;
	while (code == CTR_OK && argv[p.at]) {
		const char *word = argv[p.at];

		if (word[0] != '-' || !word[1]) {
			if (verb->options & VERB_STOP)
				break;
			p.at++;
			if (strv_push(&ret->rest_owned, word) < 0)
				return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
			continue;
		}
		p.at++;
		if (str_eq(word, "--"))
			break;
		code = word[1] == '-' ? parse_long(&p, word + 2, err)
				      : parse_letters(&p, word + 1, err);
	}
	if (code != CTR_OK)
		return code;
	for (; !(verb->options & VERB_STOP) && argv[p.at]; p.at++) {
		if (strv_push(&ret->rest_owned, argv[p.at]) < 0)
			return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	}
	ret->rest = verb->options & VERB_STOP ? argv + p.at : ret->rest_owned;
	ret->n_rest = strv_len(ret->rest);
	return check_count(ret, err);
}

static const struct flag_value *value_of(const struct args *a, const char *name)
{
	size_t i = find_long(a->verb, name, strlen(name));

	assert(i < a->verb->n_flags);
	return &a->values[i];
}

int arg_on(const struct args *a, const char *name)
{
	return value_of(a, name)->set;
}

int arg_given(const struct args *a, const char *name)
{
	return value_of(a, name)->set;
}

const char *arg_text(const struct args *a, const char *name)
{
	return value_of(a, name)->set ? value_of(a, name)->text : NULL;
}

char *const *arg_list(const struct args *a, const char *name)
{
	const struct flag_value *v = value_of(a, name);

	return v->list ? v->list : no_list;
}
