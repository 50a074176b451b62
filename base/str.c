/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings and vectors of strings: allocation and comparison. No locale, no state; any thread.
 */
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *str_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

char *str_dup(const char *s)
{
	return s ? strdup(s) : NULL;
}

char *str_ndup(const char *s, size_t n)
{
	return s ? strndup(s, n) : NULL;
}

int str_eq(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

int str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

int str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), n_suffix = strlen(suffix);

	return n >= n_suffix && memcmp(s + n - n_suffix, suffix, n_suffix) == 0;
}

/* The bytes of the sequence that starts at p, at least one of n; 0 when it is none (RFC 3629). */
size_t utf8_sequence(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf; /* of the second byte: no overlongs, no surrogates */
	size_t len;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (n < len)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	}
	return len;
}

int str_is_utf8(const char *s, size_t n)
{
	while (n > 0) {
		size_t step = utf8_sequence(s, n);

		if (step == 0)
			return 0;
		s += step;
		n -= step;
	}
	return 1;
}

static size_t count_parts(const char *s, char sep)
{
	size_t n = 1;

	for (; *s; s++)
		n += *s == sep;
	return n;
}

char **strv_split(const char *s, char sep)
{
	AUTO_STRV v = calloc(count_parts(s, sep) + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return NULL;
	for (;;) {
		const char *end = strchrnul(s, sep);

		v[n] = strndup(s, (size_t)(end - s));
		if (!v[n])
			return NULL;
		n++;
		if (!*end)
			break;
		s = end + 1;
	}
	return take_ptr(&v);
}

int strv_push(char ***v, const char *s)
{
	size_t n = strv_len(*v);
	AUTO_FREE char *copy = strdup(s);

	if (!copy)
		return -ENOMEM;
	char **more = reallocarray(*v, n + 2, sizeof(*more));

	if (!more)
		return -ENOMEM;
	more[n] = take_ptr(&copy);
	more[n + 1] = NULL;
	*v = more;
	return 0;
}

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

void strv_free(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

void auto_strv(char ***v)
{
	strv_free(*v);
}
