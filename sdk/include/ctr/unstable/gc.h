/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.gc.v0": the collector of what nothing refers to. It runs by itself after removals
 * and when something expires; this is for those who must wait for it. Unstable: exact match.
 */
#ifndef CTR_UNSTABLE_GC_H
#define CTR_UNSTABLE_GC_H

#include <ctr/plugin.h>

#define CTR_SERVICE_GC "ctr.gc.v0"

struct ctr_gc_ops {
	uint32_t size, reserved;
	/*
	 * A whole collection that begins after this call; blocks until its bytes are gone. Not from
	 * the loop's thread.
	 */
	ctr_code (*run)(const struct ctr_host *h, const struct ctr_call *call,
			struct ctr_error *err);
	/* Collect soon, without waiting. Any thread. */
	void (*schedule)(const struct ctr_host *h);
};

#endif
