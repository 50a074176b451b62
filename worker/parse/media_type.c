/* SPDX-License-Identifier: Apache-2.0
 *
 * Which document a media type names. Pure functions over one table.
 */
#include "worker/parse/media_type.h"

#include <string.h>

static const struct {
	const char *media_type;
	enum document doc;
} table[] = {
	{ MT_OCI_MANIFEST, DOC_MANIFEST },
	{ MT_DOCKER_MANIFEST, DOC_MANIFEST },
	{ MT_OCI_INDEX, DOC_INDEX },
	{ MT_DOCKER_LIST, DOC_INDEX },
	{ MT_OCI_CONFIG, DOC_CONFIG },
	{ MT_DOCKER_CONFIG, DOC_CONFIG },
	{ "application/vnd.docker.distribution.manifest.v1+json", DOC_SCHEMA1 },
	{ "application/vnd.docker.distribution.manifest.v1+prettyjws", DOC_SCHEMA1 },
};

enum document media_type_document(const char *media_type)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(table[i].media_type, media_type) == 0)
			return table[i].doc;
	return DOC_NONE;
}

ctr_code media_type_refuse(const char *media_type, struct ctr_error *err)
{
	char shown[128];
	size_t n = 0;

	if (media_type_document(media_type) == DOC_SCHEMA1)
		return ctr_fail(err, CTR_UNIMPLEMENTED, "docker schema 1 is not supported");
	for (; media_type[n] && n < sizeof(shown) - 1; n++)
		shown[n] =
			(char)(media_type[n] > ' ' && media_type[n] <= '~' ? media_type[n] : '?');
	shown[n] = '\0';
	return ctr_fail(err, CTR_INVALID_ARGUMENT, "unknown media type '%s'", shown);
}
