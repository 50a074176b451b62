/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk over two trees, directory by directory, names in byte order.
 */
#include "worker/compare/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "worker/compare/walk.h"

/* A directory in the three trees; lower and touched may be missing (-1). */
struct level {
	int lower, upper, touched;
};

static ctr_code walk_dir(struct walk *w, const struct level *at, struct ctr_error *err);

ctr_code walk_fail(const struct walk *w, int errnum, const char *what, struct ctr_error *err)
{
	/* Gone between two looks: the tree is in use. */
	if (errnum == ENOENT || errnum == ELOOP || errnum == ENOTDIR)
		return ctr_fail(err, CTR_ABORTED, "%s '%s': changed while it was read", what,
				w->path);
	return ctr_fail_errno(err, errnum, "%s '%s'", what, w->path);
}

static ctr_code push(struct walk *w, const char *name, size_t *ret_before, struct ctr_error *err)
{
	size_t n = strlen(name), slash = w->path_n ? 1 : 0;

	if (w->path_n + slash + n + 1 > sizeof(w->path))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "path '%.64s...' is too long", w->path);
	*ret_before = w->path_n;
	if (slash)
		w->path[w->path_n++] = '/';
	memcpy(w->path + w->path_n, name, n + 1);
	w->path_n += n;
	return CTR_OK;
}

static void pop(struct walk *w, size_t before)
{
	w->path_n = before;
	w->path[before] = 0;
	w->emitted_n = MIN(w->emitted_n, before);
}

