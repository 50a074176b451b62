/* SPDX-License-Identifier: Apache-2.0
 *
 * What lists print: aligned tables, a JSON array, a template for each row, or names alone; sizes
 * and ages for people. Text from images and containers goes to a terminal only with its control
 * characters replaced.
 */
#ifndef CTR_CLI_OUTPUT_H
#define CTR_CLI_OUTPUT_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/args.h"

struct column {
	const char *key;   /* member of a row */
	const char *title; /* NULL: in --json and --format only */
};

/*
 * Print rows (array of objects) as the verb's FLAGS_LIST say; id: the member that --quiet prints.
 * Does not take rows over. INVALID_ARGUMENT: the template is wrong.
 */
ctr_code out_rows(const struct args *a, const struct column *columns, size_t n, const char *id,
		  const json_t *rows, struct ctr_error *err);

/* "{{.Key}} {{.A.B}} {{json .}} \t" applied to one object. */
ctr_code out_template(const char *text, const json_t *object, struct buf *out,
		      struct ctr_error *err);

/* Write the buffer to stdout. INTERNAL with the cause when it cannot be written. */
ctr_code out_flush(struct buf *b, struct ctr_error *err);
ctr_code out_json(const json_t *value, struct ctr_error *err); /* indented, with newline */

/* Printable copy of foreign text: control characters and broken UTF-8 as '?'. */
void out_clean(struct buf *b, const char *s);

json_t *human_size(uint64_t bytes); /* "1.5MB": powers of 1000, as container users are used to */
json_t *human_age(int64_t wall_ns); /* "5 minutes ago"; "" for 0 */
void human_size_text(uint64_t bytes, char ret[16]);
void human_span_text(int64_t ns, char ret[32]); /* "5 minutes" */

#endif
