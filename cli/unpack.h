/* SPDX-License-Identifier: Apache-2.0
 *
 * Unpacking an image that is here for a snapshotter that does not have it yet: prepare, apply,
 * commit, layer by layer, as any client of the API may do.
 */
#ifndef CTR_CLI_UNPACK_H
#define CTR_CLI_UNPACK_H

#include "cli/image.h"

/* *ret_chain: the topmost snapshot's name, malloc'ed. NOT_FOUND: a layer's blob is not here. */
ctr_code image_unpack(struct cli *c, const IMAGES(Image) *stored, const struct platform *platform,
		      const char *snapshotter, char **ret_chain, struct ctr_error *err);

/* The chain id of parent (NULL: none) and a layer's diff id. 0, -ENOSYS without libcrypto, -ENOMEM. */
int chain_id(const char *parent, const char *diff_id, char **ret);

#endif
