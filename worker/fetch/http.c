/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl behind http.h. Proxies and CAs come from the daemon, never from the environment; only
 * http and https; bodies are not decoded (a digest is over what was sent). HTTP/1.1: one connection
 * a blob is faster than shared windows.
 */
#include "worker/fetch/http.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/str.h"
#include "worker/fetch/url.h"

#define CONNECT_TIMEOUT_MS 15000
#define BUFFER_BYTES       (256L << 10)

struct http {
	CURLM *multi;
	struct http_options o;
};

int http_new(const struct http_options *o, struct http **ret)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(h->multi = curl_multi_init())) {
		free(h);
		return -ENOMEM;
	}
	(void)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 32L);
	h->o = *o;
	*ret = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	curl_multi_cleanup(h->multi);
	curl_global_cleanup();
	free(h);
}

int http_busy(const struct exchange *x)
{
	return x->easy != NULL;
}

static void forget(char **s)
{
	free(*s);
	*s = NULL;
}

void http_reset(struct exchange *x)
{
	forget(&x->location);
	forget(&x->digest);
	forget(&x->content_type);
	forget(&x->content_range);
	x->status = 0;
	x->result = CURLE_OK;
	x->body_error = 0;
	x->content_length = -1;
	x->retry_after_s = -1;
	x->challenge = (struct challenge){ .scheme = AUTH_NONE };
	x->error[0] = '\0';
	x->header_bytes = 0;
	x->bad_headers = 0;
}

/* The handle goes; the answer stays for the caller. */
static void end(struct exchange *x)
{
	if (!x->easy)
		return;
	(void)curl_multi_remove_handle(x->http->multi, x->easy);
	curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->headers);
	x->easy = NULL;
	x->headers = NULL;
}

void http_cancel(struct exchange *x)
{
	end(x);
}

/* Value of "Name: value\r\n" when the line has that name; NULL otherwise. */
static const char *value_of(const char *line, size_t n, const char *name, size_t *ret_n)
{
	size_t k = strlen(name);

	if (n <= k || strncasecmp(line, name, k) != 0 || line[k] != ':')
		return NULL;
	const char *at = line + k + 1, *stop = line + n;
	while (at < stop && (*at == ' ' || *at == '\t'))
		at++;
	while (stop > at && strchr(" \t\r\n", stop[-1]))
		stop--;
	*ret_n = (size_t)(stop - at);
	return at;
}

static void keep_text(const char *line, size_t n, const char *name, char **field)
{
	size_t len = 0;
	const char *value = value_of(line, n, name, &len);

	if (!value || len > URL_MAX)
		return;
	free(*field);
	*field = str_ndup(value, len);
}

static void keep_number(const char *line, size_t n, const char *name, int64_t *field)
{
	size_t len = 0;
	const char *value = value_of(line, n, name, &len);
	char text[24];
	int64_t number;

	if (!value || len >= sizeof(text))
		return;
	memcpy(text, value, len);
	text[len] = '\0';
	if (parse_i64(text, &number) == 0 && number >= 0)
		*field = number;
}

static void new_answer(struct exchange *x, const char *line, size_t n)
{
	const char *space = memchr(line, ' ', n);
	size_t bytes = x->header_bytes;

	http_reset(x);
	x->header_bytes = bytes;
	if (space && line + n - space >= 4 && space[1] >= '1' && space[1] <= '5')
		x->status = (space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0');
}

static size_t on_header(char *line, size_t size, size_t count, void *ud)
{
	struct exchange *x = ud;
	size_t n = size * count, len = 0;

	x->header_bytes += n;
	if (x->header_bytes > HTTP_HEADERS_MAX) {
		x->bad_headers = 1;
		return 0;
	}
	if (n > 5 && strncasecmp(line, "HTTP/", 5) == 0)
		new_answer(x, line, n);
	keep_text(line, n, "location", &x->location);
	keep_text(line, n, "docker-content-digest", &x->digest);
	keep_text(line, n, "content-type", &x->content_type);
	keep_text(line, n, "content-range", &x->content_range);
	keep_number(line, n, "content-length", &x->content_length);
	keep_number(line, n, "retry-after", &x->retry_after_s);
	const char *value = value_of(line, n, "www-authenticate", &len);
	if (value)
		(void)challenge_parse(value, len, &x->challenge);
	return n;
}

static size_t on_body(char *data, size_t size, size_t count, void *ud)
{
	struct exchange *x = ud;
	size_t n = size * count;

	x->body_error = x->on_body ? x->on_body(x->ud, data, n) : 0;
	return x->body_error == 0 ? n : 0;
}

/* Further CAs beside the bundle, which libcurl has no option for. */
static CURLcode on_ssl_context(CURL *easy, void *ctx, void *ud)
{
	const struct endpoint *tls = ((struct exchange *)ud)->tls;

	(void)easy;
	for (size_t i = 0; tls->ca && tls->ca[i]; i++)
		if (SSL_CTX_load_verify_locations(ctx, tls->ca[i], NULL) != 1)
			return CURLE_SSL_CACERT_BADFILE;
	return CURLE_OK;
}

/* The first pair whose files can be read. */
static void set_client_pair(CURL *easy, const struct endpoint *tls)
{
	for (size_t i = 0; tls->cert && tls->cert[i]; i++) {
		const char *key = tls->key[i][0] ? tls->key[i] : tls->cert[i];

		if (access(tls->cert[i], R_OK) < 0 || access(key, R_OK) < 0)
			continue;
		(void)curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert[i]);
		(void)curl_easy_setopt(easy, CURLOPT_SSLKEY, key);
		return;
	}
}

