/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of records, made inside a closure so that they can be handed out after it: no caller's
 * code runs on the writer's thread. One block of memory each; free(3) releases it.
 */
#ifndef CTR_CORE_META_CLONE_H
#define CTR_CORE_META_CLONE_H

#include <ctr/unstable/containers.h>
#include <ctr/unstable/images.h>

/* NULL on OOM. */
struct ctr_container *container_clone(const struct ctr_container *c);
struct ctr_image *image_clone(const struct ctr_image *image);

/*
 * Sinks that clone: ud is a pointer to the pointer, which receives the copy.
 * CTR_RESOURCE_EXHAUSTED.
 */
ctr_code container_keep(void *ud, const struct ctr_container *c);
ctr_code image_keep(void *ud, const struct ctr_image *image);

#endif
