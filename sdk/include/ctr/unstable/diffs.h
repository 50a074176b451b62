/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.diffs.v0": layers between the content store and mounts, by the differ plugins in
 * their order: each is asked until one does not answer CTR_UNIMPLEMENTED. Functions block for as
 * long as the work takes; bulk threads only. Unstable: exact version match.
 */
#ifndef CTR_UNSTABLE_DIFFS_H
#define CTR_UNSTABLE_DIFFS_H

#include <ctr/differ.h>
#include <ctr/plugin.h>

#define CTR_SERVICE_DIFFS "ctr.diffs.v0"

/* Arguments of compare. */
struct ctr_diff_args {
	uint32_t size, reserved;
	const struct ctr_mount *lower, *upper;
	uint64_t n_lower, n_upper;
	const char *media_type;   /* "": application/vnd.oci.image.layer.v1.tar+gzip */
	const char *ref;          /* of the ingest; "": one is made */
	struct ctr_labels labels; /* of the blob, beside containerd.io/uncompressed */
	int64_t source_date_ns;   /* as in struct ctr_compare */
};
/* Borrowed while it runs. */
typedef ctr_code (*ctr_diff_sink)(void *ud, const struct ctr_descriptor *blob);

struct ctr_diffs_ops {
	uint32_t size, reserved;
	/* Apply a blob of the call's namespace to what the mounts show. flags: CTR_APPLY_SYNC.
	 * CTR_NOT_FOUND: the blob; CTR_FAILED_PRECONDITION: its length is not the descriptor's;
	 * CTR_UNIMPLEMENTED: no differ takes it. */
	ctr_code (*apply)(const struct ctr_host *h, const struct ctr_call *call,
			  const struct ctr_descriptor *layer, const struct ctr_mount *mounts,
			  uint64_t n_mounts, uint32_t flags, struct ctr_applied *ret,
			  struct ctr_error *err);
	/* The difference from lower to upper as a blob of the call's namespace; durable when
	 * answered. */
	ctr_code (*compare)(const struct ctr_host *h, const struct ctr_call *call,
			    const struct ctr_diff_args *args, ctr_diff_sink sink, void *ud,
			    struct ctr_error *err);
};

#endif
