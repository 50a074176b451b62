/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors: release, flags, pipes, and passing them over unix sockets. No state; any thread.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the descriptors and for credentials that a socket option may add. */
#define CONTROL_ROOM (CMSG_SPACE(sizeof(int) * FD_PASS_MAX) + CMSG_SPACE(sizeof(struct ucred)))

union control {
	struct cmsghdr align;
	char bytes[CONTROL_ROOM];
};

/* What one received message carried. */
struct received {
	int fds[FD_PASS_MAX + 1]; /* alignment may leave room for one more than asked for */
	size_t n;
};

void fd_close(int *fd)
{
	int keep = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = keep;
}

int fd_set_nonblock(int fd, int on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;

	if (wanted != flags && fcntl(fd, F_SETFL, wanted) < 0)
		return -errno;
	return 0;
}

int fd_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

int fd_pipe(int ret_fds[2], int flags)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | flags) < 0)
		return -errno;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

int fd_socketpair(int type, int ret_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

int fd_pidfd_open(pid_t pid)
{
	int fd = pidfd_open(pid, 0); /* the kernel makes it close-on-exec */

	return fd < 0 ? -errno : fd;
}

ssize_t fd_send(int sock, const void *data, size_t n, const int *fds, size_t n_fds)
{
	union control control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	/* Descriptors without a byte would be lost on a stream socket. */
	if (n_fds > FD_PASS_MAX || (n_fds > 0 && n == 0))
		return -EINVAL;
	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);

		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

static void collect(struct msghdr *msg, struct received *got)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (got->n < ARRAY_SIZE(got->fds))
				got->fds[got->n++] = fd;
			else
				close(fd);
		}
	}
}

ssize_t fd_recv(int sock, void *data, size_t n, int *fds, size_t *inout_n)
{
	union control control;
	struct iovec iov = { .iov_base = data, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct received got = { .n = 0 };
	size_t room = inout_n ? *inout_n : 0;
	ssize_t len;

	msg.msg_control = control.bytes;
	msg.msg_controllen = sizeof(control.bytes);
	do
		len = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;

	collect(&msg, &got);
	if (got.n > room || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (size_t i = 0; i < got.n; i++)
			close(got.fds[i]);
		return -EMSGSIZE;
	}
	if (got.n > 0)
		memcpy(fds, got.fds, got.n * sizeof(int));
	if (inout_n)
		*inout_n = got.n;
	return len;
}
