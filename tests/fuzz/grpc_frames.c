/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/2 frames of a hostile client against the gRPC server: one connection an input, past the
 * preface. Handlers echo, park and stream, so that queues, windows and cancels are all in play.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "rpc/grpc_server.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
#define ROOM    (100u << 10) /* what a socket pair takes without a reader */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct loop *loop;
static struct grpc_server *server;
static unsigned begun, ended;

static void reply(struct grpc_call *call, const void *data, size_t n)
{
	void *copy = malloc(n + 1);

	if (!copy)
		return;
	memcpy(copy, data, n);
	grpc_call_reply(call, copy, n);
}

static void echo(struct grpc_call *call, const void *data, size_t n)
{
	begun++;
	(void)grpc_call_metadata(call, "containerd-namespace");
	reply(call, data, n);
}

static void thrice(struct grpc_call *call, const void *data, size_t n)
{
	begun++;
	for (int i = 0; i < 3; i++)
		reply(call, data, n);
	grpc_call_finish(call, n % 2 ? CTR_NOT_FOUND : CTR_OK, "thing 'x'");
}

static void park(struct grpc_call *call, const void *data, size_t n)
{
	begun++;
	(void)data;
	free(grpc_call_take(call));
	(void)n;
}

static void opened(struct grpc_call *call)
{
	(void)call;
	begun++;
}

/* Every other message is left with the handler. */
static void message(struct grpc_call *call, const void *data, size_t n)
{
	reply(call, data, n);
	if (n % 2 == 0)
		grpc_call_consume(call);
}

static void half_close(struct grpc_call *call)
{
	grpc_call_finish(call, CTR_OK, NULL);
}

static void closed(struct grpc_call *call)
{
	(void)call;
	ended++;
}

static const struct grpc_method methods[] = {
	{ .name = "E", .unary = echo, .closed = closed },
	{ .name = "T", .flags = GRPC_SERVER_STREAM, .unary = thrice, .closed = closed },
	{ .name = "P", .unary = park, .closed = closed },
	{ .name = "B",
	  .flags = GRPC_SERVER_STREAM | GRPC_CLIENT_STREAM,
	  .open = opened,
	  .message = message,
	  .half_close = half_close,
	  .closed = closed },
};

static const struct grpc_service service = { .name = "s",
					     .methods = methods,
					     .n_methods = ARRAY_SIZE(methods) };

static void start(void)
{
	const struct grpc_limits limits = { .message_bytes = 4096,
					    .queue_bytes = 8192,
					    .low_bytes = 1024 };

	if (loop_new(&loop) < 0 || grpc_server_new(loop, &limits, &server) < 0 ||
	    grpc_server_register(server, &service) < 0)
		abort();
}

/* The server's end of the connection is gone: this input is over. */
static void readable(void *ud, uint32_t events)
{
	const int *fd = ud;
	char sink[65536];

	(void)events;
	while (1) {
		ssize_t r = recv(*fd, sink, sizeof(sink), MSG_DONTWAIT);

		if (r > 0)
			continue;
		if (r == 0)
			loop_stop(loop);
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct ucred me = { .pid = 1 };
	struct loop_fd *watch;
	int fds[2];

	if (!loop)
		start();
	if (n > ROOM || fd_socketpair(SOCK_STREAM, fds) < 0)
		return 0;

	begun = ended = 0;
	if (grpc_server_serve(server, fds[0], &me) < 0 ||
	    loop_add_fd(loop, fds[1], EPOLLIN, readable, &fds[1], &watch) < 0)
		abort();
	io_write_full(fds[1], PREFACE, sizeof(PREFACE) - 1);
	io_write_full(fds[1], data, n);
	shutdown(fds[1], SHUT_WR);
	loop_run(loop);
	loop_del_fd(watch);
	close(fds[1]);
	if (begun != ended || grpc_server_calls(server) != 0 || grpc_server_conns(server) != 0)
		abort();
	return 0;
}
