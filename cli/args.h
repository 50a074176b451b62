/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs and flags as tables. Parsing, --help and the completion scripts all derive from them, so a
 * flag exists in all three or in none.
 */
#ifndef CTR_CLI_ARGS_H
#define CTR_CLI_ARGS_H

#include <stddef.h>

#include "base/buf.h"
#include "status/status.h"

struct cli;

enum flag_kind { FLAG_BOOL, FLAG_TEXT, FLAG_LIST };

struct flag {
	const char *name; /* long name */
	char letter;      /* 0: none */
	enum flag_kind kind;
	const char *value; /* what the value is called in --help; NULL for FLAG_BOOL */
	const char *help;
	const char *choices; /* for completion: "a b c", or NULL */
};

#define VERB_STOP                                                                                  \
	1 /* the first positional ends the flags: the rest belongs to the container's command */
#define VERB_QUIET 2 /* not in --help and completion */

struct verb {
	const char *name;
	const char *args; /* "IMAGE [COMMAND [ARG...]]", for --help */
	const char *help;
	const char *complete; /* what its positionals are: "container", "image", or NULL */
	const struct flag *flags;
	size_t n_flags;
	const struct verb *verbs; /* a group; then run is NULL */
	size_t n_verbs;
	unsigned min_args, max_args;
	unsigned options; /* VERB_* */
	ctr_code (*run)(struct cli *c, struct ctr_error *err);
};

#define ANY_ARGS  ~0u
#define FLAGS(a)  .flags = (a), .n_flags = ARRAY_SIZE(a)
#define VERBS(a)  .verbs = (a), .n_verbs = ARRAY_SIZE(a)
#define FLAGS_MAX 80
#define FLAGS_LIST                                                                                 \
	{ "quiet", 'q', FLAG_BOOL, NULL, "only the names", NULL },                                 \
		{ "json", 0, FLAG_BOOL, NULL, "a JSON array", NULL },                              \
		{ "format",                                                                        \
		  0,                                                                               \
		  FLAG_TEXT,                                                                       \
		  "TEMPLATE",                                                                      \
		  "a line for each, such as '{{.ID}} {{.Image}}'",                                 \
		  NULL },                                                                          \
	{                                                                                          \
		"no-trunc", 0, FLAG_BOOL, NULL, "nothing shortened", NULL                          \
	}

/*
 * What was given: one value for each flag of the verb, in the table's order, and the positionals.
 */
struct flag_value {
	int set;
	const char *text; /* the last one given */
	char **list;      /* FLAG_LIST: all of them */
};

struct args {
	const struct verb *verb;
	struct flag_value values[FLAGS_MAX];
	char **rest; /* NULL-terminated part of argv, or of rest_owned */
	char **rest_owned;
	size_t n_rest;
	int help; /* --help was given */
};
void args_done(struct args *a);

/*
 * Parse argv (without the verb's own name). The global table's flags are accepted too, where the
 * verb has none of the same name, and go to globals. CTR_INVALID_ARGUMENT with a text that names
 * the nearest flag.
 */
ctr_code args_parse(const struct verb *verb, const struct verb *global, char **argv,
		    struct args *ret, struct args *globals, struct ctr_error *err);

/* The name must be in the verb's table. */
int arg_on(const struct args *a, const char *name);
int arg_given(const struct args *a, const char *name);
const char *arg_text(const struct args *a, const char *name);  /* NULL: not given */
char *const *arg_list(const struct args *a, const char *name); /* never NULL */

/* The verb of this name in a table, or NULL; and the nearest name for a suggestion, or NULL. */
const struct verb *verb_find(const struct verb *list, size_t n, const char *name);
const char *verb_nearest(const struct verb *list, size_t n, const char *name);

/* Help texts. path: "ctrctl" or "ctrctl snapshot". */
void help_group(const char *path, const struct verb *group, struct buf *out);
void help_verb(const char *path, const struct verb *verb, struct buf *out);

#endif
