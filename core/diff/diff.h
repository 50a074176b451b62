/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers, through the differ plugins in the order of the configuration. See docs/transfer.md.
 */
#ifndef CTR_CORE_DIFF_H
#define CTR_CORE_DIFF_H

#include <ctr/differ.h>
#include <ctr/unstable/contents.h>
#include <ctr/unstable/diffs.h>

#include "status/status.h"

struct daemon;

int diffs_provide(struct daemon *d); /* the service; 0 or -ENOMEM */

/* The first differ that takes it. CTR_UNIMPLEMENTED: none does. Any thread that may block. */
ctr_code diff_apply(struct daemon *d, const struct ctr_call *call, const struct ctr_apply *args,
		    struct ctr_applied *ret, struct ctr_error *err);
ctr_code diff_compare(struct daemon *d, const struct ctr_call *call, const struct ctr_compare *args,
		      struct ctr_compared *ret, struct ctr_error *err);

/* Content stores need not give descriptors: then bytes go through a file of the daemon's root that
 * has no name. */
ctr_code diff_temp_file(struct daemon *d, int *ret_fd, struct ctr_error *err);
/* The descriptor of a blob, or of a copy of it. */
ctr_code diff_reader_fd(struct daemon *d, const struct ctr_contents_ops *contents,
			struct ctr_content_reader *r, const struct ctr_call *call, int *ret_fd,
			struct ctr_error *err);
/* All of fd, behind what the ingest has. */
ctr_code diff_copy_in(const struct ctr_contents_ops *contents, struct ctr_content_writer *w, int fd,
		      struct ctr_error *err);

/* A source that is complete: the first length bytes of fd. Borrows fd. */
struct diff_source {
	struct ctr_source source;
	int64_t length;
};
void diff_source_init(struct diff_source *s, int fd, int64_t length);

#endif
