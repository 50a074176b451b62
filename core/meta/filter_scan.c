/* SPDX-License-Identifier: Apache-2.0
 *
 * The scanner of the filter language and its quoting (Go's escapes; the quotes are '"', '/' and
 * '|'). Pure.
 */
#include "core/meta/filter_scan.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "base/str.h"

#define BAD UINT32_MAX

/* The character at s->at and its length; 0 at the end; BAD with s->error set. */
static uint32_t decode(struct filter_scanner *s, size_t at, size_t *ret_n)
{
	const unsigned char *p = (const unsigned char *)s->input + at;
	size_t n = 1;
	uint32_t ch = *p;

	*ret_n = 0;
	if (at >= s->n)
		return 0;
	if (ch >= 0xc2)
		n = ch < 0xe0 ? 2 : ch < 0xf0 ? 3 : ch < 0xf5 ? 4 : 1;
	if ((ch >= 0x80 && n == 1) || at + n > s->n || !str_is_utf8((const char *)p, n)) {
		s->error = "rune error";
		*ret_n = 1;
		return BAD;
	}
	if (n > 1)
		ch &= 0xffu >> (n + 1);
	for (size_t i = 1; i < n; i++)
		ch = ch << 6 | (p[i] & 0x3f);
	*ret_n = n;
	return ch;
}

static uint32_t peek(struct filter_scanner *s)
{
	size_t n;

	return decode(s, s->at, &n);
}

static uint32_t next(struct filter_scanner *s)
{
	size_t n;
	uint32_t ch = decode(s, s->at, &n);

	s->at += n;
	return ch;
}

static int is_space(uint32_t ch)
{
	return ch == ' ' || (ch >= '\t' && ch <= '\r') || ch == 0x85 || ch == 0xa0 ||
	       ch == 0x1680 || (ch >= 0x2000 && ch <= 0x200a) || ch == 0x2028 || ch == 0x2029 ||
	       ch == 0x202f || ch == 0x205f || ch == 0x3000;
}

static int is_field(uint32_t ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
	       ch == '_';
}

static int is_operator(uint32_t ch)
{
	return ch == '=' || ch == '!' || ch == '~';
}

static int is_quote(uint32_t ch)
{
	return ch == '"' || ch == '/' || ch == '|';
}

static int is_value(uint32_t ch)
{
	return ch != 0 && ch != BAD && ch != ',' && !is_space(ch) && ch > ' ' && ch != 0x7f &&
	       !(ch >= 0x80 && ch < 0xa0);
}

static int digit_value(uint32_t ch)
{
	if (ch >= '0' && ch <= '9')
		return (int)(ch - '0');
	if (ch >= 'a' && ch <= 'f')
		return (int)(ch - 'a' + 10);
	if (ch >= 'A' && ch <= 'F')
		return (int)(ch - 'A' + 10);
	return 16;
}

static int scan_digits(struct filter_scanner *s, int base, int count)
{
	for (; count > 0; count--) {
		if (digit_value(peek(s)) >= base) {
			s->error = "illegal escape sequence";
			return 0;
		}
		next(s);
	}
	return 1;
}

static int scan_escape(struct filter_scanner *s, uint32_t quote)
{
	uint32_t ch = next(s);

	if (ch != 0 && ch != BAD && (ch == quote || (ch < 0x80 && strchr("abfnrtv\\", (int)ch))))
		return 1;
	if (ch >= '0' && ch <= '7')
		return scan_digits(s, 8, 2);
	if (ch == 'x')
		return scan_digits(s, 16, 2);
	if (ch == 'u')
		return scan_digits(s, 16, 4);
	if (ch == 'U')
		return scan_digits(s, 16, 8);
	s->error = "illegal escape sequence";
	return 0;
}

static int scan_quoted(struct filter_scanner *s, uint32_t quote)
{
	for (uint32_t ch = next(s); ch != quote; ch = next(s)) {
		if (ch == '\n' || ch == 0 || ch == BAD) {
			s->error = "quoted literal not terminated";
			return 0;
		}
		if (ch == '\\' && !scan_escape(s, quote))
			return 0;
	}
	return 1;
}

