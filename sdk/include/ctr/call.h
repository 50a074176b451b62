/* SPDX-License-Identifier: Apache-2.0
 *
 * What a call carries: namespace, lease, deadline, cancel, trace id. A struct ctr_call lives until the method that
 * got it returns (for an asynchronous method: until its completion has run). Frozen since SDK 1.0.
 */
#ifndef CTR_CALL_H
#define CTR_CALL_H

#include <ctr/error.h>

struct ctr_call; /* opaque, host side; NULL stands for the daemon's own work without a limit */

#define CTR_NO_DEADLINE INT64_MAX

/* All functions: any thread, never block, accept NULL. Strings are borrowed from the call and never NULL. */
struct ctr_call_ops {
	uint32_t size, reserved;
	const char *(*ns)(const struct ctr_call *call);    /* "" when the call needs none */
	const char *(*lease)(const struct ctr_call *call); /* "" when there is none */
	const char *(*trace_id)(const struct ctr_call *call);
	int64_t (*deadline_ns)(
		const struct ctr_call *call); /* CLOCK_MONOTONIC, or CTR_NO_DEADLINE */
	/* CTR_OK, CTR_CANCELLED or CTR_DEADLINE_EXCEEDED. A method that blocks asks at least once a second. */
	ctr_code (*check)(const struct ctr_call *call, struct ctr_error *err);
	/* Readable once check() is no longer CTR_OK by cancel; -1 when the call cannot be cancelled. */
	int32_t (*cancel_fd)(const struct ctr_call *call);
};

#endif
