/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: the configuration object, and the list of faults that a
 * check fills.
 */
#ifndef CTR_CORE_CONFIG_IMPL_H
#define CTR_CORE_CONFIG_IMPL_H

#include "base/buf.h"
#include "core/config/config.h"
#include "core/config/node.h"
#include "core/config/schema.h"

/* A plugin's view of a table; the opaque struct ctr_table of the SDK. */
struct asked {
	char **keys; /* every name that a getter was asked for: what the plugin knows */
};

struct ctr_table {
	struct asked *asked;
	struct node *node;
	struct config *config;
	struct ctr_table *next; /* in config.tables */
};

struct config {
	struct node *top;
	char **files;      /* names that nodes point to */
	char ***vectors;   /* one a schema key; NULL where that is no KEY_STRV */
	int may_be_unsafe; /* the file was given by -c, from outside /etc and /usr */
	struct ctr_table *tables;
	struct node *strays; /* array of empty tables made for absent keys, freed at the end */
	char ***lent;        /* vectors lent to plugins */
	size_t n_lent;
	char *last_origin; /* what config_origin() returned last */
};

#define FAULTS_MAX 65536

struct faults {
	struct buf text; /* one a line */
};

/* "file:line: <fmt>" */
void fault_at(struct faults *f, const struct node *n, const char *fmt, ...) PRINTF_LIKE(3, 4);
ctr_code faults_result(struct faults *f,
		       struct ctr_error *err); /* CTR_OK when there is none; releases f */

void config_check(struct config *c, struct faults *f); /* the daemon's own keys */
int config_build_vectors(struct config *c); /* after a check without faults; 0 or -ENOMEM */
struct node *config_node(const struct config *c, const char *path); /* NULL: not set */
void config_free_tables(struct config *c);
char *origin_text(const struct node *n); /* "file:line"; caller frees */

#endif
