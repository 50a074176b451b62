/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing and matching of filters. A filter is a list of alternatives, each a list of selectors.
 * Regular expressions are PCRE2's with limits on time and memory; one that does not compile never
 * matches, as in containerd.
 */
#include "core/meta/filter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "core/meta/filter_scan.h"

#define MATCH_STEPS 200000 /* of one match */
#define MATCH_KIB   1024

enum op { OP_PRESENT, OP_EQUAL, OP_NOT_EQUAL, OP_MATCHES };

struct selector {
	char **path; /* NULL-terminated */
	size_t n_path;
	enum op op;
	char *value;
	pcre2_code *re; /* NULL: does not compile */
	pcre2_match_data *match;
};

struct alternative {
	struct selector *selectors;
	size_t n;
};

struct filter {
	struct alternative *any;
	size_t n;
	pcre2_match_context *limits;
};

struct parser {
	struct filter_scanner s;
	struct filter *filter;
	struct ctr_error *err;
};

/* ---- release ---- */

static void selector_done(struct selector *sel)
{
	strv_free(sel->path);
	free(sel->value);
	pcre2_code_free(sel->re);
	pcre2_match_data_free(sel->match);
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++) {
		for (size_t j = 0; j < f->any[i].n; j++)
			selector_done(&f->any[i].selectors[j]);
		free(f->any[i].selectors);
	}
	free(f->any);
	pcre2_match_context_free(f->limits);
	free(f);
}

void auto_filter(struct filter **f)
{
	filter_free(*f);
}

/* ---- parsing ---- */

static ctr_code oom(struct parser *p)
{
	return ctr_fail(p->err, CTR_RESOURCE_EXHAUSTED, "filters: out of memory");
}

static ctr_code bad(struct parser *p, size_t pos, const char *what)
{
	const char *in = p->s.input;

	if (pos >= p->s.n)
		return ctr_fail(p->err, CTR_INVALID_ARGUMENT, "filters: parse error: [%s]: %s", in,
				what);
	return ctr_fail(p->err, CTR_INVALID_ARGUMENT, "filters: parse error: [%.*s >|%c|< %s]: %s",
			(int)pos, in, in[pos], in + pos + 1, what);
}

static ctr_code copy_text(struct parser *p, struct filter_text t, char **ret)
{
	*ret = str_ndup(p->s.input + t.pos, t.n);
	return *ret ? CTR_OK : oom(p);
}

static ctr_code unquote(struct parser *p, struct filter_text t, int any_quote, char **ret)
{
	if (!any_quote && p->s.input[t.pos] != '"')
		return bad(p, t.pos, "invalid quote encountered");
	int r = filter_unquote(p->s.input + t.pos, t.n, ret);

	if (r == -ENOMEM)
		return oom(p);
	return r < 0 ? bad(p, t.pos, "unquoting failed: invalid syntax") : CTR_OK;
}

static ctr_code parse_field(struct parser *p, struct selector *sel)
{
	AUTO_FREE char *field = NULL;
	struct filter_text t;
	enum filter_token token = filter_scan(&p->s, &t);
	ctr_code code;

	if (token == FT_FIELD)
		code = copy_text(p, t, &field);
	else if (token == FT_QUOTED)
		code = unquote(p, t, 0, &field);
	else
		code = bad(p, t.pos, token == FT_ILLEGAL ? p->s.error : "expected field or quoted");
	if (code != CTR_OK)
		return code;
	if (++sel->n_path > FILTER_PARTS)
		return bad(p, t.pos, "too many fields in one path");
	return strv_push(&sel->path, field) < 0 ? oom(p) : CTR_OK;
}

static ctr_code parse_operator(struct parser *p, struct selector *sel)
{
	static const char *const texts[] = {
		[OP_EQUAL] = "==", [OP_NOT_EQUAL] = "!=", [OP_MATCHES] = "~="
	};
	struct filter_text t;
	enum filter_token token = filter_scan(&p->s, &t);
	char what[64];

	if (token == FT_ILLEGAL)
		return bad(p, t.pos, p->s.error);
	if (token != FT_OPERATOR)
		return bad(p, t.pos, "expected an operator (\"==\"|\"!=\"|\"~=\")");
	for (enum op op = OP_EQUAL; op <= OP_MATCHES; op++) {
		if (t.n == 2 && memcmp(p->s.input + t.pos, texts[op], 2) == 0) {
			sel->op = op;
			return CTR_OK;
		}
	}
	snprintf(what, sizeof(what), "unsupported operator \"%.*s\"", (int)MIN(t.n, 32),
		 p->s.input + t.pos);
	return bad(p, t.pos, what);
}

static ctr_code compile(struct parser *p, struct selector *sel)
{
	PCRE2_SIZE at;
	int why;

	sel->re = pcre2_compile((PCRE2_SPTR)sel->value, PCRE2_ZERO_TERMINATED,
				PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &why,
				&at, NULL);
	if (!sel->re)
		return CTR_OK;
	sel->match = pcre2_match_data_create(1, NULL);
	return sel->match ? CTR_OK : oom(p);
}

