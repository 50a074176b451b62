/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.loop.v0": the daemon's one event loop, for plugins that hold sockets and wait without threads. Callbacks
 * run on the loop's thread and must not block. Unstable: exact version match.
 */
#ifndef CTR_UNSTABLE_LOOP_H
#define CTR_UNSTABLE_LOOP_H

#include <ctr/plugin.h>

#define CTR_SERVICE_LOOP "ctr.loop.v0"

struct ctr_loop_ops {
	uint32_t size, reserved;
	/* Any thread: run fn(ud) on the loop's thread, in the order of the posts. CTR_RESOURCE_EXHAUSTED: no memory. */
	ctr_code (*post)(const struct ctr_host *h, void (*fn)(void *ud), void *ud,
			 struct ctr_error *err);
	/* Loop's thread or start(), all below. events as epoll(7), level-triggered; the descriptor stays the caller's. */
	ctr_code (*add_fd)(const struct ctr_host *h, int32_t fd, uint32_t events,
			   void (*fn)(void *ud, uint32_t events), void *ud, void **ret_watch,
			   struct ctr_error *err);
	void (*del_fd)(const struct ctr_host *h,
		       void *watch); /* fn is never called again; NULL allowed */
	/* Once, at at_ns of CLOCK_MONOTONIC; the timer is gone before fn is called. */
	ctr_code (*add_timer)(const struct ctr_host *h, int64_t at_ns, void (*fn)(void *ud),
			      void *ud, void **ret_timer, struct ctr_error *err);
	void (*del_timer)(const struct ctr_host *h, void *timer); /* NULL allowed */
};

#endif
