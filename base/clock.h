/* SPDX-License-Identifier: Apache-2.0
 *
 * Time. Deadlines are absolute CLOCK_MONOTONIC nanoseconds; wall time is for display and records.
 */
#ifndef CTR_BASE_CLOCK_H
#define CTR_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_SEC  INT64_C(1000000000)
#define NS_PER_MSEC INT64_C(1000000)
#define NO_DEADLINE INT64_MAX

int64_t clock_now_ns(void);  /* CLOCK_MONOTONIC */
int64_t clock_wall_ns(void); /* nanoseconds since 1970, UTC */

#define RFC3339_ROOM 40
void clock_rfc3339(int64_t wall_ns, char ret[RFC3339_ROOM]); /* "2026-11-23T20:07:01.123456789Z" */
/* 0, or -EINVAL (also beyond int64: 1677 to 2262); any offset and fraction. */
int clock_parse_rfc3339(const char *s, int64_t *ret_wall_ns);

#endif
