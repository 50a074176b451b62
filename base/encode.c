/* SPDX-License-Identifier: Apache-2.0
 *
 * Hexadecimal and base64 (RFC 4648). Pure functions.
 */
#include "base/str.h"

#include <errno.h>

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void hex_encode(const void *data, size_t n, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = digits[p[i] >> 4];
		ret[2 * i + 1] = digits[p[i] & 15];
	}
	ret[2 * n] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(const char *s, size_t n_hex, void *ret)
{
	unsigned char *out = ret;

	if (n_hex % 2 != 0)
		return -EINVAL;
	for (size_t i = 0; i < n_hex; i++) {
		if (hex_value(s[i]) < 0)
			return -EINVAL;
	}
	for (size_t i = 0; i < n_hex; i += 2)
		out[i / 2] = (unsigned char)(hex_value(s[i]) << 4 | hex_value(s[i + 1]));
	return 0;
}

size_t base64_encode(const void *data, size_t n, int url, int pad, char *ret)
{
	const char *alphabet = url ? for_urls : standard;
	const unsigned char *p = data;
	char *out = ret;

	for (; n > 0; p += 3) {
		size_t step = MIN(n, (size_t)3);
		uint32_t word = (uint32_t)p[0] << 16 | (step > 1 ? (uint32_t)p[1] << 8 : 0) |
				(step > 2 ? (uint32_t)p[2] : 0);

		for (size_t i = 0; i <= step; i++)
			*out++ = alphabet[word >> (18 - 6 * i) & 63];
		for (size_t i = step; pad && i < 3; i++)
			*out++ = '=';
		n -= step;
	}
	*out = '\0';
	return (size_t)(out - ret);
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

int64_t base64_decode(const char *s, size_t n, void *ret)
{
	unsigned char *out = ret;
	uint32_t word = 0;
	int64_t len = 0;

	/* Padding, where it is, completes the last four. */
	if (n > 0 && n % 4 == 0 && s[n - 1] == '=')
		n -= s[n - 2] == '=' ? 2 : 1;
	if (n % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (base64_value(s[i]) < 0)
			return -EINVAL;
	}
	for (size_t i = 0; i < n; i++) {
		word = word << 6 | (uint32_t)base64_value(s[i]);
		if (i % 4 == 0)
			continue;
		/*
		 * Each digit but the first of four completes a byte; surplus low bits are ignored.
		 */
		out[len++] = (unsigned char)(word >> (6 - 2 * (i % 4)));
	}
	return len;
}
