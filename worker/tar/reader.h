/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries of a tar stream, read by libarchive from a codec. Only the tar formats, no filter, nothing on disk.
 * Any warning that is not known to be harmless is an error. LC_CTYPE must be UTF-8 (the worker's main sets
 * C.UTF-8): in the C locale libarchive cannot give non-ASCII names of pax headers.
 */
#ifndef CTR_WORKER_TAR_READER_H
#define CTR_WORKER_TAR_READER_H

#include <sys/stat.h>
#include <sys/types.h>

#include "worker/codec/codec.h"

struct tar_reader;

enum tar_type {
	TAR_FILE,
	TAR_DIR,
	TAR_SYMLINK,
	TAR_HARDLINK,
	TAR_CHAR,
	TAR_BLOCK,
	TAR_FIFO,
	TAR_OTHER, /* a socket, or what no format of tar defines */
};

/* Pointers are valid until the next tar_next(). */
struct tar_entry {
	const char *name; /* as it stands in the archive; never "" */
	const char *link; /* target of TAR_SYMLINK and TAR_HARDLINK, else NULL */
	enum tar_type type;
	mode_t perm; /* 07777 */
	uint64_t uid, gid;
	uint64_t size;            /* logical */
	struct timespec times[2]; /* access, modification */
	dev_t rdev;
	size_t n_xattr;
};

ctr_code tar_open(struct codec *c, struct tar_reader **ret, struct ctr_error *err);
void tar_close(struct tar_reader *r); /* NULL allowed; the codec stays open */
static inline void tar_closep(struct tar_reader **r)
{
	tar_close(*r);
}
#define AUTO_TAR AUTO(tar_closep) struct tar_reader

/* The next entry; at the end *ret_end is true and the codec has been drained, so that its digest is there. */
ctr_code tar_next(struct tar_reader *r, struct tar_entry *ret, bool *ret_end,
		  struct ctr_error *err);
/*
 * The next piece of a TAR_FILE's content and where it belongs (holes are left out); *ret_n == 0 at the
 * end. The bytes are valid until the next call.
 */
ctr_code tar_data(struct tar_reader *r, const void **ret, size_t *ret_n, uint64_t *ret_offset,
		  struct ctr_error *err);
/* The next extended attribute; false when there is none left. POSIX ACLs come as system.posix_acl_*. */
bool tar_xattr(struct tar_reader *r, const char **ret_name, const void **ret_value, size_t *ret_n);

#endif
