/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries of the layer. Directories on the way to an entry are written before it, once; a file with several names is
 * written under the first that is in the layer, and the others are links to that one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "worker/compare/walk.h"

/* Bytes of holes that are worth a sparse entry, which not every tar reads. */
#define SPARSE_FROM      (1U << 20)
#define REGIONS_MAX      4096
#define PROGRESS_ENTRIES 64
#define KEY_ROOM         48

struct links {
	char *source;   /* the name in the layer; NULL: none yet */
	char **waiting; /* unchanged names met before */
};

struct region {
	uint64_t at, n;
};

/* What is put between tar_put() and its content. */
struct entry {
	struct tar_entry tar;
	char name[NAME_PATH_MAX + 8];
	char link[NAME_PATH_MAX];
};

static ctr_code count(struct walk *w, struct ctr_error *err)
{
	if (++w->entries > w->max_entries)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"'%s': the layer has more than the limit of %" PRIu64 " entries",
				w->path, w->max_entries);
	if (!w->opt->progress || w->entries - w->told < PROGRESS_ENTRIES)
		return CTR_OK;

	w->told = w->entries;
	return w->opt->progress(w->opt->progress_ud, encoder_size(w->enc), w->entries, err);
}

static ctr_code put(struct walk *w, const struct tar_entry *e, struct ctr_error *err)
{
	ctr_code code = count(w, err);

	return code == CTR_OK ? tar_put(w->out, e, err) : code;
}

static enum tar_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return TAR_FILE;
	case S_IFDIR:
		return TAR_DIR;
	case S_IFLNK:
		return TAR_SYMLINK;
	case S_IFCHR:
		return TAR_CHAR;
	case S_IFBLK:
		return TAR_BLOCK;
	case S_IFIFO:
		return TAR_FIFO;
	default:
		return TAR_OTHER;
	}
}

/* Everything of the entry but its link; path may be another one than the walk's. */
static ctr_code fill(struct walk *w, const struct stat *st, const char *path, struct entry *e,
		     struct ctr_error *err)
{
	struct timespec mtime = st->st_mtim;
	uint32_t uid, gid;

	if (id_to_container(&w->opt->uids, st->st_uid, &uid) < 0 ||
	    id_to_container(&w->opt->gids, st->st_gid, &gid) < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"owner %u:%u of '%s' is outside the map of ids", st->st_uid,
				st->st_gid, path);
	if (w->opt->clamp_times && mtime.tv_sec >= w->opt->clamp_to)
		mtime = (struct timespec){ w->opt->clamp_to, 0 };

	snprintf(e->name, sizeof(e->name), "%s%s", path, S_ISDIR(st->st_mode) ? "/" : "");
	e->tar = (struct tar_entry){
		.name = e->name,
		.type = type_of(st->st_mode),
		.perm = st->st_mode & 07777,
		.uid = uid,
		.gid = gid,
		.size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
		.times = { mtime, mtime },
		.rdev = st->st_rdev,
	};
	return CTR_OK;
}

static ctr_code add_xattr(void *ud, const char *name, const void *value, size_t n,
			  struct ctr_error *err)
{
	struct walk *w = ud;

	return tar_put_xattr(w->out, name, value, n, err);
}

static ctr_code put_dir(struct walk *w, int fd, const char *path, struct ctr_error *err)
{
	struct node n = { .dir_fd = fd, .name = "." };
	struct entry e;
	ctr_code code;

	if (fstat(fd, &n.st) < 0)
		return walk_fail(w, errno, "stat", err);
	code = fill(w, &n.st, path, &e, err);
	if (code == CTR_OK)
		code = node_xattrs(w, &n, add_xattr, w, err);
	return code == CTR_OK ? put(w, &e.tar, err) : code;
}

/* The directories on the way to w->path that have not been written. */
static ctr_code put_parents(struct walk *w, struct ctr_error *err)
{
	int depth = 0;

	for (size_t i = 1; i < w->path_n; i++) {
		ctr_code code;

		if (w->path[i] != '/')
			continue;
		depth++;
		if (i <= w->emitted_n)
			continue;
		w->path[i] = 0;
		code = put_dir(w, w->upper_stack[depth], w->path, err);
		w->path[i] = '/';
		if (code != CTR_OK)
			return code;
		w->emitted_n = i;
	}
	return CTR_OK;
}

