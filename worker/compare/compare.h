/* SPDX-License-Identifier: Apache-2.0
 *
 * Write the layer that turns the tree `lower` into the tree `upper`: one walk over both, names in byte order, what
 * was added or changed as entries, what went as whiteouts. apply(compare(a, b)) on a gives b.
 */
#ifndef CTR_WORKER_COMPARE_H
#define CTR_WORKER_COMPARE_H

#include "worker/codec/encoder.h"
#include "worker/unpack/idmap.h"

#define COMPARE_MAX_ENTRIES (8U << 20)
#define COMPARE_MAX_DEPTH   300 /* directories inside each other; up to three descriptors for each */

struct compare_options {
	int lower_fd; /* directory, or -1: an empty tree */
	int upper_fd; /* directory */
	/*
	 * -1, or the overlay's own upper directory when upper_fd is that overlay mounted on lower_fd: only what is
	 * in it is looked at. Not for overlays with redirected directories.
	 */
	int touched_fd;
	int out_fd;
	enum codec_kind codec; /* CODEC_AUTO: gzip */
	bool use_zlib;
	uint64_t max_entries;      /* of the layer; 0: the default */
	struct id_maps uids, gids; /* host back to container */
	bool clamp_times;          /* no time later than this one */
	int64_t clamp_to;          /* seconds since 1970 */
	ctr_code (*progress)(void *ud, uint64_t out_bytes, uint64_t entries, struct ctr_error *err);
	void *progress_ud;
};

struct compare_result {
	struct encoded layer;
	uint64_t entries;
};

/*
 * CTR_INVALID_ARGUMENT: something in a tree cannot be said in a layer. CTR_ABORTED: a file shrank while it was
 * read. Each message names the path.
 */
ctr_code compare_trees(const struct compare_options *opt, struct compare_result *ret,
		       struct ctr_error *err);

#endif
