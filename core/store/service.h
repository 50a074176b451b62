/* SPDX-License-Identifier: Apache-2.0
 *
 * What plugins get of the store: "ctr.store.v1" (keys and values) and "ctr.snapgraph.v1" (the rows
 * of a snapshotter).
 */
#ifndef CTR_CORE_STORE_SERVICE_H
#define CTR_CORE_STORE_SERVICE_H

#include <ctr/snapgraph.h>
#include <ctr/store.h>

struct daemon;

extern const struct ctr_store_ops store_ops;
extern const struct ctr_snapgraph_ops snapgraph_ops;

int store_provide(struct daemon *d); /* both; 0 or -errno */

#endif
