/* SPDX-License-Identifier: Apache-2.0
 *
 * How an init process ended: a small file in the work directory, written before anybody is told, gone with the task.
 * It is not synced: it outlives the daemon and the shim; after a power cut a task without it has ended with 255.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "containerd/events/task.pb-c.h"
#include "runtime.h"

#define EXIT_FILE_MAX 64

static int open_work(struct runtime *rt, const char *ns, const char *id)
{
	char path[2 * IDENT_MAX + 2];

	snprintf(path, sizeof(path), "%s/%s", ns, id);
	return path_open(rt->root_fd, path, PATH_BENEATH | PATH_NO_SYMLINKS, O_RDONLY | O_DIRECTORY,
			 0);
}

int exit_keep(struct runtime *rt, const char *ns, const char *id, uint32_t status, int64_t at_ns)
{
	char text[EXIT_FILE_MAX];
	AUTO_CLOSE int dir = open_work(rt, ns, id);

	if (dir < 0)
		return dir == -ENOENT
			       ? 0
			       : dir; /* deleted meanwhile: nothing to keep, nobody to tell */
	if (faccessat(dir, "exit", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	int n = snprintf(text, sizeof(text), "%" PRIu32 " %" PRId64, status, at_ns);
	int r = io_write_file(dir, "exit", text, (size_t)n, 0600, 0);
	return r < 0 ? r : 1;
}

int exit_kept(struct runtime *rt, const char *ns, const char *id, uint32_t *ret_status,
	      int64_t *ret_at_ns)
{
	AUTO_CLOSE int dir = open_work(rt, ns, id);
	AUTO_FREE char *text = NULL;

	if (dir < 0)
		return dir;
	int r = io_read_file(dir, "exit", EXIT_FILE_MAX, &text, NULL);
	if (r < 0)
		return r;

	char *space = strchr(text, ' ');
	if (!space)
		return -EINVAL;
	*space = '\0';
	if (parse_u32(text, ret_status) < 0 || parse_i64(space + 1, ret_at_ns) < 0)
		return -EINVAL;
	return 0;
}

static void publish(struct task *t, const char *topic, const ProtobufCMessage *m)
{
	struct runtime *rt = t->rt;
	size_t n = protobuf_c_message_get_packed_size(m);
	AUTO_FREE uint8_t *data = malloc(n + 1);
	ctr_code code = CTR_RESOURCE_EXHAUSTED;

	if (data) {
		protobuf_c_message_pack(m, data);
		const struct ctr_event event = {
			.size = sizeof(event),
			.timestamp_ns = clock_wall_ns(),
			.ns = t->ns,
			.topic = topic,
			.event = { m->descriptor->name, data, n },
		};
		code = rt->events->forward(rt->host, NULL, &event, NULL);
	}
	if (code != CTR_OK)
		rt->host->log(rt->host, CTR_LOG_ERROR, "task %s: event %s lost", t->key, topic);
}

static Google__Protobuf__Timestamp timestamp(int64_t ns)
{
	Google__Protobuf__Timestamp ts = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	ts.seconds = ns / NS_PER_SEC;
	ts.nanos = (int32_t)(ns % NS_PER_SEC);
	return ts;
}

void publish_exit(struct task *t, uint32_t pid, uint32_t status, int64_t at_ns)
{
	Containerd__Events__TaskExit m = CONTAINERD__EVENTS__TASK_EXIT__INIT;
	Google__Protobuf__Timestamp at = timestamp(at_ns);

	m.container_id = (char *)(uintptr_t)t->id;
	m.id = (char *)(uintptr_t)t->id;
	m.pid = pid;
	m.exit_status = status;
	m.exited_at = &at;
	publish(t, "/tasks/exit", &m.base);
}

void publish_delete(struct task *t, uint32_t pid, uint32_t status, int64_t at_ns)
{
	Containerd__Events__TaskDelete m = CONTAINERD__EVENTS__TASK_DELETE__INIT;
	Google__Protobuf__Timestamp at = timestamp(at_ns);

	m.container_id = (char *)(uintptr_t)t->id;
	m.pid = pid;
	m.exit_status = status;
	m.exited_at = &at;
	publish(t, "/tasks/delete", &m.base);
}
