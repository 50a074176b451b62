/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading blobs, and having foreign documents parsed: manifests, indexes and configs go to a caged
 * ctr-worker, whose checked answer comes back.
 */
#ifndef CTR_CLI_CONTENT_H
#define CTR_CLI_CONTENT_H

#include "cli/cli.h"
#include "worker/client/worker_client.h"

#define DOCUMENT_MAX (8 * 1024 * 1024)

/* A whole blob of at most max bytes. *ret: malloc'ed, NUL-terminated beyond its *ret_n bytes. */
ctr_code content_read(struct cli *c, const char *digest, size_t max, char **ret, size_t *ret_n,
		      struct ctr_error *err);
/* Copy a blob to a descriptor; at most max bytes. */
ctr_code content_copy(struct cli *c, const char *digest, int fd, struct ctr_error *err);

struct parser {
	struct worker *worker; /* started at the first document */
};
void parser_done(struct parser *p);
#define AUTO_PARSER AUTO(parser_done) struct parser

/*
 * Read a document and have it parsed. platform: for an index. Release *ret with
 * worker_reply_done().
 */
ctr_code parser_run(struct parser *p, struct cli *c, const char *digest,
		    Ctr__Worker__V1__DocumentKind kind, const char *media_type,
		    const Ctr__Worker__V1__Platform *platform, struct worker_reply *ret,
		    struct ctr_error *err);

#endif
