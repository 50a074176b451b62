/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables, JSON and templates of lists.
 */
#include "cli/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/str.h"

#define OUTPUT_MAX (64 * 1024 * 1024)
#define GAP        3

ctr_code out_flush(struct buf *b, struct ctr_error *err)
{
	int r;

	if (buf_failed(b))
		return ctr_fail_errno(err, b->failed, "output");
	r = b->len ? io_write_full(STDOUT_FILENO, b->data, b->len) : 0;
	return r < 0 ? ctr_fail_errno(err, r, "write to stdout") : CTR_OK;
}

ctr_code out_json(const json_t *value, struct ctr_error *err)
{
	AUTO_FREE char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
	AUTO_BUF b = BUF_INIT(OUTPUT_MAX);

	if (!text)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "output: out of memory");
	buf_puts(&b, text);
	buf_putc(&b, '\n');
	return out_flush(&b, err);
}

/* Length of the UTF-8 sequence at s, 0 when it is none. */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return str_is_utf8((const char *)s, n) ? n : 0;
}

void out_clean(struct buf *b, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	while (*p) {
		size_t n = utf8_len(p);

		/* C0, DEL, and the C1 controls, which some terminals obey too */
		if (n == 0 || *p < 0x20 || *p == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0))
			buf_putc(b, '?');
		else
			buf_append(b, p, n);
		p += n ? n : 1;
	}
}

static size_t width_of(const char *s, size_t n)
{
	size_t width = 0;

	for (size_t i = 0; i < n; i++)
		width += ((unsigned char)s[i] & 0xc0) != 0x80;
	return width;
}

static void put_value(struct buf *b, const json_t *v)
{
	AUTO_FREE char *text = NULL;

	switch (json_typeof(v)) {
	case JSON_STRING:
		out_clean(b, json_string_value(v));
		return;
	case JSON_INTEGER:
		buf_printf(b, "%" PRId64, (int64_t)json_integer_value(v));
		return;
	case JSON_REAL:
		buf_printf(b, "%g", json_real_value(v));
		return;
	case JSON_TRUE:
		buf_puts(b, "true");
		return;
	case JSON_FALSE:
		buf_puts(b, "false");
		return;
	case JSON_NULL:
		return;
	case JSON_OBJECT:
	case JSON_ARRAY:
		text = json_dumps(v, JSON_COMPACT);
		if (text)
			buf_puts(b, text);
		return;
	}
}

static const json_t *lookup(const json_t *o, const char *path, size_t n)
{
	const char *p = path;

	while (o && n > 0) {
		const char *dot = memchr(p, '.', n);
		size_t len = dot ? (size_t)(dot - p) : n;
		AUTO_FREE char *key = str_ndup(p, len);

		o = key ? json_object_get(o, key) : NULL;
		p += len + (dot != NULL);
		n -= len + (dot != NULL);
	}
	return o;
}

/* The inside of {{ }}: ".A.B", ".", "json .A". */
static ctr_code action(const char *s, size_t n, const json_t *object, struct buf *out,
		       struct ctr_error *err)
{
	int json = 0;
	const json_t *v;

	while (n && *s == ' ')
		s++, n--;
	while (n && s[n - 1] == ' ')
		n--;
	if (n > 5 && strncmp(s, "json ", 5) == 0) {
		json = 1;
		for (s += 5, n -= 5; n && *s == ' '; n--)
			s++;
	}
	if (n == 0 || *s != '.')
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"template: '{{%.*s}}' is not of the form {{.Name}}", (int)n, s);
	v = lookup(object, s + 1, n - 1);
	if (!v && !memchr(s + 1, '.', n - 1))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"template: there is no member '%.*s' here", (int)n, s);
	if (json) {
		AUTO_FREE char *text = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

		buf_puts(out, text ? text : "null");
	} else if (v) {
		put_value(out, v);
	}
	return CTR_OK;
}

ctr_code out_template(const char *text, const json_t *object, struct buf *out,
		      struct ctr_error *err)
{
	for (const char *p = text; *p;) {
		if (p[0] == '{' && p[1] == '{') {
			const char *end = strstr(p + 2, "}}");
			ctr_code code;

			if (!end)
				return ctr_fail(err, CTR_INVALID_ARGUMENT,
						"template: '{{' without '}}'");
			code = action(p + 2, (size_t)(end - p - 2), object, out, err);
			if (code != CTR_OK)
				return code;
			p = end + 2;
		} else if (p[0] == '\\' && (p[1] == 't' || p[1] == 'n')) {
			buf_putc(out, p[1] == 't' ? '\t' : '\n');
			p += 2;
		} else {
			buf_putc(out, *p++);
		}
	}
	return CTR_OK;
}

