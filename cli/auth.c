/* SPDX-License-Identifier: Apache-2.0
 *
 * Registry credentials in the file that other clients use too. What else the file holds is kept.
 */
#include "cli/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/json.h"

#define FILE_MAX (1024 * 1024)
#define HUB_KEY  "https://index.docker.io/v1/"

static void wipe(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

void credential_done(struct credential *k)
{
	wipe(k->secret);
	free(k->username);
	*k = (struct credential){ 0 };
}

static char *config_dir(struct cli *c)
{
	const char *dir = cli_env(c, "DOCKER_CONFIG");
	const char *home = cli_env(c, "HOME");

	return dir ? str_dup(dir) : str_printf("%s/.docker", home ? home : "/root");
}

static int is_hub(const char *host)
{
	return str_eq(host, "docker.io") || str_eq(host, "index.docker.io") ||
	       str_eq(host, "registry-1.docker.io");
}

static ctr_code load(struct cli *c, json_t **ret, struct ctr_error *err)
{
	AUTO_FREE char *dir = config_dir(c);
	AUTO_FREE char *path = dir ? str_printf("%s/config.json", dir) : NULL;
	AUTO_FREE char *text = NULL;
	json_error_t why;
	int r = path ? io_read_file(AT_FDCWD, path, FILE_MAX, &text, NULL) : -ENOMEM;

	if (r == -ENOENT || r == -ENOTDIR) {
		*ret = json_object();
		return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "credentials");
	}
	if (r < 0)
		return ctr_fail_errno(err, r, "read '%s'", path ? path : "config.json");
	*ret = text[0] ? json_loads(text, 0, &why) : json_object();
	explicit_bzero(text, strlen(text));
	if (!*ret)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s': line %d: %s", path, why.line,
				why.text);
	if (!json_is_object(*ret)) {
		json_decref(*ret);
		*ret = NULL;
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is not a JSON object", path);
	}
	return CTR_OK;
}

static ctr_code save(struct cli *c, const json_t *root, struct ctr_error *err)
{
	AUTO_FREE char *dir = config_dir(c);
	char *text = json_dumps(root, JSON_INDENT(8));
	AUTO_CLOSE int fd = dir ? path_own_dir(dir, 0700) : -ENOMEM;
	int r = fd < 0  ? fd
		: !text ? -ENOMEM
			: io_write_file(fd, "config.json", text, strlen(text), 0600, 1);

	wipe(text);
	return r < 0 ? ctr_fail_errno(err, r, "write '%s/config.json'", dir ? dir : "") : CTR_OK;
}

/* The entry of a host, under any of the keys in use. */
static json_t *entry_of(json_t *root, const char *host)
{
	json_t *auths = json_object_get(root, "auths");
	AUTO_FREE char *https = str_printf("https://%s", host);
	AUTO_FREE char *v1 = str_printf("https://%s/v1/", host);
	AUTO_FREE char *v2 = str_printf("https://%s/v2/", host);
	const char *const keys[] = { is_hub(host) ? HUB_KEY : host, host, https, v1, v2 };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *e = keys[i] ? json_object_get(auths, keys[i]) : NULL;

		if (e)
			return e;
	}
	return NULL;
}

/* base64("user:password") */
static int split_auth(const char *encoded, struct credential *k)
{
	size_t n = strlen(encoded);
	char *plain = malloc(n + 4);
	int64_t len = plain ? base64_decode(encoded, n, plain) : -1;
	char *colon;

	if (len < 0) {
		free(plain);
		return -EINVAL;
	}
	plain[len] = 0;
	colon = strchr(plain, ':');
	if (colon) {
		k->username = str_ndup(plain, (size_t)(colon - plain));
		k->secret = str_dup(colon + 1);
	}
	wipe(plain);
	return k->username && k->secret ? 0 : -EINVAL;
}

ctr_code auth_find(struct cli *c, const char *host, struct credential *ret, struct ctr_error *err)
{
	AUTO_JSON root = NULL;
	AUTO_CREDENTIAL k = { 0 };
	const char *token, *auth;
	const json_t *entry;
	ctr_code code = load(c, &root, err);

	if (code != CTR_OK)
		return code;
	entry = entry_of(root, host);
	token = json_string_value(json_object_get(entry, "identitytoken"));
	auth = json_string_value(json_object_get(entry, "auth"));
	if (token && token[0]) {
		k.secret = str_dup(token);
		k.is_token = 1;
	} else if (!auth || !auth[0] || split_auth(auth, &k) < 0) {
		return ctr_fail(err, CTR_NOT_FOUND, "no credentials for '%s'", host);
	}
	*ret = k;
	k = (struct credential){ 0 };
	return CTR_OK;
}

ctr_code auth_store(struct cli *c, const char *host, const char *username, const char *secret,
		    struct ctr_error *err)
{
	AUTO_JSON root = NULL;
	char *plain, *encoded;
	json_t *auths;
	int bad = 1;
	ctr_code code = load(c, &root, err);

	if (code != CTR_OK)
		return code;
	auths = json_object_get(root, "auths");
	if (!json_is_object(auths)) {
		auths = json_object();
		if (json_put(root, "auths", auths) != 0)
			return ctr_fail_errno(err, ENOMEM, "credentials");
	}
	plain = str_printf("%s:%s", username, secret);
	encoded = plain ? malloc(base64_room(strlen(plain))) : NULL;
	if (encoded) {
		json_t *entry = json_object();

		base64_encode(plain, strlen(plain), 0, 1, encoded);
		bad = json_put_str(entry, "auth", encoded) |
		      json_put(auths, is_hub(host) ? HUB_KEY : host, entry);
	}
	wipe(plain);
	wipe(encoded);
	return bad ? ctr_fail_errno(err, ENOMEM, "credentials") : save(c, root, err);
}

ctr_code auth_forget(struct cli *c, const char *host, struct ctr_error *err)
{
	AUTO_JSON root = NULL;
	ctr_code code = load(c, &root, err);

	if (code != CTR_OK)
		return code;
	if (json_object_del(json_object_get(root, "auths"), is_hub(host) ? HUB_KEY : host) != 0)
		return ctr_fail(err, CTR_NOT_FOUND, "no credentials for '%s'", host);
	return save(c, root, err);
}
