/* SPDX-License-Identifier: Apache-2.0
 *
 * Small trees of files: changed in steps that are the same in a snapshot and in a plain folder, which then must look
 * the same. The trees are the kit's own, so paths are simply joined.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "tests/conformance/kit.h"

#define FILE_MAX   (1024 * 1024)
#define XATTRS_MAX 65536
#define AGE_SECOND 1000000000

/* ---- changing ---- */

static int put_file(int dir, const struct change *c)
{
	AUTO_CLOSE int fd = openat(dir, c->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	int r = io_write_full(fd, c->a, strlen(c->a));
	if (r < 0)
		return r;
	return fchmod(fd, c->mode) < 0 ? -errno : 0;
}

static int put_dir(int dir, const struct change *c)
{
	return mkdirat(dir, c->path, 0700) < 0 || fchmodat(dir, c->path, c->mode, 0) < 0 ? -errno
											 : 0;
}

static int put_xattr(const char *top, const struct change *c)
{
	AUTO_FREE char *path = str_printf("%s/%s", top, c->path);

	if (!path)
		return -ENOMEM;
	return lsetxattr(path, c->a, "kit", 3, 0) < 0 ? -errno : 0;
}

static int rename_dir(struct kit *k, int dir, const struct change *c)
{
	if (k->no_dir_rename || renameat(dir, c->path, dir, c->a) == 0)
		return 0;
	if (errno != EXDEV)
		return -errno;
	k->no_dir_rename = 1;
	return 0;
}

static int change_one(struct kit *k, const char *top, int dir, const struct change *c)
{
	const struct timespec old[2] = { { .tv_sec = AGE_SECOND }, { .tv_sec = AGE_SECOND } };
	int r = 0;

	switch (c->op) {
	case END:
		return 0;
	case FILE_:
		return put_file(dir, c);
	case DIR_:
		return put_dir(dir, c);
	case REMOVE:
		return path_remove_tree(dir, c->path);
	case CHOWN:
		r = fchownat(dir, c->path, c->id, c->id, AT_SYMLINK_NOFOLLOW);
		break;
	case CHMOD:
		r = fchmodat(dir, c->path, c->mode, 0);
		break;
	case RENAME:
		r = renameat(dir, c->path, dir, c->a);
		break;
	case RENAME_DIR:
		return rename_dir(k, dir, c);
	case LINK:
		r = linkat(dir, c->path, dir, c->a, 0);
		break;
	case SYMLINK:
		r = symlinkat(c->a, dir, c->path);
		break;
	case NODE:
		r = mknodat(dir, c->path, c->mode, makedev(1, 3));
		break;
	case XATTR:
		return put_xattr(top, c);
	case AGE:
		r = utimensat(dir, c->path, old, AT_SYMLINK_NOFOLLOW);
		break;
	}
	return r < 0 ? -errno : 0;
}

/* path_remove_tree() takes one component: the parent is opened for the others. */
static int remove_below(int dir, const char *path)
{
	const char *name;
	AUTO_CLOSE int parent = path_open_parent(dir, path, PATH_BENEATH, &name);

	return parent < 0 ? parent : path_remove_tree(parent, name);
}

int tree_change(struct kit *k, const char *dir, const struct change *changes)
{
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	MUST(k, fd >= 0, "open '%s': %s", dir, strerrordesc_np(errno));
	for (const struct change *c = changes; c->op != END; c++) {
		int r = c->op == REMOVE ? remove_below(fd, c->path) : change_one(k, dir, fd, c);

		MUST(k, r == 0, "change %d of '%s/%s': %s", (int)(c - changes), dir, c->path,
		     strerrordesc_np(-r));
	}
	return 0;
}

/* ---- comparing ---- */

static int not_dots(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* The names in a directory, one a line. NULL with errno. */
static char *names_of(const char *path)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, not_dots, by_bytes);
	AUTO_BUF b = BUF_INIT(FILE_MAX);

	if (n < 0)
		return NULL;
	for (int i = 0; i < n; i++) {
		buf_printf(&b, "%s\n", entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return buf_take(&b, NULL);
}

static int compare_files(struct kit *k, const char *a, const char *b)
{
	AUTO_FREE char *in_a = NULL;
	AUTO_FREE char *in_b = NULL;
	size_t n_a, n_b;
	int r = io_read_file(AT_FDCWD, a, FILE_MAX, &in_a, &n_a);

	MUST(k, r == 0, "read '%s': %s", a, strerrordesc_np(-r));
	r = io_read_file(AT_FDCWD, b, FILE_MAX, &in_b, &n_b);
	MUST(k, r == 0, "read '%s': %s", b, strerrordesc_np(-r));
	MUST(k, n_a == n_b && !memcmp(in_a, in_b, n_a),
	     "'%s' holds \"%.60s\", '%s' holds \"%.60s\"", a, in_a, b, in_b);
	return 0;
}

static int compare_links(struct kit *k, const char *a, const char *b)
{
	char to_a[KIT_PATH] = "", to_b[KIT_PATH] = "";

	MUST(k, readlink(a, to_a, KIT_PATH - 1) >= 0 && readlink(b, to_b, KIT_PATH - 1) >= 0,
	     "read the link '%s': %s", a, strerrordesc_np(errno));
	MUST(k, str_eq(to_a, to_b), "'%s' is a link to '%s', '%s' to '%s'", a, to_a, b, to_b);
	return 0;
}

/* The user's attributes; those of overlay itself are not shown by its mounts. */
static int compare_xattrs(struct kit *k, const char *a, const char *b)
{
	AUTO_FREE char *list = malloc(XATTRS_MAX);
	char in_a[64], in_b[64];
	ssize_t n = list ? llistxattr(a, list, XATTRS_MAX) : -1;

	for (const char *name = list; n > 0 && name < list + n; name += strlen(name) + 1) {
		ssize_t len_a, len_b;

		if (!str_starts(name, "user.") && !str_starts(name, "security.capability") &&
		    !str_starts(name, "trusted.kit"))
			continue;
		len_a = lgetxattr(a, name, in_a, sizeof(in_a));
		len_b = lgetxattr(b, name, in_b, sizeof(in_b));
		MUST(k, len_a >= 0 && len_a == len_b && !memcmp(in_a, in_b, (size_t)len_a),
		     "attribute '%s' of '%s' is not that of '%s'", name, a, b);
	}
	return 0;
}

static int compare_one(struct kit *k, const char *a, const char *b, int flags);

static int compare_dirs(struct kit *k, const char *a, const char *b, int flags)
{
	AUTO_FREE char *in_a = names_of(a);
	AUTO_FREE char *in_b = names_of(b);
	char *rest;

	MUST(k, in_a && in_b, "list '%s' and '%s': %s", a, b, strerrordesc_np(errno));
	for (char *c = in_a, *d = in_b; *c || *d; c++, d++)
		MUST(k, *c == *d, "'%s' holds %s, '%s' holds %s", a, in_a, b, in_b);
	for (char *name = strtok_r(in_a, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
		AUTO_FREE char *next_a = str_printf("%s/%s", a, name);
		AUTO_FREE char *next_b = str_printf("%s/%s", b, name);

		MUST(k, next_a && next_b, "out of memory");
		STEP(compare_one(k, next_a, next_b, flags));
	}
	return 0;
}

static int compare_stats(struct kit *k, const char *a, const char *b, const struct stat *x,
			 const struct stat *y, int flags)
{
	MUST(k, x->st_mode == y->st_mode, "'%s' has mode %o, '%s' %o", a, x->st_mode, b,
	     y->st_mode);
	MUST(k, x->st_uid == y->st_uid && x->st_gid == y->st_gid,
	     "'%s' belongs to %u:%u, '%s' to %u:%u", a, x->st_uid, x->st_gid, b, y->st_uid,
	     y->st_gid);
	if (!S_ISDIR(x->st_mode)) {
		MUST(k, x->st_nlink == y->st_nlink, "'%s' has %lu links, '%s' %lu", a,
		     (unsigned long)x->st_nlink, b, (unsigned long)y->st_nlink);
		MUST(k, x->st_rdev == y->st_rdev, "'%s' and '%s' are different devices", a, b);
	}
	if (flags & TREE_TIMES)
		MUST(k, x->st_mtim.tv_sec == y->st_mtim.tv_sec,
		     "'%s' was changed at %lld, '%s' at %lld", a, (long long)x->st_mtim.tv_sec, b,
		     (long long)y->st_mtim.tv_sec);
	return 0;
}

static int compare_one(struct kit *k, const char *a, const char *b, int flags)
{
	struct stat x, y;

	MUST(k, lstat(a, &x) == 0, "stat '%s': %s", a, strerrordesc_np(errno));
	MUST(k, lstat(b, &y) == 0, "stat '%s': %s", b, strerrordesc_np(errno));
	STEP(compare_stats(k, a, b, &x, &y, flags));
	STEP(compare_xattrs(k, a, b));
	STEP(compare_xattrs(k, b, a));
	if (S_ISDIR(x.st_mode))
		return compare_dirs(k, a, b, flags);
	if (S_ISREG(x.st_mode))
		return compare_files(k, a, b);
	return S_ISLNK(x.st_mode) ? compare_links(k, a, b) : 0;
}

int tree_equal(struct kit *k, const char *a, const char *b, int flags)
{
	struct stat x, y;

	MUST(k, stat(a, &x) == 0 && stat(b, &y) == 0, "stat '%s' and '%s': %s", a, b,
	     strerrordesc_np(errno));
	STEP(compare_stats(k, a, b, &x, &y, 0));
	return compare_dirs(k, a, b, flags);
}
