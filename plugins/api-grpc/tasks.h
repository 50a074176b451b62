/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two files of the tasks service share: tasks.c (one task) and task_lists.c (answers gathered from many).
 */
#ifndef CTR_API_GRPC_TASKS_H
#define CTR_API_GRPC_TASKS_H

#include <ctr/unstable/tasks.h>

#include "api.h"
#include "containerd/v1/types/task.pb-c.h"

struct tasks_api {
	struct api *api;
	const struct ctr_tasks_ops *tasks;
};

/* All of args but these is empty. Strings are borrowed. */
void task_args_init(struct ctr_task_args *a, uint32_t op, const char *id, const char *exec_id);
/* A process as the wire has it; its strings and ret_at are lent by the caller. */
void task_process(const struct ctr_task_result *r, const char *container,
		  Containerd__V1__Types__Process *ret, Google__Protobuf__Timestamp *ret_at);

ctr_code tasks_list(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		    struct ctr_error *err);
ctr_code tasks_metrics(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err);

#endif
