/* SPDX-License-Identifier: Apache-2.0
 *
 * Make an ingest a blob: check size and digest, make the bytes durable, then give them their name. A crash at any
 * point leaves a resumable ingest or a complete blob.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/ident.h"
#include "base/path.h"
#include "local.h"

/* The digest of all bytes, in the algorithm that expected names. */
static ctr_code digest_of(struct local *l, struct writer *w, const struct ctr_content_commit *args,
			  char ret[CTR_DIGEST_ROOM], struct ctr_error *err)
{
	const char *expected = args->expected ? args->expected : "";

	if (*expected && !digest_valid(expected))
		return l->host->fail(err, CTR_INVALID_ARGUMENT, "digest '%s' is malformed",
				     expected);
	if (args->digest && *args->digest) {
		if (!w->given || !digest_valid(args->digest))
			return l->host->fail(
				err, CTR_INVALID_ARGUMENT,
				"ingest '%s': digest given without writer_fd, or malformed",
				w->meta.ref);
		snprintf(ret, CTR_DIGEST_ROOM, "%s", args->digest);
		return CTR_OK;
	}
	if (*expected && !hash_is_of(&w->hash, expected)) {
		hash_done(&w->hash);
		w->hashed = 0;
		int r = hash_init(&w->hash, expected);
		if (r < 0)
			return l->host->fail_errno(err, r, "hash ingest '%s'", w->meta.ref);
	}

	ctr_code code = writer_catch_up(l, w, err);
	if (code == CTR_OK && hash_text(&w->hash, ret) < 0)
		code = l->host->fail_errno(err, ENOMEM, "hash ingest '%s'", w->meta.ref);
	return code;
}

/* rename into blobs/; the directory's entry is durable too unless the caller syncs later. */
static int publish(struct local *l, struct writer *w, const char *digest, int sync)
{
	char path[BLOB_PATH_ROOM], algorithm[8];

	if (blob_path(digest, path) < 0)
		return -EINVAL;
	snprintf(algorithm, sizeof(algorithm), "%.*s", (int)strcspn(digest, ":"), digest);

	if (sync && fdatasync(w->data_fd) < 0)
		return -errno;
	if (fchmod(w->data_fd, 0444) < 0)
		return -errno;
	AUTO_CLOSE int dir = path_mkdirs(l->blobs_fd, algorithm, PATH_BENEATH, 0755);
	if (dir < 0)
		return dir;
	if (renameat2(w->dir_fd, "data", l->blobs_fd, path, RENAME_NOREPLACE) < 0)
		return -errno;
	return sync ? path_sync_dir(dir) : 0;
}

static void drop_ingest(struct local *l, struct writer *w)
{
	int r = path_remove_tree(l->ingest_fd, w->name);

	if (r < 0)
		l->host->log(l->host, CTR_LOG_WARN, "ingest '%s' left behind: %s", w->meta.ref,
			     strerrordesc_np(-r));
}

ctr_code writer_commit(void *self, void *writer, const struct ctr_content_commit *args,
		       char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err)
{
	struct local *l = self;
	struct writer *w = writer;
	char digest[CTR_DIGEST_ROOM];

	int r = writer_length(w);
	if (r < 0)
		return l->host->fail_errno(err, r, "ingest '%s'", w->meta.ref);
	if (args->total_bytes > 0 && args->total_bytes != w->offset)
		return l->host->fail(err, CTR_FAILED_PRECONDITION,
				     "\"%s\" failed size validation: %" PRId64 " != %" PRId64,
				     w->meta.ref, w->offset, args->total_bytes);

	ctr_code code = digest_of(l, w, args, digest, err);
	if (code != CTR_OK)
		return code;
	if (args->expected && *args->expected && strcmp(digest, args->expected) != 0)
		return l->host->fail(err, CTR_FAILED_PRECONDITION,
				     "unexpected commit digest %s, expected %s", digest,
				     args->expected);

	r = publish(l, w, digest, !(args->flags & CTR_COMMIT_NO_SYNC));
	if (r < 0 && r != -EEXIST)
		return l->host->fail_errno(err, r, "commit ingest '%s'", w->meta.ref);
	drop_ingest(l, w);
	snprintf(ret_digest, CTR_DIGEST_ROOM, "%s", digest);
	return r == -EEXIST ? l->host->fail(err, CTR_ALREADY_EXISTS, "content %s", digest) : CTR_OK;
}
