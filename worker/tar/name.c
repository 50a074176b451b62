/* SPDX-License-Identifier: Apache-2.0
 *
 * Cleaning and classifying names of a layer.
 */
#include "worker/tar/name.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/macros.h"
#include "base/str.h"

size_t name_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Take the last component off ret; -EXDEV when there is none. */
static int step_back(char *ret, size_t *n)
{
	if (!*n)
		return -EXDEV;

	ret[*n] = 0;
	*n = name_base(ret);
	if (*n)
		(*n)--;
	return 0;
}

int name_clean(const char *path, char ret[NAME_PATH_MAX], size_t *ret_n)
{
	size_t n = 0;

	for (const char *p = path; *p;) {
		size_t part = strcspn(p, "/");

		if (part == 2 && p[0] == '.' && p[1] == '.') {
			if (step_back(ret, &n) < 0)
				return -EXDEV;
		} else if (part && !(part == 1 && p[0] == '.')) {
			size_t own =
				part -
				(str_starts(p, WHITEOUT_PREFIX) ? sizeof(WHITEOUT_PREFIX) - 1 : 0);

			if (own > NAME_PART_MAX || n + part + 2 > NAME_PATH_MAX)
				return -ENAMETOOLONG;
			if (n)
				ret[n++] = '/';
			memcpy(ret + n, p, part);
			n += part;
		}
		p += part;
		p += *p == '/';
	}
	ret[n] = 0;
	*ret_n = n;
	return 0;
}

enum name_kind name_kind(const char *path)
{
	const char *base = path + name_base(path);

	/* A whiteout or AUFS name is rare: one search settles nearly every path. */
	if (!strstr(path, WHITEOUT_PREFIX))
		return NAME_PLAIN;

	for (const char *p = path; p != base; p = strchr(p, '/') + 1)
		if (str_starts(p, WHITEOUT_META))
			return NAME_META;
	if (str_eq(base, WHITEOUT_OPAQUE))
		return NAME_OPAQUE;
	if (str_starts(base, WHITEOUT_META))
		return NAME_META;
	if (!str_starts(base, WHITEOUT_PREFIX))
		return NAME_PLAIN;

	base += sizeof(WHITEOUT_PREFIX) - 1;
	if (!*base || str_eq(base, ".") || str_eq(base, ".."))
		return NAME_BAD;
	return NAME_WHITEOUT;
}

/* Bytes of the character at s: 1 to 4, or 0 when it is none or a control character. */
static size_t character(const char *s)
{
	unsigned char c = (unsigned char)s[0];
	size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

	if (c < 0x20 || c == 0x7f || strnlen(s, n) < n || !str_is_utf8(s, n))
		return 0;
	return n;
}

char *name_printable(const char *s)
{
	AUTO_BUF b = BUF_INIT(4 * strlen(s) + 1);

	while (*s) {
		size_t n = character(s);

		if (n)
			buf_append(&b, s, n);
		else
			buf_printf(&b, "\\x%02x", (unsigned char)*s);
		s += n ? n : 1;
	}
	return buf_take(&b, NULL);
}

bool name_xattr_kept(const char *name)
{
	if (strstr(name, ".overlay.") || str_eq(name, XATTR_IMPLIED))
		return false;
	if (str_starts(name, "user."))
		return true;
	return str_eq(name, "security.capability") || str_eq(name, "system.posix_acl_access") ||
	       str_eq(name, "system.posix_acl_default");
}
