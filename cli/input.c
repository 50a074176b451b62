/* SPDX-License-Identifier: Apache-2.0
 *
 * Standard input to a FIFO. One buffer: read when it is empty, write until it is. A file, which
 * epoll does not take, is read whenever the FIFO has room.
 */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"

#define ROOM   32768
#define CTRL_P 16
#define CTRL_Q 17

struct input {
	struct loop *loop;
	int fifo;
	struct loop_fd *from, *to;
	int is_file; /* stdin is no pollable thing */
	int keys, key_state;
	char data[ROOM + 1];
	size_t at, len;
	int ended;
	loop_fn on_end, on_detach;
	void *ud;
};

size_t detach_filter(int *state, const char *data, size_t n, char *out, int *ret_detach)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (*state && data[i] == CTRL_Q) {
			*ret_detach = 1;
			return len;
		}
		if (*state)
			out[len++] = CTRL_P;
		*state = data[i] == CTRL_P;
		if (!*state)
			out[len++] = data[i];
	}
	return len;
}

static void finish(struct input *in)
{
	in->ended = 1;
	loop_del_fd(in->from);
	loop_del_fd(in->to);
	in->from = in->to = NULL;
	in->on_end(in->ud);
	fd_close(&in->fifo);
}

/* Fill the buffer. 1: something is there; 0: not now; -1: the end or a detach. */
static int fill(struct input *in)
{
	char raw[ROOM];
	int detach = 0;
	ssize_t n = read(STDIN_FILENO, raw, sizeof(raw));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		finish(in);
		return -1;
	}
	in->at = 0;
	if (in->keys) {
		in->len = detach_filter(&in->key_state, raw, (size_t)n, in->data, &detach);
	} else {
		memcpy(in->data, raw, (size_t)n);
		in->len = (size_t)n;
	}
	if (detach) {
		in->ended = 1;
		loop_del_fd(in->from);
		in->from = NULL;
		in->on_detach(in->ud);
		return -1;
	}
	return in->len > 0;
}

/* 1: the buffer is empty; 0: the FIFO is full; -1: it failed. */
static int drain(struct input *in)
{
	while (in->at < in->len) {
		ssize_t n = write(in->fifo, in->data + in->at, in->len - in->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return -1;
		in->at += (size_t)n;
	}
	in->at = in->len = 0;
	return 1;
}

static void on_readable(void *ud, uint32_t events);

/* Watch what is to come next: the FIFO's room while the buffer holds something, else our input. */
static void watch(struct input *in)
{
	int full = in->at < in->len;

	(void)loop_mod_fd(in->to, full || in->is_file ? EPOLLOUT : 0);
	if (in->is_file)
		return;
	/* taken out, not masked: a hang-up is reported in spite of a mask */
	if (full) {
		loop_del_fd(in->from);
		in->from = NULL;
	} else if (!in->from) {
		(void)loop_add_fd(in->loop, STDIN_FILENO, EPOLLIN, on_readable, in, &in->from);
	}
}

static void pump(struct input *in)
{
	if (in->ended)
		return;
	if (in->at == in->len && fill(in) <= 0)
		return;
	if (drain(in) < 0) {
		finish(in);
		return;
	}
	watch(in);
}

static void on_readable(void *ud, uint32_t events)
{
	(void)events;
	pump(ud);
}

static void on_writable(void *ud, uint32_t events)
{
	struct input *in = ud;

	if (!(events & EPOLLOUT))
		return;
	if (in->is_file) {
		pump(in);
		return;
	}
	if (drain(in) < 0)
		finish(in);
	else
		watch(in);
}

ctr_code input_open(struct loop *loop, const char *fifo, int keys, loop_fn on_end,
		    loop_fn on_detach, void *ud, struct input **ret, struct ctr_error *err)
{
	struct input *in = calloc(1, sizeof(*in));

	if (!in)
		return ctr_fail_errno(err, ENOMEM, "standard input");
	/*
	 * read and write: opening does not wait for the shim, and its going does not break the pipe
	 */
	in->fifo = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (in->fifo < 0) {
		ctr_code code = ctr_fail_errno(err, errno, "open '%s'", fifo);

		free(in);
		return code;
	}
	in->loop = loop;
	in->keys = keys;
	in->on_end = on_end;
	in->on_detach = on_detach;
	in->ud = ud;
	*ret = in;
	return CTR_OK;
}

int input_start(struct input *in)
{
	int r = loop_add_fd(in->loop, in->fifo, 0, on_writable, in, &in->to);

	if (r < 0)
		return r;
	r = loop_add_fd(in->loop, STDIN_FILENO, EPOLLIN, on_readable, in, &in->from);
	if (r == -EPERM) {
		in->is_file = 1;
		r = loop_mod_fd(in->to, EPOLLOUT);
	}
	return r;
}

void input_close(struct input *in)
{
	if (!in)
		return;
	loop_del_fd(in->from);
	loop_del_fd(in->to);
	fd_close(&in->fifo);
	free(in);
}
