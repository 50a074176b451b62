/* SPDX-License-Identifier: Apache-2.0
 *
 * Apply one layer (a tar stream in any codec) to a directory tree, below one descriptor. Files are made by the
 * code of this folder, never by libarchive. One thread; nothing is synced.
 */
#ifndef CTR_WORKER_UNPACK_H
#define CTR_WORKER_UNPACK_H

#include "worker/codec/codec.h"
#include "worker/unpack/idmap.h"

enum unpack_whiteouts {
	UNPACK_OVERLAY, /* the tree is this layer alone: character device 0/0, opaque() for directories */
	UNPACK_NATIVE, /* the tree holds the parent's files: remove in place */
};

/* Defaults of struct unpack_limits; each may be set, 0 means the default. */
#define UNPACK_MAX_ENTRIES (2U << 20)
#define UNPACK_MAX_BYTES   (256ULL << 30)
#define UNPACK_MAX_RATIO   400
#define UNPACK_MAX_XATTRS  128 /* of one entry; a value: what the kernel takes */
#define UNPACK_MAX_XATTR   65536
#define UNPACK_MAX_DIR_BYTES                                                                       \
	(256ULL << 20) /* names of directories, kept until their times are set */

struct unpack_limits {
	uint64_t max_entries, max_bytes, max_ratio;
};

struct unpack_options {
	int root_fd; /* a directory, the caller's */
	enum unpack_whiteouts whiteouts;
	enum codec_kind codec;
	bool use_zlib;
	struct unpack_limits limits;
	struct id_maps uids, gids;
	/*
	 * Trees below this layer, topmost first: a directory that the layer needs but does not name gets
	 * its owner, mode and times from the first that has it. Without one: root, 0755.
	 */
	const int *parents;
	size_t n_parents;
	/* UNPACK_OVERLAY: make the directory opaque. Borrowed descriptor, opened for reading. */
	ctr_code (*opaque)(void *ud, int dir_fd, struct ctr_error *err);
	void *opaque_ud;
	/* NULL, or called now and then; an error ends the work. */
	ctr_code (*progress)(void *ud, uint64_t in_bytes, uint64_t entries, struct ctr_error *err);
	void *progress_ud;
};

struct unpack_result {
	char diff_id[CODEC_DIGEST_ROOM];
	uint64_t size;    /* of the decoded stream */
	uint64_t in_size; /* of the source */
	uint64_t entries;
	enum codec_kind codec;
};

/*
 * CTR_DATA_LOSS: the stream is damaged. CTR_INVALID_ARGUMENT: an entry leaves the root, cannot exist, or
 * breaks a limit. CTR_RESOURCE_EXHAUSTED: the disk or the memory is full. Each message names the entry. After an error the
 * tree is in an undefined state.
 */
ctr_code unpack_layer(struct source *src, const struct unpack_options *opt,
		      struct unpack_result *ret, struct ctr_error *err);

#endif