void filter_scan_init(struct filter_scanner *s, const char *input)
{
	*s = (struct filter_scanner){ .input = input, .n = strlen(input) };
}

uint32_t filter_peek(struct filter_scanner *s)
{
	while (is_space(peek(s)))
		next(s);
	return peek(s);
}

static enum filter_token scan(struct filter_scanner *s, uint32_t ch)
{
	if (ch == 0)
		return FT_END;
	if (ch == BAD)
		return FT_ILLEGAL;
	if (is_quote(ch))
		return scan_quoted(s, ch) ? FT_QUOTED : FT_ILLEGAL;
	if (ch == ',' || ch == '.') {
		s->value = 0;
		return FT_SEPARATOR;
	}
	if (is_operator(ch)) {
		while (is_operator(peek(s)))
			next(s);
		s->value = 1;
		return FT_OPERATOR;
	}
	if (s->value && is_value(ch)) {
		while (is_value(peek(s)))
			next(s);
		s->value = 0;
		return FT_VALUE;
	}
	if (!is_field(ch))
		return FT_OTHER;
	while (is_field(peek(s)))
		next(s);
	return FT_FIELD;
}

enum filter_token filter_scan(struct filter_scanner *s, struct filter_text *ret)
{
	filter_peek(s);
	ret->pos = s->at;
	enum filter_token token = scan(s, next(s));

	ret->n = s->at - ret->pos;
	return token;
}

static size_t put_utf8(char *to, uint32_t ch)
{
	if (ch < 0x80) {
		to[0] = (char)ch;
		return 1;
	}
	if (ch < 0x800) {
		to[0] = (char)(0xc0 | ch >> 6);
		to[1] = (char)(0x80 | (ch & 0x3f));
		return 2;
	}
	if (ch < 0x10000) {
		to[0] = (char)(0xe0 | ch >> 12);
		to[1] = (char)(0x80 | (ch >> 6 & 0x3f));
		to[2] = (char)(0x80 | (ch & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | ch >> 18);
	to[1] = (char)(0x80 | (ch >> 12 & 0x3f));
	to[2] = (char)(0x80 | (ch >> 6 & 0x3f));
	to[3] = (char)(0x80 | (ch & 0x3f));
	return 4;
}

/*
 * One escape behind its backslash at *at; bytes written to to, or -EINVAL. An escaped NUL is
 * refused.
 */
static int unescape(const char **at, char *to)
{
	static const char letters[] = "abfnrtv", values[] = "\a\b\f\n\r\t\v";
	const char ch = *(*at)++;
	const char *known = strchr(letters, ch);
	uint32_t value = 0;
	int base = 16, count;

	if (known && ch) {
		*to = values[known - letters];
		return 1;
	}
	switch (ch) {
	case 'x':
		count = 2;
		break;
	case 'u':
		count = 4;
		break;
	case 'U':
		count = 8;
		break;
	default:
		if (ch < '0' || ch > '7') {
			*to = ch; /* a backslash or the quote: the scanner allows no other */
			return 1;
		}
		base = 8;
		count = 3;
		(*at)--;
	}
	for (int i = 0; i < count; i++)
		value = value * (uint32_t)base + (uint32_t)digit_value((unsigned char)*(*at)++);
	if (value == 0)
		return -EINVAL;
	if (ch == 'u' || ch == 'U') {
		if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
			return -EINVAL;
		return (int)put_utf8(to, value);
	}
	if (value > 0xff)
		return -EINVAL;
	*to = (char)value;
	return 1;
}

int filter_unquote(const char *s, size_t n, char **ret)
{
	AUTO_FREE char *text = malloc(n); /* never longer than what it came from */
	const char *at = s + 1, *end = s + n - 1;
	char *to = text;

	if (!text)
		return -ENOMEM;
	while (at < end) {
		if (*at != '\\') {
			*to++ = *at++;
			continue;
		}
		at++;
		int r = unescape(&at, to);

		if (r < 0)
			return r;
		to += r;
	}
	*to = '\0';
	*ret = take_ptr(&text);
	return 0;
}
