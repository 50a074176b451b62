/* SPDX-License-Identifier: Apache-2.0
 *
 * The console socket: the runtime connects to it and passes the master side of the pseudoterminal.
 */
#ifndef CTR_SHIM_CONSOLE_H
#define CTR_SHIM_CONSOLE_H

/* A listening unix socket called name below dir_fd, mode 0600, made anew. Descriptor or -errno. */
int listen_below(int dir_fd, const char *name);
/* Accept the connection that is there and receive the descriptor in it. Descriptor or -errno. */
int console_receive(int listen_fd);
int console_resize(int fd, unsigned int columns, unsigned int rows); /* 0 or -errno */

#endif
