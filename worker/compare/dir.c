/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory's names in byte order.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "worker/compare/walk.h"

#define NAMES_MAX (4U << 20) /* in one directory */

struct names {
	char **list;
	size_t n, room;
};

static void names_done(struct names *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->list[i]);
	free(v->list);
}

static int add(struct names *v, const char *name)
{
	if (v->n + 1 >= v->room) {
		size_t room = v->room ? v->room * 2 : 64;
		char **list = room > NAMES_MAX ? NULL : realloc(v->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		v->list = list;
		v->room = room;
	}
	v->list[v->n] = str_dup(name);
	if (!v->list[v->n])
		return -ENOMEM;
	v->list[++v->n] = NULL;
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int fd, struct names *v)
{
	int copy = fd_dup(fd);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *d;
	int r = 0;

	if (!dir) {
		r = copy < 0 ? copy : -errno;
		fd_close(&copy);
		return r;
	}
	rewinddir(dir);
	while (r == 0 && (errno = 0, d = readdir(dir)))
		if (!str_eq(d->d_name, ".") && !str_eq(d->d_name, ".."))
			r = add(v, d->d_name);
	if (r == 0 && errno)
		r = -errno;
	closedir(dir);
	return r;
}

ctr_code dir_names(int fd, const char *path, char ***ret, struct ctr_error *err)
{
	struct names v = { .list = calloc(1, sizeof(char *)), .room = 1 };
	int r = v.list ? read_names(fd, &v) : -ENOMEM;

	if (r < 0) {
		names_done(&v);
		return ctr_fail_errno(err, r, "read directory '%s'", path);
	}
	qsort(v.list, v.n, sizeof(*v.list), by_bytes);
	*ret = v.list;
	return CTR_OK;
}
