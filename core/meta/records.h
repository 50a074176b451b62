/* SPDX-License-Identifier: Apache-2.0
 *
 * The services of records: namespaces, containers, images, leases, as the core itself calls them.
 * Plugins reach the same through "ctr.namespaces.v0" and so on, whose tables meta_provide() offers.
 * Rules and texts: ctr/unstable/<kind>.h.
 */
#ifndef CTR_CORE_META_RECORDS_H
#define CTR_CORE_META_RECORDS_H

#include <ctr/unstable/containers.h>
#include <ctr/unstable/images.h>
#include <ctr/unstable/leases.h>
#include <ctr/unstable/namespaces.h>

#include "core/daemon.h"
#include "status/status.h"

struct ctr_txn;

/* All services of this folder, and the store's and the exchange's. 0 or -errno. */
int meta_provide(struct daemon *d);

ctr_code namespace_get(struct daemon *d, const struct ctr_call *call, const char *name,
		       ctr_namespace_sink sink, void *ud, struct ctr_error *err);
ctr_code namespace_list(struct daemon *d, const struct ctr_call *call, ctr_namespace_sink sink,
			void *ud, struct ctr_error *err);
ctr_code namespace_create(struct daemon *d, const struct ctr_call *call,
			  const struct ctr_namespace *ns, ctr_namespace_sink sink, void *ud,
			  struct ctr_error *err);
ctr_code namespace_update(struct daemon *d, const struct ctr_call *call,
			  const struct ctr_namespace *ns, struct ctr_mask mask,
			  ctr_namespace_sink sink, void *ud, struct ctr_error *err);
ctr_code namespace_remove(struct daemon *d, const struct ctr_call *call, const char *name,
			  struct ctr_error *err);

ctr_code container_get(struct daemon *d, const struct ctr_call *call, const char *id,
		       ctr_container_sink sink, void *ud, struct ctr_error *err);
ctr_code container_list(struct daemon *d, const struct ctr_call *call, struct ctr_filters filters,
			ctr_container_sink sink, void *ud, struct ctr_error *err);
ctr_code container_create(struct daemon *d, const struct ctr_call *call,
			  const struct ctr_container *c, ctr_container_sink sink, void *ud,
			  struct ctr_error *err);
ctr_code container_update(struct daemon *d, const struct ctr_call *call,
			  const struct ctr_container *c, struct ctr_mask mask,
			  ctr_container_sink sink, void *ud, struct ctr_error *err);
ctr_code container_remove(struct daemon *d, const struct ctr_call *call, const char *id,
			  struct ctr_error *err);

ctr_code image_get(struct daemon *d, const struct ctr_call *call, const char *name,
		   ctr_image_sink sink, void *ud, struct ctr_error *err);
ctr_code image_list(struct daemon *d, const struct ctr_call *call, struct ctr_filters filters,
		    ctr_image_sink sink, void *ud, struct ctr_error *err);
ctr_code image_create(struct daemon *d, const struct ctr_call *call, const struct ctr_image *image,
		      int64_t epoch_ns, ctr_image_sink sink, void *ud, struct ctr_error *err);
ctr_code image_update(struct daemon *d, const struct ctr_call *call, const struct ctr_image *image,
		      struct ctr_mask mask, int64_t epoch_ns, ctr_image_sink sink, void *ud,
		      struct ctr_error *err);
ctr_code image_remove(struct daemon *d, const struct ctr_call *call, const char *name,
		      const char *target, int32_t sync, struct ctr_error *err);

ctr_code lease_create(struct daemon *d, const struct ctr_call *call, const struct ctr_lease *lease,
		      ctr_lease_sink sink, void *ud, struct ctr_error *err);
ctr_code lease_remove(struct daemon *d, const struct ctr_call *call, const char *id, int32_t sync,
		      struct ctr_error *err);
ctr_code lease_list(struct daemon *d, const struct ctr_call *call, struct ctr_filters filters,
		    ctr_lease_sink sink, void *ud, struct ctr_error *err);
ctr_code lease_add_resource(struct daemon *d, const struct ctr_call *call, const char *id,
			    const struct ctr_lease_resource *resource, struct ctr_error *err);
ctr_code lease_remove_resource(struct daemon *d, const struct ctr_call *call, const char *id,
			       const struct ctr_lease_resource *resource, struct ctr_error *err);
ctr_code lease_resources(struct daemon *d, const struct ctr_call *call, const char *id,
			 ctr_lease_resource_sink sink, void *ud, struct ctr_error *err);

/*
 * Inside a closure: what the daemon's own operations need of a record. The sink's pointers are
 * borrowed while it runs.
 */
ctr_code container_row(struct ctr_txn *txn, int64_t node, const char *id, ctr_container_sink sink,
		       void *ud, struct ctr_error *err);
ctr_code image_row(struct ctr_txn *txn, int64_t node, const char *name, ctr_image_sink sink,
		   void *ud, struct ctr_error *err);

#endif
