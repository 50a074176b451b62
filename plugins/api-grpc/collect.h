/* SPDX-License-Identifier: Apache-2.0
 *
 * Synchronous deletes: the record is gone, and the answer waits for the collector without a thread
 * of the short pool.
 */
#ifndef CTR_API_GRPC_COLLECT_H
#define CTR_API_GRPC_COLLECT_H

#include "plugins/api-grpc/api.h"

/* CTR_PENDING: the empty reply comes when a whole collection has run. CTR_RESOURCE_EXHAUSTED. */
ctr_code api_reply_collected(struct api *api, struct ctr_rpc_call *rc, struct ctr_error *err);

#endif
