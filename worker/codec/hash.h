/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 by libcrypto, without its configuration file (the cage has none, and it could load code).
 */
#ifndef CTR_WORKER_HASH_H
#define CTR_WORKER_HASH_H

#include <stddef.h>

#include "status/status.h"
#include "worker/codec/codec.h"

struct hash;

ctr_code hash_new(struct hash **ret, struct ctr_error *err);
void hash_free(struct hash *h); /* NULL allowed */
ctr_code hash_add(struct hash *h, const void *data, size_t n, struct ctr_error *err);
/* "sha256:..."; once. */
ctr_code hash_end(struct hash *h, char ret[CODEC_DIGEST_ROOM], struct ctr_error *err);

#endif
