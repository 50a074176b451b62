/* SPDX-License-Identifier: Apache-2.0
 *
 * The record forms are those of docker's json-file driver and of the Kubernetes CRI, byte for byte,
 * so that existing log readers work. The exact size of a record is known before it is written:
 * rotation (logfile.c) never has to split or take back one.
 */
#include "shim/logline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/str.h"

/* Length of the UTF-8 sequence at s (n bytes are there), or 0 when it is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	size_t len = s[0] < 0x80   ? 1
		     : s[0] < 0xc2 ? 0
		     : s[0] < 0xe0 ? 2
		     : s[0] < 0xf0 ? 3
		     : s[0] < 0xf5 ? 4
				   : 0;

	if (len == 0 || len > n)
		return 0;
	if (len == 1)
		return 1;
	return str_is_utf8((const char *)s, len) ? len : 0;
}

/*
 * The JSON form of the next character: *ret_n bytes in ret or, when ret stays empty, as they are.
 */
static size_t escape(const unsigned char *s, size_t n, char ret[8], size_t *ret_n)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = s[0];
	size_t len = utf8_len(s, n);

	*ret_n = 0;
	if (len == 0) {
		memcpy(ret, "\\ufffd", 6);
		*ret_n = 6;
		return 1;
	}
	if (len > 1 || (c >= 0x20 && c != '"' && c != '\\'))
		return len;
	ret[0] = '\\';
	*ret_n = 2;
	if (c == '"' || c == '\\') {
		ret[1] = (char)c;
	} else if (c == '\n' || c == '\r' || c == '\t') {
		ret[1] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
	} else {
		memcpy(ret + 1, "u00", 3);
		ret[4] = hex[c >> 4];
		ret[5] = hex[c & 15];
		*ret_n = 6;
	}
	return 1;
}

/* Bytes that escape() leaves alone, from s on. */
static size_t plain_run(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
			break;
		i++;
	}
	return i;
}

static size_t json_size(const char *s, size_t n)
{
	size_t total = 0;
	size_t i = 0;

	while (i < n) {
		char esc[8];
		size_t esc_len;
		size_t run = plain_run(s + i, n - i);
		size_t used;

		total += run;
		i += run;
		if (i == n)
			break;
		used = escape((const unsigned char *)s + i, n - i, esc, &esc_len);
		total += esc_len ? esc_len : used;
		i += used;
	}
	return total;
}

