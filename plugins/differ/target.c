/* SPDX-License-Identifier: Apache-2.0
 *
 * From mounts to directories. Where a mount says which directory will be written (bind, or overlay's upper directory),
 * that directory is opened and nothing is mounted; anything else is mounted by the host, detached.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "differ.h"

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static ctr_code open_named(const struct differ *d, const char *path, int *ret_fd,
			   struct ctr_error *err)
{
	int fd = open_dir(path);

	if (fd < 0)
		return d->host->fail_errno(err, fd, "open '%s'", path);
	*ret_fd = fd;
	return CTR_OK;
}

/* The value of "key=value", or NULL. */
static const char *option(const struct ctr_mount *m, const char *key)
{
	size_t n = strlen(key);

	for (uint64_t i = 0; i < m->n_options; i++)
		if (str_starts(m->options[i], key) && m->options[i][n] == '=')
			return m->options[i] + n + 1;
	return NULL;
}

static bool has_option(const struct ctr_mount *m, const char *word)
{
	for (uint64_t i = 0; i < m->n_options; i++)
		if (str_eq(m->options[i], word))
			return true;
	return false;
}

static bool is_bind(const struct ctr_mount *m)
{
	return str_eq(m->type, "bind") || has_option(m, "bind") || has_option(m, "rbind");
}

/* One mount of the whole tree, of that type. */
static const struct ctr_mount *only(const struct ctr_mount *mounts, uint64_t n,
				    bool (*is)(const struct ctr_mount *m))
{
	return n == 1 && !*str_or(mounts[0].target, "") && is(&mounts[0]) ? &mounts[0] : NULL;
}

static bool is_overlay(const struct ctr_mount *m)
{
	return str_eq(m->type, "overlay");
}

/* *ret_mount keeps the mount, and may be O_PATH; *ret_fd can be read. */
static ctr_code mount_all(const struct differ *d, const struct ctr_mount *mounts, uint64_t n,
			  int *ret_mount, int *ret_fd, struct ctr_error *err)
{
	int32_t mounted = -1;
	ctr_code code;
	int fd;

	if (!d->mount)
		return d->host->fail(err, CTR_UNIMPLEMENTED,
				     "mount type '%s' needs the mount service",
				     n ? mounts[0].type : "");
	code = d->mount->open(d->host, mounts, n, &mounted, err);
	if (code != CTR_OK)
		return code;
	fd = openat(mounted, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		code = d->host->fail_errno(err, errno, "open the mount of '%s'", mounts[0].type);
		fd = mounted;
		fd_close(&fd);
		return code;
	}
	*ret_mount = mounted;
	*ret_fd = fd;
	return CTR_OK;
}

/* The next directory of a lowerdir option; '\' escapes ':' and itself. NULL at the end or when out of memory. */
static char *next_lower(const char **at)
{
	AUTO_FREE char *dir = NULL;
	size_t n = 0;

	if (!**at)
		return NULL;
	dir = malloc(strlen(*at) + 1);
	if (!dir)
		return NULL;
	for (; **at && **at != ':'; (*at)++) {
		if (**at == '\\' && (*at)[1])
			(*at)++;
		dir[n++] = **at;
	}
	*at += **at == ':';
	dir[n] = 0;
	return take_ptr(&dir);
}

/* Best effort: they lend metadata to directories that a layer does not name. */
static void open_parents(struct target *t, const char *lowerdir)
{
	char *dir;

	while (t->n_parents < PARENTS_MAX && (dir = next_lower(&lowerdir))) {
		int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

		free(dir);
		if (fd < 0)
			return;
		t->parents[t->n_parents++] = fd;
	}
}

static ctr_code open_overlay(const struct differ *d, const struct ctr_mount *m, struct target *t,
			     struct ctr_error *err)
{
	const char *upper = option(m, "upperdir"), *lower = option(m, "lowerdir");

	if (!upper)
		return d->host->fail(err, CTR_INVALID_ARGUMENT,
				     "overlay mount is read-only: it has no upperdir");
	t->userxattr = has_option(m, "userxattr");
	if (lower)
		open_parents(t, lower);
	return open_named(d, upper, &t->dir_fd, err);
}

static ctr_code open_mounts(const struct differ *d, const struct ctr_apply *a, struct target *t,
			    struct ctr_error *err)
{
	const struct ctr_mount *m = only(a->mounts, a->n_mounts, is_overlay);

	if (!a->n_mounts)
		return d->host->fail(err, CTR_INVALID_ARGUMENT, "no mounts to apply the layer to");
	if (m)
		return open_overlay(d, m, t, err);

