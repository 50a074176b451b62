/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree that a TOML file becomes: our own, so that nothing but toml.cc knows the parser, and so
 * that each value knows its file and line and whether anybody has read it. Core thread only.
 */
#ifndef CTR_CORE_CONFIG_NODE_H
#define CTR_CORE_CONFIG_NODE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum node_type { NODE_STR, NODE_INT, NODE_FLOAT, NODE_BOOL, NODE_ARRAY, NODE_TABLE };

struct node {
	enum node_type type;
	int32_t line;     /* 0: not from a file */
	char *key;        /* NULL in an array and at the top */
	const char *file; /* borrowed from the configuration, "default" or "command line" */
	char *str;        /* NODE_STR */
	int64_t num;      /* NODE_INT, NODE_BOOL */
	double real;      /* NODE_FLOAT */
	struct node *parent, *first, *last, *next; /* children in the order of the file */
	int read;                                  /* somebody asked for it */
};

/* A node, added to parent unless that is NULL. key is copied (NULL allowed). NULL on OOM. */
struct node *node_new(enum node_type type, struct node *parent, const char *key, const char *file,
		      int32_t line);
int node_set_str(struct node *n, const char *s,
		 size_t len);     /* copies; 0, -ENOMEM, or -EINVAL for a NUL inside */
void node_free(struct node *n);   /* with all below; NULL allowed */
void node_unlink(struct node *n); /* out of its parent */
struct node *node_get(const struct node *table, const char *key); /* NULL when absent or no table */
/*
 * Move every key of from over to; tables are merged key by key, everything else is replaced. from
 * is freed.
 */
void node_merge(struct node *to, struct node *from);
const char *node_type_name(enum node_type type); /* "a string" */
/* The dotted path from the top, quoted where TOML wants it. Caller frees; NULL on OOM. */
char *node_path(const struct node *n, const char *key);

/*
 * Parse n bytes of TOML. 0; or -EINVAL with "file:line: cause" in *ret_why (caller frees), also for
 * nesting beyond max_depth and for dates, which no key has; or -ENOMEM. toml.cc.
 */
int toml_parse_tree(const char *text, size_t n, const char *file, int max_depth, struct node **ret,
		    char **ret_why);

#ifdef __cplusplus
}
#endif

#endif
