/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices: the rules of the devices cgroup (deny all, then what every container may use), the
 * devices the user asks for, and all of the host's for a privileged container.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/str.h"
#include "oci/parts.h"
#include "status/status.h"

#define DEPTH_MAX   8
#define DEVICES_MAX 4096

struct rule {
	char type;
	int major, minor; /* -1: any */
	const char *access;
};

static const struct rule standard[] = {
	{ 'c', -1, -1, "m" }, { 'b', -1, -1, "m" },    { 'c', 1, 3, "rwm" }, { 'c', 1, 5, "rwm" },
	{ 'c', 1, 7, "rwm" }, { 'c', 1, 8, "rwm" },    { 'c', 1, 9, "rwm" }, { 'c', 5, 0, "rwm" },
	{ 'c', 5, 1, "rwm" }, { 'c', 136, -1, "rwm" }, { 'c', 5, 2, "rwm" },
};

static int add_rule(json_t *rules, const struct rule *r)
{
	char type[2] = { r->type, 0 };
	json_t *o = json_object();
	int bad = json_put_bool(o, "allow", 1);

	bad |= json_put_str(o, "type", type);
	if (r->major >= 0)
		bad |= json_put_int(o, "major", r->major);
	if (r->minor >= 0)
		bad |= json_put_int(o, "minor", r->minor);
	bad |= json_put_str(o, "access", r->access);
	return json_array_append_new(rules, o) | bad;
}

int oci_default_device_rules(json_t *rules)
{
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
		bad |= add_rule(rules, &standard[i]);
	return bad;
}

static int add_device(json_t *list, const char *path, const struct stat *st)
{
	json_t *o = json_object();
	int bad = json_put_str(o, "path", path);

	bad |= json_put_str(o, "type", S_ISBLK(st->st_mode) ? "b" : "c");
	bad |= json_put_int(o, "major", (int64_t)major(st->st_rdev));
	bad |= json_put_int(o, "minor", (int64_t)minor(st->st_rdev));
	bad |= json_put_int(o, "fileMode", st->st_mode & 0777);
	bad |= json_put_int(o, "uid", st->st_uid);
	bad |= json_put_int(o, "gid", st->st_gid);
	return json_array_append_new(list, o) | bad;
}

static ctr_code add_asked(json_t *list, json_t *rules, const struct oci_device *d,
			  struct ctr_error *err)
{
	struct stat st;

	if (stat(d->host, &st) < 0)
		return ctr_fail_errno(err, errno, "device '%s'", d->host);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "device '%s' is not a device", d->host);
	if (d->container[0] != '/')
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"device '%s': '%s' is not an absolute path", d->host, d->container);
	struct rule rule = {
		.type = S_ISBLK(st.st_mode) ? 'b' : 'c',
		.major = (int)major(st.st_rdev),
		.minor = (int)minor(st.st_rdev),
		.access = d->access,
	};

	if (add_device(list, d->container, &st) != 0 || add_rule(rules, &rule) != 0)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "device '%s': out of memory", d->host);
	return CTR_OK;
}

/* Directories and nodes of /dev that every container gets from the runtime itself. */
static int own_of_container(const char *name)
{
	static const char *const names[] = { "pts",     "shm",         "fd",     "mqueue",
					     ".lxc",    ".lxd-mounts", ".udev",  "null",
					     "zero",    "full",        "random", "tty",
					     "urandom", "console",     "ptmx",   "stdout" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (str_eq(name, names[i]))
			return 1;
	}
	return str_eq(name, ".") || str_eq(name, "..");
}

static void auto_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static int add_tree(json_t *list, int dir_fd, const char *prefix, int level);

static int add_entry(json_t *list, int dir_fd, const char *prefix, const char *name, int level)
{
	AUTO_FREE char *path = str_printf("%s/%s", prefix, name);
	struct stat st;

	if (!path)
		return -1;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* gone meanwhile */
	if (S_ISDIR(st.st_mode) && level < DEPTH_MAX) {
		AUTO_CLOSE int sub =
			openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		return sub < 0 ? 0 : add_tree(list, sub, path, level + 1);
	}
	if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && str_is_utf8(path, strlen(path)))
		return add_device(list, path, &st);
	return 0;
}

static int add_tree(json_t *list, int dir_fd, const char *prefix, int level)
{
	int copy = fd_dup(dir_fd);
	AUTO(auto_dir) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	int bad = 0;

	if (!dir) {
		fd_close(&copy);
		return -1;
	}
	while (!bad && (e = readdir(dir)) && json_array_size(list) < DEVICES_MAX) {
		if (!(level == 0 && own_of_container(e->d_name)) && !str_eq(e->d_name, ".") &&
		    !str_eq(e->d_name, ".."))
			bad = add_entry(list, dir_fd, prefix, e->d_name, level);
	}
	return bad;
}

json_t *oci_part_devices(const struct oci_options *o, json_t *rules, struct ctr_error *err)
{
	json_t *list = json_array();
	ctr_code code = CTR_OK;

	if (o->privileged) {
		AUTO_CLOSE int fd = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 || add_tree(list, fd, "/dev", 0) != 0)
			code = ctr_fail(err, CTR_INTERNAL, "read '/dev'");
	}
	for (size_t i = 0; code == CTR_OK && i < o->n_devices; i++)
		code = add_asked(list, rules, &o->devices[i], err);
	if (code == CTR_OK)
		return list;
	json_decref(list);
	return NULL;
}
