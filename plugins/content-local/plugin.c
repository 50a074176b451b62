/* SPDX-License-Identifier: Apache-2.0
 *
 * io.containerd.content.v1 / content: blobs and ingests as files in the plugin's root directory. This file is the
 * descriptor and the lifecycle only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "local.h"

static void local_free(struct local *l)
{
	fd_close(&l->ingest_fd);
	fd_close(&l->blobs_fd);
	fd_close(&l->root_fd);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static int open_dirs(struct local *l)
{
	l->root_fd = path_own_dir(l->host->root_dir, 0700);
	if (l->root_fd < 0)
		return l->root_fd;
	l->blobs_fd = path_mkdirs(l->root_fd, "blobs", PATH_BENEATH, 0755);
	if (l->blobs_fd < 0)
		return l->blobs_fd;
	l->ingest_fd = path_mkdirs(l->root_fd, "ingest", PATH_BENEATH, 0700);
	return MIN(l->ingest_fd, 0);
}

static ctr_code content_check(const struct ctr_host *h, const struct ctr_table *cfg,
			      struct ctr_error *err)
{
	(void)h;
	(void)cfg;
	(void)err;
	return CTR_OK; /* no key: the host reports whatever it finds */
}

static ctr_code content_init(const struct ctr_host *h, const struct ctr_table *cfg,
			     const struct ctr_deps *deps, void **ret_self, struct ctr_error *err)
{
	(void)cfg;
	(void)deps;
	struct local *l = calloc(1, sizeof(*l));
	if (!l)
		return h->fail_errno(err, ENOMEM, "content store");
	l->host = h;
	l->root_fd = l->blobs_fd = l->ingest_fd = -1;
	pthread_mutex_init(&l->lock, NULL);
	list_init(&l->writers);

	int r = open_dirs(l);
	if (r < 0) {
		local_free(l);
		return h->fail_errno(err, r, "content store '%s'", h->root_dir);
	}
	h->add_export(h, "root", h->root_dir);
	*ret_self = l;
	return CTR_OK;
}

static void content_fini(void *self)
{
	local_free(self);
}

static const struct ctr_content_ops ops = {
	.size = sizeof(ops),
	.info = blob_info,
	.walk = blob_walk,
	.remove = blob_remove,
	.reader = blob_reader,
	.read_at = blob_read_at,
	.reader_close = blob_reader_close,
	.writer = writer_open,
	.write = writer_write,
	.truncate = writer_truncate,
	.writer_status = writer_status,
	.commit = writer_commit,
	.writer_close = writer_close,
	.statuses = ingest_statuses,
	.abort = ingest_abort,
	.reader_fd = blob_reader_fd,
	.writer_fd = writer_fd,
	.sync = blob_sync,
};

static const struct ctr_plugin content = {
	.size = sizeof(content),
	.kind = CTR_KIND_CONTENT,
	.id = "content",
	.ops = &ops,
	.check = content_check,
	.init = content_init,
	.fini = content_fini,
};

CTR_MODULE("content-local", CTR_VERSION, "Apache-2.0", &content);
