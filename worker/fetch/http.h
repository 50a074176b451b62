/* SPDX-License-Identifier: Apache-2.0
 *
 * Single HTTP exchanges over one curl multi handle: no redirects, no retries, no authentication of
 * its own (job.c does those). One thread; callbacks run inside http_poll() and may start or cancel
 * any exchange.
 */
#ifndef CTR_WORKER_FETCH_HTTP_H
#define CTR_WORKER_FETCH_HTTP_H

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

#include "status/status.h"
#include "worker/fetch/auth_header.h"
#include "worker/fetch/hosts.h"

#define HTTP_HEADERS_MAX (64u << 10) /* bytes of one answer's headers */

struct http_options {
	const char *http_proxy, *https_proxy, *no_proxy;
	const char *ca_bundle; /* "" : the system's */
	const char *user_agent;
	uint32_t progress_timeout_ms;
};

struct http;
int http_new(const struct http_options *o,
	     struct http **ret); /* 0 or -ENOMEM; o's strings must outlive it */
void http_free(struct http *h);  /* after every exchange has ended */

struct exchange {
	/* set by the caller */
	int (*on_body)(void *ud, const char *data, size_t n); /* 0, or -errno to end the exchange */
	void (*on_done)(void *ud);                            /* once, unless cancelled */
	void *ud;
	/* the answer; strings are owned here until http_reset() */
	int status; /* 0: none came */
	CURLcode result;
	int body_error; /* the -errno of on_body */
	char *location, *digest, *content_type, *content_range;
	int64_t content_length; /* -1: unknown */
	int64_t retry_after_s;  /* -1: none */
	struct challenge challenge;
	char error[CURL_ERROR_SIZE];
	/* private */
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	const struct endpoint *tls;
	size_t header_bytes;
	int bad_headers;
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST };

struct http_request {
	enum http_method method;
	const char *url;
	char *const *headers;       /* NULL-terminated "Name: value"; NULL: none */
	const char *body;           /* POST, a form */
	const struct endpoint *tls; /* CAs, client pair, skip_verify; must live until the end */
};

ctr_code http_start(struct http *h, struct exchange *x, const struct http_request *r,
		    struct ctr_error *err);
int http_busy(const struct exchange *x);
void http_cancel(struct exchange *x); /* on_done is not called; nothing when idle */
void http_reset(struct exchange *x);  /* forget the answer; not while busy */

/*
 * Wait up to timeout_ms for traffic or for wake_fd to be readable, and run what is due. 0 or -EIO.
 */
int http_poll(struct http *h, int wake_fd, int timeout_ms, int *ret_woken);

#endif
