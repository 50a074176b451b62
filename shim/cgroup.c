/* SPDX-License-Identifier: Apache-2.0
 *
 * Hierarchies are where systemd and cgroupfs-mount put them: below /sys/fs/cgroup, v1 controllers
 * by name. The paths are taken when the container is made: an init that is itself a service manager
 * moves into a cgroup below later.
 */
#include "shim/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"

#define DEPTH_MAX 32

int cgroup_is_v2(void)
{
	struct statfs fs;

	return statfs(CGROUP_ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

int cgroup_init(struct cgroup *cg, pid_t pid)
{
	AUTO_FREE char *path = str_printf("/proc/%d/cgroup", (int)pid);
	AUTO_CLOSE int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return path ? -errno : -ENOMEM;
	cg->v2 = cgroup_is_v2();
	return io_read_fd(fd, CGROUP_FILE_MAX, &cg->text, NULL);
}

void cgroup_done(struct cgroup *cg)
{
	free(cg->text);
	cg->text = NULL;
}

/* Is controller one of the comma list s[0..n)? */
static int lists(const char *s, size_t n, const char *controller)
{
	size_t want = strlen(controller);

	while (n > 0) {
		const char *comma = memchr(s, ',', n);
		size_t len = comma ? (size_t)(comma - s) : n;

		if (len == want && memcmp(s, controller, want) == 0)
			return 1;
		s += len + (comma != NULL);
		n -= len + (comma != NULL);
	}
	return 0;
}

char *cgroup_dir_from(const char *text, const char *root, const char *controller)
{
	for (const char *line = text; line && *line;) {
		size_t n = strcspn(line, "\n");
		const char *a = memchr(line, ':', n);
		const char *b = a ? memchr(a + 1, ':', n - (size_t)(a + 1 - line)) : NULL;

		if (b && b + 1 < line + n && b[1] == '/') {
			size_t list = (size_t)(b - a - 1);
			size_t path = n - (size_t)(b + 1 - line);

			if (controller && lists(a + 1, list, controller))
				return str_printf("%s/%s%.*s", root, controller, (int)path, b + 1);
			if (!controller && list == 0)
				return str_printf("%s%.*s", root, (int)path, b + 1);
		}
		line += n + (line[n] == '\n');
	}
	return NULL;
}

char *cgroup_dir(const struct cgroup *cg, const char *controller)
{
	if (!cg->text || cg->v2 != !controller)
		return NULL;
	return cgroup_dir_from(cg->text, CGROUP_ROOT, controller);
}

char *cgroup_read(const char *dir, const char *file)
{
	AUTO_FREE char *path = str_printf("%s/%s", dir, file);
	AUTO_CLOSE int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char *text = NULL;

	if (fd < 0 || io_read_fd(fd, CGROUP_FILE_MAX, &text, NULL) < 0)
		return NULL;
	return text;
}

uint64_t cgroup_number(const char *s)
{
	uint64_t v = 0;

	if (strncmp(s, "max", 3) == 0)
		return UINT64_MAX;
	for (; *s >= '0' && *s <= '9'; s++)
		if (mul_ok(v, (uint64_t)10, &v) < 0 || add_ok(v, (uint64_t)(*s - '0'), &v) < 0)
			return UINT64_MAX;
	return v;
}

uint64_t cgroup_read_u64(const char *dir, const char *file)
{
	AUTO_FREE char *text = cgroup_read(dir, file);

	return text ? cgroup_number(text) : 0;
}

uint64_t cgroup_key(const char *text, const char *key, uint64_t other)
{
	size_t n = strlen(key);

	for (const char *line = text; line && *line;) {
		size_t len = strcspn(line, "\n");

		if (len > n && memcmp(line, key, n) == 0 && line[n] == ' ')
			return cgroup_number(line + n + 1);
		line += len + (line[len] == '\n');
	}
	return other;
}

uint64_t cgroup_pair(const char *line, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = line; *p && *p != '\n';) {
		size_t len = strcspn(p, " \n");

		if (len > n && memcmp(p, key, n) == 0 && p[n] == '=')
			return cgroup_number(p + n + 1);
		p += len + (p[len] == ' ');
	}
	return 0;
}

struct pids {
	pid_t *v;
	size_t n, cap;
};

static int add_pid(struct pids *p, pid_t pid)
{
	if (p->n == CGROUP_PIDS_MAX)
		return -E2BIG;
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 16;
		pid_t *v = reallocarray(p->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		p->v = v;
		p->cap = cap;
	}
	p->v[p->n++] = pid;
	return 0;
}

static int read_procs(int dir_fd, struct pids *p)
{
	AUTO_CLOSE int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	int r = fd < 0 ? -errno : io_read_fd(fd, (size_t)CGROUP_PIDS_MAX * 12, &text, NULL);

	for (const char *s = text; r == 0 && s && *s;) {
		r = add_pid(p, (pid_t)cgroup_number(s));
		s += strcspn(s, "\n");
		s += *s == '\n';
	}
	return r == -EOPNOTSUPP ? 0 : r; /* a threaded cgroup */
}

static int walk(int dir_fd, int depth, struct pids *p);

static int walk_below(DIR *d, int depth, struct pids *p)
{
	const struct dirent *e;

	while ((e = readdir(d)) != NULL) {
		AUTO_CLOSE int fd = -1;
		int r;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		fd = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue; /* it has gone */
		r = walk(fd, depth + 1, p);
		if (r < 0)
			return r;
	}
	return 0;
}

static int walk(int dir_fd, int depth, struct pids *p)
{
	int r = read_procs(dir_fd, p);
	AUTO_CLOSE int fd = r == 0 && depth < DEPTH_MAX ? fd_dup(dir_fd) : -1;
	DIR *d;

	if (fd < 0)
		return r;
	d = fdopendir(fd);
	if (!d)
		return -errno;
	(void)take_fd(&fd); /* d's */
	r = walk_below(d, depth, p);
	(void)closedir(d);
	return r;
}

int cgroup_pids(const struct cgroup *cg, pid_t **ret, size_t *ret_n)
{
	static const char *const controllers[] = { "pids", "memory", "devices", "freezer" };
	AUTO_FREE char *dir = cgroup_dir(cg, NULL);
	AUTO_CLOSE int fd = -1;
	struct pids p = { 0 };
	int r;

	for (size_t i = 0; !dir && !cg->v2 && i < ARRAY_SIZE(controllers); i++)
		dir = cgroup_dir(cg, controllers[i]);
	if (!dir)
		return -ENOENT;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : walk(fd, 0, &p);
	if (r < 0) {
		free(p.v);
		return r;
	}
	*ret = p.v;
	*ret_n = p.n;
	return 0;
}

static int join_one(const char *root, const char *name, pid_t pid)
{
	AUTO_FREE char *dir = str_printf("%s/%s", root, name);
	AUTO_FREE char *text = str_printf("%d", (int)pid);
	AUTO_FREE char *file = str_printf("%s/%s/cgroup.procs", root, name);
	AUTO_CLOSE int fd = -1;

	if (!dir || !text || !file)
		return -ENOMEM;
	for (char *s = dir + strlen(root) + 1; (s = strchr(s, '/')) != NULL; s++) {
		*s = '\0';
		if (*(s + 1) && mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		*s = '/';
	}
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open(file, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : io_write_full(fd, text, strlen(text));
}

int cgroup_join(const char *name, pid_t pid)
{
	static const char *const controllers[] = { "cpu",  "cpuacct", "memory",
						   "pids", "blkio",   "freezer" };
	int r = 0;

	name += strspn(name, "/");
	if (strstr(name, "..") || !*name)
		return -EINVAL;
	if (cgroup_is_v2())
		return join_one(CGROUP_ROOT, name, pid);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(controllers); i++) {
		AUTO_FREE char *root = str_printf("%s/%s", CGROUP_ROOT, controllers[i]);

		if (!root)
			return -ENOMEM;
		if (access(root, F_OK) == 0)
			r = join_one(root, name, pid);
	}
	return r;
}
