/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the local content store share. On disk, below the plugin's root directory:
 *   blobs/<algorithm>/<hex>      a blob, 0444, complete and durable before it has this name
 *   ingest/<sha256 of ref>/data  bytes so far
 *   ingest/<sha256 of ref>/meta  ref, expected digest, total, start time; NUL-separated
 */
#ifndef CTR_CONTENT_LOCAL_H
#define CTR_CONTENT_LOCAL_H

#include <pthread.h>
#include <stdint.h>

#include <openssl/evp.h>

#include <ctr/content.h>
#include <ctr/plugin.h>

#include "base/list.h"

#define REF_MAX 1024 /* bytes of an ingest's ref, namespace included */

struct local {
	const struct ctr_host *host;
	int root_fd; /* opened before the first write: syncfs() on it reports every writeback error since */
	int blobs_fd, ingest_fd;
	pthread_mutex_t lock; /* guards writers */
	struct list writers;  /* struct writer.link: the refs that are locked */
};

/* hash.c: a running digest of one of the three algorithms. */
struct hash {
	EVP_MD_CTX *ctx;
	char algorithm[8]; /* "sha256" */
};
int hash_init(struct hash *h, const char *digest_or_algorithm); /* "" is sha256; -EINVAL, -ENOMEM */
void hash_done(struct hash *h);
int hash_add(struct hash *h, const void *data, size_t n);
int hash_text(const struct hash *h,
	      char ret[CTR_DIGEST_ROOM]);                 /* the digest so far; may be continued */
int hash_is_of(const struct hash *h, const char *digest); /* same algorithm */

/* blobs.c */
#define BLOB_PATH_ROOM CTR_DIGEST_ROOM
int blob_path(const char *digest, char ret[BLOB_PATH_ROOM]); /* "sha256/<hex>", or -EINVAL */
int blob_exists(const struct local *l, const char *digest);
ctr_code blob_info(void *self, const struct ctr_call *call, const char *digest, ctr_blob_sink sink,
		   void *ud, struct ctr_error *err);
ctr_code blob_walk(void *self, const struct ctr_call *call, ctr_blob_sink sink, void *ud,
		   struct ctr_error *err);
ctr_code blob_remove(void *self, const struct ctr_call *call, const char *digest,
		     struct ctr_error *err);
ctr_code blob_reader(void *self, const struct ctr_call *call, const char *digest, void **ret_reader,
		     int64_t *ret_length, struct ctr_error *err);
ctr_code blob_reader_fd(void *self, const struct ctr_call *call, const char *digest,
			int32_t *ret_fd, int64_t *ret_length, struct ctr_error *err);
ctr_code blob_read_at(void *self, void *reader, void *data, uint64_t n, int64_t offset,
		      uint64_t *ret_n, struct ctr_error *err);
void blob_reader_close(void *self, void *reader);
ctr_code blob_sync(void *self, const struct ctr_call *call, const char *const *digests, uint64_t n,
		   struct ctr_error *err);

/* ingest.c: ingests at rest. */
#define INGEST_NAME_ROOM 65
struct ingest_meta {
	char ref[REF_MAX + 1];
	char expected[CTR_DIGEST_ROOM];
	int64_t total, started_ns;
};
int ingest_name(const char *ref, char ret[INGEST_NAME_ROOM]);
int ingest_meta_write(int dir_fd, const struct ingest_meta *m);
int ingest_meta_read(int dir_fd, struct ingest_meta *ret);
ctr_code ingest_statuses(void *self, const struct ctr_call *call, ctr_ingest_sink sink, void *ud,
			 struct ctr_error *err);
ctr_code ingest_abort(void *self, const struct ctr_call *call, const char *ref,
		      struct ctr_error *err);
int ingest_locked(struct local *l, const char *name, int64_t *ret_since_ns); /* takes l->lock */

/* writer.c: an ingest that is open. */
struct writer {
	struct list link; /* in local.writers */
	char name[INGEST_NAME_ROOM];
	struct ingest_meta meta;
	int64_t locked_ns;
	int dir_fd, data_fd;
	int64_t offset; /* bytes in data; unknown once the descriptor was given out (given) */
	int64_t hashed; /* bytes that hash has seen: never more than offset */
	int given;      /* writer_fd() was called: others append, ask fstat */
	struct hash hash;
};
ctr_code writer_open(void *self, const struct ctr_call *call, const struct ctr_ingest_open *args,
		     void **ret_writer, struct ctr_error *err);
ctr_code writer_write(void *self, void *writer, const void *data, uint64_t n,
		      struct ctr_error *err);
ctr_code writer_truncate(void *self, void *writer, int64_t length, struct ctr_error *err);
ctr_code writer_status(void *self, void *writer, ctr_ingest_sink sink, void *ud,
		       char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err);
ctr_code writer_fd(void *self, void *writer, int32_t *ret_fd, struct ctr_error *err);
void writer_close(void *self, void *writer);
/* Bring hash up to all bytes. */
ctr_code writer_catch_up(struct local *l, struct writer *w, struct ctr_error *err);
int writer_length(struct writer *w); /* refresh offset; 0 or -errno */

/* commit.c */
ctr_code writer_commit(void *self, void *writer, const struct ctr_content_commit *args,
		       char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err);

#endif
