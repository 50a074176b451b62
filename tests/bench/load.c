/* SPDX-License-Identifier: Apache-2.0
 *
 * Load on a daemon's API: one method by its name, over N connections with M calls in flight on each, for some seconds or
 * until a number of calls has been answered; then the latencies. With -p the calls are only begun and their answers never
 * read, until the process is ended: clients that park what they asked for.
 * load [-c CONNECTIONS] [-m IN-FLIGHT] [-t SECONDS] [-r CALLS] [-n NAMESPACE] [-p] SOCKET METHOD [FIELD1]
 * METHOD is "containerd.services.version.v1.Version/Version"; FIELD1 the string that is the request's field 1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/str.h"
#include "rpc/grpc_client.h"

#define SAMPLES_MAX (8u << 20)
#define FIELD_MAX   127 /* one byte of length */

struct load {
	struct loop *loop;
	uint32_t connections, in_flight, seconds, calls;
	int park;
	const char *socket, *path, *ns;
	uint8_t request[FIELD_MAX + 2];
	size_t n_request;
	struct caller *callers;
	uint32_t *us; /* per answered call */
	uint32_t answered, failed, busy;
	int64_t end_ns;
};

struct caller { /* one call in flight, again and again */
	struct load *load;
	struct grpc_client *client;
	int64_t begin_ns;
};

static void call(struct caller *c);

static void finished(struct load *l)
{
	if (--l->busy == 0)
		loop_stop(l->loop);
}

static void answered(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	struct caller *c = ud;
	struct load *l = c->load;
	int64_t now = clock_now_ns();

	(void)data;
	(void)n;
	if (code != CTR_OK && l->failed++ == 0)
		(void)fprintf(stderr, "load: %s: %s\n", l->path, message);
	if (l->answered < SAMPLES_MAX)
		l->us[l->answered++] = (uint32_t)((now - c->begin_ns) / 1000);
	if (l->answered == SAMPLES_MAX || (l->calls && l->answered + l->busy > l->calls) ||
	    (!l->calls && now >= l->end_ns) || !grpc_client_is_open(c->client))
		finished(l);
	else
		call(c);
}

static void call(struct caller *c)
{
	struct load *l = c->load;
	const struct grpc_pair ns = { "containerd-namespace", l->ns };
	const struct grpc_request rq = { .path = l->path,
					 .data = l->request,
					 .n = l->n_request,
					 .metadata = &ns,
					 .n_metadata = 1 };

	c->begin_ns = clock_now_ns();
	if (grpc_client_call(c->client, &rq, answered, c, NULL) < 0) {
		l->failed++;
		finished(l);
	}
}

static void ignore(void *ud, const void *data, size_t n)
{
	(void)ud;
	(void)data;
	(void)n;
}

static void parked_end(void *ud, ctr_code code, const char *message)
{
	struct caller *c = ud;

	if (code != CTR_OK)
		(void)fprintf(stderr, "load: %s: %s\n", c->load->path, message);
}

static void stop(void *ud)
{
	loop_stop(ud);
}

/* The requests go out, then nothing is read any more. */
static int park(struct load *l)
{
	static const struct grpc_stream_ops ops = { .message = ignore, .end = parked_end };
	const struct grpc_pair ns = { "containerd-namespace", l->ns };
	const struct grpc_request rq = { .path = l->path,
					 .data = l->request,
					 .n = l->n_request,
					 .metadata = &ns,
					 .n_metadata = 1 };
	struct loop_timer *timer;

	for (uint32_t i = 0; i < l->connections * l->in_flight; i++) {
		struct grpc_stream *st;
		int r = grpc_client_open(l->callers[i].client, &rq, &ops, &l->callers[i], &st);

		if (r < 0 || grpc_stream_half_close(st) < 0)
			return -1;
	}
	if (loop_add_timer(l->loop, clock_now_ns() + NS_PER_MSEC, stop, l->loop, &timer) < 0 ||
	    loop_run(l->loop) < 0)
		return -1;
	(void)printf("parked\n");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}

static int connect_all(struct load *l)
{
	l->callers = calloc((size_t)l->connections * l->in_flight, sizeof(*l->callers));
	l->us = calloc(SAMPLES_MAX, sizeof(*l->us));
	if (!l->callers || !l->us || loop_new(&l->loop) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->connections; i++) {
		struct grpc_client *client;
		int r = grpc_client_connect(l->loop, l->socket, NULL, NULL, &client);

		if (r < 0)
			return r;
		for (uint32_t k = 0; k < l->in_flight; k++)
			l->callers[i * l->in_flight + k] =
				(struct caller){ .load = l, .client = client };
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void report(struct load *l, int64_t took_ns)
{
	size_t n = l->answered;

	if (n == 0)
		return;
	qsort(l->us, n, sizeof(*l->us), by_value);
	(void)printf("calls %zu failed %u rate %.0f/s p50 %u us p90 %u us p99 %u us max %u us\n", n,
		     l->failed, (double)n * 1e9 / (double)took_ns, l->us[n / 2], l->us[n * 9 / 10],
		     l->us[n * 99 / 100], l->us[n - 1]);
}

static int parse(struct load *l, int argc, char **argv)
{
	int opt, bad = 0;

	while ((opt = getopt(argc, argv, "c:m:t:r:n:p")) != -1) {
		uint32_t *to = opt == 'c'   ? &l->connections
			       : opt == 'm' ? &l->in_flight
			       : opt == 't' ? &l->seconds
					    : &l->calls;

		if (opt == 'p')
			l->park = 1;
		else if (opt == 'n')
			l->ns = optarg;
		else
			bad |= opt == '?' || parse_u32(optarg, to) < 0;
	}
	argc -= optind;
	argv += optind;
	if (bad || argc < 2 || argc > 3 || !l->connections || !l->in_flight ||
	    l->connections > 4096 || l->in_flight > 4096 ||
	    (argc == 3 && strlen(argv[2]) > FIELD_MAX))
		return -1;
	l->socket = argv[0];
	l->path = str_printf("/%s", argv[1]);
	if (argc == 3) {
		l->request[0] = 1 << 3 | 2; /* field 1, bytes */
		l->request[1] = (uint8_t)strlen(argv[2]);
		memcpy(l->request + 2, argv[2], l->request[1]);
		l->n_request = l->request[1] + 2u;
	}
	return l->path ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct load l = { .connections = 1, .in_flight = 1, .seconds = 2, .ns = "default" };
	int r;

	if (parse(&l, argc, argv) < 0) {
		(void)fprintf(stderr,
			      "usage: load [-c CONNECTIONS] [-m IN-FLIGHT] [-t SECONDS] [-r CALLS] "
			      "[-n NAMESPACE] [-p] SOCKET METHOD [FIELD1]\n");
		return 2;
	}
	r = connect_all(&l);
	if (r < 0) {
		(void)fprintf(stderr, "load: connect to '%s': %s\n", l.socket, strerrordesc_np(-r));
		return EXIT_FAILURE;
	}
	if (l.park)
		return park(&l) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;

	int64_t begin = clock_now_ns();

	l.end_ns = begin + l.seconds * NS_PER_SEC;
	l.busy = l.connections * l.in_flight;
	for (uint32_t i = 0, n = l.busy; i < n; i++)
		call(&l.callers[i]);
	if (l.busy > 0 && loop_run(l.loop) < 0)
		return EXIT_FAILURE;
	report(&l, clock_now_ns() - begin);
	return l.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
