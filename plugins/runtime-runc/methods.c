/* SPDX-License-Identifier: Apache-2.0
 *
 * One function an operation that makes the request message, one that reads the answer, and the table that pairs them.
 * Versions 2 and 3 of the task API have the same messages. Strings of args are lent to protobuf-c for packing only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "containerd/task/v2/shim.pb-c.h"
#include "runtime.h"

typedef const struct ctr_task_args args_t;

#define STR(s) ((char *)(uintptr_t)(s)) /* protobuf-c's structs are not const, its packing is */

static Google__Protobuf__Any any_of(const struct ctr_any *a)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	any.type_url = STR(a->type_url);
	any.value.data = (uint8_t *)(uintptr_t)a->value;
	any.value.len = a->n;
	return any;
}

static int has(const struct ctr_any *a)
{
	return a->type_url && *a->type_url;
}

static int pack(const void *message, void **ret, size_t *ret_n)
{
	const ProtobufCMessage *m = message;

	*ret_n = protobuf_c_message_get_packed_size(m);
	*ret = malloc(*ret_n + 1);
	if (!*ret)
		return -ENOMEM;
	protobuf_c_message_pack(m, *ret);
	return 0;
}

/* Most requests are the id, some with an exec id. */
#define ID_MESSAGE(fn, Type, INIT, ...)                                                            \
	static int fn(args_t *a, const char *bundle, void **ret, size_t *n)                        \
	{                                                                                          \
		Containerd__Task__V2__##Type m = CONTAINERD__TASK__V2__##INIT##__INIT;             \
                                                                                                   \
		(void)bundle;                                                                      \
		m.id = STR(a->id);                                                                 \
		__VA_ARGS__;                                                                       \
		return pack(&m, ret, n);                                                           \
	}

ID_MESSAGE(pack_start, StartRequest, START_REQUEST, m.exec_id = STR(a->exec_id))
ID_MESSAGE(pack_delete, DeleteRequest, DELETE_REQUEST, m.exec_id = STR(a->exec_id))
ID_MESSAGE(pack_state, StateRequest, STATE_REQUEST, m.exec_id = STR(a->exec_id))
ID_MESSAGE(pack_wait, WaitRequest, WAIT_REQUEST, m.exec_id = STR(a->exec_id))
ID_MESSAGE(pack_pause, PauseRequest, PAUSE_REQUEST, (void)0)
ID_MESSAGE(pack_resume, ResumeRequest, RESUME_REQUEST, (void)0)
ID_MESSAGE(pack_pids, PidsRequest, PIDS_REQUEST, (void)0)
ID_MESSAGE(pack_stats, StatsRequest, STATS_REQUEST, (void)0)
ID_MESSAGE(pack_kill, KillRequest, KILL_REQUEST, m.exec_id = STR(a->exec_id); m.signal = a->signal;
	   m.all = a->all != 0)
ID_MESSAGE(pack_resize, ResizePtyRequest, RESIZE_PTY_REQUEST, m.exec_id = STR(a->exec_id);
	   m.width = a->width; m.height = a->height)
ID_MESSAGE(pack_close_io, CloseIORequest, CLOSE_IOREQUEST, m.exec_id = STR(a->exec_id);
	   m.stdin = a->close_stdin != 0)

static int pack_exec(args_t *a, const char *bundle, void **ret, size_t *n)
{
	Containerd__Task__V2__ExecProcessRequest m =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any spec = any_of(&a->spec);

	(void)bundle;
	m.id = STR(a->id);
	m.exec_id = STR(a->exec_id);
	m.terminal = a->terminal != 0;
	m.stdin = STR(a->stdin_path);
	m.stdout = STR(a->stdout_path);
	m.stderr = STR(a->stderr_path);
	m.spec = has(&a->spec) ? &spec : NULL;
	return pack(&m, ret, n);
}

static int pack_checkpoint(args_t *a, const char *bundle, void **ret, size_t *n)
{
	Containerd__Task__V2__CheckpointTaskRequest m =
		CONTAINERD__TASK__V2__CHECKPOINT_TASK_REQUEST__INIT;
	Google__Protobuf__Any options = any_of(&a->options);

	(void)bundle;
	m.id = STR(a->id);
	m.path = STR(a->checkpoint);
	m.options = has(&a->options) ? &options : NULL;
	return pack(&m, ret, n);
}

