/* SPDX-License-Identifier: Apache-2.0
 *
 * ps: containers and the state of their tasks, asked for at the same time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/map.h"
#include "base/str.h"
#include "cli/container.h"
#include "cli/pbutil.h"
#include "cli/verbs.h"
#include "oci/json.h"

#define STAT_MAX     4096
#define COMMAND_ROOM 22

/* When a local process started, from its start time in /proc; 0 when that cannot be told. */
static int64_t started_ns(unsigned pid)
{
	AUTO_FREE char *path = str_printf("/proc/%u/stat", pid);
	AUTO_FREE char *text = NULL;
	const char *p;
	uint64_t ticks = 0;
	struct timespec boot;

	if (!path || io_read_file(AT_FDCWD, path, STAT_MAX, &text, NULL) < 0)
		return 0;
	p = strrchr(text, ')');
	/* the name ends with the last ')', the start time is the twentieth field after it */
	for (int i = 0; p && i < 20; i++)
		p = strchr(p + 1, ' ');
	for (p = p ? p + 1 : ""; *p >= '0' && *p <= '9'; p++)
		ticks = ticks * 10 + (uint64_t)(*p - '0');
	if (ticks == 0 || clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
		return 0;
	return clock_wall_ns() - (boot.tv_sec * NS_PER_SEC + boot.tv_nsec) +
	       (int64_t)(ticks * (uint64_t)NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
}

static json_t *status_of(const Containerd__V1__Types__Process *t)
{
	char span[32];
	int64_t since;

	if (!t)
		return json_string("Created");
	switch ((int)t->status) {
	case CONTAINERD__V1__TYPES__STATUS__RUNNING:
	case CONTAINERD__V1__TYPES__STATUS__PAUSED:
		since = started_ns(t->pid);
		human_span_text(since ? clock_wall_ns() - since : 0, span);
		return json_sprintf("Up%s%s%s", since ? " " : "", since ? span : "",
				    t->status == CONTAINERD__V1__TYPES__STATUS__PAUSED ? " (paused)"
										       : "");
	case CONTAINERD__V1__TYPES__STATUS__STOPPED:
		human_span_text(clock_wall_ns() - pb_timestamp_ns(t->exited_at), span);
		return json_sprintf("Exited (%u) %s ago", t->exit_status, span);
	default:
		return json_string("Created");
	}
}

/* The spec's command line, quoted and, unless asked otherwise, cut. */
static json_t *command_of(const CONTAINERS(Container) *k, int full)
{
	AUTO_JSON spec = NULL;
	AUTO_BUF b = BUF_INIT(65536);
	json_t *arg;
	size_t i;

	if (container_spec(k, &spec, NULL) != CTR_OK)
		return json_string("");
	json_array_foreach(json_object_get(json_object_get(spec, "process"), "args"), i, arg)
		buf_printf(&b, "%s%s", i ? " " : "",
			   json_string_value(arg) ? json_string_value(arg) : "");
	if (!full && b.len > COMMAND_ROOM) {
		size_t cut = COMMAND_ROOM - 3;

		while (cut > 0 && ((unsigned char)b.data[cut] & 0xc0) == 0x80)
			cut--;
		return json_sprintf("\"%.*s...\"", (int)cut, b.data);
	}
	return json_sprintf("\"%s\"", b.data ? b.data : "");
}

static json_t *labels_json(const CONTAINERS(Container) *k)
{
	json_t *o = json_object();

	for (size_t i = 0; i < k->n_labels; i++)
		(void)json_put_str(o, k->labels[i]->key, k->labels[i]->value);
	return o;
}

static json_t *row(const struct args *a, const CONTAINERS(Container) *k,
		   const Containerd__V1__Types__Process *task)
{
	int full = arg_on(a, "no-trunc");
	char id[80], title[80], when[RFC3339_ROOM];
	json_t *o = json_object();
	int bad;

	short_id(k->id, id);
	container_title(k, full, title);
	timestamp_text(k->created_at, when, sizeof(when));
	bad = json_put_str(o, "ID", full ? k->id : id);
	bad |= json_put_str(o, "Image", k->image);
	bad |= json_put(o, "Command", command_of(k, full));
	bad |= json_put_str(o, "CreatedAt", when);
	bad |= json_put(o, "Created", human_age(pb_timestamp_ns(k->created_at)));
	bad |= json_put(o, "Status", status_of(task));
	bad |= json_put_str(o, "State", task ? task_state_text((int)task->status) : "created");
	bad |= json_put_int(o, "Pid", task ? task->pid : 0);
	bad |= json_put_int(o, "ExitCode", task ? task->exit_status : 0);
	bad |= json_put_str(o, "Names", title);
	bad |= json_put_str(o, "Runtime", k->runtime ? k->runtime->name : "");
	bad |= json_put_str(o, "Snapshotter", k->snapshotter);
	bad |= json_put(o, "Labels", labels_json(k));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static int by_age(const void *a, const void *b)
{
	const CONTAINERS(Container) *const *x = a, *const *y = b;
	int64_t xt = pb_timestamp_ns((*x)->created_at), yt = pb_timestamp_ns((*y)->created_at);

	return xt < yt ? 1 : xt > yt ? -1 : strcmp((*x)->id, (*y)->id);
}

static int is_live(const Containerd__V1__Types__Process *t)
{
	return t && (t->status == CONTAINERD__V1__TYPES__STATUS__RUNNING ||
		     t->status == CONTAINERD__V1__TYPES__STATUS__PAUSED ||
		     t->status == CONTAINERD__V1__TYPES__STATUS__PAUSING);
}

static ctr_code collect(struct cli *c, CONTAINERS(ListContainersResponse) *k,
			const TASKS(ListTasksResponse) *t, json_t *rows, struct ctr_error *err)
{
	struct map *tasks = map_new();
	int bad = tasks == NULL;

	for (size_t i = 0; !bad && i < t->n_tasks; i++)
		(void)map_put(tasks,
			      t->tasks[i]->id[0] ? t->tasks[i]->id : t->tasks[i]->container_id,
			      t->tasks[i]);
	if (k->n_containers)
		qsort(k->containers, k->n_containers, sizeof(*k->containers), by_age);
	for (size_t i = 0; !bad && i < k->n_containers; i++) {
		const Containerd__V1__Types__Process *task = map_get(tasks, k->containers[i]->id);

		if (arg_on(&c->args, "all") || is_live(task))
			bad |= json_array_append_new(rows, row(&c->args, k->containers[i], task));
		if (arg_on(&c->args, "latest") && json_array_size(rows) == 1)
			break;
	}
	map_free(tasks);
	return bad ? ctr_fail_errno(err, ENOMEM, "list") : CTR_OK;
}

ctr_code verb_ps(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = {
		{ "ID", "CONTAINER ID" }, { "Image", "IMAGE" },   { "Command", "COMMAND" },
		{ "Created", "CREATED" }, { "Status", "STATUS" }, { "Names", "NAMES" },
	};
	CONTAINERS(ListContainersRequest) list = CONTAINERS_INIT(LIST_CONTAINERS_REQUEST);
	TASKS(ListTasksRequest) list_tasks = TASKS_INIT(LIST_TASKS_REQUEST);
	AUTO_PB CONTAINERS(ListContainersResponse) *containers = NULL;
	AUTO_PB TASKS(ListTasksResponse) *tasks = NULL;
	char *const *filters = arg_list(&c->args, "filter");
	AUTO_PENDING first = NULL;
	AUTO_PENDING second = NULL;
	AUTO_JSON rows = json_array();
	struct rpc *rpc;
	ctr_code code = cli_rpc(c, &rpc, err);

	list.filters = (char **)(uintptr_t)filters;
	list.n_filters = strv_len(filters);
	if (code == CTR_OK)
		code = rpc_start(rpc, CONTAINERS_SERVICE, "List", &list, &first, err);
	if (code == CTR_OK)
		code = rpc_start(rpc, TASKS_SERVICE, "List", &list_tasks, &second, err);
	if (code == CTR_OK)
		code = rpc_finish(take_ptr(&first), &containers, err);
	if (code == CTR_OK)
		code = rpc_finish(take_ptr(&second), &tasks, err);
	if (code == CTR_OK)
		code = collect(c, containers, tasks, rows, err);
	if (code != CTR_OK)
		return code;
	return out_rows(&c->args, columns, ARRAY_SIZE(columns), "ID", rows, err);
}
