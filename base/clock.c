/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks and RFC 3339. The calendar is computed here: no time zone data, no locale, no state.
 */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/macros.h"

#define SEC_PER_DAY INT64_C(86400)

static int64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t clock_now_ns(void)
{
	return now(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
	return now(CLOCK_REALTIME);
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar; years count from 1 March. */
static int64_t days_from_date(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_from_days(int64_t days, int64_t *y, int64_t *m, int64_t *d)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t of_era = days - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;

	*d = of_year - (153 * month + 2) / 5 + 1;
	*m = month < 10 ? month + 3 : month - 9;
	*y = year + era * 400 + (*m <= 2);
}

void clock_rfc3339(int64_t wall_ns, char ret[RFC3339_ROOM])
{
	int64_t sec = wall_ns / NS_PER_SEC, ns = wall_ns % NS_PER_SEC;
	int64_t y, m, d;

	if (ns < 0) {
		ns += NS_PER_SEC;
		sec--;
	}
	int64_t days = sec / SEC_PER_DAY, of_day = sec % SEC_PER_DAY;

	if (of_day < 0) {
		of_day += SEC_PER_DAY;
		days--;
	}
	date_from_days(days, &y, &m, &d);
	snprintf(ret, RFC3339_ROOM, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", (int)y, (int)m, (int)d,
		 (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60), (int)ns);
}

/* Exactly n digits at *s, which moves behind them; -1 if there are fewer. */
static int64_t digits(const char **s, int n)
{
	int64_t v = 0;

	for (; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return -1;
		v = v * 10 + (**s - '0');
	}
	return v;
}

static int expect(const char **s, const char *any)
{
	if (!**s || !strchr(any, **s))
		return -1;
	(*s)++;
	return 0;
}

static int days_in_month(int64_t y, int64_t m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[m - 1] + (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

static int parse_date(const char **s, int64_t *ret_days)
{
	int64_t y, m, d;

	if ((y = digits(s, 4)) < 0 || expect(s, "-") < 0 || (m = digits(s, 2)) < 0 ||
	    expect(s, "-") < 0 || (d = digits(s, 2)) < 0)
		return -EINVAL;
	if (m < 1 || m > 12 || d < 1 || d > days_in_month(y, m))
		return -EINVAL;
	*ret_days = days_from_date(y, m, d);
	return 0;
}

static int parse_time(const char **s, int64_t *ret_sec, int64_t *ret_ns)
{
	int64_t h, min, sec, ns = 0, unit = NS_PER_SEC;

	if ((h = digits(s, 2)) < 0 || expect(s, ":") < 0 || (min = digits(s, 2)) < 0 ||
	    expect(s, ":") < 0 || (sec = digits(s, 2)) < 0)
		return -EINVAL;
	if (h > 23 || min > 59 || sec > 59)
		return -EINVAL;
	if (**s == '.') {
		(*s)++;
		if (**s < '0' || **s > '9')
			return -EINVAL;
		for (; **s >= '0' && **s <= '9'; (*s)++) {
			unit /= 10; /* 0 behind nanoseconds: further digits do not count */
			ns += (**s - '0') * unit;
		}
	}
	*ret_sec = h * 3600 + min * 60 + sec;
	*ret_ns = ns;
	return 0;
}

static int parse_offset(const char **s, int64_t *ret_sec)
{
	char sign = **s;
	int64_t h, min;

	if (expect(s, "Zz") == 0) {
		*ret_sec = 0;
		return 0;
	}
	if (expect(s, "+-") < 0 || (h = digits(s, 2)) < 0 || expect(s, ":") < 0 ||
	    (min = digits(s, 2)) < 0 || h > 23 || min > 59)
		return -EINVAL;
	*ret_sec = (h * 3600 + min * 60) * (sign == '-' ? -1 : 1);
	return 0;
}

int clock_parse_rfc3339(const char *s, int64_t *ret_wall_ns)
{
	int64_t days, sec, ns, offset, wall;

	if (!s || parse_date(&s, &days) < 0 || expect(&s, "Tt") < 0 ||
	    parse_time(&s, &sec, &ns) < 0 || parse_offset(&s, &offset) < 0 || *s)
		return -EINVAL;
	sec += days * SEC_PER_DAY - offset;

	/*
	 * The floor of the range must not overflow on the way: -1 s and a fraction fit where -1 s
	 * does.
	 */
	if (sec < 0 && ns > 0) {
		sec++;
		ns -= NS_PER_SEC;
	}
	if (mul_ok(sec, NS_PER_SEC, &wall) < 0 || add_ok(wall, ns, &wall) < 0)
		return -EINVAL;
	*ret_wall_ns = wall;
	return 0;
}
