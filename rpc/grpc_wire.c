/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of gRPC's headers; see grpc_wire.h. Any thread.
 */
#include "rpc/grpc_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/str.h"

#define TIMEOUT_DIGITS 8
#define TIMEOUT_LIMIT  INT64_C(100000000)

static const struct unit {
	char letter;
	int64_t ns;
} units[] = {
	{ 'n', 1 },
	{ 'u', 1000 },
	{ 'm', NS_PER_MSEC },
	{ 'S', NS_PER_SEC },
	{ 'M', 60 * NS_PER_SEC },
	{ 'H', 3600 * NS_PER_SEC },
};

int grpc_timeout_parse(const char *s, size_t n, int64_t *ret_ns)
{
	int64_t v = 0;

	if (n < 2 || n > TIMEOUT_DIGITS + 1)
		return -EINVAL;

	for (size_t i = 0; i < n - 1; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		v = v * 10 + (s[i] - '0');
	}

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (units[i].letter != s[n - 1])
			continue;
		if (mul_ok(v, units[i].ns, ret_ns) < 0)
			*ret_ns = INT64_MAX;
		return 0;
	}

	return -EINVAL;
}

void grpc_timeout_format(int64_t ns, char ret[GRPC_TIMEOUT_ROOM])
{
	const struct unit *u = units;
	int64_t v;

	ns = MAX(ns, 1);
	while (u->letter != 'H' && (ns - 1) / u->ns + 1 >= TIMEOUT_LIMIT)
		u++;
	v = MIN((ns - 1) / u->ns + 1, TIMEOUT_LIMIT - 1);
	snprintf(ret, GRPC_TIMEOUT_ROOM, "%d%c", (int)v, u->letter);
}

static int is_plain(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e && c != '%';
}

static char *encode_to(char *out, const char *s, size_t n)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (is_plain(c)) {
			*out++ = (char)c;
			continue;
		}
		*out++ = '%';
		*out++ = hex[c >> 4];
		*out++ = hex[c & 15];
	}

	return out;
}

/* Move at to the start of a character of UTF-8, backwards. */
static size_t boundary(const char *s, size_t at)
{
	while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80)
		at--;
	return at;
}

char *grpc_message_encode(const char *message)
{
	static const char gap[] = " ... ";
	size_t n = strlen(message), head = n, tail = n;
	char *ret, *out;

	/* The end says most: clients look for the class text there. */
	if (n > GRPC_MESSAGE_MAX) {
		head = boundary(message, GRPC_MESSAGE_MAX / 2);
		tail = boundary(message, n - GRPC_MESSAGE_MAX / 2);
	}

	ret = malloc(3 * (MIN(n, (size_t)GRPC_MESSAGE_MAX) + sizeof(gap) + 8));
	if (!ret)
		return NULL;

	out = encode_to(ret, message, head);
	if (tail < n) {
		out = encode_to(out, gap, sizeof(gap) - 1);
		out = encode_to(out, message + tail, n - tail);
	}
	*out = '\0';
	return ret;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

char *grpc_message_decode(const char *s, size_t n)
{
	char *ret = malloc(n + 1), *out = ret;

	if (!ret)
		return NULL;

	for (size_t i = 0; i < n; i++) {
		int escape = s[i] == '%' && n - i > 2;
		int hi = escape ? hex_digit(s[i + 1]) : -1;
		int lo = escape ? hex_digit(s[i + 2]) : -1;

		if (hi >= 0 && lo >= 0 && (hi | lo) != 0) {
			*out++ = (char)(hi << 4 | lo);
			i += 2;
			continue;
		}
		*out++ = s[i];
	}
	*out = '\0';
	return ret;
}

int grpc_content_type_ok(const char *s, size_t n)
{
	static const char want[] = "application/grpc";
	const size_t n_want = sizeof(want) - 1;

	if (n < n_want || strncasecmp(s, want, n_want) != 0)
		return 0;

	return n == n_want || s[n_want] == '+' || s[n_want] == ';';
}