/* *ret_there false: the name is not in that tree. */
static ctr_code look(const struct walk *w, int dir_fd, const char *name, struct node *ret,
		     bool *ret_there, struct ctr_error *err)
{
	*ret = (struct node){ .dir_fd = dir_fd, .name = name };
	*ret_there = false;
	if (dir_fd < 0)
		return CTR_OK;
	if (fstatat(dir_fd, name, &ret->st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? CTR_OK : walk_fail(w, errno, "stat", err);
	*ret_there = true;
	return CTR_OK;
}

static int open_dir(int dir_fd, const char *name)
{
	return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Go down into w->path, which is a directory in upper, and in lower when both are there. */
static ctr_code descend(struct walk *w, const struct level *at, const char *name, bool in_lower,
			struct ctr_error *err)
{
	AUTO_CLOSE int lower = -1, upper = open_dir(at->upper, name), touched = -1;
	ctr_code code;

	if (upper < 0)
		return walk_fail(w, errno, "open", err);
	if (in_lower) {
		lower = open_dir(at->lower, name);
		if (lower < 0)
			return walk_fail(w, errno, "open", err);
		if (at->touched >= 0)
			touched = open_dir(at->touched, name);
	}
	if (w->depth + 1 >= COMPARE_MAX_DEPTH)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"directory '%.64s...' is nested more than %d deep", w->path,
				COMPARE_MAX_DEPTH);

	struct level below = { lower, upper, touched };
	w->upper_stack[++w->depth] = upper;
	code = walk_dir(w, &below, err);
	w->depth--;
	return code;
}

static ctr_code visit_both(struct walk *w, const struct level *at, const struct node *a,
			   const struct node *b, struct ctr_error *err)
{
	bool dirs = S_ISDIR(a->st.st_mode) && S_ISDIR(b->st.st_mode), same;
	struct node t;
	ctr_code code;

	if (at->touched >= 0) {
		code = look(w, at->touched, b->name, &t, &same, err);
		if (code != CTR_OK || !same)
			return code; /* not in the overlay's own directory: as it was */
	}
	code = node_same(w, a, b, &same, err);
	if (code != CTR_OK)
		return code;

	if (!same)
		code = emit_node(w, b, err);
	else if (!S_ISDIR(b->st.st_mode) && b->st.st_nlink > 1)
		code = emit_unchanged_link(w, b, err);
	if (code == CTR_OK && S_ISDIR(b->st.st_mode))
		code = descend(w, at, b->name, dirs, err);
	return code;
}

static ctr_code visit(struct walk *w, const struct level *at, const char *name,
		      struct ctr_error *err)
{
	struct node a, b;
	bool in_a, in_b;
	size_t before = w->path_n;
	ctr_code code = push(w, name, &before, err);

	if (code != CTR_OK)
		return code;
	code = look(w, at->lower, name, &a, &in_a, err);
	if (code == CTR_OK)
		code = look(w, at->upper, name, &b, &in_b, err);
	if (code != CTR_OK)
		return code;

	/* A socket is in no layer: it counts as missing, and so takes away what it replaced. */
	in_b = in_b && !S_ISSOCK(b.st.st_mode);
	if (in_a && S_ISSOCK(a.st.st_mode))
		in_a = false;
	if (in_a && in_b)
		code = visit_both(w, at, &a, &b, err);
	else if (in_a)
		code = emit_whiteout(w, name, err);
	else if (in_b)
		code = emit_node(w, &b, err);
	if (code == CTR_OK && in_b && !in_a && S_ISDIR(b.st.st_mode))
		code = descend(w, at, name, false, err);
	pop(w, before);
	return code;
}

/* Both lists are sorted: each name once. */
static ctr_code walk_names(struct walk *w, const struct level *at, char **x, char **y,
			   struct ctr_error *err)
{
	ctr_code code = CTR_OK;

	while (code == CTR_OK && (*x || *y)) {
		int order = !*x ? 1 : !*y ? -1 : strcmp(*x, *y);
		const char *name = order <= 0 ? *x : *y;

		code = visit(w, at, name, err);
		x += order <= 0;
		y += order >= 0;
	}
	return code;
}

static ctr_code walk_dir(struct walk *w, const struct level *at, struct ctr_error *err)
{
	char *none[] = { NULL };
	AUTO_STRV x = NULL;
	AUTO_STRV y = NULL;
	ctr_code code = CTR_OK;

	if (at->lower >= 0)
		code = dir_names(at->lower, w->path, &x, err);
	if (code == CTR_OK)
		code = dir_names(at->upper, w->path, &y, err);
	if (code == CTR_OK)
		code = walk_names(w, at, x ? x : none, y, err);
	return code;
}

static ctr_code run(struct walk *w, struct compare_result *ret, struct ctr_error *err)
{
	const struct compare_options *o = w->opt;
	struct level root = { o->lower_fd, o->upper_fd, o->touched_fd };
	struct encoder_options eo = { .kind = o->codec == CODEC_AUTO ? CODEC_GZIP : o->codec,
				      .use_zlib = o->use_zlib };
	ctr_code code;

	w->links = map_new();
	w->data = malloc(WALK_DATA_BYTES);
	if (!w->links || !w->data)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	w->upper_stack[0] = o->upper_fd;

	code = encoder_open(o->out_fd, &eo, &w->enc, err);
	if (code == CTR_OK)
		code = tar_writer_open(w->enc, &w->out, err);
	if (code == CTR_OK)
		code = walk_dir(w, &root, err);
	if (code == CTR_OK)
		code = tar_writer_end(w->out, err);
	if (code == CTR_OK)
		code = encoder_finish(w->enc, &ret->layer, err);
	return code;
}

ctr_code compare_trees(const struct compare_options *opt, struct compare_result *ret,
		       struct ctr_error *err)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct compare_result res = { .entries = 0 };
	ctr_code code;

	if (!w)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	w->opt = opt;
	w->max_entries = opt->max_entries ? opt->max_entries : COMPARE_MAX_ENTRIES;
	code = run(w, &res, err);
	if (code == CTR_OK) {
		res.entries = w->entries;
		*ret = res;
	}
	tar_writer_free(w->out);
	encoder_close(w->enc);
	emit_done(w);
	free(w->data);
	free(w);
	return code;
}
