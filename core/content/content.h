/* SPDX-License-Identifier: Apache-2.0
 *
 * Content as namespaces see it: rows over the content plugin's blobs. Bytes first, row after; a digest is pinned against
 * the collector in between. Ingests have no rows: the plugin keeps them, under "<namespace>/<ref>". See docs/content.md.
 */
#ifndef CTR_CORE_CONTENT_H
#define CTR_CORE_CONTENT_H

#include <ctr/unstable/contents.h>

struct daemon;

int content_provide(struct daemon *d); /* the service; 0 or -ENOMEM */

/* Ingests that nobody has touched for this long are removed. Bulk pool; called by the collector's runs. */
#define CONTENT_INGEST_KEEP_NS (INT64_C(24) * 3600 * 1000000000)
void content_expire_ingests(struct daemon *d);

/* What the files of this folder share. */
struct content_store {
	const struct ctr_content_ops *ops;
	void *self;
};
ctr_code content_store(struct daemon *d, struct content_store *ret, struct ctr_error *err);

struct ctr_content_reader {
	struct content_store store;
	void *reader;
	int64_t length;
	char digest[CTR_DIGEST_ROOM];
};

/* records.c */
ctr_code content_info(const struct ctr_host *h, const struct ctr_call *call, const char *digest,
		      ctr_content_sink sink, void *ud, struct ctr_error *err);
ctr_code content_update(const struct ctr_host *h, const struct ctr_call *call, const char *digest,
			struct ctr_labels labels, struct ctr_mask mask, ctr_content_sink sink,
			void *ud, struct ctr_error *err);
ctr_code content_list(const struct ctr_host *h, const struct ctr_call *call,
		      struct ctr_filters filters, ctr_content_sink sink, void *ud,
		      struct ctr_error *err);
ctr_code content_remove(const struct ctr_host *h, const struct ctr_call *call, const char *digest,
			struct ctr_error *err);
/* 1 and the length when the call's namespace has it; also puts it under the call's lease. */
ctr_code content_hold(struct daemon *d, const struct ctr_call *call, const char *digest,
		      int *ret_here, int64_t *ret_elsewhere, struct ctr_error *err);
/* The row, its lease and its event, after the bytes. CTR_ALREADY_EXISTS when the namespace had it (labels stay). */
ctr_code content_record(struct daemon *d, const struct ctr_call *call, const char *digest,
			int64_t length, struct ctr_labels labels, struct ctr_error *err);

/* writer.c */
ctr_code content_writer(const struct ctr_host *h, const struct ctr_call *call,
			const struct ctr_ingest_open *args, struct ctr_content_writer **ret,
			struct ctr_error *err);
ctr_code content_write(struct ctr_content_writer *w, const void *data, uint64_t n,
		       struct ctr_error *err);
ctr_code content_truncate(struct ctr_content_writer *w, int64_t length, struct ctr_error *err);
ctr_code content_writer_status(struct ctr_content_writer *w, ctr_ingest_sink sink, void *ud,
			       char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err);
ctr_code content_writer_fd(struct ctr_content_writer *w, int32_t *ret_fd, struct ctr_error *err);
ctr_code content_commit(struct ctr_content_writer *w, const struct ctr_call *call,
			const struct ctr_content_commit *args, struct ctr_labels labels,
			char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err);
void content_writer_close(struct ctr_content_writer *w);

/* ingests.c */
#define CONTENT_REF_MAX 1024
ctr_code content_backend_ref(const struct ctr_call *call, const char *ref,
			     char ret[CONTENT_REF_MAX + 1], struct ctr_error *err);
ctr_code content_status(const struct ctr_host *h, const struct ctr_call *call, const char *ref,
			ctr_ingest_sink sink, void *ud, struct ctr_error *err);
ctr_code content_statuses(const struct ctr_host *h, const struct ctr_call *call,
			  struct ctr_filters filters, ctr_ingest_sink sink, void *ud,
			  struct ctr_error *err);
ctr_code content_abort(const struct ctr_host *h, const struct ctr_call *call, const char *ref,
		       struct ctr_error *err);

#endif
