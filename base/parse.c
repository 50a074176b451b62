/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers, sizes and durations from text, and durations to text. Every parser wants the whole
 * string, takes no sign, space or base prefix that it does not name, and writes its result only on
 * success.
 */
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define FRACTION_DIGITS 18 /* what a fraction keeps; further digits are dropped */

__extension__ typedef unsigned __int128 wide;

struct unit {
	const char *name;
	int64_t ns;
};

/* A number without sign: whole part and a fraction of 10^scale. */
struct decimal {
	uint64_t whole, fraction, scale;
};

static const struct unit duration_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\302\265s", 1000 }, /* U+00B5, micro sign */
	{ "\316\274s", 1000 }, /* U+03BC, Greek mu */
	{ "ms", NS_PER_MSEC },
	{ "s", NS_PER_SEC },
	{ "m", 60 * NS_PER_SEC },
	{ "h", 3600 * NS_PER_SEC },
	{ NULL, 0 },
};

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits of a base up to 10 at *s, which moves behind them. */
static int scan_digits(const char **s, unsigned base, uint64_t *ret)
{
	uint64_t v = 0;
	int any = 0, over = 0;

	for (; **s >= '0' && (unsigned)(**s - '0') < base; (*s)++) {
		any = 1;
		if (mul_ok(v, (uint64_t)base, &v) < 0 || add_ok(v, (uint64_t)(**s - '0'), &v) < 0)
			over = 1;
	}
	if (!any)
		return -EINVAL;
	if (over)
		return -ERANGE;
	*ret = v;
	return 0;
}

