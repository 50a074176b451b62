/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests' HTTP server. Bounded buffers; a request that does not fit is dropped.
 */
#include "tests/unit/worker/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct hs {
	int sock;
	pthread_t thread;
	hs_handler fn;
	void *ud;
	atomic_int count;
	char host[32];
};

void hs_raw(int conn, const void *data, size_t n)
{
	const char *at = data;

	while (n > 0) {
		ssize_t sent = send(conn, at, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		at += sent;
		n -= (size_t)sent;
	}
}

void hs_reply(int conn, int status, const char *headers, const void *body, size_t n)
{
	char head[4096];
	int len = snprintf(head, sizeof(head),
			   "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n",
			   status, headers, n);

	hs_raw(conn, head, (size_t)len);
	hs_raw(conn, body, n);
}

int hs_header(const struct hs_request *r, const char *name, char *ret, size_t n)
{
	size_t k = strlen(name);

	for (const char *line = r->head; *line;) {
		size_t len = strcspn(line, "\r\n");

		if (len > k + 1 && strncasecmp(line, name, k) == 0 && line[k] == ':') {
			const char *value = line + k + 1 + strspn(line + k + 1, " ");
			snprintf(ret, n, "%.*s", (int)(line + len - value), value);
			return 1;
		}
		line += len + strspn(line + len, "\r\n");
	}
	return 0;
}

static size_t content_length(const struct hs_request *r)
{
	char text[32];

	return hs_header(r, "Content-Length", text, sizeof(text)) ? strtoul(text, NULL, 10) : 0;
}

/* 1 when a whole request was read. */
static int read_request(int conn, struct hs_request *r)
{
	char buf[sizeof(r->head) + sizeof(r->body)];
	size_t n = 0;
	char *end = NULL;

	while (!end && n < sizeof(buf) - 1) {
		ssize_t got = recv(conn, buf + n, sizeof(buf) - 1 - n, 0);

		if (got <= 0)
			return 0;
		n += (size_t)got;
		buf[n] = '\0';
		end = strstr(buf, "\r\n\r\n");
	}
	if (!end || sscanf(buf, "%15s %1023s", r->method, r->target) != 2)
		return 0;
	char *lines = strstr(buf, "\r\n") + 2;
	snprintf(r->head, sizeof(r->head), "%.*s", (int)(end + 2 > lines ? end + 2 - lines : 0),
		 lines);
	size_t want = content_length(r), have = n - (size_t)(end + 4 - buf);
	memcpy(r->body, end + 4, have < sizeof(r->body) ? have : sizeof(r->body) - 1);
	while (have < want && have < sizeof(r->body) - 1) {
		ssize_t got = recv(conn, r->body + have, sizeof(r->body) - 1 - have, 0);

		if (got <= 0)
			return 0;
		have += (size_t)got;
	}
	r->body[have < sizeof(r->body) ? have : sizeof(r->body) - 1] = '\0';
	return 1;
}

static void *serve(void *arg)
{
	struct hs *s = arg;

	for (;;) {
		struct hs_request r;
		int conn = accept4(s->sock, NULL, NULL, SOCK_CLOEXEC);

		if (conn < 0)
			return NULL;
		memset(&r, 0, sizeof(r));
		if (read_request(conn, &r)) {
			r.number = atomic_fetch_add(&s->count, 1) + 1;
			s->fn(s->ud, &r, conn);
		}
		shutdown(conn, SHUT_WR);
		close(conn);
	}
}

void hs_start(hs_handler fn, void *ud, struct hs **ret)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);
	struct hs *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->fn = fn;
	s->ud = ud;
	s->sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->sock < 0 || bind(s->sock, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(s->sock, 64) < 0 || getsockname(s->sock, (struct sockaddr *)&at, &n) < 0)
		abort();
	snprintf(s->host, sizeof(s->host), "127.0.0.1:%d", ntohs(at.sin_port));
	*ret = s;
	if (pthread_create(&s->thread, NULL, serve, s) != 0)
		abort();
}

void hs_stop(struct hs *s)
{
	shutdown(s->sock, SHUT_RDWR); /* ends accept() */
	pthread_join(s->thread, NULL);
	close(s->sock);
	free(s);
}

const char *hs_host(const struct hs *s)
{
	return s->host;
}

int hs_count(const struct hs *s)
{
	return atomic_load(&s->count);
}