static int pack_update(args_t *a, const char *bundle, void **ret, size_t *n)
{
	Containerd__Task__V2__UpdateTaskRequest m = CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
	Google__Protobuf__Any resources = any_of(&a->resources);
	size_t count = a->annotations.n;
	AUTO_FREE Containerd__Task__V2__UpdateTaskRequest__AnnotationsEntry *entries =
		calloc(count + 1, sizeof(*entries));
	AUTO_FREE Containerd__Task__V2__UpdateTaskRequest__AnnotationsEntry **list =
		calloc(count + 1, sizeof(*list));

	(void)bundle;
	if (!entries || !list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		containerd__task__v2__update_task_request__annotations_entry__init(&entries[i]);
		entries[i].key = STR(a->annotations.items[i].key);
		entries[i].value = STR(a->annotations.items[i].value);
		list[i] = &entries[i];
	}
	m.id = STR(a->id);
	m.resources = has(&a->resources) ? &resources : NULL;
	m.annotations = list;
	m.n_annotations = count;
	return pack(&m, ret, n);
}

static int pack_create(args_t *a, const char *bundle, void **ret, size_t *n)
{
	Containerd__Task__V2__CreateTaskRequest m = CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Google__Protobuf__Any options = any_of(&a->options);
	AUTO_FREE Containerd__Types__Mount *mounts = calloc(a->n_rootfs + 1, sizeof(*mounts));
	AUTO_FREE Containerd__Types__Mount **list = calloc(a->n_rootfs + 1, sizeof(*list));

	if (!mounts || !list)
		return -ENOMEM;
	for (uint64_t i = 0; i < a->n_rootfs; i++) {
		containerd__types__mount__init(&mounts[i]);
		mounts[i].type = STR(a->rootfs[i].type);
		mounts[i].source = STR(a->rootfs[i].source);
		mounts[i].target = STR(a->rootfs[i].target);
		mounts[i].options = (char **)(uintptr_t)a->rootfs[i].options;
		mounts[i].n_options = a->rootfs[i].n_options;
		list[i] = &mounts[i];
	}
	m.id = STR(a->id);
	m.bundle = STR(bundle);
	m.rootfs = list;
	m.n_rootfs = a->n_rootfs;
	m.terminal = a->terminal != 0;
	m.stdin = STR(a->stdin_path);
	m.stdout = STR(a->stdout_path);
	m.stderr = STR(a->stderr_path);
	m.checkpoint = STR(a->checkpoint);
	m.options = has(&a->options) ? &options : NULL;
	return pack(&m, ret, n);
}

static int64_t time_of(const Google__Protobuf__Timestamp *ts)
{
	return ts ? ts->seconds * NS_PER_SEC + ts->nanos : 0;
}

static void read_pid(const void *message, struct ctr_task_result *r)
{
	const Containerd__Task__V2__StartResponse *m =
		message; /* CreateTaskResponse has the same shape */

	r->pid = m->pid;
}

static void read_delete(const void *message, struct ctr_task_result *r)
{
	const Containerd__Task__V2__DeleteResponse *m = message;

	r->pid = m->pid;
	r->exit_status = m->exit_status;
	r->exited_at_ns = time_of(m->exited_at);
}

static void read_wait(const void *message, struct ctr_task_result *r)
{
	const Containerd__Task__V2__WaitResponse *m = message;

	r->exit_status = m->exit_status;
	r->exited_at_ns = time_of(m->exited_at);
}

static void read_state(const void *message, struct ctr_task_result *r)
{
	const Containerd__Task__V2__StateResponse *m = message;

	r->id = m->id;
	r->exec_id = m->exec_id;
	r->bundle = m->bundle;
	r->pid = m->pid;
	r->status = (uint32_t)m->status;
	r->stdin_path = m->stdin;
	r->stdout_path = m->stdout;
	r->stderr_path = m->stderr;
	r->terminal = m->terminal != 0;
	r->exit_status = m->exit_status;
	r->exited_at_ns = time_of(m->exited_at);
}

static void read_stats(const void *message, struct ctr_task_result *r)
{
	const Containerd__Task__V2__StatsResponse *m = message;

	if (m->stats) {
		r->stats.type_url = m->stats->type_url;
		r->stats.value = m->stats->value.data;
		r->stats.n = m->stats->value.len;
	}
}

