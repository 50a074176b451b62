/* SPDX-License-Identifier: Apache-2.0
 *
 * URL rules on libcurl's URL API. Pure functions.
 */
#include "worker/fetch/url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

static void url_free(CURLU **u)
{
	curl_url_cleanup(*u);
}
#define AUTO_URL AUTO(url_free) CURLU

static void part_free(char **s)
{
	curl_free(*s);
}
#define AUTO_PART AUTO(part_free) char

static CURLU *parse(const char *url)
{
	CURLU *u = curl_url();

	if (u && (strlen(url) > URL_MAX || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)) {
		curl_url_cleanup(u);
		u = NULL;
	}
	return u;
}

int url_origin(const char *url, char ret[ORIGIN_MAX])
{
	AUTO_URL *u = parse(url);
	AUTO_PART *scheme = NULL, *host = NULL, *port = NULL;

	if (!u || curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return -EINVAL;
	if (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)
		return -EINVAL;
	int n = snprintf(ret, ORIGIN_MAX, "%s://%s:%s", scheme, host, port);
	if (n < 0 || n >= ORIGIN_MAX)
		return -EINVAL;
	for (char *c = ret; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return 0;
}

int url_same_origin(const char *a, const char *b)
{
	char x[ORIGIN_MAX], y[ORIGIN_MAX];

	return url_origin(a, x) == 0 && url_origin(b, y) == 0 && strcmp(x, y) == 0;
}

int url_is_https(const char *url)
{
	return strncasecmp(url, "https://", 8) == 0;
}

static int is_127(const char *host, size_t n)
{
	return n >= 7 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= n;
}

int host_is_loopback(const char *host)
{
	size_t n = strcspn(host, ":");

	if (host[0] == '[')
		return strncmp(host, "[::1]", 5) == 0;
	if (strcmp(host, "::1") == 0)
		return 1;
	return (n == 9 && strncasecmp(host, "localhost", 9) == 0) || is_127(host, n);
}

static int has_user(CURLU *u)
{
	AUTO_PART *user = NULL, *password = NULL;

	return curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK ||
	       curl_url_get(u, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK;
}

int redirect_target(const char *from, const char *location, char **ret, const char **ret_why)
{
	AUTO_URL *u = parse(from);
	AUTO_PART *url = NULL;
	char origin[ORIGIN_MAX];

	*ret_why = "no valid URL";
	if (!u || strlen(location) > URL_MAX ||
	    curl_url_set(u, CURLUPART_URL, location, 0) != CURLUE_OK ||
	    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK)
		return -EINVAL;
	*ret_why = "no http URL";
	if (url_origin(url, origin) < 0)
		return -EINVAL;
	*ret_why = "a user in the URL";
	if (has_user(u))
		return -EINVAL;
	*ret_why = "from https to plain http";
	if (url_is_https(from) && !url_is_https(url))
		return -EINVAL;
	*ret_why = "out of memory";
	*ret = str_dup(url);
	return *ret ? 0 : -EINVAL;
}

char *url_shown(const char *url)
{
	AUTO_URL *u = parse(url);
	AUTO_PART *shown = NULL;

	if (!u || curl_url_set(u, CURLUPART_USER, NULL, 0) != CURLUE_OK ||
	    curl_url_set(u, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK ||
	    curl_url_set(u, CURLUPART_QUERY, NULL, 0) != CURLUE_OK ||
	    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &shown, 0) != CURLUE_OK)
		return str_dup("(no valid URL)");
	return str_dup(shown);
}

char *url_add_query(const char *url, const char *name, const char *value)
{
	AUTO_URL *u = parse(url);
	AUTO_PART *full = NULL;
	AUTO_FREE char *pair = str_printf("%s=%s", name, value);

	/* libcurl encodes what follows the first '=' */
	if (!u || !pair ||
	    curl_url_set(u, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE) !=
		    CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &full, 0) != CURLUE_OK)
		return NULL;
	return str_dup(full);
}
