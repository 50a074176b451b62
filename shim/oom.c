/* SPDX-License-Identifier: Apache-2.0
 *
 * v1: an eventfd registered with memory.oom_control, which also fires when the cgroup is removed.
 * v2: inotify on memory.events, where only a higher oom_kill count is one.
 */
#include "shim/oom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"

struct oom {
	int fd; /* eventfd or inotify */
	int v2;
	char *dir;
	uint64_t kills; /* v2: seen so far */
	struct loop_fd *watch;
	loop_fn fn;
	void *ud;
};

static uint64_t count_kills(const struct oom *o)
{
	AUTO_FREE char *text = cgroup_read(o->dir, "memory.events");

	return text ? cgroup_key(text, "oom_kill", 0) : 0;
}

static int cgroup_there(const struct oom *o)
{
	AUTO_FREE char *path = str_printf("%s/cgroup.procs", o->dir);

	return path && access(path, F_OK) == 0;
}

static void stop(struct oom *o)
{
	loop_del_fd(o->watch);
	o->watch = NULL;
	fd_close(&o->fd);
}

static void tell(struct oom *o)
{
	if (o->v2) {
		uint64_t kills = count_kills(o);

		if (kills <= o->kills)
			return;
		o->kills = kills;
	}
	o->fn(o->ud);
}

static void event(void *ud, uint32_t events)
{
	struct oom *o = ud;
	char data[4096]; /* an eventfd's count, or some inotify events */
	ssize_t n = read(o->fd, data, sizeof(data));

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !cgroup_there(o)) {
		stop(o);
		return;
	}
	tell(o);
}

void oom_look(struct oom *o)
{
	if (!o || !o->watch)
		return;
	if (o->v2)
		tell(o);
	else
		event(o, EPOLLIN);
}

static int register_v1(struct oom *o)
{
	AUTO_FREE char *control = str_printf("%s/memory.oom_control", o->dir);
	AUTO_FREE char *events = str_printf("%s/cgroup.event_control", o->dir);
	AUTO_CLOSE int control_fd = control ? open(control, O_RDONLY | O_CLOEXEC) : -1;
	AUTO_CLOSE int events_fd = events ? open(events, O_WRONLY | O_CLOEXEC) : -1;
	AUTO_FREE char *line = NULL;

	if (control_fd < 0 || events_fd < 0)
		return -errno;
	o->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (o->fd < 0)
		return -errno;
	line = str_printf("%d %d", o->fd, control_fd);
	return line ? io_write_full(events_fd, line, strlen(line)) : -ENOMEM;
}

static int register_v2(struct oom *o)
{
	AUTO_FREE char *path = str_printf("%s/memory.events", o->dir);

	o->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (o->fd < 0 || !path || inotify_add_watch(o->fd, path, IN_MODIFY) < 0)
		return path ? -errno : -ENOMEM;
	o->kills = count_kills(o);
	return 0;
}

int oom_watch(struct loop *loop, const struct cgroup *cg, loop_fn fn, void *ud, struct oom **ret)
{
	struct oom *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	*o = (struct oom){ .fd = -1, .v2 = cg->v2, .fn = fn, .ud = ud };
	o->dir = cgroup_dir(cg, cg->v2 ? NULL : "memory");
	r = !o->dir ? -ENOENT : o->v2 ? register_v2(o) : register_v1(o);
	if (r == 0)
		r = loop_add_fd(loop, o->fd, EPOLLIN, event, o, &o->watch);
	if (r < 0) {
		oom_free(o);
		return r;
	}
	*ret = o;
	return 0;
}

void oom_free(struct oom *o)
{
	if (!o)
		return;
	stop(o);
	free(o->dir);
	free(o);
}
