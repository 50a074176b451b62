/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.leases.v0": leases of the call's namespace and what they hold. Functions may block
 * on the database; any thread but the loop's.
 */
#ifndef CTR_UNSTABLE_LEASES_H
#define CTR_UNSTABLE_LEASES_H

#include <ctr/plugin.h>
#include <ctr/unstable/record.h>

#define CTR_SERVICE_LEASES "ctr.leases.v0"

struct ctr_lease {
	uint32_t size, reserved;
	const char *id;
	struct ctr_labels labels; /* containerd.io/gc.expire, containerd.io/gc.flat */
	int64_t created_ns;
};
/* Borrowed while it runs. */
typedef ctr_code (*ctr_lease_sink)(void *ud, const struct ctr_lease *lease);

/*
 * "content" (a digest), "snapshots/<snapshotter>" (a key), "ingests" (a ref), "images" (a name). It
 * need not exist.
 */
struct ctr_lease_resource {
	uint32_t size, reserved;
	const char *type, *id;
};
typedef ctr_code (*ctr_lease_resource_sink)(void *ud, const struct ctr_lease_resource *resource);

struct ctr_leases_ops {
	uint32_t size, reserved;
	/* id "": one is made. CTR_ALREADY_EXISTS. sink may be NULL. */
	ctr_code (*create)(const struct ctr_host *h, const struct ctr_call *call,
			   const struct ctr_lease *lease, ctr_lease_sink sink, void *ud,
			   struct ctr_error *err);
	/* sync: what only it kept alive is gone when this returns. CTR_NOT_FOUND. */
	ctr_code (*remove)(const struct ctr_host *h, const struct ctr_call *call, const char *id,
			   int32_t sync, struct ctr_error *err);
	/* Fields: id, labels.*. */
	ctr_code (*list)(const struct ctr_host *h, const struct ctr_call *call,
			 struct ctr_filters filters, ctr_lease_sink sink, void *ud,
			 struct ctr_error *err);
	/*
	 * CTR_NOT_FOUND: no such lease. CTR_INVALID_ARGUMENT: wrong shape. CTR_UNIMPLEMENTED:
	 * another type.
	 */
	ctr_code (*add_resource)(const struct ctr_host *h, const struct ctr_call *call,
				 const char *id, const struct ctr_lease_resource *resource,
				 struct ctr_error *err);
	ctr_code (*remove_resource)(const struct ctr_host *h, const struct ctr_call *call,
				    const char *id, const struct ctr_lease_resource *resource,
				    struct ctr_error *err);
	ctr_code (*resources)(const struct ctr_host *h, const struct ctr_call *call, const char *id,
			      ctr_lease_resource_sink sink, void *ud, struct ctr_error *err);
};

#endif
