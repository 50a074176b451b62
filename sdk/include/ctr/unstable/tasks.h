/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.tasks.v0": operations on the tasks of containers, with the rules that do not depend on the runtime:
 * the container must exist, its record gives spec and runtime, one change of a task at a time. Unstable.
 */
#ifndef CTR_UNSTABLE_TASKS_H
#define CTR_UNSTABLE_TASKS_H

#include <ctr/plugin.h>
#include <ctr/unstable/runtime.h>

#define CTR_SERVICE_TASKS "ctr.tasks.v0"

struct ctr_tasks_ops {
	uint32_t size, reserved;
	/* Loop's thread; done as ctr_runtime_ops.call. For create, spec is taken from the container, runtime too unless
	 * args name one, and options unless args have a value. */
	void (*call)(const struct ctr_host *h, const struct ctr_call *call,
		     const struct ctr_task_args *args, ctr_task_done done, void *ud);
	/* Loop's thread: the tasks of the call's namespace that match any of the filters (fields id and namespace). */
	ctr_code (*walk)(const struct ctr_host *h, const struct ctr_call *call,
			 const char *const *filters, uint64_t n_filters, ctr_task_sink sink,
			 void *ud, struct ctr_error *err);
};

#endif
