/* SPDX-License-Identifier: Apache-2.0
 *
 * An image archive that the import worker has taken apart: its files' contents in one file, and a
 * list of them.
 */
#ifndef CTR_CORE_TRANSFER_ARCHIVE_H
#define CTR_CORE_TRANSFER_ARCHIVE_H

#include "core/transfer/pull.h"

#define ARCHIVE_ENTRIES_MAX  65536
#define ARCHIVE_PARTS_MAX    4096 /* configs and layers of a docker archive: each is looked up */
#define ARCHIVE_DOCUMENT_MAX (4 * 1024 * 1024)

struct archive_entry {
	char *path, *link; /* link NULL: a file */
	int hard;
	int64_t offset, size;
	char digest[CTR_DIGEST_ROOM];
};

struct archive {
	int fd;
	struct archive_entry *entries;
	size_t n, cap;
};

/* import.c */
const struct archive_entry *archive_find(const struct archive *a, const char *path);
/* A ref that no other import has; NULL on OOM. */
char *archive_ref(const char *digest);
ctr_code archive_store(struct pull *p, const struct archive *a, const struct archive_entry *e,
		       const char *digest, struct ctr_error *err);
ctr_code archive_parse(struct pull *p, const struct archive *a, const struct archive_entry *e,
		       WORKER(DocumentKind) kind, const char *media_type, struct worker_reply *ret,
		       struct ctr_error *err);

/* import_images.c */
ctr_code import_oci(struct pull *p, const struct archive *a, const struct archive_entry *index,
		    struct ctr_error *err);
ctr_code import_docker(struct pull *p, const struct archive *a,
		       const struct archive_entry *manifest, struct ctr_error *err);
/* "a/b" and "../c" give "c"; 0, or -EINVAL when it leaves the root or is too long. */
int archive_link_path(const char *path, const char *link, char *ret, size_t room);

#endif
