/* SPDX-License-Identifier: Apache-2.0
 *
 * The bundle and the work directory of a task, and the fifo that carries a shim's own messages into our log. All of
 * it is a handful of small files and directories, none of them synced, so it is done on the loop's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime.h"

#define LOG_LINE_MAX 1024
#define UNMOUNT_MAX  64 /* mounts stacked on one rootfs */

/* <root_fd>/<ns>/<id>, empty. Makes the namespace's directory when missing. */
static int fresh_dir(int root_fd, const char *ns, const char *id, mode_t mode)
{
	AUTO_CLOSE int parent = path_mkdirs(root_fd, ns, PATH_BENEATH, 0711);

	if (parent < 0)
		return parent;
	int r = path_remove_tree(parent, id);
	if (r < 0)
		return r;
	if (mkdirat(parent, id, mode) < 0)
		return -errno;
	return openat(parent, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int bundle_open(const struct task *t)
{
	return path_open(t->rt->state_fd, t->key, PATH_BENEATH | PATH_NO_SYMLINKS,
			 O_RDONLY | O_DIRECTORY, 0);
}

int bundle_write(struct task *t, const char *name, const void *data, size_t n, unsigned mode)
{
	AUTO_CLOSE int dir = bundle_open(t);

	return dir < 0 ? dir : io_write_file(dir, name, data, n, mode, 0);
}

int bundle_make(struct task *t, const struct ctr_any *spec)
{
	AUTO_CLOSE int work = fresh_dir(t->rt->root_fd, t->ns, t->id, 0711);
	if (work < 0)
		return work;
	AUTO_CLOSE int bundle = fresh_dir(t->rt->state_fd, t->ns, t->id, 0700);
	if (bundle < 0)
		return bundle;

	AUTO_FREE char *target = str_printf("%s/%s", t->rt->host->root_dir, t->key);
	if (!target)
		return -ENOMEM;
	if (mkdirat(bundle, "rootfs", 0711) < 0 || symlinkat(target, bundle, "work") < 0)
		return -errno;
	if (spec->n > 0) {
		int r = io_write_file(bundle, "config.json", spec->value, spec->n, 0600, 0);
		if (r < 0)
			return r;
	}
	return log_open(t);
}

/* What a dead shim left mounted. The path is ours and its last component no symlink. */
static void unmount_rootfs(const struct task *t)
{
	AUTO_FREE char *rootfs = str_printf("%s/rootfs", t->bundle);

	for (int i = 0; rootfs && i < UNMOUNT_MAX; i++)
		if (umount2(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			break;
}

static void remove_from(struct task *t, int root_fd)
{
	AUTO_CLOSE int parent = path_open(root_fd, t->ns, PATH_BENEATH | PATH_NO_SYMLINKS,
					  O_RDONLY | O_DIRECTORY, 0);
	int r = parent < 0 ? parent : path_remove_tree(parent, t->id);

	if (r < 0 && r != -ENOENT)
		t->rt->host->log(t->rt->host, CTR_LOG_WARN, "task %s: left behind '%s': %s", t->key,
				 t->bundle, strerrordesc_np(-r));
}

void bundle_remove(struct task *t)
{
	log_close(t);
	/* The work directory goes first: without it the bundle is a leftover, with it alone a task that a reboot ended. */
	remove_from(t, t->rt->root_fd);
	unmount_rootfs(t);
	remove_from(t, t->rt->state_fd);
}

static void on_log(void *ud, uint32_t events)
{
	struct task *t = ud;
	char text[LOG_LINE_MAX];
	ssize_t n = read(t->log_fd, text, sizeof(text) - 1);

	(void)events;
	if (n <= 0)
		return;
	text[n] = '\0';
	for (char *line = text, *end; *line; line = end) {
		end = line + strcspn(line, "\n");
		t->rt->host->log(t->rt->host, CTR_LOG_INFO, "shim %s: %.*s", t->key,
				 (int)(end - line), line);
		if (*end)
			end++;
	}
}

int log_open(struct task *t)
{
	AUTO_CLOSE int dir = bundle_open(t);

	if (dir < 0)
		return dir;
	if (mkfifoat(dir, "log", 0700) < 0 && errno != EEXIST)
		return -errno;
	/* Read and write: it never reports end of file, and a shim that opens it for writing never waits. */
	t->log_fd = openat(dir, "log", O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (t->log_fd < 0)
		return -errno;
	if (t->rt->loop->add_fd(t->rt->host, t->log_fd, EPOLLIN, on_log, t, &t->log_watch, NULL) !=
	    CTR_OK)
		return -ENOMEM;
	return 0;
}

void log_close(struct task *t)
{
	t->rt->loop->del_fd(t->rt->host, t->log_watch);
	t->log_watch = NULL;
	fd_close(&t->log_fd);
}
