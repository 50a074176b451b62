/* SPDX-License-Identifier: Apache-2.0
 *
 * How much disk a tree takes: blocks, not lengths, and each inode once.
 */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "plugins/common/treedir.h"

/* Inodes with several links that were counted: open addressing, grown at half full. */
struct seen {
	ino_t *slots; /* 0: free; inode 0 does not exist */
	size_t cap, n;
};

static int seen_put(struct seen *s, ino_t ino); /* 1 new, 0 known, -ENOMEM */

static int seen_grow(struct seen *s)
{
	struct seen bigger = { .cap = s->cap ? s->cap * 2 : 64 };

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i])
			(void)seen_put(&bigger, s->slots[i]);
	free(s->slots);
	*s = bigger;
	return 0;
}

static int seen_put(struct seen *s, ino_t ino)
{
	if (2 * s->n >= s->cap && seen_grow(s) < 0)
		return -ENOMEM;

	size_t i = (size_t)(ino * UINT64_C(0x9E3779B97F4A7C15)) & (s->cap - 1);
	while (s->slots[i]) {
		if (s->slots[i] == ino)
			return 0;
		i = (i + 1) & (s->cap - 1);
	}
	s->slots[i] = ino;
	s->n++;
	return 1;
}

static int count(struct seen *seen, const struct stat *st, struct ctr_usage *u)
{
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
		int r = seen_put(seen, st->st_ino);
		if (r <= 0)
			return r;
	}
	u->inodes++;
	u->bytes += (int64_t)st->st_blocks * 512;
	return 0;
}

ctr_code treedir_usage(const struct treedir *t, const struct ctr_call *call, int dir_fd,
		       struct ctr_usage *ret, struct ctr_error *err)
{
	struct ctr_usage usage = { .size = sizeof(usage) };
	struct seen seen = { 0 };
	char start[32];
	char *paths[] = { start, NULL };
	ctr_code code = CTR_OK;
	FTSENT *e;

	/* FTS_PHYSICAL: no symlink is followed; FTS_XDEV: no mount is entered; FTS_NOCHDIR: no process state changes. */
	snprintf(start, sizeof(start), "/proc/self/fd/%d/", dir_fd);
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	if (!fts)
		return t->host->fail_errno(err, errno, "measure snapshot");

	errno = 0;
	while (code == CTR_OK && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DP)
			continue;
		if (e->fts_info == FTS_NS || e->fts_info == FTS_ERR || e->fts_info == FTS_DNR) {
			if (e->fts_errno != ENOENT) /* gone meanwhile: an active snapshot lives */
				code = t->host->fail_errno(err, e->fts_errno, "measure '%s'",
							   e->fts_name);
			continue;
		}
		if (count(&seen, e->fts_statp, &usage) < 0)
			code = t->host->fail_errno(err, ENOMEM, "measure snapshot");
		if (code == CTR_OK && e->fts_info == FTS_D)
			code = t->host->call->check(call, err);
	}
	fts_close(fts);
	free(seen.slots);
	if (code == CTR_OK)
		*ret = usage;
	return code;
}
