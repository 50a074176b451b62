/* SPDX-License-Identifier: Apache-2.0
 *
 * Content stores: blobs named by their digest, and ingests that become blobs. Namespaces, labels and leases are the
 * core's; a store sees digests and refs (the core puts the namespace before a ref). Methods run on pool threads
 * unless said otherwise. Frozen since SDK 1.0.
 */
#ifndef CTR_CONTENT_H
#define CTR_CONTENT_H

#include <ctr/call.h>
#include <ctr/types.h>

#define CTR_KIND_CONTENT "io.containerd.content.v1"

struct ctr_blob_info {
	uint32_t size, reserved;
	const char *digest;
	int64_t length_bytes, created_ns, updated_ns;
};
typedef ctr_code (*ctr_blob_sink)(void *ud, const struct ctr_blob_info *info);

struct ctr_ingest_status {
	uint32_t size, reserved;
	const char *ref, *expected;        /* expected "" when unknown */
	int64_t offset_bytes, total_bytes; /* total 0 when unknown */
	int64_t started_ns, updated_ns;
};
typedef ctr_code (*ctr_ingest_sink)(void *ud, const struct ctr_ingest_status *status);

/* Arguments of writer. */
struct ctr_ingest_open {
	uint32_t size, flags; /* flags 0 */
	const char *ref, *expected;
	int64_t total_bytes; /* 0: unknown */
};

struct ctr_content_commit {
	uint32_t size, flags; /* flags 0 */
	int64_t total_bytes;  /* 0: do not check */
	const char *expected; /* "": do not check */
	/* The digest of all bytes, when the caller has hashed them (it used writer_fd); "": the store hashes. */
	const char *digest;
};

struct ctr_content_ops {
	uint32_t size, reserved;
	ctr_code (*info)(void *self, const struct ctr_call *call, const char *digest,
			 ctr_blob_sink sink, void *ud, struct ctr_error *err);
	ctr_code (*walk)(void *self, const struct ctr_call *call, ctr_blob_sink sink, void *ud,
			 struct ctr_error *err);
	ctr_code (*remove)(void *self, const struct ctr_call *call, const char *digest,
			   struct ctr_error *err);
	/* Open a blob. *ret_reader is given to read_at and reader_close. CTR_NOT_FOUND. */
	ctr_code (*reader)(void *self, const struct ctr_call *call, const char *digest,
			   void **ret_reader, int64_t *ret_length_bytes, struct ctr_error *err);
	/* Fewer than n bytes only at the end. */
	ctr_code (*read_at)(void *self, void *reader, void *data, uint64_t n, int64_t offset,
			    uint64_t *ret_n, struct ctr_error *err);
	void (*reader_close)(void *self, void *reader);
	/* Open or resume an ingest; one writer a ref: CTR_UNAVAILABLE "ref <r> locked ..." when taken.
	 * CTR_ALREADY_EXISTS: expected is there. */
	ctr_code (*writer)(void *self, const struct ctr_call *call,
			   const struct ctr_ingest_open *args, void **ret_writer,
			   struct ctr_error *err);
	ctr_code (*write)(void *self, void *writer, const void *data, uint64_t n,
			  struct ctr_error *err);
	ctr_code (*truncate)(void *self, void *writer, int64_t length_bytes, struct ctr_error *err);
	/* The writer's own state; ret_digest gets the digest of the bytes so far. */
	ctr_code (*writer_status)(void *self, void *writer, ctr_ingest_sink sink, void *ud,
				  char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err);
	/* Durable when it returns. The writer stays open until writer_close. CTR_FAILED_PRECONDITION: size or digest
	 * differ (texts as containerd's). CTR_ALREADY_EXISTS: the blob was there; the ingest is gone all the same. */
	ctr_code (*commit)(void *self, void *writer, const struct ctr_content_commit *args,
			   char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err);
	void (*writer_close)(void *self,
			     void *writer); /* an uncommitted ingest stays and can be resumed */
	ctr_code (*statuses)(void *self, const struct ctr_call *call, ctr_ingest_sink sink,
			     void *ud, struct ctr_error *err);
	ctr_code (*abort)(void *self, const struct ctr_call *call, const char *ref,
			  struct ctr_error *err);
	/* Optional from here on. A descriptor of the blob, read-only; the caller closes it. */
	ctr_code (*reader_fd)(void *self, const struct ctr_call *call, const char *digest,
			      int32_t *ret_fd, int64_t *ret_length_bytes, struct ctr_error *err);
	/* A descriptor of the ingest for read and append; the caller closes it, and gives the digest at commit. */
	ctr_code (*writer_fd)(void *self, void *writer, int32_t *ret_fd, struct ctr_error *err);
	/* One call makes all these blobs durable: commit() may then be given flag CTR_COMMIT_NO_SYNC before it. */
	ctr_code (*sync)(void *self, const struct ctr_call *call, const char *const *digests,
			 uint64_t n, struct ctr_error *err);
};

#define CTR_COMMIT_NO_SYNC 1u /* the caller will call sync() before it tells anybody */

#endif
