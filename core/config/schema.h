/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of the daemon's own keys: from it come the check of a file, the defaults, `ctrd
 * config default` and docs/configuration.md. A new key is one line in schema.c and `ctrd config
 * reference > docs/configuration.md`.
 */
#ifndef CTR_CORE_CONFIG_SCHEMA_H
#define CTR_CORE_CONFIG_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

enum key_type { KEY_STR, KEY_ENUM, KEY_PATH, KEY_INT, KEY_BOOL, KEY_DURATION, KEY_SIZE, KEY_STRV };

struct config_key {
	const char *path; /* "grpc.address" */
	enum key_type type;
	const char *fallback; /* as text; KEY_STRV: elements separated by '|' */
	int64_t min, max;     /* KEY_INT; KEY_DURATION in ns; KEY_SIZE in bytes */
	const char *choices;  /* KEY_ENUM: words separated by '|' */
	const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

const struct config_key *schema_find(const char *path);
int schema_is_table(const char *path); /* "grpc": some key lies below it */
#define SCHEMA_NAME_ROOM 96
/*
 * The known name nearest to the mistyped one below the table ("" for the top): 1, or 0 when none is
 * near.
 */
int schema_nearest(const char *table, const char *name, char ret[SCHEMA_NAME_ROOM]);
const char *schema_type_name(enum key_type type); /* "a duration (\"1m30s\")" */
/* How far two words are apart: insertions, deletions, replacements and swaps. */
size_t edit_distance(const char *a, const char *b);
/* Near enough to be meant: at most a third of the longer word differs. */
int edit_near(const char *a, const char *b);
/* The text of a KEY_INT, KEY_BOOL, KEY_DURATION or KEY_SIZE as a number: 0, -EINVAL or -ERANGE. */
int schema_number(const struct config_key *key, const char *text, int64_t *ret);

#endif
