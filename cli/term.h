/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal: raw mode, its size, a line without echo. What was changed is put back by
 * term_restore().
 */
#ifndef CTR_CLI_TERM_H
#define CTR_CLI_TERM_H

#include <termios.h>

struct term {
	int fd;
	int raw; /* saved holds what to put back */
	struct termios saved;
};
#define TERM_INIT                                                                                  \
	{                                                                                          \
		.fd = -1                                                                           \
	}

int term_raw(struct term *t, int fd); /* 0 or -errno */
void term_restore(struct term *t);
int term_size(int fd, unsigned *ret_width, unsigned *ret_height); /* 0 or -errno */
/* A line of at most room - 1 bytes from the controlling terminal, not echoed. 0 or -errno. */
int term_secret(const char *prompt, char *ret, unsigned long room);

#endif
