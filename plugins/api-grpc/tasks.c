/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.tasks.v1.Tasks: each method is an operation of ctr.tasks.v0 and back. All of it is asynchronous
 * on the loop's thread: a parked Wait holds no thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ctr/unstable/tasks.h>

#include "base/macros.h"
#include "containerd/services/tasks/v1/tasks.pb-c.h"
#include "plugins/api-grpc/fields.h"
#include "tasks.h"

#define REQUEST(type) &containerd__services__tasks__v1__##type##__descriptor

static struct ctr_any any_of(const Google__Protobuf__Any *a)
{
	if (!a)
		return (struct ctr_any){ "", NULL, 0 };
	return (struct ctr_any){ a->type_url, a->value.data, a->value.len };
}

void task_args_init(struct ctr_task_args *a, uint32_t op, const char *id, const char *exec_id)
{
	const struct ctr_any none = { "", NULL, 0 };

	*a = (struct ctr_task_args){
		.size = sizeof(*a),
		.op = op,
		.id = id,
		.exec_id = exec_id,
		.runtime = "",
		.stdin_path = "",
		.stdout_path = "",
		.stderr_path = "",
		.checkpoint = "",
		.spec = none,
		.options = none,
		.resources = none,
	};
}

/* ---- answers ---- */

struct waiting {
	struct api *api;
	struct ctr_rpc_call *rc; /* a reference */
	char *id, *exec_id;      /* echoed */
	/* Packs the reply for a result. */
	ctr_code (*reply)(struct waiting *w, const struct ctr_task_result *r,
			  struct ctr_error *err);
};

static void waiting_free(struct waiting *w)
{
	w->api->rpc->unref(w->rc);
	free(w->id);
	free(w->exec_id);
	free(w);
}

static void on_done(void *ud, ctr_code code, const struct ctr_task_result *result,
		    struct ctr_error *err)
{
	struct waiting *w = ud;

	if (code == CTR_OK)
		code = w->reply(w, result, err);
	w->api->rpc->finish_error(w->rc, code, err);
	waiting_free(w);
}

static ctr_code reply_empty(struct waiting *w, const struct ctr_task_result *r,
			    struct ctr_error *err)
{
	(void)r;
	return api_reply_empty(w->api, w->rc, err);
}

static ctr_code reply_create(struct waiting *w, const struct ctr_task_result *r,
			     struct ctr_error *err)
{
	Containerd__Services__Tasks__V1__CreateTaskResponse m =
		CONTAINERD__SERVICES__TASKS__V1__CREATE_TASK_RESPONSE__INIT;

	m.container_id = w->id;
	m.pid = r->pid;
	return api_reply(w->api, w->rc, &m.base, err);
}

static ctr_code reply_start(struct waiting *w, const struct ctr_task_result *r,
			    struct ctr_error *err)
{
	Containerd__Services__Tasks__V1__StartResponse m =
		CONTAINERD__SERVICES__TASKS__V1__START_RESPONSE__INIT;

	m.pid = r->pid;
	return api_reply(w->api, w->rc, &m.base, err);
}

static ctr_code reply_delete(struct waiting *w, const struct ctr_task_result *r,
			     struct ctr_error *err)
{
	Containerd__Services__Tasks__V1__DeleteResponse m =
		CONTAINERD__SERVICES__TASKS__V1__DELETE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = api_time(r->exited_at_ns);

	m.id = *w->exec_id ? w->exec_id : w->id;
	m.pid = r->pid;
	m.exit_status = r->exit_status;
	m.exited_at = &at;
	return api_reply(w->api, w->rc, &m.base, err);
}

static ctr_code reply_wait(struct waiting *w, const struct ctr_task_result *r,
			   struct ctr_error *err)
{
	Containerd__Services__Tasks__V1__WaitResponse m =
		CONTAINERD__SERVICES__TASKS__V1__WAIT_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = api_time(r->exited_at_ns);

	m.exit_status = r->exit_status;
	m.exited_at = &at;
	return api_reply(w->api, w->rc, &m.base, err);
}

