/* SPDX-License-Identifier: Apache-2.0
 *
 * Differs: apply a layer to a tree, and make a layer from the difference of two trees. Methods run on pool threads,
 * may block, and poll call. Frozen since SDK 1.0.
 */
#ifndef CTR_DIFFER_H
#define CTR_DIFFER_H

#include <ctr/call.h>
#include <ctr/snapshotter.h>
#include <ctr/types.h>

#define CTR_KIND_DIFFER "io.containerd.differ.v1"

#define CTR_APPLY_SYNC 1u /* what was written is durable when apply returns */

/* Either tree or mounts says where; source says from what. All borrowed. */
struct ctr_apply {
	uint32_t size, flags;
	const struct ctr_descriptor *
		layer; /* its media type decides the codec; digest and length are the caller's to check */
	const struct ctr_source *source;
	const struct ctr_tree *tree; /* NULL: use the mounts */
	const struct ctr_mount *mounts;
	uint64_t n_mounts;
	/* NULL, or called from apply's thread with the bytes of the layer taken in so far. */
	void (*progress)(void *ud, int64_t offset);
	void *progress_ud;
};

/* What was applied: the uncompressed stream. */
struct ctr_applied {
	uint32_t size, reserved;
	const char *media_type;       /* static */
	char digest[CTR_DIGEST_ROOM]; /* the diff id */
	int64_t length_bytes;
};

struct ctr_compare {
	uint32_t size, flags; /* flags 0 */
	const struct ctr_mount *lower, *upper;
	uint64_t n_lower, n_upper;
	const char *media_type; /* "" : application/vnd.oci.image.layer.v1.tar+gzip */
	int32_t out_fd;         /* the layer is written here from its current offset */
	int32_t reserved;
	int64_t source_date_ns; /* entries newer than this get this time; CTR_NO_DEADLINE: keep all */
};

struct ctr_compared {
	uint32_t size, reserved;
	char digest[CTR_DIGEST_ROOM];  /* of what was written */
	char diff_id[CTR_DIGEST_ROOM]; /* of the uncompressed stream */
	int64_t length_bytes;
};

struct ctr_differ_ops {
	uint32_t size, reserved;
	/* CTR_UNIMPLEMENTED: not a media type of this differ, the next one is asked. CTR_INVALID_ARGUMENT: the layer
	 * is damaged or breaks a limit. The tree is then in an undefined state and is thrown away by the caller. */
	ctr_code (*apply)(void *self, const struct ctr_call *call, const struct ctr_apply *args,
			  struct ctr_applied *ret, struct ctr_error *err);
	ctr_code (*compare)(void *self, const struct ctr_call *call, const struct ctr_compare *args,
			    struct ctr_compared *ret, struct ctr_error *err);
};

#endif
