/* SPDX-License-Identifier: Apache-2.0
 *
 * Namespaces and the root directory of a worker. Every source is opened before the new root covers
 * anything; the old tree is detached at the end. fetch sees a few read-only system files, unpack
 * sees its target, the others nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "worker/cage/parts.h"

#define HOSTS_DIRS_MAX 16
#define PARENTS_MAX    256 /* levels above a chroot */
#define LOCKED_DOWN    (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* What name resolution and TLS read. Those that do not exist are left out. */
static const char *const fetch_sees[] = {
	"/etc/resolv.conf",
	"/etc/hosts",
	"/etc/nsswitch.conf",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/protocols",
	"/etc/ssl/certs",
	"/etc/ssl/openssl.cnf",
	"/etc/pki/tls",
	"/etc/pki/ca-trust/extracted",
	"/usr/share/ca-certificates",
	"/usr/local/share/ca-certificates",
	"/etc/ld.so.cache",
	/* libnss and what it needs are loaded by name, on first use */
	"/lib/" CTR_LIBRARY_ARCHITECTURE,
	"/usr/lib/" CTR_LIBRARY_ARCHITECTURE,
	"/lib64",
	"/usr/lib64",
};
#define SEES_MAX (ARRAY_SIZE(fetch_sees) + 1)

struct source {
	const char *path;
	int tree_fd;
	int is_dir;
};

struct sources {
	struct source see[SEES_MAX];
	size_t n;
	int dirs[HOSTS_DIRS_MAX]; /* hosts directories, opened; -1: not there */
	size_t n_dirs;
};

static void sources_done(struct sources *s)
{
	for (size_t i = 0; i < s->n; i++)
		fd_close(&s->see[i].tree_fd);
	for (size_t i = 0; i < s->n_dirs; i++)
		fd_close(&s->dirs[i]);
}