void task_process(const struct ctr_task_result *r, const char *container,
		  Containerd__V1__Types__Process *ret, Google__Protobuf__Timestamp *ret_at)
{
	*ret_at = api_time(r->exited_at_ns);
	containerd__v1__types__process__init(ret);
	ret->container_id = (char *)(uintptr_t)container;
	ret->id = (char *)(uintptr_t)(*r->exec_id ? r->exec_id : r->id);
	ret->pid = r->pid;
	ret->status = (Containerd__V1__Types__Status)r->status;
	ret->stdin = (char *)(uintptr_t)r->stdin_path;
	ret->stdout = (char *)(uintptr_t)r->stdout_path;
	ret->stderr = (char *)(uintptr_t)r->stderr_path;
	ret->terminal = r->terminal != 0;
	ret->exit_status = r->exit_status;
	ret->exited_at = r->exited_at_ns ? ret_at : NULL;
}

static ctr_code reply_get(struct waiting *w, const struct ctr_task_result *r, struct ctr_error *err)
{
	Containerd__Services__Tasks__V1__GetResponse m =
		CONTAINERD__SERVICES__TASKS__V1__GET_RESPONSE__INIT;
	Containerd__V1__Types__Process p;
	Google__Protobuf__Timestamp at;

	/* The container's id, or the exec's: never empty, whatever the shim says. */
	task_process(r, w->id, &p, &at);
	p.id = *w->exec_id ? w->exec_id : w->id;
	m.process = &p;
	return api_reply(w->api, w->rc, &m.base, err);
}

static ctr_code reply_pids(struct waiting *w, const struct ctr_task_result *r,
			   struct ctr_error *err)
{
	Containerd__Services__Tasks__V1__ListPidsResponse m =
		CONTAINERD__SERVICES__TASKS__V1__LIST_PIDS_RESPONSE__INIT;
	AUTO_FREE Containerd__V1__Types__ProcessInfo *infos = calloc(r->n_pids + 1, sizeof(*infos));
	AUTO_FREE Containerd__V1__Types__ProcessInfo **list = calloc(r->n_pids + 1, sizeof(*list));
	AUTO_FREE Google__Protobuf__Any *anys = calloc(r->n_pids + 1, sizeof(*anys));

	if (!infos || !list || !anys)
		return w->api->host->fail_errno(err, ENOMEM, "list pids");
	for (uint64_t i = 0; i < r->n_pids; i++) {
		const struct ctr_any *info = &r->pids[i].info;

		containerd__v1__types__process_info__init(&infos[i]);
		infos[i].pid = r->pids[i].pid;
		if (*info->type_url) {
			google__protobuf__any__init(&anys[i]);
			anys[i].type_url = (char *)(uintptr_t)info->type_url;
			anys[i].value.data = (uint8_t *)(uintptr_t)info->value;
			anys[i].value.len = info->n;
			infos[i].info = &anys[i];
		}
		list[i] = &infos[i];
	}
	m.processes = list;
	m.n_processes = r->n_pids;
	return api_reply(w->api, w->rc, &m.base, err);
}

/* ---- requests ---- */

typedef ctr_code (*reply_fn)(struct waiting *w, const struct ctr_task_result *r,
			     struct ctr_error *err);

/* Hand an operation to the core; args are borrowed. */
static ctr_code send(struct tasks_api *t, struct ctr_rpc_call *rc, const struct ctr_task_args *args,
		     reply_fn reply, struct ctr_error *err)
{
	struct api *api = t->api;
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w)
		return api->host->fail_errno(err, ENOMEM, "task %s", args->id);
	*w = (struct waiting){ .api = api, .rc = rc, .reply = reply };
	api->rpc->ref(rc);
	w->id = strdup(args->id);
	w->exec_id = strdup(args->exec_id);
	if (!w->id || !w->exec_id) {
		waiting_free(w);
		return api->host->fail_errno(err, ENOMEM, "task %s", args->id);
	}
	t->tasks->call(api->host, api->rpc->call(rc), args, on_done, w);
	return CTR_PENDING;
}

