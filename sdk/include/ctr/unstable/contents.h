/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.contents.v0": blobs and ingests as a namespace sees them: labels, leases, sharing between namespaces.
 * Functions may block on the database and on files; any thread but the loop's, except where "inline" stands. Unstable.
 */
#ifndef CTR_UNSTABLE_CONTENTS_H
#define CTR_UNSTABLE_CONTENTS_H

#include <ctr/content.h>
#include <ctr/plugin.h>
#include <ctr/unstable/record.h>

#define CTR_SERVICE_CONTENTS "ctr.contents.v0"

struct ctr_content_info {
	uint32_t size, reserved;
	const char *digest;
	int64_t length_bytes, created_ns, updated_ns;
	struct ctr_labels labels;
};
/* Borrowed while it runs. */
typedef ctr_code (*ctr_content_sink)(void *ud, const struct ctr_content_info *info);

struct ctr_content_reader; /* opaque: a blob that stays readable whatever happens to its row */
struct ctr_content_writer; /* opaque: a locked ingest */

struct ctr_contents_ops {
	uint32_t size, reserved;
	/* Inline. CTR_INVALID_ARGUMENT: the digest; CTR_NOT_FOUND. */
	ctr_code (*info)(const struct ctr_host *h, const struct ctr_call *call, const char *digest,
			 ctr_content_sink sink, void *ud, struct ctr_error *err);
	/* mask: labels, labels.<k>; none: all labels. */
	ctr_code (*update)(const struct ctr_host *h, const struct ctr_call *call,
			   const char *digest, struct ctr_labels labels, struct ctr_mask mask,
			   ctr_content_sink sink, void *ud, struct ctr_error *err);
	/* In the order of digests. Fields: digest, labels.*. */
	ctr_code (*list)(const struct ctr_host *h, const struct ctr_call *call,
			 struct ctr_filters filters, ctr_content_sink sink, void *ud,
			 struct ctr_error *err);
	/* The name goes now, the bytes when nobody has them. CTR_NOT_FOUND. */
	ctr_code (*remove)(const struct ctr_host *h, const struct ctr_call *call,
			   const char *digest, struct ctr_error *err);

	ctr_code (*reader)(const struct ctr_host *h, const struct ctr_call *call,
			   const char *digest, struct ctr_content_reader **ret,
			   int64_t *ret_length_bytes, struct ctr_error *err);
	/* Fewer than n bytes only at the end. */
	ctr_code (*read_at)(struct ctr_content_reader *r, void *data, uint64_t n, int64_t offset,
			    uint64_t *ret_n, struct ctr_error *err);
	void (*reader_close)(struct ctr_content_reader *r); /* NULL allowed */
	/* A descriptor of the whole blob for pread(2), the caller's; CTR_UNIMPLEMENTED when the store has none. */
	ctr_code (*reader_fd)(struct ctr_content_reader *r, int32_t *ret_fd, struct ctr_error *err);

	/*
	 * Lock a ref, making or resuming its ingest. CTR_UNAVAILABLE: locked; CTR_ALREADY_EXISTS: expected is in this
	 * namespace (and is now under the call's lease). When another namespace has expected, the writer is complete
	 * from the start.
	 */
	ctr_code (*writer)(const struct ctr_host *h, const struct ctr_call *call,
			   const struct ctr_ingest_open *args, struct ctr_content_writer **ret,
			   struct ctr_error *err);
	ctr_code (*write)(struct ctr_content_writer *w, const void *data, uint64_t n,
			  struct ctr_error *err);
	ctr_code (*truncate)(struct ctr_content_writer *w, int64_t length_bytes,
			     struct ctr_error *err);
	/* sink's ref is the caller's own; digest (NULL: not wanted) of the bytes so far. */
	ctr_code (*writer_status)(struct ctr_content_writer *w, ctr_ingest_sink sink, void *ud,
				  char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err);
	ctr_code (*writer_fd)(struct ctr_content_writer *w, int32_t *ret_fd, struct ctr_error *err);
	/* Durable when answered, unless CTR_COMMIT_NO_SYNC: then sync() first, and only then tell anybody.
	 * CTR_ALREADY_EXISTS: it was in this namespace. The writer stays open until writer_close. */
	ctr_code (*commit)(struct ctr_content_writer *w, const struct ctr_call *call,
			   const struct ctr_content_commit *args, struct ctr_labels labels,
			   char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err);
	void (*writer_close)(struct ctr_content_writer *w); /* NULL allowed; the ingest stays */

	ctr_code (*status)(const struct ctr_host *h, const struct ctr_call *call, const char *ref,
			   ctr_ingest_sink sink, void *ud, struct ctr_error *err);
	/* Field: ref. */
	ctr_code (*statuses)(const struct ctr_host *h, const struct ctr_call *call,
			     struct ctr_filters filters, ctr_ingest_sink sink, void *ud,
			     struct ctr_error *err);
	ctr_code (*abort)(const struct ctr_host *h, const struct ctr_call *call, const char *ref,
			  struct ctr_error *err);
};

#endif
