/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/2 frames of a hostile server against the gRPC client: three calls are open on streams 1, 3
 * and 5; each must end exactly once.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "rpc/grpc_client.h"

#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define ROOM     (100u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct loop *loop;
static unsigned ended;

struct input {
	const uint8_t *data;
	size_t n;
	int fd, sent;
};

/* The requests are on their way: now the streams are open, and the answer can be read. */
static void readable(void *ud, uint32_t events)
{
	struct input *in = ud;
	char sink[65536];

	(void)events;
	while (recv(in->fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
		continue;
	if (in->sent)
		return;

	in->sent = 1;
	io_write_full(in->fd, SETTINGS, sizeof(SETTINGS) - 1);
	io_write_full(in->fd, in->data, in->n);
	shutdown(in->fd, SHUT_WR);
}

static void done(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	(void)ud;
	(void)data;
	(void)n;
	if (code != CTR_OK && !message)
		abort();
	ended++;
}

static void message(void *ud, const void *data, size_t n)
{
	(void)ud;
	(void)data;
	(void)n;
}

static void end(void *ud, ctr_code code, const char *text)
{
	done(ud, code, text, NULL, 0);
}

static void closed(void *ud)
{
	(void)ud;
	loop_stop(loop);
}

static const struct grpc_stream_ops ops = { .message = message, .end = end };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct grpc_request rq = { .path = "/s/E", .data = "x", .n = 1 };
	struct grpc_client *client;
	struct input in = { .data = data, .n = n };
	struct loop_fd *watch;
	struct grpc_stream *st;
	int fds[2];

	if (!loop && loop_new(&loop) < 0)
		abort();
	if (n > ROOM || fd_socketpair(SOCK_STREAM, fds) < 0)
		return 0;

	ended = 0;
	if (grpc_client_new(loop, fds[0], closed, NULL, &client) < 0 ||
	    grpc_client_call(client, &rq, done, NULL, NULL) < 0 ||
	    grpc_client_open(client, &rq, &ops, NULL, &st) < 0 ||
	    grpc_client_call(client, &rq, done, NULL, NULL) < 0)
		abort();
	in.fd = fds[1];
	if (loop_add_fd(loop, in.fd, EPOLLIN, readable, &in, &watch) < 0)
		abort();
	loop_run(loop);
	loop_del_fd(watch);
	grpc_client_free(client);
	close(fds[1]);
	if (ended != 3)
		abort();
	return 0;
}
