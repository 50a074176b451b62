/* SPDX-License-Identifier: Apache-2.0
 *
 * The service's table, the content plugin behind it, and readers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/content/content.h"
#include "core/daemon.h"
#include "core/registry/registry.h"
#include "status/status.h"

ctr_code content_store(struct daemon *d, struct content_store *ret, struct ctr_error *err)
{
	const void *ops;

	ctr_code code =
		registry_find(d->registry, CTR_KIND_CONTENT, NULL, &ops, &ret->self, NULL, err);
	if (code == CTR_OK)
		ret->ops = ops;
	return code;
}

static ctr_code nothing(void *ud, const struct ctr_content_info *info)
{
	(void)ud;
	(void)info;
	return CTR_OK;
}

static ctr_code content_reader(const struct ctr_host *h, const struct ctr_call *call,
			       const char *digest, struct ctr_content_reader **ret,
			       int64_t *ret_length, struct ctr_error *err)
{
	AUTO_FREE struct ctr_content_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return ctr_fail_errno(err, ENOMEM, "content %s", digest);
	ctr_code code = content_info(h, call, digest, nothing, NULL, err);
	if (code == CTR_OK)
		code = content_store(host_daemon(h), &r->store, err);
	if (code == CTR_OK)
		code = r->store.ops->reader(r->store.self, call, digest, &r->reader, &r->length,
					    err);
	if (code != CTR_OK)
		return code;
	snprintf(r->digest, sizeof(r->digest), "%s", digest);
	*ret_length = r->length;
	*ret = take_ptr(&r);
	return CTR_OK;
}

static ctr_code content_read_at(struct ctr_content_reader *r, void *data, uint64_t n,
				int64_t offset, uint64_t *ret_n, struct ctr_error *err)
{
	return r->store.ops->read_at(r->store.self, r->reader, data, n, offset, ret_n, err);
}

static ctr_code content_reader_fd(struct ctr_content_reader *r, int32_t *ret_fd,
				  struct ctr_error *err)
{
	int64_t length;

	return r->store.ops->reader_fd(r->store.self, NULL, r->digest, ret_fd, &length, err);
}

static void content_reader_close(struct ctr_content_reader *r)
{
	if (!r)
		return;
	r->store.ops->reader_close(r->store.self, r->reader);
	free(r);
}

static const struct ctr_contents_ops ops = {
	.size = sizeof(ops),
	.info = content_info,
	.update = content_update,
	.list = content_list,
	.remove = content_remove,
	.reader = content_reader,
	.read_at = content_read_at,
	.reader_close = content_reader_close,
	.reader_fd = content_reader_fd,
	.writer = content_writer,
	.write = content_write,
	.truncate = content_truncate,
	.writer_status = content_writer_status,
	.writer_fd = content_writer_fd,
	.commit = content_commit,
	.writer_close = content_writer_close,
	.status = content_status,
	.statuses = content_statuses,
	.abort = content_abort,
};

int content_provide(struct daemon *d)
{
	return daemon_provide(d, CTR_SERVICE_CONTENTS, &ops, sizeof(ops));
}
