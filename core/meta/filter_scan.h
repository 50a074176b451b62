/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokens of the filter language. Positions are byte offsets into the input, as containerd's
 * messages show them.
 */
#ifndef CTR_CORE_META_FILTER_SCAN_H
#define CTR_CORE_META_FILTER_SCAN_H

#include <stddef.h>
#include <stdint.h>

enum filter_token {
	FT_END,
	FT_QUOTED,
	FT_VALUE,
	FT_FIELD,
	FT_SEPARATOR,
	FT_OPERATOR,
	FT_ILLEGAL,
	FT_OTHER, /* a character that begins nothing */
};

struct filter_scanner {
	const char *input;
	size_t n, at;      /* at: the next character */
	int value;         /* a value may come next */
	const char *error; /* of FT_ILLEGAL */
};

struct filter_text {
	size_t pos, n; /* in the input */
};

void filter_scan_init(struct filter_scanner *s, const char *input);
enum filter_token filter_scan(struct filter_scanner *s, struct filter_text *ret);
/* The next character after white space, not consumed; 0 at the end. */
uint32_t filter_peek(struct filter_scanner *s);
/* A quoted token without quotes and escapes; from malloc. 0, -EINVAL, -ENOMEM. */
int filter_unquote(const char *s, size_t n, char **ret);

#endif
