/* SPDX-License-Identifier: Apache-2.0
 *
 * A small HTTP/1.1 server on 127.0.0.1 for tests: one thread, one connection after the other, one
 * request each. What is answered is the test's handler's, raw bytes included, so that servers can
 * misbehave.
 */
#ifndef CTR_TESTS_HTTP_SERVER_H
#define CTR_TESTS_HTTP_SERVER_H

#include <stddef.h>

struct hs_request {
	char method[16];
	char target[1024]; /* path and query */
	char head[8192];   /* header lines */
	char body[4096];
	int number; /* 1 for the server's first request */
};

/* Runs on the server's thread; the connection is closed after it. */
typedef void (*hs_handler)(void *ud, const struct hs_request *r, int conn);

struct hs;
void hs_start(hs_handler fn, void *ud, struct hs **ret); /* *ret is set before fn is called */
void hs_stop(struct hs *s);
const char *hs_host(const struct hs *s); /* "127.0.0.1:port" */
int hs_count(const struct hs *s);        /* requests so far */

/* 1 and the value, or 0. */
int hs_header(const struct hs_request *r, const char *name, char *ret, size_t n);
/* headers: lines that end with \r\n. Content-Length is added. */
void hs_reply(int conn, int status, const char *headers, const void *body, size_t n);
void hs_raw(int conn, const void *data, size_t n);

#endif
