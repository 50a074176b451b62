/* SPDX-License-Identifier: Apache-2.0
 *
 * Media types of layers: those of OCI and of Docker, with the compressions that the worker knows.
 */
#include "base/str.h"
#include "differ.h"

static bool in(const char *const *list, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i], s))
			return true;
	return false;
}

#define OCI     "application/vnd.oci.image.layer.v1.tar"
#define FOREIGN "application/vnd.oci.image.layer.nondistributable.v1.tar"
#define DOCKER  "application/vnd.docker.image.rootfs."

bool media_applied(const char *media_type)
{
	static const char *const list[] = {
		OCI,
		OCI "+gzip",
		OCI "+zstd",
		FOREIGN,
		FOREIGN "+gzip",
		FOREIGN "+zstd",
		DOCKER "diff.tar",
		DOCKER "diff.tar.gzip",
		DOCKER "diff.tar.zstd",
		DOCKER "foreign.diff.tar",
		DOCKER "foreign.diff.tar.gzip",
		DOCKER "foreign.diff.tar.zstd",
	};

	return in(list, ARRAY_SIZE(list), media_type);
}

bool media_made(const char *media_type)
{
	static const char *const list[] = {
		"",
		OCI,
		OCI "+gzip",
		OCI "+zstd",
		DOCKER "diff.tar",
		DOCKER "diff.tar.gzip",
		DOCKER "diff.tar.zstd",
	};

	return in(list, ARRAY_SIZE(list), media_type);
}
