/* SPDX-License-Identifier: Apache-2.0
 *
 * Times of directories. Kept in one buffer as records of (times, length, path) and set when all is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "worker/unpack/tree.h"

struct record {
	struct timespec times[2];
	size_t n; /* of the path that follows, with NUL */
};

ctr_code times_keep(struct tree *t, const struct tar_entry *e, const char *path,
		    struct ctr_error *err)
{
	struct record rec = { .times = { e->times[0], e->times[1] }, .n = strlen(path) + 1 };

	buf_append(&t->dirs, &rec, sizeof(rec));
	buf_append(&t->dirs, path, rec.n);
	if (buf_failed(&t->dirs) == -E2BIG)
		return ctr_fail(
			err, CTR_INVALID_ARGUMENT,
			"directory '%s': names of directories exceed the limit of %llu bytes", path,
			UNPACK_MAX_DIR_BYTES);
	if (buf_failed(&t->dirs))
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	return CTR_OK;
}

/* A directory that a later entry replaced or removed is skipped. */
static ctr_code set_one(struct tree *t, const struct record *rec, const char *path,
			struct ctr_error *err)
{
	struct place p;
	struct stat st;
	ctr_code code = tree_find(t, path, &p, err);

	if (code != CTR_OK)
		return code == CTR_NOT_FOUND ? CTR_OK : code;
	if (fstatat(p.dir_fd, p.name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return CTR_OK;
	if (utimensat(p.dir_fd, p.name, rec->times, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail(err, errno, "set times of", path);
	return CTR_OK;
}

ctr_code times_set(struct tree *t, struct ctr_error *err)
{
	struct record rec;

	for (size_t at = 0; at < t->dirs.len; at += sizeof(rec) + rec.n) {
		ctr_code code;

		memcpy(&rec, t->dirs.data + at, sizeof(rec));
		code = set_one(t, &rec, t->dirs.data + at + sizeof(rec), err);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}
