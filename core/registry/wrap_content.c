/* SPDX-License-Identifier: Apache-2.0
 *
 * The one wrapper a method of content stores: core components and dependent plugins call these,
 * never a plugin's own table. CTR_HAS is used here only. Any thread.
 */
#include "core/registry/internal.h"

#include <ctr/content.h>

static ctr_code content_info(void *self, const struct ctr_call *call, const char *digest,
			     ctr_blob_sink sink, void *ud, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "info", ops->info(g->self, call, digest, sink, ud, err), err);
}

static ctr_code content_walk(void *self, const struct ctr_call *call, ctr_blob_sink sink, void *ud,
			     struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "walk", ops->walk(g->self, call, sink, ud, err), err);
}

static ctr_code content_remove(void *self, const struct ctr_call *call, const char *digest,
			       struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "remove", ops->remove(g->self, call, digest, err), err);
}

static ctr_code content_reader(void *self, const struct ctr_call *call, const char *digest,
			       void **ret_reader, int64_t *ret_length_bytes, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "reader",
			   ops->reader(g->self, call, digest, ret_reader, ret_length_bytes, err),
			   err);
}

static ctr_code content_read_at(void *self, void *reader, void *data, uint64_t n, int64_t offset,
				uint64_t *ret_n, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "read_at", ops->read_at(g->self, reader, data, n, offset, ret_n, err),
			   err);
}

static void content_reader_close(void *self, void *reader)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	ops->reader_close(g->self, reader);
	(void)guard_leave(g, "reader_close", CTR_OK, NULL);
}

static ctr_code content_writer(void *self, const struct ctr_call *call,
			       const struct ctr_ingest_open *args, void **ret_writer,
			       struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "writer", ops->writer(g->self, call, args, ret_writer, err), err);
}

static ctr_code content_write(void *self, void *writer, const void *data, uint64_t n,
			      struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "write", ops->write(g->self, writer, data, n, err), err);
}

static ctr_code content_truncate(void *self, void *writer, int64_t length_bytes,
				 struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "truncate", ops->truncate(g->self, writer, length_bytes, err), err);
}

static ctr_code content_writer_status(void *self, void *writer, ctr_ingest_sink sink, void *ud,
				      char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "writer_status",
			   ops->writer_status(g->self, writer, sink, ud, ret_digest, err), err);
}

static ctr_code content_commit(void *self, void *writer, const struct ctr_content_commit *args,
			       char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "commit", ops->commit(g->self, writer, args, ret_digest, err), err);
}

static void content_writer_close(void *self, void *writer)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	ops->writer_close(g->self, writer);
	(void)guard_leave(g, "writer_close", CTR_OK, NULL);
}

static ctr_code content_statuses(void *self, const struct ctr_call *call, ctr_ingest_sink sink,
				 void *ud, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "statuses", ops->statuses(g->self, call, sink, ud, err), err);
}

static ctr_code content_abort(void *self, const struct ctr_call *call, const char *ref,
			      struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	guard_enter(g);
	return guard_leave(g, "abort", ops->abort(g->self, call, ref, err), err);
}

static ctr_code content_reader_fd(void *self, const struct ctr_call *call, const char *digest,
				  int32_t *ret_fd, int64_t *ret_length_bytes, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	if (!CTR_HAS(ops, reader_fd))
		return guard_absent(g, "reader_fd", err);
	guard_enter(g);
	return guard_leave(g, "reader_fd",
			   ops->reader_fd(g->self, call, digest, ret_fd, ret_length_bytes, err),
			   err);
}

static ctr_code content_writer_fd(void *self, void *writer, int32_t *ret_fd, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	if (!CTR_HAS(ops, writer_fd))
		return guard_absent(g, "writer_fd", err);
	guard_enter(g);
	return guard_leave(g, "writer_fd", ops->writer_fd(g->self, writer, ret_fd, err), err);
}

static ctr_code content_sync(void *self, const struct ctr_call *call, const char *const *digests,
			     uint64_t n, struct ctr_error *err)
{
	struct guard *g = self;
	const struct ctr_content_ops *ops = g->ops;

	if (!CTR_HAS(ops, sync))
		return guard_absent(g, "sync", err);
	guard_enter(g);
	return guard_leave(g, "sync", ops->sync(g->self, call, digests, n, err), err);
}

static const struct ctr_content_ops wrapped = {
	.size = sizeof(wrapped),
	.info = content_info,
	.walk = content_walk,
	.remove = content_remove,
	.reader = content_reader,
	.read_at = content_read_at,
	.reader_close = content_reader_close,
	.writer = content_writer,
	.write = content_write,
	.truncate = content_truncate,
	.writer_status = content_writer_status,
	.commit = content_commit,
	.writer_close = content_writer_close,
	.statuses = content_statuses,
	.abort = content_abort,
	.reader_fd = content_reader_fd,
	.writer_fd = content_writer_fd,
	.sync = content_sync,
};

static const char *const mandatory[] = {
	"info",         "walk",         "remove",   "reader",   "read_at",
	"reader_close", "writer",       "write",    "truncate", "writer_status",
	"commit",       "writer_close", "statuses", "abort",    NULL,
};

const struct kind kind_content = {
	.name = CTR_KIND_CONTENT,
	.wrapped = &wrapped,
	.mandatory = mandatory,
};
