/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime sends the descriptor before it ends, so it is received after that, without waiting.
 */
#include "shim/console.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

int listen_below(int dir_fd, const char *name)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int n;

	if (fd < 0)
		return -errno;
	/* a bundle's path may be longer than a socket address holds */
	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	(void)unlinkat(dir_fd, name, 0);
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    listen(fd, 16) < 0)
		return -errno;
	return take_fd(&fd);
}

int console_receive(int listen_fd)
{
	AUTO_CLOSE int conn = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	char name[4096]; /* runc sends the terminal's name along */
	int fd = -1;
	size_t n = 1;
	ssize_t got;

	if (conn < 0)
		return -errno;
	got = fd_recv(conn, name, sizeof(name), &fd, &n);
	if (got < 0)
		return (int)got;
	return n == 1 ? fd : -ENOMSG;
}

int console_resize(int fd, unsigned int columns, unsigned int rows)
{
	struct winsize size = { .ws_col = (unsigned short)MIN(columns, 0xffffu),
				.ws_row = (unsigned short)MIN(rows, 0xffffu) };

	return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}
