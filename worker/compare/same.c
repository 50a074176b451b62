/* SPDX-License-Identifier: Apache-2.0
 *
 * Has a node changed? Type, mode, owner, device, attributes, modification time; for files the size, for symlinks the
 * target. Times without nanoseconds may have been cut by the tool that set them: then the content decides.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "worker/compare/walk.h"

#define LIST_MAX  65536
#define VALUE_MAX 65536
#define BOTH_MAX  (4U << 20) /* names and values of one node */

ctr_code node_open(const struct walk *w, const struct node *n, int *ret_fd, struct ctr_error *err)
{
	struct stat st;

	*ret_fd = -1;
	if (!S_ISREG(n->st.st_mode) && !S_ISDIR(n->st.st_mode))
		return CTR_OK;

	AUTO_CLOSE int fd =
		openat(n->dir_fd, n->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return walk_fail(w, errno, "open", err);
	if ((st.st_mode & S_IFMT) != (n->st.st_mode & S_IFMT))
		return ctr_fail(err, CTR_ABORTED, "'%s' changed while it was read", w->path);
	*ret_fd = take_fd(&fd);
	return CTR_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Kept names in order; pointers into list. */
static size_t sort_names(char *list, size_t n, char **ret, size_t room)
{
	size_t count = 0;

	for (char *p = list; p < list + n && count < room; p += strlen(p) + 1)
		if (name_xattr_kept(p))
			ret[count++] = p;
	qsort(ret, count, sizeof(*ret), by_name);
	return count;
}

ctr_code node_xattrs(struct walk *w, const struct node *n,
		     ctr_code (*sink)(void *ud, const char *name, const void *value, size_t size,
				      struct ctr_error *err),
		     void *ud, struct ctr_error *err)
{
	AUTO_FREE char *list = malloc(LIST_MAX), *value = malloc(VALUE_MAX);
	AUTO_CLOSE int fd = -1;
	char *names[256];
	size_t count;
	ssize_t got;
	ctr_code code = node_open(w, n, &fd, err);

	if (code != CTR_OK || fd < 0)
		return code;
	if (!list || !value)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	got = flistxattr(fd, list, LIST_MAX);
	if (got < 0)
		return errno == ENOTSUP ? CTR_OK : walk_fail(w, errno, "list attributes of", err);
	count = sort_names(list, (size_t)got, names, ARRAY_SIZE(names));
	for (size_t i = 0; i < count; i++) {
		got = fgetxattr(fd, names[i], value, VALUE_MAX);
		if (got < 0 && (errno == ENODATA || errno == ENOTSUP))
			continue;
		if (got < 0)
			return walk_fail(w, errno, "read an attribute of", err);
		code = sink(ud, names[i], value, (size_t)got, err);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

static ctr_code collect(void *ud, const char *name, const void *value, size_t n,
			struct ctr_error *err)
{
	struct buf *b = ud;

	buf_append(b, name, strlen(name) + 1);
	buf_append(b, &n, sizeof(n));
	buf_append(b, value, n);
	return buf_failed(b)
		       ? ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "extended attributes are too large")
		       : CTR_OK;
}

static ctr_code same_xattrs(struct walk *w, const struct node *a, const struct node *b, bool *ret,
			    struct ctr_error *err)
{
	AUTO_BUF x = BUF_INIT(BOTH_MAX), y = BUF_INIT(BOTH_MAX);
	ctr_code code = node_xattrs(w, a, collect, &x, err);

	if (code == CTR_OK)
		code = node_xattrs(w, b, collect, &y, err);
	if (code == CTR_OK)
		*ret = x.len == y.len && (!x.len || memcmp(x.data, y.data, x.len) == 0);
	return code;
}

static ctr_code same_content(struct walk *w, const struct node *a, const struct node *b, bool *ret,
			     struct ctr_error *err)
{
	AUTO_CLOSE int x = -1, y = -1;
	size_t half = WALK_DATA_BYTES / 2;
	uint8_t *p = w->data, *q = w->data + half;
	ssize_t n, m;
	ctr_code code = node_open(w, a, &x, err);

	if (code == CTR_OK)
		code = node_open(w, b, &y, err);
	if (code != CTR_OK)
		return code;
	do {
		n = io_read_full(x, p, half);
		m = n < 0 ? 0 : io_read_full(y, q, half);
		if (n < 0 || m < 0)
			return walk_fail(w, (int)(n < 0 ? n : m), "read", err);
		*ret = n == m && memcmp(p, q, (size_t)n) == 0;
	} while (*ret && n > 0);
	return CTR_OK;
}

static ctr_code same_target(struct walk *w, const struct node *a, const struct node *b, bool *ret,
			    struct ctr_error *err)
{
	char x[NAME_PATH_MAX], y[NAME_PATH_MAX];
	ssize_t n = readlinkat(a->dir_fd, a->name, x, sizeof(x));
	ssize_t m = n < 0 ? n : readlinkat(b->dir_fd, b->name, y, sizeof(y));

	if (n < 0 || m < 0)
		return walk_fail(w, errno, "read symlink", err);
	*ret = n == m && memcmp(x, y, (size_t)n) == 0;
	return CTR_OK;
}

static bool same_stat(const struct stat *x, const struct stat *y)
{
	if (x->st_mode != y->st_mode || x->st_uid != y->st_uid || x->st_gid != y->st_gid)
		return false;
	if ((S_ISCHR(x->st_mode) || S_ISBLK(x->st_mode)) && x->st_rdev != y->st_rdev)
		return false;
	if (S_ISREG(x->st_mode) && x->st_size != y->st_size)
		return false;
	return x->st_mtim.tv_sec == y->st_mtim.tv_sec && x->st_mtim.tv_nsec == y->st_mtim.tv_nsec;
}

ctr_code node_same(struct walk *w, const struct node *a, const struct node *b, bool *ret,
		   struct ctr_error *err)
{
	const struct stat *x = &a->st, *y = &b->st;
	ctr_code code;

	*ret = true;
	if (x->st_dev == y->st_dev && x->st_ino == y->st_ino)
		return CTR_OK;
	*ret = same_stat(x, y);
	if (!*ret)
		return CTR_OK;
	if (S_ISLNK(x->st_mode))
		return same_target(w, a, b, ret, err);

	code = same_xattrs(w, a, b, ret, err);
	if (code == CTR_OK && *ret && S_ISREG(x->st_mode) && x->st_size && !x->st_mtim.tv_nsec)
		code = same_content(w, a, b, ret, err);
	return code;
}
