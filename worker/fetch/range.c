/* SPDX-License-Identifier: Apache-2.0
 *
 * Content-Range and the rule of resuming. Pure functions.
 */
#include "worker/fetch/range.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define NUMBER_ROOM 24

/* Digits up to one of stop; the character after them is passed. */
static int number(const char **s, const char *stop, int64_t *ret)
{
	char text[NUMBER_ROOM];
	size_t n = strspn(*s, "0123456789");

	if (n == 0 || n >= sizeof(text) || !(*s)[n] != !*stop || (*stop && (*s)[n] != *stop))
		return -EINVAL;
	memcpy(text, *s, n);
	text[n] = '\0';
	*s += n + (*stop ? 1 : 0);
	return parse_i64(text, ret);
}

int content_range_parse(const char *value, int64_t *ret_first, int64_t *ret_last,
			int64_t *ret_total)
{
	int64_t first, last, total = -1;

	if (strncasecmp(value, "bytes ", 6) != 0)
		return -EINVAL;
	value += 6;
	if (number(&value, "-", &first) < 0 || number(&value, "/", &last) < 0)
		return -EINVAL;
	if (strcmp(value, "*") != 0 && number(&value, "", &total) < 0)
		return -EINVAL;
	if (last < first || (total >= 0 && last >= total))
		return -EINVAL;
	*ret_first = first;
	*ret_last = last;
	*ret_total = total;
	return 0;
}

int64_t range_skip(int status, const char *content_range, int64_t offset, int64_t size)
{
	int64_t first, last, total;

	if (status == 200) /* the whole, whatever was asked for */
		return offset;
	if (status != 206 || content_range_parse(content_range, &first, &last, &total) < 0)
		return -EINVAL;
	if (first > offset || (size >= 0 && total >= 0 && total != size))
		return -EINVAL;
	return offset - first;
}
