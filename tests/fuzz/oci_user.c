/* SPDX-License-Identifier: Apache-2.0
 *
 * A user resolved by an image's /etc/passwd and /etc/group: the first line of the input is the
 * user, then comes passwd up to a NUL, then group. What is resolved must be within bounds.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "oci/user.h"

static char dir[] = "/tmp/ctr-fuzz-XXXXXX";
static int root = -1;

static void remove_dir(void)
{
	(void)unlinkat(root, "etc/passwd", 0);
	(void)unlinkat(root, "etc/group", 0);
	(void)unlinkat(root, "etc", AT_REMOVEDIR);
	(void)rmdir(dir);
}

static void put(const char *path, const uint8_t *data, size_t n)
{
	AUTO_CLOSE int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	(void)io_write_full(fd, data, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *line = n ? memchr(data, '\n', n) : NULL;
	char spec[64] = "";
	struct oci_user u;

	if (root < 0) {
		if (!mkdtemp(dir))
			abort();
		root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)mkdirat(root, "etc", 0755);
		(void)atexit(remove_dir);
	}
	if (!line || (size_t)(line - data) >= sizeof(spec))
		return 0;
	memcpy(spec, data, (size_t)(line - data));
	n -= (size_t)(line + 1 - data);
	data = line + 1;

	const uint8_t *cut = n ? memchr(data, 0, n) : NULL;
	size_t passwd = cut ? (size_t)(cut - data) : n;

	put("etc/passwd", data, passwd);
	put("etc/group", cut ? cut + 1 : data, cut ? n - passwd - 1 : 0);
	if (oci_user_resolve(root, spec, NULL, &u, NULL) != 0)
		return 0;
	assert(u.uid <= INT32_MAX && u.gid <= INT32_MAX);
	for (size_t i = 0; i < u.n_groups; i++)
		assert(u.groups[i] <= INT32_MAX && u.groups[i] != u.gid);
	oci_user_done(&u);
	return 0;
}
