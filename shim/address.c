/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash is libcrypto's, linked in statically as two functions: the library itself would cost
 * each shim more private memory than all of its own.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "shim/address.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"

#define CONFIG_MAX (16 * 1024 * 1024)

char *address_path(const char *dir, const char *grpc_address, const char *ns, const char *group)
{
	AUTO_FREE char *text = str_printf("%s/%s/%s", grpc_address, ns, group);
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];
	SHA256_CTX ctx;

	if (!text)
		return NULL;
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, text, strlen(text));
	SHA256_Final(digest, &ctx);
	hex_encode(digest, sizeof(digest), hex);
	return str_printf("%s/%s", dir, hex);
}

static int fill(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, path, strlen(path));
	return 0;
}

int address_is_live(const char *path)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sun;

	if (fd < 0 || fill(path, &sun) < 0)
		return 0;
	/* EAGAIN: its backlog is full, so it lives */
	return connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 || errno == EAGAIN;
}

int address_listen(const char *path)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun;
	int r = fill(path, &sun);

	if (fd < 0 ||
	    fchmod(fd, 0600) < 0) /* before bind: the file has this mode from its beginning */
		return -errno;
	if (r < 0)
		return r;
	for (int tries = 0; bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0; tries++) {
		if (errno != EADDRINUSE || tries > 0)
			return -errno;
		if (address_is_live(path))
			return -EEXIST;
		(void)unlink(path);
	}
	return listen(fd, SOMAXCONN) < 0 ? -errno : take_fd(&fd);
}

char *group_from_config(const char *json, unsigned long n)
{
	static const char *const names[] = { "io.containerd.runc.v2.group",
					     "io.kubernetes.cri.sandbox-id" };
	json_t *root = json_loadb(json, n, 0, NULL);
	const json_t *annotations = json_object_get(root, "annotations");
	char *group = NULL;

	for (size_t i = 0; !group && i < ARRAY_SIZE(names); i++)
		group = str_dup(json_string_value(json_object_get(annotations, names[i])));
	json_decref(root);
	return group;
}

char *group_id(const char *id)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	char *group = NULL;

	if (io_read_file(AT_FDCWD, "config.json", CONFIG_MAX, &text, &n) == 0)
		group = group_from_config(text, n);
	return group ? group : str_dup(id);
}