	t->native = true;
	m = only(a->mounts, a->n_mounts, is_bind);
	if (m && has_option(m, "ro"))
		return d->host->fail(err, CTR_INVALID_ARGUMENT, "bind mount of '%s' is read-only",
				     m->source);
	return m ? open_named(d, m->source, &t->dir_fd, err)
		 : mount_all(d, a->mounts, a->n_mounts, &t->mount_fd, &t->dir_fd, err);
}

/* A tree's mounts, when they are given too, say what lies below it. */
static void lend_parents(const struct ctr_apply *args, struct target *t)
{
	const struct ctr_mount *m =
		args->mounts ? only(args->mounts, args->n_mounts, is_overlay) : NULL;
	const char *lower = m && !t->native ? option(m, "lowerdir") : NULL;

	if (!m)
		return;
	t->userxattr = has_option(m, "userxattr");
	if (lower)
		open_parents(t, lower);
}

ctr_code target_open(const struct differ *d, const struct ctr_apply *args, struct target *ret,
		     struct ctr_error *err)
{
	struct target t = { .dir_fd = -1, .mount_fd = -1 };
	ctr_code code = CTR_OK;

	if (args->tree) {
		t.native = args->tree->whiteouts == CTR_WHITEOUT_REMOVE;
		lend_parents(args, &t);
		t.dir_fd = fd_dup(args->tree->fd);
		if (t.dir_fd < 0)
			return d->host->fail_errno(err, t.dir_fd,
						   "duplicate the tree's descriptor");
	} else {
		code = open_mounts(d, args, &t, err);
	}
	if (code != CTR_OK) {
		target_done(&t);
		return code;
	}
	*ret = t;
	return CTR_OK;
}

void target_done(struct target *t)
{
	fd_close(&t->dir_fd);
	fd_close(&t->mount_fd);
	for (size_t i = 0; i < t->n_parents; i++)
		fd_close(&t->parents[i]);
	t->n_parents = 0;
}

static ctr_code open_view(const struct differ *d, const struct ctr_mount *mounts, uint64_t n,
			  int *ret_mount, int *ret_fd, struct ctr_error *err)
{
	const struct ctr_mount *m = only(mounts, n, is_bind);

	if (!n)
		return CTR_OK; /* an empty tree: -1 */
	return m ? open_named(d, m->source, ret_fd, err)
		 : mount_all(d, mounts, n, ret_mount, ret_fd, err);
}

/* With redirected directories what is in the upper directory does not say where its content comes from. */
static bool redirects(const struct ctr_mount *m)
{
	AUTO_FREE char *text = NULL;
	const char *given = option(m, "redirect_dir");

	if (given)
		return !str_eq(given, "off") && !str_eq(given, "nofollow");
	return io_read_file(AT_FDCWD, "/sys/module/overlay/parameters/redirect_dir", 16, &text,
			    NULL) < 0 ||
	       text[0] != 'N';
}

/* Is upper an overlay that stands on exactly what lower shows? */
static bool stands_on(const struct ctr_mount *upper, const struct ctr_mount *lower,
		      uint64_t n_lower)
{
	const char *below = option(upper, "lowerdir"), *rest = below;
	AUTO_FREE char *first = NULL;

	if (n_lower != 1 || !below)
		return false;
	if (is_overlay(lower))
		return !option(lower, "upperdir") && str_eq(option(lower, "lowerdir"), below);
	if (!is_bind(lower))
		return false;
	first = next_lower(&rest);
	return first && !*rest && str_eq(first, lower->source);
}

static void open_touched(const struct ctr_compare *a, struct trees *t)
{
	const struct ctr_mount *m = only(a->upper, a->n_upper, is_overlay);
	const char *dir = m ? option(m, "upperdir") : NULL;

	if (!dir || !stands_on(m, a->lower, a->n_lower) || redirects(m))
		return;
	t->touched = open(dir, O_RDONLY | O_DIRECTORY |
				       O_CLOEXEC); /* without it the walk is longer, no more */
}

ctr_code trees_open(const struct differ *d, const struct ctr_compare *args, struct trees *ret,
		    struct ctr_error *err)
{
	struct trees t = { -1, -1, -1, { -1, -1 } };
	ctr_code code;

	if (!args->n_upper)
		return d->host->fail(err, CTR_INVALID_ARGUMENT, "no mounts of the upper tree");
	code = open_view(d, args->lower, args->n_lower, &t.mounts[0], &t.lower, err);
	if (code == CTR_OK)
		code = open_view(d, args->upper, args->n_upper, &t.mounts[1], &t.upper, err);
	if (code != CTR_OK) {
		trees_done(&t);
		return code;
	}
	open_touched(args, &t);
	*ret = t;
	return CTR_OK;
}

void trees_done(struct trees *t)
{
	fd_close(&t->lower);
	fd_close(&t->upper);
	fd_close(&t->touched);
	fd_close(&t->mounts[0]);
	fd_close(&t->mounts[1]);
}
