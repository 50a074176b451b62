/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints of a registry. Folder names below a hosts directory are tried as containerd does:
 * host_port_, host:port, _default. A folder without hosts.toml is Docker's certs.d: *.crt are CAs,
 * *.cert and *.key client pairs.
 */
#include "worker/fetch/hosts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "worker/fetch/url.h"

#define CERT_FILES_MAX 64

static void endpoint_done(struct endpoint *e)
{
	free(e->base);
	free(e->host);
	strv_free(e->ca);
	strv_free(e->cert);
	strv_free(e->key);
	strv_free(e->headers);
	memset(e, 0, sizeof(*e));
}

void endpoints_done(struct endpoints *e)
{
	for (size_t i = 0; i < e->n; i++)
		endpoint_done(&e->v[i]);
	free(e->v);
	e->v = NULL;
	e->n = 0;
}

static void file_done(struct hosts_file *f)
{
	hosts_file_done(f);
}

static ctr_code no_memory(struct ctr_error *err)
{
	return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
}

/* The name under which a registry is reached when nothing else is said. */
static const char *server_of(const char *host)
{
	return strcmp(host, "docker.io") == 0 ? "registry-1.docker.io" : host;
}

static int is_proxy(const char *ref_host, const char *host)
{
	return strcmp(server_of(ref_host), host) != 0 && strcmp(ref_host, host) != 0;
}