static void set_tls(const struct http *h, struct exchange *x, const struct endpoint *tls)
{
	x->tls = tls;
	if (h->o.ca_bundle[0])
		(void)curl_easy_setopt(x->easy, CURLOPT_CAINFO, h->o.ca_bundle);
	if (!tls)
		return;
	if (tls->skip_verify) {
		(void)curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	set_client_pair(x->easy, tls);
	if (tls->ca) {
		(void)curl_easy_setopt(x->easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context);
		(void)curl_easy_setopt(x->easy, CURLOPT_SSL_CTX_DATA, x);
	}
}

/*
 * Loopback never goes through a proxy; the rest as no_proxy says. An empty string keeps the
 * environment out.
 */
static void set_proxy(const struct http *h, CURL *easy, const char *url)
{
	const char *proxy = url_is_https(url) ? h->o.https_proxy : h->o.http_proxy;
	const char *host = strstr(url, "://");

	if (!proxy[0] || !host || host_is_loopback(host + 3)) {
		(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
		return;
	}
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
	(void)curl_easy_setopt(easy, CURLOPT_NOPROXY, h->o.no_proxy);
	(void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

static void set_limits(const struct http *h, CURL *easy)
{
	long seconds = (long)((h->o.progress_timeout_ms + 999) / 1000);

	(void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, seconds);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			       MIN((long)h->o.progress_timeout_ms, (long)CONNECT_TIMEOUT_MS));
	(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, h->o.user_agent);
}

static int set_headers(struct exchange *x, char *const *headers)
{
	for (size_t i = 0; headers && headers[i]; i++) {
		struct curl_slist *more = curl_slist_append(x->headers, headers[i]);

		if (!more)
			return -ENOMEM;
		x->headers = more;
	}
	return curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK ? 0 : -ENOMEM;
}

static int set_request(struct exchange *x, const struct http_request *r)
{
	CURLcode c = curl_easy_setopt(x->easy, CURLOPT_URL, r->url);

	if (r->method == HTTP_HEAD)
		c |= curl_easy_setopt(x->easy, CURLOPT_NOBODY, 1L);
	if (r->method == HTTP_POST)
		c |= curl_easy_setopt(x->easy, CURLOPT_COPYPOSTFIELDS, r->body);
	c |= curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, on_header);
	c |= curl_easy_setopt(x->easy, CURLOPT_HEADERDATA, x);
	c |= curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, on_body);
	c |= curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
	c |= curl_easy_setopt(x->easy, CURLOPT_PRIVATE, x);
	c |= curl_easy_setopt(x->easy, CURLOPT_ERRORBUFFER, x->error);
	return c == CURLE_OK ? set_headers(x, r->headers) : -EINVAL;
}

ctr_code http_start(struct http *h, struct exchange *x, const struct http_request *r,
		    struct ctr_error *err)
{
	http_cancel(x);
	http_reset(x);
	x->http = h;
	x->easy = curl_easy_init();
	if (!x->easy)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	set_limits(h, x->easy);
	set_proxy(h, x->easy, r->url);
	set_tls(h, x, r->tls);
	if (set_request(x, r) < 0 || curl_multi_add_handle(h->multi, x->easy) != CURLM_OK) {
		end(x);
		return ctr_fail(err, CTR_INTERNAL, "libcurl refuses the request");
	}
	return CTR_OK;
}

static void finish(struct exchange *x, CURLcode result)
{
	x->result = result;
	if (!x->error[0] && result != CURLE_OK)
		(void)snprintf(x->error, sizeof(x->error), "%s", curl_easy_strerror(result));
	end(x);
	x->on_done(x->ud);
}

int http_poll(struct http *h, int wake_fd, int timeout_ms, int *ret_woken)
{
	struct curl_waitfd wake = { .fd = wake_fd, .events = CURL_WAIT_POLLIN };
	int running = 0, left = 0;
	CURLMsg *msg;

	if (curl_multi_poll(h->multi, &wake, 1, timeout_ms, NULL) != CURLM_OK)
		return -EIO;
	*ret_woken = wake.revents != 0;
	if (curl_multi_perform(h->multi, &running) != CURLM_OK)
		return -EIO;
	while ((msg = curl_multi_info_read(h->multi, &left))) {
		void *x = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		CURLcode result = msg->data.result;
		if (curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &x) == CURLE_OK && x)
			finish(x, result);
	}
	return 0;
}
