/* SPDX-License-Identifier: Apache-2.0
 *
 * File descriptors: release by scope, hand-over, flags, and passing over unix sockets.
 * Every descriptor made here is close-on-exec.
 */
#ifndef CTR_BASE_FD_H
#define CTR_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

#include "base/macros.h"

/* Close *fd unless negative; keeps errno, never retries. */
void fd_close(int *fd);
#define AUTO_CLOSE AUTO(fd_close)

/* Hand a descriptor over: the variable becomes -1. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int fd_set_nonblock(int fd, int on);         /* 0 or -errno */
int fd_dup(int fd);                          /* a close-on-exec copy >= 3, or -errno */
int fd_pipe(int ret_fds[2], int flags);      /* pipe2 with O_CLOEXEC | flags; 0 or -errno */
int fd_socketpair(int type, int ret_fds[2]); /* AF_UNIX, close-on-exec; 0 or -errno */
int fd_pidfd_open(pid_t pid);                /* pidfd, or -errno */

#define FD_PASS_MAX 16 /* descriptors in one message */

/*
 * One message over a unix socket with up to FD_PASS_MAX descriptors. MSG_NOSIGNAL,
 * MSG_CMSG_CLOEXEC. Returns bytes or -errno (-EAGAIN on a non-blocking socket). On receive
 * *inout_n is the room in fds and becomes the number received; surplus descriptors are
 * closed and -EMSGSIZE returned. A truncated SEQPACKET message is -EMSGSIZE too.
 */
ssize_t fd_send(int sock, const void *data, size_t n, const int *fds, size_t n_fds);
ssize_t fd_recv(int sock, void *data, size_t n, int *fds, size_t *inout_n);

#endif