static int copy_paths(char *const *from, const char *dir, char ***to)
{
	for (size_t i = 0; from && from[i]; i++) {
		AUTO_FREE char *path = from[i][0] == '/' || !from[i][0]
					       ? str_dup(from[i])
					       : str_printf("%s/%s", dir, from[i]);

		if (!path || strv_push(to, path) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int copy_details(const struct hosts_entry *e, const char *dir, struct endpoint *ret)
{
	ret->capabilities = e->capabilities;
	ret->skip_verify = e->skip_verify;
	if (copy_paths(e->ca, dir, &ret->ca) < 0 || copy_paths(e->cert, dir, &ret->cert) < 0 ||
	    copy_paths(e->key, dir, &ret->key) < 0)
		return -ENOMEM;
	for (size_t i = 0; e->headers && e->headers[i]; i++)
		if (strv_push(&ret->headers, e->headers[i]) < 0)
			return -ENOMEM;
	return 0;
}

/*
 * "https://host/path" to base and host: /v2 is added unless it ends so or the path is to be taken
 * as it is.
 */
static int split_url(const char *written, int override_path, struct endpoint *ret)
{
	AUTO_FREE char *url =
		strstr(written, "://") ? str_dup(written) : str_printf("https://%s", written);
	char origin[ORIGIN_MAX];

	if (!url)
		return -ENOMEM;
	if (url_origin(url, origin) < 0 || strpbrk(url, "?#@ "))
		return -EINVAL;
	const char *host = strstr(url, "://") + 3;
	size_t n_host = strcspn(host, "/");
	size_t n = strlen(url);
	while (n > 0 && url[n - 1] == '/')
		url[--n] = '\0';
	ret->host = str_ndup(host, n_host);
	ret->base = str_printf("%s%s", url, override_path || str_ends(url, "/v2") ? "" : "/v2");
	return ret->host && ret->base ? 0 : -ENOMEM;
}

ctr_code endpoint_from_entry(const struct hosts_entry *e, const char *dir, const char *ref_host,
			     struct endpoint *ret, struct ctr_error *err)
{
	struct endpoint ep = { 0 };
	int r = split_url(e->url, e->override_path, &ep);

	if (r == 0)
		r = copy_details(e, dir, &ep);
	if (r < 0) {
		endpoint_done(&ep);
		return r == -ENOMEM ? no_memory(err)
				    : ctr_fail(err, CTR_INVALID_ARGUMENT,
					       "'%s' is no URL of a registry", e->url);
	}
	ep.proxy = is_proxy(ref_host, ep.host);
	*ret = ep;
	return CTR_OK;
}

/* The registry itself: loopback names speak plain HTTP unless told otherwise or on port 443. */
static ctr_code default_endpoint(const struct hosts_options *o, const char *host,
				 const struct hosts_entry *like, const char *dir,
				 struct endpoint *ret, struct ctr_error *err)
{
	int plain = o->scheme[0]
			    ? strcmp(o->scheme, "http") == 0
			    : o->plain_http || (host_is_loopback(host) && !str_ends(host, ":443"));
	AUTO_FREE char *url = str_printf("%s://%s", plain ? "http" : "https", server_of(host));
	struct hosts_entry e = like ? *like : (struct hosts_entry){ .capabilities = HOST_ALL };

	if (!url)
		return no_memory(err);
	e.url = url;
	e.skip_verify |= o->skip_verify;
	return endpoint_from_entry(&e, dir, host, ret, err);
}

static ctr_code from_file(const struct hosts_options *o, const char *host, const char *dir,
			  const struct hosts_file *f, struct endpoints *ret, struct ctr_error *err)
{
	ctr_code code = CTR_OK;

	ret->v = calloc(f->n_host + 1, sizeof(*ret->v));
	if (!ret->v)
		return no_memory(err);
	for (size_t i = 0; i < f->n_host && code == CTR_OK; i++) {
		code = endpoint_from_entry(&f->host[i], dir, host, &ret->v[ret->n], err);
		ret->n += code == CTR_OK;
	}
	if (code != CTR_OK)
		return code;
	code = f->server.url ? endpoint_from_entry(&f->server, dir, host, &ret->v[ret->n], err)
			     : default_endpoint(o, host, &f->server, dir, &ret->v[ret->n], err);
	ret->n += code == CTR_OK;
	return code;
}

static ctr_code read_file(const struct hosts_options *o, const char *host, const char *dir,
			  char *text, size_t n, struct endpoints *ret, struct ctr_error *err)
{
	AUTO(file_done) struct hosts_file f = { .n_host = 0 };
	AUTO_FREE char *why = NULL;
	int r = hosts_toml_parse(text, n, &f, &why);

	if (r < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s/hosts.toml': %s", dir,
				str_or(why, "out of memory"));
	if (from_file(o, host, dir, &f, ret, err) != CTR_OK)
		return ctr_wrap(err, "'%s/hosts.toml'", dir);
	return CTR_OK;
}

static void dir_close(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Docker's layout: names alone say what a file is. */
static int read_certs(int dir_fd, struct hosts_entry *e)
{
	AUTO_CLOSE int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(dir_close) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t seen = 0;

	if (!d)
		return -errno;
	(void)take_fd(&fd);
	for (struct dirent *f = readdir(d); f && seen < CERT_FILES_MAX; f = readdir(d), seen++) {
		size_t n = strlen(f->d_name);

		if (str_ends(f->d_name, ".crt") && strv_push(&e->ca, f->d_name) < 0)
			return -ENOMEM;
		if (!str_ends(f->d_name, ".cert"))
			continue;
		AUTO_FREE char *key = str_printf("%.*s.key", (int)(n - 5), f->d_name);
		if (!key || strv_push(&e->cert, f->d_name) < 0 || strv_push(&e->key, key) < 0)
			return -ENOMEM;
	}
	return 0;
}

static ctr_code from_certs(const struct hosts_options *o, const char *host, int dir_fd,
			   const char *dir, struct endpoints *ret, struct ctr_error *err)
{
	struct hosts_entry e = { .capabilities = HOST_ALL };
	int r = read_certs(dir_fd, &e);
	ctr_code code;

	ret->v = calloc(1, sizeof(*ret->v));
	if (r < 0)
		code = ctr_fail_errno(err, r, "read '%s'", dir);
	else if (!ret->v)
		code = no_memory(err);
	else
		code = default_endpoint(o, host, &e, dir, &ret->v[0], err);
	ret->n = code == CTR_OK;
	strv_free(e.ca);
	strv_free(e.cert);
	strv_free(e.key);
	return code;
}

/* One candidate folder; *ret_found says whether it was there. */
static ctr_code try_dir(const struct hosts_options *o, const char *host, const char *dir,
			int *ret_found, struct endpoints *ret, struct ctr_error *err)
{
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	*ret_found = fd >= 0;
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? CTR_OK
			       : ctr_fail_errno(err, errno, "open '%s'", dir);
	int r = io_read_file(fd, "hosts.toml", HOSTS_TOML_MAX, &text, &n);
	if (r == -ENOENT)
		return from_certs(o, host, fd, dir, ret, err);
	if (r < 0)
		return ctr_fail_errno(err, r, "read '%s/hosts.toml'", dir);
	return read_file(o, host, dir, text, n, ret, err);
}

/* "localhost:5000" is localhost_5000_ where ':' is not wanted in names. */
static char *underscored(const char *host)
{
	const char *colon = strrchr(host, ':');

	if (!colon || colon == host || strchr(colon, ']'))
		return NULL;
	return str_printf("%.*s_%s_", (int)(colon - host), host, colon + 1);
}

static ctr_code try_dirs(const struct hosts_options *o, const char *host, struct endpoints *ret,
			 struct ctr_error *err)
{
	AUTO_FREE char *other = underscored(host);
	const char *names[] = { other, host, "_default" };

	for (size_t i = 0; i < o->n_dirs; i++)
		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			int found = 0;

			if (!names[k])
				continue;
			AUTO_FREE char *dir = str_printf("%s/%s", o->dirs[i], names[k]);
			if (!dir)
				return no_memory(err);
			ctr_code code = try_dir(o, host, dir, &found, ret, err);
			if (code != CTR_OK || found)
				return code;
		}
	return CTR_OK;
}

ctr_code hosts_lookup(const struct hosts_options *o, const char *host, struct endpoints *ret,
		      struct ctr_error *err)
{
	AUTO(endpoints_done) struct endpoints e = { .n = 0 };

	if (!host[0] || strlen(host) > 255 || strpbrk(host, "/?#@ \\") || host[0] == '.')
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is no name of a registry", host);
	ctr_code code = try_dirs(o, host, &e, err);
	if (code == CTR_OK && e.n == 0) {
		e.v = calloc(1, sizeof(*e.v));
		code = e.v ? default_endpoint(o, host, NULL, "", &e.v[0], err) : no_memory(err);
		e.n = code == CTR_OK;
	}
	if (code != CTR_OK)
		return code;
	*ret = e;
	e.v = NULL;
	e.n = 0;
	return CTR_OK;
}