static int parse_base(const char *s, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t v;
	int r;

	if (!s)
		return -EINVAL;
	r = scan_digits(&s, base, &v);
	if (*s)
		return -EINVAL;
	if (r < 0)
		return r;
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_u64(const char *s, uint64_t *ret)
{
	return parse_base(s, 10, UINT64_MAX, ret);
}

int parse_i64(const char *s, int64_t *ret)
{
	int minus = s && *s == '-';
	uint64_t v;
	int r = parse_base(minus ? s + 1 : s, 10, (uint64_t)INT64_MAX + (uint64_t)minus, &v);

	if (r < 0)
		return r;
	*ret = minus ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int parse_u32(const char *s, uint32_t *ret)
{
	uint64_t v;
	int r = parse_base(s, 10, UINT32_MAX, &v);

	if (r < 0)
		return r;
	*ret = (uint32_t)v;
	return 0;
}

int parse_octal(const char *s, uint32_t *ret)
{
	uint64_t v;
	int r = parse_base(s, 8, UINT32_MAX, &v);

	if (r < 0)
		return r;
	*ret = (uint32_t)v;
	return 0;
}

/* "12", "1.5", "1." or ".5" at *s, as Go reads them; a lone "." is none. */
static int scan_decimal(const char **s, struct decimal *ret)
{
	struct decimal d = { .scale = 1 };
	int any = is_digit(**s), r = any ? scan_digits(s, 10, &d.whole) : 0;
	int kept = 0;

	if (**s == '.') {
		(*s)++;
		for (; is_digit(**s); (*s)++) {
			any = 1;
			if (kept++ >= FRACTION_DIGITS)
				continue;
			d.fraction = d.fraction * 10 + (uint64_t)(**s - '0');
			d.scale *= 10;
		}
	}
	if (!any)
		return -EINVAL;
	*ret = d; /* with -ERANGE too, for its form */
	return r;
}

/* d times unit, the fraction rounded down. */
static int scale_decimal(const struct decimal *d, uint64_t unit, uint64_t *ret)
{
	uint64_t whole;

	if (mul_ok(d->whole, unit, &whole) < 0 ||
	    add_ok(whole, (uint64_t)((wide)d->fraction * unit / d->scale), &whole) < 0)
		return -ERANGE;
	*ret = whole;
	return 0;
}

int parse_size(const char *s, uint64_t *ret_bytes)
{
	static const char letters[] = "kmgtpe";
	struct decimal d;
	uint64_t unit = 1;
	int r;

	if (!s || !is_digit(*s))
		return -EINVAL;
	r = scan_decimal(&s, &d);
	if (r == -EINVAL)
		return r;

	/*
	 * A letter, then "i", then "b": "64", "64b", "64k", "64kb", "64kib". ASCII case does not
	 * matter.
	 */
	const char *letter = *s ? strchr(letters, *s | 0x20) : NULL;

	if (letter) {
		unit = UINT64_C(1) << (10 * (letter - letters + 1));
		s++;
		if (*s == 'i' || *s == 'I')
			s++;
	}
	if (*s == 'b' || *s == 'B')
		s++;
	if (*s || (!letter && d.scale > 1)) /* half a byte */
		return -EINVAL;
	return r < 0 ? r : scale_decimal(&d, unit, ret_bytes);
}

static const struct unit *scan_unit(const char **s)
{
	size_t n = 0;

	while ((*s)[n] && (*s)[n] != '.' && !is_digit((*s)[n]))
		n++;
	for (const struct unit *u = duration_units; u->name; u++) {
		if (strlen(u->name) == n && memcmp(u->name, *s, n) == 0) {
			*s += n;
			return u;
		}
	}
	return NULL;
}

int parse_duration(const char *s, int64_t *ret_ns)
{
	uint64_t sum = 0, part;
	int minus, range = 0;

	if (!s)
		return -EINVAL;
	minus = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	if (!strcmp(s, "0")) {
		*ret_ns = 0;
		return 0;
	}
	do {
		struct decimal d;
		const struct unit *unit;
		int r = scan_decimal(&s, &d);

		if (r == -EINVAL)
			return r;
		unit = scan_unit(&s);
		if (!unit)
			return -EINVAL;
		if (r < 0 || scale_decimal(&d, (uint64_t)unit->ns, &part) < 0 ||
		    add_ok(sum, part, &sum) < 0)
			range = 1;
	} while (*s);
	if (range || sum > (uint64_t)INT64_MAX + (uint64_t)minus)
		return -ERANGE;
	*ret_ns = minus ? (int64_t)(0 - sum) : (int64_t)sum;
	return 0;
}

/* value of 10^-digits units with the fraction's trailing zeros cut: 1500, 3 is "1.5". */
static void put_decimal(uint64_t value, int digits, char *ret, size_t n)
{
	char fraction[24];
	uint64_t scale = 1;

	for (int i = 0; i < digits; i++)
		scale *= 10;
	if (value % scale == 0) {
		snprintf(ret, n, "%" PRIu64, value / scale);
		return;
	}
	snprintf(fraction, sizeof(fraction), "%0*" PRIu64, digits, value % scale);
	while (digits > 0 && fraction[digits - 1] == '0')
		fraction[--digits] = '\0';
	snprintf(ret, n, "%" PRIu64 ".%s", value / scale, fraction);
}

int str_from_duration(int64_t ns, char *ret, size_t n)
{
	const char *sign = ns < 0 ? "-" : "";
	uint64_t u = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	const uint64_t hour = UINT64_C(3600) * NS_PER_SEC, minute = UINT64_C(60) * NS_PER_SEC;
	char number[48], text[96];

	if (u == 0) {
		snprintf(text, sizeof(text), "0s");
	} else if (u < 1000) {
		snprintf(text, sizeof(text), "%s%" PRIu64 "ns", sign, u);
	} else if (u < 1000000) {
		put_decimal(u, 3, number, sizeof(number));
		snprintf(text, sizeof(text), "%s%s\302\265s", sign, number);
	} else if (u < (uint64_t)NS_PER_SEC) {
		put_decimal(u, 6, number, sizeof(number));
		snprintf(text, sizeof(text), "%s%sms", sign, number);
	} else {
		put_decimal(u % minute, 9, number, sizeof(number));
		if (u >= hour)
			snprintf(text, sizeof(text), "%s%" PRIu64 "h%" PRIu64 "m%ss", sign,
				 u / hour, u % hour / minute, number);
		else if (u >= minute)
			snprintf(text, sizeof(text), "%s%" PRIu64 "m%ss", sign, u / minute, number);
		else
			snprintf(text, sizeof(text), "%s%ss", sign, number);
	}
	if (strlen(text) >= n)
		return -E2BIG;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}
