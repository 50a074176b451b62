/* SPDX-License-Identifier: Apache-2.0
 *
 * After a shim that was killed. Nothing here is an error: what cannot be removed stays.
 */
#include "shim/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"
#include "shim/cgroup.h"

#define CMDLINE_MAX 65536
#define CONFIG_MAX  (16 * 1024 * 1024)
#define WAIT_MS     1000
#define TRY_MS      5

/* Is it "RUNTIME ... ROOT ... ID ..."? cmdline has n bytes, arguments end with NUL. */
static int is_runtime_of(const char *cmdline, size_t n, const char *root, const char *id)
{
	int has_root = 0, has_id = 0;

	for (size_t at = 0; at < n; at += strlen(cmdline + at) + 1) {
		has_root |= at > 0 && str_eq(cmdline + at, root);
		has_id |= has_root && str_eq(cmdline + at, id);
	}
	return has_id;
}

static void kill_runtime(int proc_fd, const char *pid_text, const char *root, const char *id)
{
	AUTO_FREE char *path = str_printf("%s/cmdline", pid_text);
	AUTO_FREE char *cmdline = NULL;
	struct pollfd p = { .fd = -1, .events = POLLIN };
	uint32_t pid;
	size_t n;

	if (parse_u32(pid_text, &pid) < 0 || (pid_t)pid == getpid())
		return;
	AUTO_CLOSE int pidfd = fd_pidfd_open((pid_t)pid); /* first: it stays this process */
	if (pidfd < 0 || !path || io_read_file(proc_fd, path, CMDLINE_MAX, &cmdline, &n) < 0 ||
	    !is_runtime_of(cmdline, n, root, id))
		return;
	p.fd = pidfd;
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0)
		while (poll(&p, 1, WAIT_MS) < 0 && errno == EINTR)
			;
}

void leftover_runtimes(const char *root, const char *id)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;

	if (!proc)
		return;
	while ((e = readdir(proc)))
		kill_runtime(dirfd(proc), e->d_name, root, id);
	(void)closedir(proc);
}

/* "/ns/id"; NULL for systemd's names, relative ones, and those that climb. */
static char *cgroups_path(int bundle_fd)
{
	AUTO_FREE char *text = NULL;
	char *path = NULL;
	size_t n;

	if (io_read_file(bundle_fd, "config.json", CONFIG_MAX, &text, &n) < 0)
		return NULL;
	json_t *spec = json_loadb(text, n, 0, NULL);
	const char *s =
		json_string_value(json_object_get(json_object_get(spec, "linux"), "cgroupsPath"));

	if (s && s[0] == '/' && s[1] && !strchr(s, ':') && !strstr(s, ".."))
		path = str_dup(s);
	json_decref(spec);
	return path;
}

/* A process that was killed leaves its cgroup a moment later. */
static void remove_cgroup(const char *dir)
{
	const struct timespec pause = { .tv_nsec = TRY_MS * NS_PER_MSEC };

	for (int i = 0; i < WAIT_MS / TRY_MS; i++) {
		if (rmdir(dir) == 0 || errno != EBUSY)
			return;
		(void)nanosleep(&pause, NULL);
	}
}

void leftover_cgroups(int bundle_fd)
{
	AUTO_FREE char *name = cgroups_path(bundle_fd);
	DIR *root = name ? opendir(CGROUP_ROOT) : NULL;
	const struct dirent *e;

	if (!root)
		return;
	if (cgroup_is_v2()) {
		AUTO_FREE char *dir = str_printf(CGROUP_ROOT "%s", name);

		if (dir)
			remove_cgroup(dir);
	} else {
		while ((e = readdir(root))) {
			AUTO_FREE char *dir = str_printf(CGROUP_ROOT "/%s%s", e->d_name, name);

			if (dir && e->d_name[0] != '.')
				remove_cgroup(dir);
		}
	}
	(void)closedir(root);
}