/* A method whose request is ids and a few plain fields: unpack, fill, send. */
#define METHOD(fn, Type, descriptor, op_, exec_, reply_, ...)                                      \
	static ctr_code fn(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,      \
			   struct ctr_error *err)                                                  \
	{                                                                                          \
		struct tasks_api *t = self;                                                        \
		ProtobufCMessage *base = NULL;                                                     \
		struct ctr_task_args a;                                                            \
                                                                                                   \
		ctr_code code = api_unpack(t->api, REQUEST(descriptor), data, n, &base, err);      \
		if (code != CTR_OK)                                                                \
			return code;                                                               \
		Containerd__Services__Tasks__V1__##Type *m = (void *)base;                         \
		task_args_init(&a, op_, m->container_id, exec_);                                   \
		__VA_ARGS__;                                                                       \
		code = send(t, rc, &a, reply_, err);                                               \
		protobuf_c_message_free_unpacked(base, NULL);                                      \
		return code;                                                                       \
	}

METHOD(start, StartRequest, start_request, CTR_TASK_START, m->exec_id, reply_start, (void)0)
METHOD(delete_task, DeleteTaskRequest, delete_task_request, CTR_TASK_DELETE, "", reply_delete,
       (void)0)
METHOD(get, GetRequest, get_request, CTR_TASK_STATE, m->exec_id, reply_get, (void)0)
METHOD(wait_task, WaitRequest, wait_request, CTR_TASK_WAIT, m->exec_id, reply_wait, (void)0)
METHOD(pause_task, PauseTaskRequest, pause_task_request, CTR_TASK_PAUSE, "", reply_empty, (void)0)
METHOD(resume, ResumeTaskRequest, resume_task_request, CTR_TASK_RESUME, "", reply_empty, (void)0)
METHOD(list_pids, ListPidsRequest, list_pids_request, CTR_TASK_PIDS, "", reply_pids, (void)0)
METHOD(kill_task, KillRequest, kill_request, CTR_TASK_KILL, m->exec_id, reply_empty,
       a.signal = m->signal;
       a.all = m->all != 0)
METHOD(resize, ResizePtyRequest, resize_pty_request, CTR_TASK_RESIZE, m->exec_id, reply_empty,
       a.width = m->width;
       a.height = m->height)
METHOD(exec, ExecProcessRequest, exec_process_request, CTR_TASK_EXEC, m->exec_id, reply_empty,
       a.spec = any_of(m->spec);
       a.stdin_path = m->stdin; a.stdout_path = m->stdout; a.stderr_path = m->stderr;
       a.terminal = m->terminal != 0)

