/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs at rest: information, listing, reading, removal. A reader is a descriptor, so a blob that is removed while it
 * is read stays readable to its end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/ident.h"
#include "base/io.h"
#include "base/path.h"
#include "local.h"

static const char *const algorithms[] = { "sha256", "sha384", "sha512" };

int blob_path(const char *digest, char ret[BLOB_PATH_ROOM])
{
	if (!digest_valid(digest))
		return -EINVAL;

	snprintf(ret, BLOB_PATH_ROOM, "%s", digest);
	*strchr(ret, ':') = '/';
	return 0;
}

int blob_exists(const struct local *l, const char *digest)
{
	char path[BLOB_PATH_ROOM];

	return blob_path(digest, path) == 0 && faccessat(l->blobs_fd, path, F_OK, 0) == 0;
}

static int64_t stat_ns(const struct timespec *t)
{
	return t->tv_sec * NS_PER_SEC + t->tv_nsec;
}

static struct ctr_blob_info info_of(const char *digest, const struct stat *st)
{
	return (struct ctr_blob_info){
		.size = sizeof(struct ctr_blob_info),
		.digest = digest,
		.length_bytes = st->st_size,
		.created_ns = stat_ns(&st->st_mtim),
		.updated_ns = stat_ns(&st->st_mtim),
	};
}

static ctr_code no_blob(const struct local *l, const char *digest, int e, struct ctr_error *err)
{
	if (e == EINVAL)
		return l->host->fail(err, CTR_INVALID_ARGUMENT, "digest '%s' is malformed", digest);
	if (e == ENOENT)
		return l->host->fail(err, CTR_NOT_FOUND, "content %s", digest);
	return l->host->fail_errno(err, e, "content %s", digest);
}

ctr_code blob_info(void *self, const struct ctr_call *call, const char *digest, ctr_blob_sink sink,
		   void *ud, struct ctr_error *err)
{
	struct local *l = self;
	char path[BLOB_PATH_ROOM];
	struct stat st;

	(void)call;
	if (blob_path(digest, path) < 0)
		return no_blob(l, digest, EINVAL, err);
	if (fstatat(l->blobs_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return no_blob(l, digest, errno, err);

	struct ctr_blob_info info = info_of(digest, &st);
	return sink(ud, &info);
}

/* One algorithm's directory. Names that are no digest are not ours and are passed over. */
static ctr_code walk_algorithm(struct local *l, const struct ctr_call *call, const char *algorithm,
			       ctr_blob_sink sink, void *ud, struct ctr_error *err)
{
	int fd = openat(l->blobs_fd, algorithm, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT
			       ? CTR_OK
			       : l->host->fail_errno(err, errno, "open blobs/%s", algorithm);

	DIR *dir = fdopendir(fd);
	if (!dir) {
		fd_close(&fd);
		return l->host->fail_errno(err, ENOMEM, "list blobs/%s", algorithm);
	}

	ctr_code code = CTR_OK;
	struct dirent *e;
	while (code == CTR_OK && (e = readdir(dir))) {
		char digest[sizeof(e->d_name) + 8];
		struct stat st;

		snprintf(digest, sizeof(digest), "%s:%s", algorithm, e->d_name);
		if (!digest_valid(digest) ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		struct ctr_blob_info info = info_of(digest, &st);
		code = sink(ud, &info);
		if (code == CTR_OK)
			code = l->host->call->check(call, err);
	}
	closedir(dir);
	return code;
}

ctr_code blob_walk(void *self, const struct ctr_call *call, ctr_blob_sink sink, void *ud,
		   struct ctr_error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		ctr_code code = walk_algorithm(self, call, algorithms[i], sink, ud, err);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

ctr_code blob_remove(void *self, const struct ctr_call *call, const char *digest,
		     struct ctr_error *err)
{
	struct local *l = self;
	char path[BLOB_PATH_ROOM];

	(void)call;
	if (blob_path(digest, path) < 0)
		return no_blob(l, digest, EINVAL, err);
	if (unlinkat(l->blobs_fd, path, 0) < 0)
		return no_blob(l, digest, errno, err);
	return CTR_OK;
}

ctr_code blob_reader_fd(void *self, const struct ctr_call *call, const char *digest,
			int32_t *ret_fd, int64_t *ret_length, struct ctr_error *err)
{
	struct local *l = self;
	char path[BLOB_PATH_ROOM];
	struct stat st;

	(void)call;
	if (blob_path(digest, path) < 0)
		return no_blob(l, digest, EINVAL, err);

	AUTO_CLOSE int fd =
		path_open(l->blobs_fd, path, PATH_BENEATH | PATH_NO_SYMLINKS, O_RDONLY, 0);
	if (fd < 0)
		return no_blob(l, digest, -fd, err);
	if (fstat(fd, &st) < 0)
		return no_blob(l, digest, errno, err);

	*ret_length = st.st_size;
	*ret_fd = take_fd(&fd);
	return CTR_OK;
}

struct reader {
	int fd;
};

ctr_code blob_reader(void *self, const struct ctr_call *call, const char *digest, void **ret_reader,
		     int64_t *ret_length, struct ctr_error *err)
{
	struct local *l = self;
	AUTO_FREE struct reader *r = malloc(sizeof(*r));
	if (!r)
		return l->host->fail_errno(err, ENOMEM, "content %s", digest);

	ctr_code code = blob_reader_fd(self, call, digest, &r->fd, ret_length, err);
	if (code == CTR_OK)
		*ret_reader = take_ptr(&r);
	return code;
}

ctr_code blob_read_at(void *self, void *reader, void *data, uint64_t n, int64_t offset,
		      uint64_t *ret_n, struct ctr_error *err)
{
	struct local *l = self;
	struct reader *r = reader;

	ssize_t got = io_pread_full(r->fd, data, n, offset);
	if (got < 0)
		return l->host->fail_errno(err, (int32_t)got, "read content");
	*ret_n = (uint64_t)got;
	return CTR_OK;
}

void blob_reader_close(void *self, void *reader)
{
	struct reader *r = reader;

	(void)self;
	fd_close(&r->fd);
	free(r);
}

ctr_code blob_sync(void *self, const struct ctr_call *call, const char *const *digests, uint64_t n,
		   struct ctr_error *err)
{
	struct local *l = self;

	(void)call;
	(void)digests;
	/* One flush of the file system for any number of blobs: their data, their names, and errors seen since start. */
	if (n > 0 && syncfs(l->root_fd) < 0)
		return l->host->fail_errno(err, errno, "sync content store");
	return CTR_OK;
}
