/* SPDX-License-Identifier: Apache-2.0
 *
 * Extended attributes are copied by path below /proc/self/fd, the one way that reaches a symlink's own ones as well.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/macros.h"
#include "xattrs.h"

#define VALUE_MAX 65536 /* XATTR_SIZE_MAX; the kernel's list limit is the same */
#define PATH_ROOM 320   /* "/proc/self/fd/<n>/" and a name of 255 bytes */

struct place {
	char path[PATH_ROOM];
	int (*set)(const char *, const char *, const void *, size_t, int);
	ssize_t (*get)(const char *, const char *, void *, size_t);
	ssize_t (*list)(const char *, char *, size_t);
};

static int copy(const struct place *from, const struct place *to)
{
	AUTO_FREE char *names = malloc(VALUE_MAX);
	AUTO_FREE char *value = malloc(VALUE_MAX);

	if (!names || !value)
		return -ENOMEM;
	ssize_t n = from->list(from->path, names, VALUE_MAX);
	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;

	for (char *name = names; name < names + n; name += strlen(name) + 1) {
		ssize_t len = from->get(from->path, name, value, VALUE_MAX);
		if (len < 0 && errno == ENODATA)
			continue;
		if (len < 0 || to->set(to->path, name, value, (size_t)len, 0) < 0)
			return -errno;
	}
	return 0;
}

int xattrs_copy(int from_fd, int to_fd)
{
	struct place from = { .list = listxattr, .get = getxattr };
	struct place to = { .set = setxattr };

	snprintf(from.path, PATH_ROOM, "/proc/self/fd/%d", from_fd);
	snprintf(to.path, PATH_ROOM, "/proc/self/fd/%d", to_fd);
	return copy(&from, &to);
}

int xattrs_copy_at(int from_dir, int to_dir, const char *name)
{
	struct place from = { .list = llistxattr, .get = lgetxattr };
	struct place to = { .set = lsetxattr };

	snprintf(from.path, PATH_ROOM, "/proc/self/fd/%d/%s", from_dir, name);
	snprintf(to.path, PATH_ROOM, "/proc/self/fd/%d/%s", to_dir, name);
	return copy(&from, &to);
}
