/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal.
 */
#include "cli/term.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"

int term_raw(struct term *t, int fd)
{
	struct termios raw;

	if (tcgetattr(fd, &t->saved) < 0)
		return -errno;
	raw = t->saved;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSANOW, &raw) < 0)
		return -errno;
	t->fd = fd;
	t->raw = 1;
	return 0;
}

void term_restore(struct term *t)
{
	if (t->raw)
		(void)tcsetattr(t->fd, TCSADRAIN, &t->saved);
	t->raw = 0;
}

int term_size(int fd, unsigned *ret_width, unsigned *ret_height)
{
	struct winsize w;

	if (ioctl(fd, TIOCGWINSZ, &w) < 0)
		return -errno;
	*ret_width = w.ws_col;
	*ret_height = w.ws_row;
	return 0;
}

static int read_line(int fd, char *ret, unsigned long room)
{
	unsigned long n = 0;

	for (;;) {
		char ch;
		ssize_t got = read(fd, &ch, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0 || ch == '\n')
			break;
		if (n + 1 >= room)
			return -E2BIG;
		ret[n++] = ch;
	}
	ret[n] = 0;
	return 0;
}

int term_secret(const char *prompt, char *ret, unsigned long room)
{
	AUTO_CLOSE int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios saved, quiet;
	int r;

	if (fd < 0 || tcgetattr(fd, &saved) < 0)
		return -errno;
	quiet = saved;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(fd, TCSAFLUSH, &quiet) < 0)
		return -errno;
	(void)io_write_full(fd, prompt, strlen(prompt));
	r = read_line(fd, ret, room);
	(void)tcsetattr(fd, TCSAFLUSH, &saved);
	(void)io_write_full(fd, "\n", 1);
	return r;
}
