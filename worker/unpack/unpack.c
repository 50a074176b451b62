/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop over a layer's entries: clean the name, count it against the limits, and hand it to who makes it.
 */
#include "worker/unpack/unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/macros.h"
#include "worker/unpack/tree.h"

#define PROGRESS_ENTRIES 64         /* between two calls of progress() */
#define PROGRESS_BYTES   (4U << 20) /* of the source; whichever comes first */

struct run {
	const struct unpack_options *opt;
	struct codec *codec;
	struct tar_reader *reader;
	struct tree tree;
	uint64_t max_entries;
	uint64_t told_entries, told_bytes;
};

ctr_code tree_tell(struct tree *t, struct ctr_error *err)
{
	struct run *u = container_of(t, struct run, tree);
	uint64_t in = codec_in(u->codec);

	if (!u->opt->progress)
		return CTR_OK;
	if (t->entries - u->told_entries < PROGRESS_ENTRIES && in - u->told_bytes < PROGRESS_BYTES)
		return CTR_OK;

	u->told_entries = t->entries;
	u->told_bytes = in;
	return u->opt->progress(u->opt->progress_ud, in, t->entries, err);
}

static ctr_code clean(const struct tar_entry *e, char path[NAME_PATH_MAX], size_t *ret_n,
		      struct ctr_error *err)
{
	int r = name_clean(e->name, path, ret_n);

	if (r == -EXDEV)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "entry '%s' leaves the root", e->name);
	if (r == -ENAMETOOLONG)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"entry '%.64s...': a path may have %d bytes and each name in it %d",
				e->name, NAME_PATH_MAX - 1, NAME_PART_MAX);
	return CTR_OK;
}

static ctr_code apply(struct run *u, const struct tar_entry *e, struct ctr_error *err)
{
	char path[NAME_PATH_MAX];
	struct place p;
	ctr_code code;
	size_t n;

	code = clean(e, path, &n, err);
	if (code != CTR_OK || !n) /* the root itself belongs to the snapshot, not to the layer */
		return code;

	enum name_kind kind = name_kind(path);
	if (kind == NAME_META)
		return CTR_OK;
	if (kind == NAME_BAD)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "whiteout '%s' names nothing", e->name);

	code = tree_place(&u->tree, path, &p, err);
	if (code != CTR_OK)
		return code;
	if (kind == NAME_OPAQUE)
		return whiteout_opaque(&u->tree, &p, err);
	if (kind == NAME_WHITEOUT)
		return whiteout_apply(&u->tree, e, &p, err);
	return make_entry(&u->tree, u->reader, e, &p, err);
}

static ctr_code run_entries(struct run *u, struct ctr_error *err)
{
	struct tar_entry e;
	bool end = false;
	ctr_code code;

	for (;;) {
		code = tar_next(u->reader, &e, &end, err);
		if (code != CTR_OK || end)
			return code;
		if (++u->tree.entries > u->max_entries)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"entry '%s': the layer has more than the limit of %" PRIu64
					" entries",
					e.name, u->max_entries);
		code = apply(u, &e, err);
		if (code == CTR_OK)
			code = tree_tell(&u->tree, err);
		if (code != CTR_OK)
			return code;
	}
}

static ctr_code run_all(struct run *u, struct source *src, struct unpack_result *ret,
			struct ctr_error *err)
{
	const struct unpack_limits *l = &u->opt->limits;
	struct codec_options co = {
		.kind = u->opt->codec,
		.use_zlib = u->opt->use_zlib,
		.max_bytes = l->max_bytes ? l->max_bytes : UNPACK_MAX_BYTES,
		.max_ratio = l->max_ratio ? l->max_ratio : UNPACK_MAX_RATIO,
	};
	ctr_code code = codec_open(src, &co, &u->codec, err);

	if (code == CTR_OK)
		code = tar_open(u->codec, &u->reader, err);
	if (code == CTR_OK)
		code = tree_open(&u->tree, u->opt, err);
	if (code == CTR_OK)
		code = run_entries(u, err);
	if (code == CTR_OK)
		code = times_set(&u->tree, err);
	if (code == CTR_OK)
		code = codec_digest(u->codec, ret->diff_id, err);
	return code;
}

ctr_code unpack_layer(struct source *src, const struct unpack_options *opt,
		      struct unpack_result *ret, struct ctr_error *err)
{
	struct run u = { .opt = opt, .tree = { .root_fd = -1, .parent_fd = -1 } };
	struct unpack_result res = { .entries = 0 };
	ctr_code code;

	u.max_entries = opt->limits.max_entries ? opt->limits.max_entries : UNPACK_MAX_ENTRIES;
	code = run_all(&u, src, &res, err);
	if (code == CTR_OK) {
		res.size = codec_out(u.codec);
		res.in_size = codec_in(u.codec);
		res.entries = u.tree.entries;
		res.codec = codec_kind(u.codec);
		*ret = res;
	}
	tree_done(&u.tree);
	tar_close(u.reader);
	codec_close(u.codec);
	return code;
}