static ctr_code delete_process(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			       struct ctr_error *err)
{
	struct tasks_api *t = self;
	ProtobufCMessage *base = NULL;
	struct ctr_task_args a;

	ctr_code code = api_unpack(t->api, REQUEST(delete_process_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Tasks__V1__DeleteProcessRequest *m = (void *)base;
	task_args_init(&a, CTR_TASK_DELETE, m->container_id, m->exec_id);
	if (*m->exec_id)
		code = send(t, rc, &a, reply_delete, err);
	else
		code = t->api->host->fail(err, CTR_INVALID_ARGUMENT, "exec id cannot be empty");
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code close_io(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			 struct ctr_error *err)
{
	struct tasks_api *t = self;
	ProtobufCMessage *base = NULL;
	struct ctr_task_args a;

	ctr_code code = api_unpack(t->api, REQUEST(close_iorequest), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Tasks__V1__CloseIORequest *m = (void *)base;
	task_args_init(&a, CTR_TASK_CLOSE_IO, m->container_id, m->exec_id);
	a.close_stdin = m->stdin != 0;
	/* Only stdin can be closed: without it the call does nothing, as clients know it. */
	if (a.close_stdin) {
		code = send(t, rc, &a, reply_empty, err);
	} else {
		code = api_reply_empty(t->api, rc, err);
	}
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code update(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct tasks_api *t = self;
	ProtobufCMessage *base = NULL;
	struct ctr_task_args a;

	ctr_code code = api_unpack(t->api, REQUEST(update_task_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Tasks__V1__UpdateTaskRequest *m = (void *)base;
	AUTO_FREE struct ctr_label *notes = NULL;

	task_args_init(&a, CTR_TASK_UPDATE, m->container_id, "");
	a.resources = any_of(m->resources);
	if (api_labels_in(m->annotations, m->n_annotations, &notes, &a.annotations) < 0)
		code = t->api->host->fail_errno(err, ENOMEM, "update task %s", m->container_id);
	else
		code = send(t, rc, &a, reply_empty, err);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code create(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct tasks_api *t = self;
	ProtobufCMessage *base = NULL;
	struct ctr_task_args a;

	ctr_code code = api_unpack(t->api, REQUEST(create_task_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Tasks__V1__CreateTaskRequest *m = (void *)base;
	AUTO_FREE struct ctr_mount *mounts = api_mounts_in(m->rootfs, m->n_rootfs);

	task_args_init(&a, CTR_TASK_CREATE, m->container_id, "");
	a.runtime = m->runtime_path;
	a.rootfs = mounts;
	a.n_rootfs = m->n_rootfs;
	a.stdin_path = m->stdin;
	a.stdout_path = m->stdout;
	a.stderr_path = m->stderr;
	a.terminal = m->terminal != 0;
	a.options = any_of(m->options);
	if (m->checkpoint)
		code = t->api->host->fail(err, CTR_UNIMPLEMENTED,
					  "restore of task %s from a checkpoint", m->container_id);
	else if (*m->task_api_address)
		code = t->api->host->fail(err, CTR_UNIMPLEMENTED, "task %s in a sandbox's shim",
					  m->container_id);
	else
		code = mounts ? send(t, rc, &a, reply_create, err)
			      : t->api->host->fail_errno(err, ENOMEM, "create task %s",
							 m->container_id);
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

static ctr_code checkpoint(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			   struct ctr_error *err)
{
	struct tasks_api *t = self;

	(void)rc;
	(void)data;
	(void)n;
	return t->api->host->fail(err, CTR_UNIMPLEMENTED,
				  "checkpoint: images of running tasks are not written");
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Create", .flags = CTR_RPC_INLINE, .message = create },
	{ .name = "Start", .flags = CTR_RPC_INLINE, .message = start },
	{ .name = "Delete", .flags = CTR_RPC_INLINE, .message = delete_task },
	{ .name = "DeleteProcess", .flags = CTR_RPC_INLINE, .message = delete_process },
	{ .name = "Get", .flags = CTR_RPC_INLINE, .message = get },
	{ .name = "List", .flags = CTR_RPC_INLINE, .message = tasks_list },
	{ .name = "Kill", .flags = CTR_RPC_INLINE, .message = kill_task },
	{ .name = "Exec", .flags = CTR_RPC_INLINE, .message = exec },
	{ .name = "ResizePty", .flags = CTR_RPC_INLINE, .message = resize },
	{ .name = "CloseIO", .flags = CTR_RPC_INLINE, .message = close_io },
	{ .name = "Pause", .flags = CTR_RPC_INLINE, .message = pause_task },
	{ .name = "Resume", .flags = CTR_RPC_INLINE, .message = resume },
	{ .name = "ListPids", .flags = CTR_RPC_INLINE, .message = list_pids },
	{ .name = "Checkpoint", .flags = CTR_RPC_INLINE, .message = checkpoint },
	{ .name = "Update", .flags = CTR_RPC_INLINE, .message = update },
	{ .name = "Metrics", .flags = CTR_RPC_INLINE, .message = tasks_metrics },
	{ .name = "Wait", .flags = CTR_RPC_INLINE, .message = wait_task },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = ARRAY_SIZE(methods),
	.name = "containerd.services.tasks.v1.Tasks",
	.methods = methods,
};

ctr_code api_tasks_init(struct api *api, struct ctr_error *err)
{
	uint32_t size;
	const struct ctr_tasks_ops *tasks = api->host->service(api->host, CTR_SERVICE_TASKS, &size);
	if (!tasks)
		return CTR_OK;

	struct tasks_api *t = malloc(sizeof(*t));
	if (!t)
		return api->host->fail_errno(err, ENOMEM, "tasks");
	*t = (struct tasks_api){ api, tasks };
	return api_add(api, &service, t, err);
}