static int json_put(const char *s, size_t n, struct log_out *out)
{
	size_t i = 0;

	while (i < n) {
		char esc[8];
		size_t esc_len;
		size_t run = plain_run(s + i, n - i);
		size_t used;
		int r = run ? out->put(out, s + i, run) : 0;

		i += run;
		if (r == 0 && i < n) {
			used = escape((const unsigned char *)s + i, n - i, esc, &esc_len);
			r = out->put(out, esc_len ? esc : s + i, esc_len ? esc_len : used);
			i += used;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

#define PUT_LIT(out, s) (out)->put((out), (s), sizeof(s) - 1)

static int emit_json(const struct log_framer *f, const char *s, size_t n, int whole,
		     const char *time, struct log_out *out)
{
	static const char a[] = "{\"log\":\"";
	static const char nl[] = "\\n";
	static const char b[] = "\",\"stream\":\"";
	static const char c[] = "\",\"time\":\"";
	static const char d[] = "\"}\n";
	size_t size = sizeof(a) - 1 + json_size(s, n) + (whole ? 2 : 0) + sizeof(b) - 1 +
		      strlen(f->stream) + sizeof(c) - 1 + strlen(time) + sizeof(d) - 1;
	int r = out->begin(out, size);

	if (r == 0)
		r = PUT_LIT(out, a);
	if (r == 0)
		r = json_put(s, n, out);
	if (r == 0 && whole)
		r = PUT_LIT(out, nl);
	if (r == 0)
		r = PUT_LIT(out, b);
	if (r == 0)
		r = out->put(out, f->stream, strlen(f->stream));
	if (r == 0)
		r = PUT_LIT(out, c);
	if (r == 0)
		r = out->put(out, time, strlen(time));
	return r == 0 ? PUT_LIT(out, d) : r;
}

static int emit_cri(const struct log_framer *f, const char *s, size_t n, int whole,
		    const char *time, struct log_out *out)
{
	size_t size = strlen(time) + 1 + strlen(f->stream) + 3 + n + 1;
	int r = out->begin(out, size);

	if (r == 0)
		r = out->put(out, time, strlen(time));
	if (r == 0)
		r = PUT_LIT(out, " ");
	if (r == 0)
		r = out->put(out, f->stream, strlen(f->stream));
	if (r == 0)
		r = whole ? PUT_LIT(out, " F ") : PUT_LIT(out, " P ");
	if (r == 0)
		r = out->put(out, s, n);
	return r == 0 ? PUT_LIT(out, "\n") : r;
}

/* whole: the text is followed by a newline (json) or ends its line (cri). */
static int emit(const struct log_framer *f, const char *s, size_t n, int whole, int64_t wall_ns,
		struct log_out *out)
{
	char time[RFC3339_ROOM];

	clock_rfc3339(wall_ns, time);
	return f->format == LOG_FORMAT_JSON ? emit_json(f, s, n, whole, time, out)
					    : emit_cri(f, s, n, whole, time, out);
}

/* Where to cut a line of more than LOG_LINE_MAX bytes: not inside a UTF-8 sequence. */
static size_t cut(const char *s)
{
	size_t n = LOG_LINE_MAX;

	for (size_t back = 1; back <= 3; back++) {
		unsigned char c = (unsigned char)s[n - back];

		if (c < 0x80)
			return n;
		if (c >= 0xc0) /* the sequence begins here: is it complete? */
			return utf8_len((const unsigned char *)s + n - back, back) ? n : n - back;
	}
	return n;
}

/* Keep s[0..n), which has no newline and is shorter than LOG_LINE_MAX, for later. */
static int hold(struct log_framer *f, const char *s, size_t n)
{
	if (n == 0)
		return 0;
	if (!f->held)
		f->held = malloc(LOG_LINE_MAX);
	if (!f->held)
		return -ENOMEM;
	memcpy(f->held + f->held_len, s, n);
	f->held_len += n;
	return 0;
}

static void drop_held(struct log_framer *f)
{
	free(f->held);
	f->held = NULL;
	f->held_len = 0;
}

/* Complete the held line from *s. Afterwards nothing is held unless all of *s went there. */
static int feed_held(struct log_framer *f, const char **s, size_t *n, int64_t wall_ns,
		     struct log_out *out)
{
	size_t room = LOG_LINE_MAX - f->held_len;
	const char *nl = memchr(*s, '\n', MIN(*n, room));
	size_t take = nl ? (size_t)(nl - *s) : MIN(*n, room);
	size_t len;
	int r;

	memcpy(f->held + f->held_len, *s, take);
	f->held_len += take;
	*s += take;
	*n -= take;
	if (nl || (f->held_len == LOG_LINE_MAX && *n > 0 && **s == '\n')) {
		r = emit(f, f->held, f->held_len, 1, wall_ns, out);
		(*s)++;
		(*n)--;
		drop_held(f);
		return r;
	}
	if (f->held_len < LOG_LINE_MAX)
		return 0;
	len = cut(f->held);
	r = emit(f, f->held, len, 0, wall_ns, out);
	memmove(f->held, f->held + len, LOG_LINE_MAX - len);
	f->held_len = LOG_LINE_MAX - len;
	if (f->held_len == 0)
		drop_held(f);
	return r;
}

int log_feed(struct log_framer *f, const char *data, size_t n, int64_t wall_ns, struct log_out *out)
{
	int first = 0;

	while (n > 0) {
		const char *nl;
		size_t len;
		int whole, r;

		if (f->held_len > 0) {
			r = feed_held(f, &data, &n, wall_ns, out);
		} else {
			nl = memchr(data, '\n', MIN(n, LOG_LINE_MAX + 1));
			if (!nl && n < LOG_LINE_MAX) {
				r = hold(f, data, n);
				return first ? first : r;
			}
			whole = nl != NULL;
			len = whole ? (size_t)(nl - data) : cut(data);
			r = emit(f, data, len, whole, wall_ns, out);
			data += len + (size_t)whole;
			n -= len + (size_t)whole;
		}
		if (r < 0 && first == 0)
			first = r; /* the rest may fit: disk-full passes */
	}
	return first;
}

int log_finish(struct log_framer *f, int64_t wall_ns, struct log_out *out)
{
	int r = 0;

	if (f->held_len > 0)
		r = emit(f, f->held, f->held_len, f->format == LOG_FORMAT_CRI, wall_ns, out);
	drop_held(f);
	return r;
}

void log_framer_done(struct log_framer *f)
{
	drop_held(f);
}
