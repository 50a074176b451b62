/* SPDX-License-Identifier: Apache-2.0
 *
 * URI taking-apart, no more than the stdio of a request needs: there is no host, port or fragment.
 */
#include "shim/uri.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define LOG_FILES_MAX 1000
#define LOG_BYTES_MIN 4096

/* Decode %xx (and '+' in a query) of s[0..n) into a new string; a NUL inside is refused. */
static int decode(const char *s, size_t n, int plus, char **ret)
{
	AUTO_FREE char *out = malloc(n + 1);
	size_t len = 0;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '+' && plus) {
			c = ' ';
		} else if (c == '%') {
			if (n - i < 3 || hex_decode(s + i + 1, 2, &c) < 0 || c == '\0')
				return -EINVAL;
			i += 2;
		}
		out[len++] = c;
	}
	out[len] = '\0';
	*ret = take_ptr(&out);
	return 0;
}

static int push_decoded(char ***v, const char *s, size_t n)
{
	AUTO_FREE char *text = NULL;
	int r = decode(s, n, 1, &text);

	return r < 0 ? r : strv_push(v, text);
}

static int parse_query(const char *s, char ***query)
{
	while (*s) {
		size_t n = strcspn(s, "&");
		const char *equals = memchr(s, '=', n);
		size_t key = equals ? (size_t)(equals - s) : n;
		int r;

		if (n > 0) {
			r = push_decoded(query, s, key);
			if (r == 0)
				r = push_decoded(query, equals ? equals + 1 : "",
						 equals ? n - key - 1 : 0);
			if (r < 0)
				return r;
		}
		s += n + (s[n] == '&');
	}
	return 0;
}

static int parse_into(const char *s, struct uri *u)
{
	const char *colon = strstr(s, "://");
	const char *path = colon ? colon + 3 : s;
	size_t n = colon ? strcspn(path, "?") : strlen(path);
	int r;

	u->scheme = str_ndup(s, colon ? (size_t)(colon - s) : 0);
	u->query = calloc(1, sizeof(*u->query));
	if (!u->scheme || !u->query)
		return -ENOMEM;
	if (path[0] != '/')
		return -EINVAL;
	if (!colon) { /* a bare path is taken as it is */
		u->path = str_dup(path);
		return u->path ? 0 : -ENOMEM;
	}
	r = decode(path, n, 0, &u->path);
	if (r < 0)
		return r;
	return path[n] == '?' ? parse_query(path + n + 1, &u->query) : 0;
}

int uri_parse(const char *s, struct uri *ret)
{
	struct uri u = { 0 };
	int r;

	if (strnlen(s, URI_MAX + 1) > URI_MAX)
		return -E2BIG;
	r = parse_into(s, &u);
	if (r < 0) {
		uri_done(&u);
		return r;
	}
	*ret = u;
	return 0;
}

void uri_done(struct uri *u)
{
	free(u->scheme);
	free(u->path);
	strv_free(u->query);
	memset(u, 0, sizeof(*u));
}

static int set_option(struct log_options *o, const char *key, const char *value)
{
	if (strcmp(key, "format") == 0) {
		if (strcmp(value, "json") == 0)
			o->format = LOG_FORMAT_JSON;
		else if (strcmp(value, "cri") == 0)
			o->format = LOG_FORMAT_CRI;
		else
			return -EINVAL;
		return 0;
	}
	if (strcmp(key, "max-size") == 0) {
		if (parse_size(value, &o->max_bytes) < 0)
			return -EINVAL;
		return o->max_bytes == 0 || o->max_bytes >= LOG_BYTES_MIN ? 0 : -EINVAL;
	}
	if (strcmp(key, "max-files") == 0) {
		if (parse_u32(value, &o->max_files) < 0)
			return -EINVAL;
		return o->max_files >= 1 && o->max_files <= LOG_FILES_MAX ? 0 : -EINVAL;
	}
	if (strcmp(key, "stdin") == 0 && strcmp(value, "attach") == 0) {
		o->attach_stdin = 1;
		return 0;
	}
	return -EINVAL;
}

int log_options_parse(char *const *query, struct log_options *ret, const char **ret_bad)
{
	struct log_options o = { .format = LOG_FORMAT_JSON, .max_files = 1 };

	for (char *const *p = query; *p && p[1]; p += 2) {
		if (set_option(&o, p[0], p[1]) < 0) {
			*ret_bad = p[0];
			return -EINVAL;
		}
	}
	*ret = o;
	return 0;
}
