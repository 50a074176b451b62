/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fetch tests share: a blob, a caged worker, and one request of each kind played against
 * an HTTP server of the test's own.
 */
#ifndef CTR_TESTS_FETCH_PLAY_H
#define CTR_TESTS_FETCH_PLAY_H

#include "tests/unit/worker/http_server.h"
#include "worker/client/worker_client.h"

#define BLOB_BYTES 700000
#define TYPE_BLOB  "application/vnd.oci.image.layer.v1.tar"
#define TYPE_MAN   "application/vnd.oci.image.manifest.v1+json"
#define MANIFEST   "{\"schemaVersion\":2}"
#define CT_MAN     "Content-Type: " TYPE_MAN "\r\n"

extern char blob[BLOB_BYTES];
extern char blob_digest[80], manifest_digest[80];

/* What the server of a case does, and what it saw. */
struct play {
	struct hs *hs, *other;
	int status;
	char authorization[4096]; /* or body, of the last request that had one */
	int auth_at_other;
	int seen_range;
};

int make_blob(void **state);
struct worker *start_worker(Ctr__Worker__V1__FetchSetup *fetch);
void send_credentials(struct worker *w, uint64_t id, Ctr__Worker__V1__Credential *cred);
void send_cancel(struct worker *w, uint64_t target);
/* Until the final reply; answers AuthNeeded from cred (NULL: none). */
struct worker_reply finish(struct worker *w, uint64_t id, Ctr__Worker__V1__Credential *cred);
void send_fetch(struct worker *w, uint64_t id, const char *host, const char *digest, int64_t size,
		int64_t offset, int fd);
void send_resolve(struct worker *w, uint64_t id, const char *host, const char *tag,
		  const char *digest);
int ingest(void);
/* One fetch of the blob against a handler. */
struct worker_reply fetch_from(struct play *p, hs_handler fn, int fd, int64_t offset);
void assert_fetched(struct worker_reply *rep, int fd);
void assert_failed(struct worker_reply *rep, int code, const char *part);
int64_t range_first(const struct hs_request *r);
void serve_range(int conn, int64_t first, size_t until);
struct worker_reply fetch_with(struct play *p, hs_handler fn, int fd, const char *user,
			       const char *secret);

#endif
