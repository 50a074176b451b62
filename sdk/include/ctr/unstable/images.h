/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.images.v0": names of images and what they point to, in the call's namespace.
 * Functions may block on the database; any thread but the loop's, except where "inline" stands.
 */
#ifndef CTR_UNSTABLE_IMAGES_H
#define CTR_UNSTABLE_IMAGES_H

#include <ctr/plugin.h>
#include <ctr/unstable/record.h>

#define CTR_SERVICE_IMAGES "ctr.images.v0"

struct ctr_image {
	uint32_t size, reserved;
	const char *name;
	struct ctr_descriptor target;
	struct ctr_labels labels;
	int64_t created_ns, updated_ns; /* set by the core */
};
/* Borrowed while it runs. */
typedef ctr_code (*ctr_image_sink)(void *ud, const struct ctr_image *image);

struct ctr_images_ops {
	uint32_t size, reserved;
	/* Inline. CTR_NOT_FOUND. */
	ctr_code (*get)(const struct ctr_host *h, const struct ctr_call *call, const char *name,
			ctr_image_sink sink, void *ud, struct ctr_error *err);
	/*
	 * In the order of names. Fields: name, target.digest, target.mediatype, labels.*,
	 * annotations.*.
	 */
	ctr_code (*list)(const struct ctr_host *h, const struct ctr_call *call,
			 struct ctr_filters filters, ctr_image_sink sink, void *ud,
			 struct ctr_error *err);
	/*
	 * epoch_ns: the time to record instead of now; 0: now. CTR_ALREADY_EXISTS,
	 * CTR_INVALID_ARGUMENT. sink may be NULL, here and in update.
	 */
	ctr_code (*create)(const struct ctr_host *h, const struct ctr_call *call,
			   const struct ctr_image *image, int64_t epoch_ns, ctr_image_sink sink,
			   void *ud, struct ctr_error *err);
	/*
	 * mask: labels, labels.<k>, target, annotations, annotations.<k>; none: all of it.
	 * CTR_NOT_FOUND.
	 */
	ctr_code (*update)(const struct ctr_host *h, const struct ctr_call *call,
			   const struct ctr_image *image, struct ctr_mask mask, int64_t epoch_ns,
			   ctr_image_sink sink, void *ud, struct ctr_error *err);
	/*
	 * target: "" or the digest that it must point to, else CTR_NOT_FOUND. sync: what it kept
	 * alive is gone when this returns.
	 */
	ctr_code (*remove)(const struct ctr_host *h, const struct ctr_call *call, const char *name,
			   const char *target, int32_t sync, struct ctr_error *err);
};

#endif
