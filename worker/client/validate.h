/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's check of a worker's reply: the worker may be in the hands of whoever wrote the bytes
 * it read.
 */
#ifndef CTR_WORKER_VALIDATE_H
#define CTR_WORKER_VALIDATE_H

#include "status/status.h"
#include "worker/role.h"

#define REPLY_STRINGS_MAX 16384 /* elements of one repeated field */
#define REPLY_LAYERS_MAX  1024
#define REPLY_STRING_MAX  (256u << 10)

/* OK, or DATA_LOSS with what is wrong. n_fds: descriptors that came with it. */
ctr_code reply_check(enum worker_role role, const worker_reply_pb *rep, size_t n_fds,
		     struct ctr_error *err);

#endif
