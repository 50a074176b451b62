/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the bytes of a process go, and the copying there: a sink takes what it can without
 * blocking; a copy moves a pipe or a console into a sink and stops reading while the sink is full.
 * Nothing is buffered but the rest of one read.
 */
#ifndef CTR_SHIM_SINK_H
#define CTR_SHIM_SINK_H

#include <stddef.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/loop.h"

#define COPY_CHUNK 16384 /* bytes read at once */

struct sink;

struct sink_ops {
	/*
	 * Take some of n bytes of stream 1 or 2; the count, or -EAGAIN: full, sink_resume()
	 * follows.
	 */
	ssize_t (*write)(struct sink *s, int stream, const char *data, size_t n);
	void (*end)(struct sink *s, int stream); /* no more bytes of that stream */
	void (*free)(struct sink *s);
};

struct sink {
	const struct sink_ops *ops;
	struct list copies; /* that feed it */
	loop_fn resumed;    /* another that feeds it, told by sink_resume(); NULL: none */
	void *resumed_ud;
};

void sink_free(struct sink *s);   /* NULL allowed; after its copies */
void sink_resume(struct sink *s); /* there is room again: by the sink itself */

/*
 * A sink that is one descriptor (taken over, made non-blocking). With is_fifo != 0 a fifo whose
 * reader may go away: its bytes are then kept as far as the fifo holds them, and dropped beyond, so
 * that the writer never waits for nobody.
 */
int fd_sink_new(struct loop *loop, int fd, int is_fifo, struct sink **ret);
int fd_sink_fd(const struct sink *s); /* -1 once it is broken or ended */

struct copy;

/* Copy fd (taken over, made non-blocking) into sink as that stream from now on. 0 or -errno. */
int copy_new(struct loop *loop, int fd, struct sink *sink, int stream, struct copy **ret);
/* Move what is there now, until the source is empty or the sink is full. */
void copy_drain(struct copy *c);
int copy_ended(const struct copy *c);   /* the source is at its end and all of it is handed over */
int copy_blocked(const struct copy *c); /* bytes wait for the sink */
/* fn(ud) when the copy ends or unblocks. */
void copy_on_change(struct copy *c, loop_fn fn, void *ud);
void copy_free(struct copy *c); /* NULL allowed; ends the stream at the sink if it had not ended */

#endif