struct method {
	const char *name;
	int (*pack)(args_t *a, const char *bundle, void **ret, size_t *n);
	const ProtobufCMessageDescriptor *reply; /* NULL: nothing to read */
	void (*read)(const void *message, struct ctr_task_result *r);
};

#define REPLY(type) &containerd__task__v2__##type##__descriptor

static const struct method methods[] = {
	[CTR_TASK_CREATE] = { "Create", pack_create, REPLY(create_task_response), read_pid },
	[CTR_TASK_START] = { "Start", pack_start, REPLY(start_response), read_pid },
	[CTR_TASK_DELETE] = { "Delete", pack_delete, REPLY(delete_response), read_delete },
	[CTR_TASK_STATE] = { "State", pack_state, REPLY(state_response), read_state },
	[CTR_TASK_WAIT] = { "Wait", pack_wait, REPLY(wait_response), read_wait },
	[CTR_TASK_KILL] = { "Kill", pack_kill, NULL, NULL },
	[CTR_TASK_EXEC] = { "Exec", pack_exec, NULL, NULL },
	[CTR_TASK_RESIZE] = { "ResizePty", pack_resize, NULL, NULL },
	[CTR_TASK_CLOSE_IO] = { "CloseIO", pack_close_io, NULL, NULL },
	[CTR_TASK_PAUSE] = { "Pause", pack_pause, NULL, NULL },
	[CTR_TASK_RESUME] = { "Resume", pack_resume, NULL, NULL },
	[CTR_TASK_UPDATE] = { "Update", pack_update, NULL, NULL },
	[CTR_TASK_PIDS] = { "Pids", pack_pids, REPLY(pids_response), NULL },
	[CTR_TASK_STATS] = { "Stats", pack_stats, REPLY(stats_response), read_stats },
	[CTR_TASK_CHECKPOINT] = { "Checkpoint", pack_checkpoint, NULL, NULL },
};

const char *method_name(uint32_t op)
{
	return op < ARRAY_SIZE(methods) ? methods[op].name : NULL;
}

int method_pack(const struct ctr_task_args *args, const char *bundle, void **ret, size_t *ret_n)
{
	if (!method_name(args->op))
		return -EINVAL;
	return methods[args->op].pack(args, bundle, ret, ret_n);
}

/* Pids is the one answer that needs an array of its own. */
static void answer_pids(struct request *q, const Containerd__Task__V2__PidsResponse *m,
			struct ctr_task_result *r)
{
	AUTO_FREE struct ctr_task_pid *pids = calloc(m->n_processes + 1, sizeof(*pids));

	if (!pids) {
		finish_request(q, CTR_RESOURCE_EXHAUSTED, "out of memory", NULL);
		return;
	}
	for (size_t i = 0; i < m->n_processes; i++) {
		const Google__Protobuf__Any *info = m->processes[i]->info;

		pids[i].pid = m->processes[i]->pid;
		pids[i].info.type_url = info ? info->type_url : "";
		pids[i].info.value = info ? info->value.data : NULL;
		pids[i].info.n = info ? info->value.len : 0;
	}
	r->pids = pids;
	r->n_pids = m->n_processes;
	finish_request(q, CTR_OK, NULL, r);
}

void method_answer(struct request *q, const void *data, size_t n)
{
	const struct method *method = &methods[q->op];
	struct ctr_task_result r = {
		.size = sizeof(r),
		.id = q->task->id,
		.exec_id = "",
		.bundle = q->task->bundle,
		.stdin_path = "",
		.stdout_path = "",
		.stderr_path = "",
		.stats = { "", NULL, 0 },
	};

	if (!method->reply) {
		finish_request(q, CTR_OK, NULL, &r);
		return;
	}
	ProtobufCMessage *m = protobuf_c_message_unpack(method->reply, NULL, n, data);
	if (!m) {
		finish_request(q, CTR_INTERNAL, "the shim's answer does not decode", NULL);
		return;
	}
	if (q->op == CTR_TASK_PIDS) {
		answer_pids(q, (const Containerd__Task__V2__PidsResponse *)(const void *)m, &r);
	} else {
		method->read(m, &r);
		if (q->op == CTR_TASK_DELETE)
			delete_done(q, &r);
		else
			finish_request(q, CTR_OK, NULL, &r);
	}
	protobuf_c_message_free_unpacked(m, NULL);
}
