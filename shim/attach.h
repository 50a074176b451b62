/* SPDX-License-Identifier: Apache-2.0
 *
 * The attach socket: raw stdio of one process for any number of clients, in frames (docs/shim.md,
 * "Attach"). A client that does not keep up is dropped; no client can hold the process back longer
 * than ATTACH_STALL_NS.
 */
#ifndef CTR_SHIM_ATTACH_H
#define CTR_SHIM_ATTACH_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

#define ATTACH_NAME      "attach" /* in the bundle */
#define ATTACH_CLIENTS   64
#define ATTACH_STALL_NS  (1 * INT64_C(1000000000))
#define ATTACH_FRAME_MAX 65536 /* bytes of data in a frame, both ways */

/* A frame: one byte type, three bytes length (big-endian), data. */
enum attach_frame {
	ATTACH_STDIN = 0,       /* client: bytes for standard input */
	ATTACH_STDOUT = 1,      /* shim: output; a console has only this one */
	ATTACH_STDERR = 2,      /* shim */
	ATTACH_RESIZE = 3,      /* client: columns, rows, two bytes each, big-endian */
	ATTACH_STDIN_CLOSE = 4, /* client: no more input from anybody */
	ATTACH_HELLO = 5,       /* shim, first: one byte of ATTACH_HAS_* flags */
};
#define ATTACH_HAS_CONSOLE 1
#define ATTACH_HAS_STDIN   2

struct attach;

struct attach_ops {
	/* Bytes taken, or -EAGAIN: attach_resume_input() follows. */
	ptrdiff_t (*input)(void *ud, const char *data, size_t n);
	void (*input_close)(void *ud);
	void (*resize)(void *ud, unsigned int columns, unsigned int rows);
	void (*drained)(void *ud); /* no client is behind any longer */
};

/* Listen at ATTACH_NAME below bundle_fd (kept by the caller); flags are those of the hello. */
int attach_new(struct loop *loop, int bundle_fd, unsigned int flags, const struct attach_ops *ops,
	       void *ud, struct attach **ret);
void attach_send(struct attach *a, enum attach_frame stream, const char *data, size_t n);
int attach_behind(
	const struct attach *a); /* a client's socket is full: send no more until drained */
void attach_resume_input(struct attach *a);
void attach_end(struct attach *a); /* no more output: clients get the rest, then end of file */
void attach_free(struct attach *a, int bundle_fd); /* removes the socket; NULL allowed */

#endif
