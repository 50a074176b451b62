/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening unix sockets; see listener.h. The mode of a socket's inode is what fchmod() set on the
 * unbound descriptor (less the umask), so the path never exists with a wider one. Loop thread.
 */
#include "rpc/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#define ACCEPT_BATCH 32
#define PAUSE_NS     (100 * NS_PER_MSEC) /* after accept ran out of descriptors or memory */
#define LOCK_TRIES   16

struct listener {
	struct loop *loop;
	struct loop_fd *watch;
	struct loop_timer *pause;
	listener_fn fn;
	void *ud;
	int fd, lock_fd;
	char *path, *lock_path; /* NULL when adopted */
	dev_t dev;
	ino_t ino;
};

static int address(const char *path, struct sockaddr_un *ret)
{
	size_t n = strlen(path);

	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	if (n == 0)
		return -EINVAL;
	if (n >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;

	memcpy(ret->sun_path, path, n + 1);
	return 0;
}

static int stream_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int unix_connect(const char *path)
{
	AUTO_CLOSE int fd = -1;
	struct sockaddr_un sun;
	int r;

	r = address(path, &sun);
	if (r < 0)
		return r;

	fd = stream_socket();
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;

	return take_fd(&fd);
}

/* The lock is good only while its name still leads to the inode that we locked. */
static int lock_once(const char *path, int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	struct stat ours, named;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	if (fstat(fd, &ours) < 0)
		return -errno;
	if (lstat(path, &named) < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	if (ours.st_dev != named.st_dev || ours.st_ino != named.st_ino)
		return -EAGAIN;

	*ret_fd = take_fd(&fd);
	return 0;
}

static int lock_path(const char *path, int *ret_fd)
{
	int r = -EAGAIN;

	for (int i = 0; i < LOCK_TRIES && r == -EAGAIN; i++)
		r = lock_once(path, ret_fd);

	return r;
}

/* 0 when the path is free (a dead socket has been removed), -EADDRINUSE, -ENOTSOCK or another
 * -errno. */
static int clear_path(const char *path)
{
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;

	r = unix_connect(path);
	if (r >= 0) {
		fd_close(&r);
		return -EADDRINUSE;
	}
	if (r == -ENOENT)
		return 0;
	if (r == -EAGAIN || r == -EPROTOTYPE)
		return -EADDRINUSE;
	if (r != -ECONNREFUSED)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;

	return 0;
}

static int bind_path(const char *path, mode_t mode, gid_t gid, int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	struct sockaddr_un sun;
	int r;

	r = address(path, &sun);
	if (r < 0)
		return r;

	fd = stream_socket();
	if (fd < 0)
		return fd;
	if (fchmod(fd, 0600) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;

	if ((gid != LISTENER_KEEP_GID && lchown(path, (uid_t)-1, gid) < 0) ||
	    chmod(path, mode) < 0 || listen(fd, SOMAXCONN) < 0) {
		r = -errno;
		unlink(path);
		return r;
	}

	*ret_fd = take_fd(&fd);
	return 0;
}

static void resume(void *ud)
{
	struct listener *l = ud;

	l->pause = NULL;
	loop_mod_fd(l->watch, EPOLLIN);
}

/* Level-triggered accept that fails for want of descriptors would spin: look again a little
 * later. */
static void take_pause(struct listener *l)
{
	if (loop_add_timer(l->loop, clock_now_ns() + PAUSE_NS, resume, l, &l->pause) == 0)
		loop_mod_fd(l->watch, 0);
}

static void acceptable(void *ud, uint32_t events)
{
	struct listener *l = ud;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct ucred peer = { .pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1 };
		socklen_t n = sizeof(peer);
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			if (errno != EAGAIN)
				take_pause(l);
			return;
		}
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0) {
			fd_close(&fd);
			continue;
		}
		l->fn(l->ud, fd, &peer);
	}
}

static struct listener *make(struct loop *loop, listener_fn fn, void *ud)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;

	l->loop = loop;
	l->fn = fn;
	l->ud = ud;
	l->fd = l->lock_fd = -1;
	return l;
}

static void auto_listener(struct listener **l)
{
	listener_free(*l);
}

static ctr_code fail_path(struct ctr_error *err, int r, const char *path)
{
	if (r == -EADDRINUSE)
		return ctr_fail(err, CTR_ALREADY_EXISTS, "socket '%s' is served by a live daemon",
				path);
	if (r == -ENOTSOCK)
		return ctr_fail(err, CTR_FAILED_PRECONDITION, "'%s' exists and is no socket", path);

	return ctr_fail_errno(err, r, "listen on '%s'", path);
}

ctr_code listener_open(struct loop *loop, const char *path, mode_t mode, gid_t gid, listener_fn fn,
		       void *ud, struct listener **ret, struct ctr_error *err)
{
	AUTO(auto_listener) struct listener *l = make(loop, fn, ud);
	struct stat st;
	int r;

	if (!l)
		return fail_path(err, -ENOMEM, path);

	l->lock_path = str_printf("%s.lock", path);
	if (!l->lock_path)
		return fail_path(err, -ENOMEM, path);

	r = lock_path(l->lock_path, &l->lock_fd);
	if (r == 0)
		r = clear_path(path);
	if (r == 0)
		r = bind_path(path, mode, gid, &l->fd);
	if (r < 0)
		return fail_path(err, r, path);

	l->path = str_dup(path);
	if (!l->path || lstat(path, &st) < 0) {
		r = l->path ? -errno : -ENOMEM;
		unlink(path);
		return fail_path(err, r, path);
	}
	l->dev = st.st_dev;
	l->ino = st.st_ino;

	r = loop_add_fd(loop, l->fd, EPOLLIN, acceptable, l, &l->watch);
	if (r < 0)
		return fail_path(err, r, path);

	*ret = take_ptr(&l);
	return CTR_OK;
}

ctr_code listener_adopt(struct loop *loop, int fd, listener_fn fn, void *ud, struct listener **ret,
			struct ctr_error *err)
{
	AUTO(auto_listener) struct listener *l = make(loop, fn, ud);
	int listening = 0, r;
	socklen_t n = sizeof(listening);

	if (!l)
		return ctr_fail_errno(err, ENOMEM, "listen on descriptor %d", fd);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0)
		return ctr_fail_errno(err, errno, "listen on descriptor %d", fd);
	if (!listening)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "descriptor %d is no listening socket",
				fd);

	r = fd_set_nonblock(fd, 1);
	if (r == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		r = -errno;
	if (r == 0)
		r = loop_add_fd(loop, fd, EPOLLIN, acceptable, l, &l->watch);
	if (r < 0)
		return ctr_fail_errno(err, r, "listen on descriptor %d", fd);

	l->fd = fd;
	*ret = take_ptr(&l);
	return CTR_OK;
}

void listener_free(struct listener *l)
{
	struct stat st;

	if (!l)
		return;

	loop_del_timer(l->pause);
	loop_del_fd(l->watch);
	if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
	fd_close(&l->fd);
	if (l->lock_fd >= 0)
		unlink(l->lock_path);
	fd_close(&l->lock_fd);
	free(l->path);
	free(l->lock_path);
	free(l);
}
