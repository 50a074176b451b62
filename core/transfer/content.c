/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs that should be there: opening them, and removing those whose bytes are not what the record
 * says.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "core/content/content.h"
#include "core/diff/diff.h"
#include "core/transfer/internal.h"

int fd_read_only(int fd)
{
	char path[32];
	int ro;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	return ro < 0 ? -errno : ro;
}

static ctr_code take_length(void *ud, const struct ctr_content_info *info)
{
	*(int64_t *)ud = info->length_bytes;
	return CTR_OK;
}

/*
 * Who is wrong? Bytes that are not as long as their own record are damaged; a document that names another length than
 * both is a lie, and must not cost others their blob.
 */
static ctr_code wrong_length(struct job *job, const char *digest, int64_t length, int64_t size,
			     struct ctr_error *err)
{
	int64_t recorded = -1;
	ctr_code code =
		job->s.contents->info(job->host, &job->call, digest, take_length, &recorded, err);

	if (code != CTR_OK)
		return code;
	if (recorded != length)
		return ctr_fail(err, CTR_DATA_LOSS,
				"content %s has %" PRId64 " bytes, expected %" PRId64, digest,
				length, recorded);
	return ctr_fail(err, CTR_INVALID_ARGUMENT,
			"content %s has %" PRId64
			" bytes, the document that names it says %" PRId64,
			digest, length, size);
}

ctr_code content_open(struct job *job, const char *digest, int64_t size, int *ret_fd,
		      struct ctr_error *err)
{
	const struct ctr_contents_ops *contents = job->s.contents;
	struct ctr_content_reader *r = NULL;
	int64_t length = 0;
	ctr_code code = contents->reader(job->host, &job->call, digest, &r, &length, err);

	if (code != CTR_OK)
		return code;
	if (size >= 0 && length != size)
		code = wrong_length(job, digest, length, size, err);
	else
		code = diff_reader_fd(job->t->daemon, contents, r, &job->call, ret_fd, err);
	contents->reader_close(r);
	return code;
}

ctr_code content_drop(struct job *job, const char *digest, struct ctr_error *err)
{
	struct content_store store;
	ctr_code code = job->s.contents->remove(job->host, &job->call, digest, err);

	if (code == CTR_OK || code == CTR_NOT_FOUND)
		code = content_store(job->t->daemon, &store, err);
	if (code == CTR_OK)
		code = store.ops->remove(store.self, &job->call, digest, err);
	return code == CTR_NOT_FOUND ? CTR_OK : code;
}
