/* SPDX-License-Identifier: Apache-2.0
 *
 * Framing of worker messages over SEQPACKET. Owns nothing; runs on whichever thread holds the
 * socket. A message of several packets that is broken off leaves the pair unusable: the caller
 * closes it.
 */
#include "worker/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"

#define MORE 1 /* header byte: another packet of this message follows */
#define LAST 0

static const struct wire_wait wait_for_ever = { .deadline_ns = NO_DEADLINE, .cancel_fd = -1 };

void wire_fds_done(struct wire_fds *fds)
{
	for (size_t i = 0; i < fds->n; i++)
		fd_close(&fds->fd[i]);
	fds->n = 0;
}

/* Milliseconds for poll(), rounded up, so that a deadline is never met early in a busy loop. */
static int poll_ms(int64_t deadline_ns)
{
	if (deadline_ns == NO_DEADLINE)
		return -1;
	if (deadline_ns == 0)
		return 0;
	int64_t left = deadline_ns - clock_now_ns();
	if (left <= 0)
		return 0;
	int64_t ms = left / NS_PER_MSEC + 1;
	return ms > 3600 * 1000 ? 3600 * 1000 : (int)ms;
}

/* 0 when sock has one of events (or hung up), -ETIMEDOUT, -ECANCELED or -errno. */
static int wait_sock(int sock, short events, const struct wire_wait *wait)
{
	for (;;) {
		struct pollfd fds[2] = { { .fd = sock, .events = events },
					 { .fd = wait->cancel_fd, .events = POLLIN } };
		int ms = poll_ms(wait->deadline_ns);
		int r = poll(fds, 2, ms);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (fds[1].revents)
			return -ECANCELED;
		if (fds[0].revents)
			return 0;
		if (wait->deadline_ns == 0 || clock_now_ns() >= wait->deadline_ns)
			return -ETIMEDOUT;
	}
}

static int send_packet(int sock, const void *data, size_t n, const int *fds, size_t n_fds,
		       const struct wire_wait *wait)
{
	for (;;) {
		/*
		 * First try, then wait: poll() calls a unix socket writable only when its buffer is
		 * mostly empty.
		 */
		ssize_t sent = fd_send(sock, data, n, fds, n_fds);

		if (sent == -ECONNRESET)
			return -EPIPE;
		if (sent != -EAGAIN && sent != -EINTR)
			return sent < 0 ? (int)sent : 0;
		int r = wait_sock(sock, POLLOUT, wait);
		if (r < 0)
			return r;
	}
}

int wire_send(int sock, const ProtobufCMessage *msg, const int *fds, size_t n_fds,
	      const struct wire_wait *wait)
{
	size_t n = protobuf_c_message_get_packed_size(msg);
	AUTO_FREE char *packed = NULL;
	size_t at = 0;

	if (n > WIRE_MESSAGE || n_fds > WIRE_FDS)
		return -E2BIG;
	packed = malloc(n + 1);
	if (!packed)
		return -ENOMEM;
	protobuf_c_message_pack(msg, (uint8_t *)packed + 1);

	/* The header byte of each packet overwrites the last byte sent before it. */
	do {
		size_t part = MIN(n - at, (size_t)WIRE_PACKET - 1);

		packed[at] = at + part < n ? MORE : LAST;
		int r = send_packet(sock, packed + at, part + 1, fds, at == 0 ? n_fds : 0,
				    wait ? wait : &wait_for_ever);
		if (r < 0)
			return r;
		at += part;
	} while (at < n);
	return 0;
}

/* One packet into b without its header; *ret_more says whether the message goes on. */
static int recv_packet(int sock, const struct wire_wait *wait, struct buf *b, struct wire_fds *fds,
		       int *ret_more)
{
	char *room = buf_reserve(b, WIRE_PACKET);

	if (!room)
		return buf_failed(b) == -ENOMEM ? -ENOMEM : -EMSGSIZE;
	for (;;) {
		int r = wait_sock(sock, POLLIN, wait);

		if (r < 0)
			return r;
		size_t n_fds = WIRE_FDS - fds->n;
		ssize_t n = fd_recv(sock, room, WIRE_PACKET, fds->fd + fds->n, &n_fds);
		if (n == -EAGAIN || n == -EINTR)
			continue;
		if (n == 0 || n == -ECONNRESET)
			return -EPIPE;
		if (n < 0)
			return (int)n;
		fds->n += n_fds;
		*ret_more = room[0] == MORE;
		if (room[0] != MORE && room[0] != LAST)
			return -EMSGSIZE;
		memmove(room, room + 1, (size_t)n - 1);
		b->len += (size_t)n - 1;
		return 0;
	}
}

int wire_recv(int sock, const struct wire_wait *wait, uint8_t **ret_data, size_t *ret_n,
	      struct wire_fds *ret_fds)
{
	AUTO_BUF b = BUF_INIT(WIRE_MESSAGE + 2 * WIRE_PACKET);
	AUTO(wire_fds_done) struct wire_fds fds = { .n = 0 };
	struct wire_wait on = wait ? *wait : wait_for_ever;
	int more = 1;

	while (more) {
		int r = recv_packet(sock, &on, &b, &fds, &more);

		if (r < 0)
			return r;
		/*
		 * Once begun a message arrives without delay: "do not wait" counts for its start
		 * only.
		 */
		if (on.deadline_ns == 0)
			on.deadline_ns = clock_now_ns() + 10 * NS_PER_SEC;
	}
	if (b.len > WIRE_MESSAGE)
		return -EMSGSIZE;
	*ret_data = (uint8_t *)buf_take(&b, ret_n);
	if (!*ret_data)
		return -ENOMEM;
	*ret_fds = fds;
	fds.n = 0;
	return 0;
}