/* A file missing here is no error: systems differ. */
static ctr_code open_source(struct sources *s, const char *path, struct ctr_error *err)
{
	AUTO_CLOSE int fd =
		(int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr attr = { .attr_set = LOCKED_DOWN };
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return CTR_OK;
	if (fd < 0 || fstat(fd, &st) < 0)
		return ctr_fail_errno(err, errno, "clone '%s'", path);
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return ctr_fail_errno(err, errno, "make '%s' read-only", path);
	s->see[s->n].path = path;
	s->see[s->n].is_dir = S_ISDIR(st.st_mode);
	s->see[s->n].tree_fd = take_fd(&fd);
	s->n++;
	return CTR_OK;
}

static ctr_code open_sources(const struct cage_params *p, struct sources *s, struct ctr_error *err)
{
	ctr_code code = CTR_OK;

	if (p->role != ROLE_FETCH)
		return CTR_OK;
	/* First, since a folder placed later may hold it: then the folder's own shows. */
	if (p->ca_bundle && p->ca_bundle[0] == '/')
		code = open_source(s, p->ca_bundle, err);
	for (size_t i = 0; i < ARRAY_SIZE(fetch_sees) && code == CTR_OK; i++)
		code = open_source(s, fetch_sees[i], err);
	if (code != CTR_OK)
		return code;
	if (p->n_hosts_dirs > HOSTS_DIRS_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "more than %d hosts directories",
				HOSTS_DIRS_MAX);
	for (size_t i = 0; i < p->n_hosts_dirs; i++) {
		s->dirs[i] = open(p->hosts_dirs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		s->n_dirs = i + 1;
		if (s->dirs[i] < 0 && errno != ENOENT)
			return ctr_fail_errno(err, errno, "open hosts directory '%s'",
					      p->hosts_dirs[i]);
	}
	return CTR_OK;
}

int cage_make_dirs(int root_fd, const char *path)
{
	while (*path == '/')
		path++;
	return path_mkdirs(root_fd, *path ? path : ".", PATH_IN_ROOT, 0755);
}

/* An empty file or directory below root_fd to mount over. */
static int make_point(int root_fd, const struct source *s)
{
	AUTO_CLOSE int dir = -1;
	const char *slash = strrchr(s->path, '/');
	AUTO_FREE char *parent = NULL;

	if (s->is_dir) {
		dir = cage_make_dirs(root_fd, s->path);
		return dir < 0 ? dir : 0;
	}
	parent = str_ndup(s->path, (size_t)(slash - s->path));
	if (!parent)
		return -ENOMEM;
	dir = cage_make_dirs(root_fd, parent);
	if (dir < 0)
		return dir;
	AUTO_CLOSE int file =
		openat(dir, slash + 1, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444);
	return file < 0 ? -errno : 0;
}

static ctr_code place_source(int root_fd, const struct source *s, struct ctr_error *err)
{
	int r = make_point(root_fd, s);

	if (r < 0)
		return ctr_fail_errno(err, r, "make '%s' in the cage", s->path);
	AUTO_CLOSE int at = path_open(root_fd, s->path, PATH_IN_ROOT, O_PATH | O_NOFOLLOW, 0);
	if (at < 0)
		return ctr_fail_errno(err, at, "open '%s' in the cage", s->path);
	if (syscall(SYS_move_mount, s->tree_fd, "", at, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return ctr_fail_errno(err, errno, "mount '%s' in the cage", s->path);
	return CTR_OK;
}

static ctr_code fill_root(const struct cage_params *p, int root_fd, const struct sources *s,
			  struct ctr_error *err)
{
	uint32_t uid = p->uid ? p->uid : 65534, gid = p->gid ? p->gid : 65534;
	ctr_code code = CTR_OK;

	for (size_t i = 0; i < s->n_dirs && code == CTR_OK; i++)
		if (s->dirs[i] >= 0)
			code = cage_copy_dir(root_fd, s->dirs[i], p->hosts_dirs[i], uid, gid, err);
	for (size_t i = 0; i < s->n && code == CTR_OK; i++)
		code = place_source(root_fd, &s->see[i], err);
	return code;
}

/* A small tmpfs, not attached anywhere. */
static int new_tmpfs(void)
{
	AUTO_CLOSE int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", "16m", 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "nr_inodes", "8192", 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return fd < 0 ? -errno : fd;
}

/*
 * A detached mount must be attached somewhere before anything is mounted on it or it becomes '/'.
 */
static ctr_code attach(int mount_fd, struct ctr_error *err)
{
	static const char *const points[] = { "/proc", "/tmp", "/run", "/dev", "/mnt" };
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(points) && r < 0; i++)
		r = syscall(SYS_move_mount, mount_fd, "", AT_FDCWD, points[i],
			    MOVE_MOUNT_F_EMPTY_PATH) < 0
			    ? -errno
			    : 0;
	if (r < 0)
		return ctr_fail_errno(err, r, "attach the new root");
	return CTR_OK;
}

/*
 * Make it '/' and let go of everything else. A target cloned from a shared mount, as all are under
 * systemd, is one of its peers still: pivot_root refuses that, and what is made in it would show
 * there.
 */
static ctr_code pivot(int mount_fd, struct ctr_error *err)
{
	if (fchdir(mount_fd) < 0)
		return ctr_fail_errno(err, errno, "enter the new root");
	if (mount(NULL, ".", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return ctr_fail_errno(err, errno, "make the new root private");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return ctr_fail_errno(err, errno, "pivot into the new root");
	if (umount2(".", MNT_DETACH) < 0)
		return ctr_fail_errno(err, errno, "detach the old root");
	if (chdir("/") < 0)
		return ctr_fail_errno(err, errno, "enter '/'");
	return CTR_OK;
}

static ctr_code tmpfs_root(const struct cage_params *p, struct ctr_error *err)
{
	struct mount_attr attr = { .attr_set = LOCKED_DOWN | MOUNT_ATTR_NOEXEC };
	AUTO(sources_done) struct sources s = { .n = 0 };
	AUTO_CLOSE int root = -1;
	ctr_code code = open_sources(p, &s, err);

	if (code != CTR_OK)
		return code;
	root = new_tmpfs();
	if (root < 0)
		return ctr_fail_errno(err, root, "make the new root");
	code = attach(root, err);
	if (code == CTR_OK)
		code = fill_root(p, root, &s, err);
	if (code == CTR_OK)
		code = pivot(root, err);
	if (code != CTR_OK)
		return code;
	if (syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attr, sizeof(attr)) < 0)
		return ctr_fail_errno(err, errno, "make the new root read-only");
	return CTR_OK;
}

ctr_code cage_root(const struct cage_params *p, struct ctr_error *err)
{
	if (p->role != ROLE_UNPACK)
		return tmpfs_root(p, err);
	if (p->target_mount_fd < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "unpack without a target");
	ctr_code code = attach(p->target_mount_fd, err);
	if (code == CTR_OK)
		code = pivot(p->target_mount_fd, err);
	return code;
}

static int write_proc(const char *path, const char *text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return io_write_full(fd, text, strlen(text));
}

/* Not root: become root of a user namespace that holds one id. */
static ctr_code user_namespace(struct ctr_error *err)
{
	unsigned uid = geteuid(), gid = getegid();
	AUTO_FREE char *uids = str_printf("0 %u 1\n", uid);
	AUTO_FREE char *gids = str_printf("0 %u 1\n", gid);

	if (!uids || !gids)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (unshare(CLONE_NEWUSER) < 0)
		return ctr_fail_errno(err, errno, "make a user namespace");
	(void)write_proc("/proc/self/setgroups", "deny");
	int r = write_proc("/proc/self/gid_map", gids);
	if (r == 0)
		r = write_proc("/proc/self/uid_map", uids);
	return r < 0 ? ctr_fail_errno(err, r, "map the user namespace's id") : CTR_OK;
}

/* Anything below '/', to stand in while stepping out of it. */
static int chroot_below(void)
{
	static const char *const below[] = { "/etc", "/usr", "/tmp", "/proc" };

	for (size_t i = 0; i < ARRAY_SIZE(below); i++)
		if (chroot(below[i]) == 0)
			return 0;
	return -errno;
}

/* Up to where the namespace's own root is, make all private there, and back. */
static int private_from_above(void)
{
	AUTO_CLOSE int here = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = here < 0 ? -errno : chroot_below();

	if (r < 0)
		return r;
	if (fchdir(here) < 0)
		return -errno;
	for (int i = 0; i < PARENTS_MAX; i++) /* at the top '..' stays */
		if (chdir("..") < 0)
			return -errno;
	if (mount(NULL, ".", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		r = -errno;
	return fchdir(here) < 0 || chroot(".") < 0 ? -errno : r;
}

/*
 * No mount made from here on may show outside. In a plain chroot '/' is no mount: the one to say
 * that of begins above, in a namespace that is ours alone by now; and pivot_root wants '/' to be
 * one, so it is bound onto itself and entered ('/..' crosses into what is mounted on '/').
 */
static int make_private(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return 0;
	int r = errno == EINVAL ? private_from_above() : -errno;
	if (r < 0)
		return r;
	if (mount("/", "/", NULL, MS_BIND | MS_REC, NULL) < 0 || chdir("/..") < 0 ||
	    chroot(".") < 0)
		return -errno;
	return 0;
}

ctr_code cage_namespaces(const struct cage_params *p, struct cage_state *state,
			 struct ctr_error *err)
{
	int flags = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
		    (p->role == ROLE_FETCH ? 0 : CLONE_NEWNET);

	if (geteuid() != 0) {
		ctr_code code = user_namespace(err);

		if (code != CTR_OK)
			return code;
		state->user_namespace = 1;
	}
	if (unshare(flags) < 0)
		return ctr_fail_errno(err, errno, "make namespaces");
	int r = make_private();
	if (r < 0)
		return ctr_fail_errno(err, r, "make the mounts private");
	state->mount_namespace = 1;
	state->network_namespace = p->role != ROLE_FETCH;
	return CTR_OK;
}