/* The cells' texts of one column and the widest of them. */
static void cell(const struct column *c, const json_t *row, struct buf *b)
{
	const json_t *v = json_object_get(row, c->key);

	if (v)
		put_value(b, v);
}

static size_t column_width(const struct column *c, const json_t *rows)
{
	size_t width = strlen(c->title);
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		AUTO_BUF b = BUF_INIT(OUTPUT_MAX);

		cell(c, row, &b);
		width = MAX(width, width_of(b.data, b.len));
	}
	return width;
}

static void put_line(struct buf *out, const struct column *columns, size_t n, const size_t *widths,
		     const json_t *row)
{
	size_t last = 0;

	for (size_t i = 0; i < n; i++)
		last = columns[i].title ? i : last;
	for (size_t i = 0; i <= last; i++) {
		AUTO_BUF b = BUF_INIT(OUTPUT_MAX);

		if (!columns[i].title)
			continue;
		if (row)
			cell(&columns[i], row, &b);
		else
			buf_puts(&b, columns[i].title);
		buf_append(out, b.data ? b.data : "", b.len);
		for (size_t k = width_of(b.data, b.len); i != last && k < widths[i] + GAP; k++)
			buf_putc(out, ' ');
	}
	buf_putc(out, '\n');
}

static ctr_code table(const struct column *columns, size_t n, const json_t *rows,
		      struct ctr_error *err)
{
	AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
	AUTO_FREE size_t *widths = calloc(n, sizeof(*widths));
	json_t *row;
	size_t i;

	if (!widths)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "output: out of memory");
	for (i = 0; i < n; i++)
		widths[i] = columns[i].title ? column_width(&columns[i], rows) : 0;
	put_line(&out, columns, n, widths, NULL);
	json_array_foreach(rows, i, row)
	{
		put_line(&out, columns, n, widths, row);
	}
	return out_flush(&out, err);
}

ctr_code out_rows(const struct args *a, const struct column *columns, size_t n, const char *id,
		  const json_t *rows, struct ctr_error *err)
{
	const char *format = arg_text(a, "format");
	AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
	AUTO_FREE char *by_id = NULL;
	json_t *row;
	size_t i;

	if (arg_on(a, "json") || (format && str_eq(format, "json")))
		return out_json(rows, err);
	if (!format && arg_on(a, "quiet")) {
		by_id = str_printf("{{.%s}}", id);
		format = by_id;
	}
	if (!format)
		return table(columns, n, rows, err);
	json_array_foreach(rows, i, row)
	{
		ctr_code code = out_template(format, row, &out, err);

		if (code != CTR_OK)
			return code;
		buf_putc(&out, '\n');
	}
	return out_flush(&out, err);
}

void human_size_text(uint64_t bytes, char ret[16])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(ret, 16,
		       unit == 0 || value >= 100 ? "%.0f%s"
		       : value >= 10             ? "%.1f%s"
						 : "%.2f%s",
		       value, units[unit]);
}

json_t *human_size(uint64_t bytes)
{
	char text[16];

	human_size_text(bytes, text);
	return json_string(text);
}

void human_span_text(int64_t ns, char ret[32])
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {
		{ 365 * 86400, "year" }, { 30 * 86400, "month" }, { 7 * 86400, "week" },
		{ 86400, "day" },        { 3600, "hour" },        { 60, "minute" },
		{ 1, "second" },
	};
	int64_t seconds = MAX(ns / NS_PER_SEC, 0);

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		int64_t n = seconds / units[i].seconds;

		/* two of a unit, or one day at least: "36 hours" tells more than "1 day" */
		if (n >= 2 || (n == 1 && units[i].seconds <= 3600)) {
			(void)snprintf(ret, 32, "%" PRId64 " %s%s", n, units[i].name,
				       n == 1 ? "" : "s");
			return;
		}
	}
	(void)snprintf(ret, 32, "less than a second");
}

json_t *human_age(int64_t wall_ns)
{
	char span[32], text[40];

	if (wall_ns == 0)
		return json_string("");
	human_span_text(clock_wall_ns() - wall_ns, span);
	(void)snprintf(text, sizeof(text), "%s ago", span);
	return json_string(text);
}
