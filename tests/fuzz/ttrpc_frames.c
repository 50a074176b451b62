/* SPDX-License-Identifier: Apache-2.0
 *
 * ttrpc frames of a hostile peer: an even first byte feeds the server, an odd one a client with
 * calls on streams 1, 3 and 5. Every call ends exactly once.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "rpc/ttrpc_client.h"
#include "rpc/ttrpc_server.h"

#define ROOM (100u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct loop *loop;
static struct ttrpc_server *server;
static unsigned ended;

static void echo(struct ttrpc_call *call, const void *data, size_t n)
{
	(void)ttrpc_call_metadata(call, "containerd-namespace-ttrpc");
	ttrpc_call_reply(call, data, n);
}

static void park(struct ttrpc_call *call, const void *data, size_t n)
{
	(void)call;
	(void)data;
	(void)n;
}

static void finish(struct ttrpc_call *call)
{
	ttrpc_call_finish(call, CTR_OK, NULL);
}

static void back(struct ttrpc_call *call, const void *data, size_t n)
{
	ttrpc_call_send(call, data, n);
	if (n == 3)
		ttrpc_call_finish(call, CTR_NOT_FOUND, "thing 'x'");
}

static const struct ttrpc_method methods[] = {
	{ .name = "E", .start = echo },
	{ .name = "P", .start = park, .cancel = finish },
	{ .name = "B",
	  .flags = TTRPC_CLIENT_STREAM | TTRPC_SERVER_STREAM,
	  .start = park,
	  .message = back,
	  .half_close = finish,
	  .cancel = finish },
};

static const struct ttrpc_service service = { .name = "s",
					      .methods = methods,
					      .n_methods = ARRAY_SIZE(methods) };

static void idle(void *ud)
{
	(void)ud;
	loop_stop(loop);
}

static void start(void)
{
	if (loop_new(&loop) < 0 || ttrpc_server_new(loop, 0, &server) < 0 ||
	    ttrpc_server_register(server, &service) < 0)
		abort();
	ttrpc_server_on_idle(server, idle, NULL);
}

static void drain(void *ud, uint32_t events)
{
	const int *fd = ud;
	char sink[65536];

	(void)events;
	while (recv(*fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
		continue;
}

static void feed(int fd, const uint8_t *data, size_t n)
{
	struct loop_fd *watch;

	if (loop_add_fd(loop, fd, EPOLLIN, drain, &fd, &watch) < 0)
		abort();
	io_write_full(fd, data, n);
	shutdown(fd, SHUT_WR);
	loop_run(loop);
	loop_del_fd(watch);
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

static const struct ttrpc_stream_ops ops = { .message = message, .end = end };

static void fuzz_client(int fds[2], const uint8_t *data, size_t n)
{
	const struct ttrpc_request rq = { .service = "s", .method = "E", .data = "x", .n = 1 };
	struct ttrpc_client *client;
	struct ttrpc_pending *p;

	ended = 0;
	if (ttrpc_client_new(loop, fds[0], idle, NULL, &client) < 0 ||
	    ttrpc_client_call(client, &rq, done, NULL, NULL) < 0 ||
	    ttrpc_client_open(client, &rq, TTRPC_CLIENT_STREAM | TTRPC_SERVER_STREAM, &ops, NULL,
			      &p) < 0 ||
	    ttrpc_client_call(client, &rq, done, NULL, NULL) < 0)
		abort();
	feed(fds[1], data, n);
	ttrpc_client_free(client);
	if (ended != 3)
		abort();
}

static void fuzz_server(int fds[2], const uint8_t *data, size_t n)
{
	const struct ucred me = { .pid = 1 };

	if (ttrpc_server_serve(server, fds[0], &me) < 0)
		abort();
	feed(fds[1], data, n);
	if (ttrpc_server_calls(server) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fds[2];

	if (!loop)
		start();
	if (n == 0 || n > ROOM || fd_socketpair(SOCK_STREAM, fds) < 0)
		return 0;

	if (data[0] % 2)
		fuzz_client(fds, data + 1, n - 1);
	else
		fuzz_server(fds, data + 1, n - 1);
	close(fds[1]);
	return 0;
}