/* The same for a path that the walk has left: all of its directories, again if need be. */
static ctr_code put_parents_of(struct walk *w, const char *path, struct ctr_error *err)
{
	char dir[NAME_PATH_MAX];

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		memcpy(dir, path, (size_t)(p - path));
		dir[p - path] = 0;

		AUTO_CLOSE int fd =
			path_open(w->opt->upper_fd, dir, PATH_BENEATH | PATH_NO_SYMLINKS,
				  O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0)
			return ctr_fail_errno(err, fd, "open '%s'", dir);
		ctr_code code = put_dir(w, fd, dir, err);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

/* Where the data is; one region for all when the holes are not worth it. */
static size_t find_regions(int fd, const struct stat *st, struct region *list)
{
	uint64_t size = (uint64_t)st->st_size, data_bytes = 0;
	off_t at = 0, end;
	size_t n = 0;

	list[0] = (struct region){ 0, size };
	if ((uint64_t)st->st_blocks * 512 + SPARSE_FROM > size)
		return 1;
	while (n < REGIONS_MAX && (at = lseek(fd, at, SEEK_DATA)) >= 0 && at < st->st_size) {
		end = lseek(fd, at, SEEK_HOLE);
		if (end <= at)
			break;
		list[n++] = (struct region){ (uint64_t)at, (uint64_t)(MIN(end, st->st_size) - at) };
		data_bytes += list[n - 1].n;
		at = end;
	}
	if (n < REGIONS_MAX && data_bytes + SPARSE_FROM <= size)
		return n;
	list[0] = (struct region){ 0, size };
	return 1;
}

static ctr_code put_zeros(struct walk *w, uint64_t n, struct ctr_error *err)
{
	ctr_code code = CTR_OK;

	if (n)
		memset(w->data, 0, WALK_DATA_BYTES);
	for (size_t part; n && code == CTR_OK; n -= part) {
		part = (size_t)MIN(n, (uint64_t)WALK_DATA_BYTES);
		code = tar_put_data(w->out, w->data, part, err);
	}
	return code;
}

static ctr_code put_region(struct walk *w, int fd, struct region r, struct ctr_error *err)
{
	while (r.n) {
		size_t want = (size_t)MIN(r.n, (uint64_t)WALK_DATA_BYTES);
		ssize_t got = pread(fd, w->data, want, (off_t)r.at);
		ctr_code code;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return walk_fail(w, errno, "read", err);
		if (!got)
			return ctr_fail(err, CTR_ABORTED, "'%s' shrank while it was read", w->path);
		code = tar_put_data(w->out, w->data, (size_t)got, err);
		if (code != CTR_OK)
			return code;
		r.at += (uint64_t)got;
		r.n -= (uint64_t)got;
	}
	return CTR_OK;
}

static ctr_code put_content(struct walk *w, int fd, const struct region *list, size_t n,
			    uint64_t size, struct ctr_error *err)
{
	ctr_code code = CTR_OK;
	uint64_t at = 0;

	for (size_t i = 0; i < n && code == CTR_OK; i++) {
		code = put_zeros(w, list[i].at - at, err);
		if (code == CTR_OK)
			code = put_region(w, fd, list[i], err);
		at = list[i].at + list[i].n;
	}
	return code == CTR_OK ? put_zeros(w, size - at, err) : code;
}

static ctr_code put_file(struct walk *w, const struct node *n, const struct entry *e,
			 struct ctr_error *err)
{
	AUTO_FREE struct region *list = malloc(REGIONS_MAX * sizeof(*list));
	AUTO_CLOSE int fd = -1;
	ctr_code code = node_open(w, n, &fd, err);
	size_t regions;

	if (code != CTR_OK)
		return code;
	if (!list)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	regions = find_regions(fd, &n->st, list);
	if (regions != 1 || list[0].n != e->tar.size) {
		for (size_t i = 0; i < regions && code == CTR_OK; i++)
			code = tar_put_region(w->out, e->tar.size, list[i].at, list[i].n, err);
		if (!regions) /* nothing but a hole */
			code = tar_put_region(w->out, e->tar.size, e->tar.size, 0, err);
	}
	if (code == CTR_OK)
		code = put(w, &e->tar, err);
	return code == CTR_OK ? put_content(w, fd, list, regions, e->tar.size, err) : code;
}

static struct links *links_of(struct walk *w, const struct stat *st, bool make)
{
	char key[KEY_ROOM];
	struct links *l;

	snprintf(key, sizeof(key), "%" PRIu64 ":%" PRIu64, (uint64_t)st->st_dev,
		 (uint64_t)st->st_ino);
	l = map_get(w->links, key);
	if (l || !make)
		return l;
	l = calloc(1, sizeof(*l));
	if (l && map_put(w->links, key, l) < 0) {
		free(l);
		return NULL;
	}
	return l;
}

void emit_done(struct walk *w)
{
	const char *key;
	struct links *l;
	size_t pos = 0;

	while (w->links && (l = map_next(w->links, &pos, &key))) {
		free(l->source);
		strv_free(l->waiting);
		free(l);
	}
	map_free(w->links);
}

static ctr_code put_link(struct walk *w, const struct stat *st, const char *path,
			 const char *source, struct ctr_error *err)
{
	struct entry e;
	ctr_code code = fill(w, st, path, &e, err);

	if (code != CTR_OK)
		return code;
	e.tar.type = TAR_HARDLINK;
	e.tar.link = source;
	e.tar.size = 0;
	return put(w, &e.tar, err);
}

static ctr_code put_other(struct walk *w, const struct node *n, struct ctr_error *err)
{
	struct entry e;
	ssize_t len;
	ctr_code code = fill(w, &n->st, w->path, &e, err);

	if (code == CTR_OK)
		code = node_xattrs(w, n, add_xattr, w, err);
	if (code != CTR_OK)
		return code;
	if (e.tar.type == TAR_FILE)
		return put_file(w, n, &e, err);
	if (e.tar.type == TAR_SYMLINK) {
		len = readlinkat(n->dir_fd, n->name, e.link, sizeof(e.link) - 1);
		if (len < 0)
			return walk_fail(w, errno, "read symlink", err);
		e.link[len] = 0;
		e.tar.link = e.link;
	}
	return put(w, &e.tar, err);
}

/* A file with several names, one of which is in the layer now. */
static ctr_code put_first_name(struct walk *w, const struct node *n, struct links *l,
			       struct ctr_error *err)
{
	ctr_code code;

	l->source = str_dup(w->path);
	if (!l->source)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	code = put_other(w, n, err);
	for (char **p = l->waiting; p && *p && code == CTR_OK; p++) {
		code = put_parents_of(w, *p, err);
		if (code == CTR_OK)
			code = put_link(w, &n->st, *p, l->source, err);
	}
	return code;
}

ctr_code emit_node(struct walk *w, const struct node *n, struct ctr_error *err)
{
	struct links *l;
	ctr_code code;

	if (S_ISSOCK(n->st.st_mode))
		return CTR_OK;
	if (str_starts(n->name, WHITEOUT_PREFIX))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"'%s' has a name that layers reserve for whiteouts", w->path);
	code = put_parents(w, err);
	if (code != CTR_OK)
		return code;

	if (S_ISDIR(n->st.st_mode)) {
		code = put_other(w, n, err);
		w->emitted_n = w->path_n;
		return code;
	}
	if (n->st.st_nlink < 2)
		return put_other(w, n, err);
	l = links_of(w, &n->st, true);
	if (!l)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	return l->source ? put_link(w, &n->st, w->path, l->source, err)
			 : put_first_name(w, n, l, err);
}

ctr_code emit_unchanged_link(struct walk *w, const struct node *n, struct ctr_error *err)
{
	struct links *l = links_of(w, &n->st, true);
	ctr_code code;

	if (!l)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (!l->source)
		return strv_push(&l->waiting, w->path) < 0
			       ? ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory")
			       : CTR_OK;

	code = put_parents(w, err);
	return code == CTR_OK ? put_link(w, &n->st, w->path, l->source, err) : code;
}

ctr_code emit_whiteout(struct walk *w, const char *name, struct ctr_error *err)
{
	size_t dir_n = w->path_n - strlen(name);
	struct entry e;
	ctr_code code = put_parents(w, err);

	if (code != CTR_OK)
		return code;
	snprintf(e.name, sizeof(e.name), "%.*s" WHITEOUT_PREFIX "%s", (int)dir_n, w->path, name);
	e.tar = (struct tar_entry){ .name = e.name, .type = TAR_FILE };
	if (w->opt->clamp_times)
		e.tar.times[1].tv_sec = w->opt->clamp_to;
	return put(w, &e.tar, err);
}