static ctr_code parse_value(struct parser *p, struct selector *sel)
{
	struct filter_text t;
	enum filter_token token = filter_scan(&p->s, &t);
	ctr_code code;

	if (token == FT_VALUE || token == FT_FIELD)
		code = copy_text(p, t, &sel->value);
	else if (token == FT_QUOTED)
		code = unquote(p, t, sel->op == OP_MATCHES, &sel->value);
	else
		code = bad(p, t.pos, token == FT_ILLEGAL ? p->s.error : "expected value or quoted");
	if (code == CTR_OK && sel->op == OP_MATCHES)
		code = compile(p, sel);
	return code;
}

static ctr_code parse_selector(struct parser *p, struct selector *sel)
{
	struct filter_text dot;
	ctr_code code = parse_field(p, sel);

	while (code == CTR_OK && filter_peek(&p->s) == '.') {
		filter_scan(&p->s, &dot);
		code = parse_field(p, sel);
	}
	if (code != CTR_OK)
		return code;
	uint32_t next = filter_peek(&p->s);

	if (next == 0 || next == ',')
		return CTR_OK;
	code = parse_operator(p, sel);
	return code == CTR_OK ? parse_value(p, sel) : code;
}

static ctr_code parse_one(struct parser *p, struct alternative *alt)
{
	struct filter_text comma;
	ctr_code code;
	char what[64];

	if (filter_peek(&p->s) == 0)
		return CTR_OK; /* empty: matches everything */
	for (;;) {
		struct selector *grown = reallocarray(alt->selectors, alt->n + 1, sizeof(*grown));

		if (!grown)
			return oom(p);
		alt->selectors = grown;
		grown[alt->n] = (struct selector){ .op = OP_PRESENT };
		code = parse_selector(p, &grown[alt->n++]);
		if (code != CTR_OK)
			return code;
		uint32_t next = filter_peek(&p->s);

		if (next == 0)
			return CTR_OK;
		if (next != ',') {
			snprintf(what, sizeof(what), "unexpected input: %c", p->s.input[p->s.at]);
			return bad(p, p->s.at, what);
		}
		filter_scan(&p->s, &comma);
		if (alt->n >= FILTER_PARTS)
			return bad(p, comma.pos, "too many selectors in one filter");
	}
}

static struct filter *filter_new(size_t n)
{
	struct filter *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->any = calloc(n ? n : 1, sizeof(*f->any));
	f->limits = pcre2_match_context_create(NULL);
	if (!f->any || !f->limits) {
		filter_free(f);
		return NULL;
	}
	f->n = n;
	pcre2_set_match_limit(f->limits, MATCH_STEPS);
	pcre2_set_heap_limit(f->limits, MATCH_KIB);
	return f;
}

ctr_code filter_parse(const char *const *filters, size_t n, struct filter **ret,
		      struct ctr_error *err)
{
	if (n > FILTERS_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "filters: %zu filters, more than %d", n,
				FILTERS_MAX);
	AUTO_FILTER *f = filter_new(n);

	if (!f)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "filters: out of memory");
	for (size_t i = 0; i < n; i++) {
		struct parser p = { .filter = f, .err = err };

		if (strlen(filters[i]) > FILTER_MAX)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"filters: filter of %zu bytes, more than %d",
					strlen(filters[i]), FILTER_MAX);
		filter_scan_init(&p.s, filters[i]);
		ctr_code code = parse_one(&p, &f->any[i]);

		if (code != CTR_OK)
			return code;
	}
	*ret = take_ptr(&f);
	return CTR_OK;
}

/* ---- matching ---- */

static int selector_match(const struct filter *f, const struct selector *sel, filter_field_fn fn,
			  const void *obj)
{
	const char *value = "";
	int present = fn(obj, (const char *const *)sel->path, sel->n_path, &value);

	if (!present)
		value = "";
	switch (sel->op) {
	case OP_PRESENT:
		return present;
	case OP_EQUAL:
		return present && str_eq(value, sel->value);
	case OP_NOT_EQUAL:
		return !str_eq(value, sel->value);
	case OP_MATCHES:
		break;
	}
	return sel->re && pcre2_match(sel->re, (PCRE2_SPTR)value, PCRE2_ZERO_TERMINATED, 0, 0,
				      sel->match, f->limits) >= 0;
}

int filter_match(const struct filter *f, filter_field_fn fn, const void *obj)
{
	if (!f || f->n == 0)
		return 1;
	for (size_t i = 0; i < f->n; i++) {
		int all = 1;

		for (size_t j = 0; all && j < f->any[i].n; j++)
			all = selector_match(f, &f->any[i].selectors[j], fn, obj);
		if (all)
			return 1;
	}
	return 0;
}

int filter_string(const char *value, size_t n_path, const char **ret)
{
	if (n_path != 1 || !value || !*value)
		return 0;
	*ret = value;
	return 1;
}

/* Is key the parts, joined with '.'? */
static int is_joined(const char *key, const char *const *path, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(path[i]);

		if (strncmp(key, path[i], len) != 0)
			return 0;
		key += len;
		if (i + 1 < n && *key++ != '.')
			return 0;
	}
	return *key == '\0';
}

int filter_labels(struct ctr_labels l, const char *const *path, size_t n, const char **ret)
{
	for (uint64_t i = 0; n > 0 && i < l.n; i++) {
		if (is_joined(l.items[i].key, path, n)) {
			*ret = l.items[i].value;
			return 1;
		}
	}
	return 0;
}
