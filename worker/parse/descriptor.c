/* SPDX-License-Identifier: Apache-2.0
 *
 * OCI descriptors: media type, digest and size checked; annotations and platform bounded.
 */
#include <string.h>

#include "base/ident.h"
#include "base/str.h"
#include "worker/parse/json.h"
#include "worker/parse/parse.h"

#define LAYERS_MAX 1024
#define SIZE_LIMIT (INT64_C(1) << 50)
#define MEDIA_MAX  255
#define WORD_MAX   64

static ctr_code parse_platform(const json_t *obj, Ctr__Worker__V1__Descriptor *d,
			       struct ctr_error *err)
{
	json_t *platform;
	ctr_code code = json_get_object(obj, "platform", &platform, err);

	if (code != CTR_OK || !platform)
		return code;
	d->platform = malloc(sizeof(*d->platform));
	if (!d->platform)
		return json_no_memory(err);
	ctr__worker__v1__platform__init(d->platform);
	code = json_copy_word(platform, "os", WORD_MAX, &d->platform->os, err);
	if (code == CTR_OK)
		code = json_copy_word(platform, "architecture", WORD_MAX,
				      &d->platform->architecture, err);
	if (code == CTR_OK)
		code = json_copy_word(platform, "variant", WORD_MAX, &d->platform->variant, err);
	if (code == CTR_OK)
		code = json_copy_word(platform, "os.version", MEDIA_MAX, &d->platform->os_version,
				      err);
	return code;
}

static ctr_code parse_size_of(const json_t *obj, int64_t *ret, struct ctr_error *err)
{
	const json_t *size = json_member(obj, "size");

	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
	    json_integer_value(size) > SIZE_LIMIT)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'size' is no size");
	*ret = json_integer_value(size);
	return CTR_OK;
}

static ctr_code fill(const json_t *obj, Ctr__Worker__V1__Descriptor *d, struct ctr_error *err)
{
	ctr_code code = json_copy_word(obj, "mediaType", MEDIA_MAX, &d->media_type, err);

	if (code == CTR_OK && !d->media_type[0])
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'mediaType' is missing");
	if (code == CTR_OK)
		code = json_copy_word(obj, "digest", DIGEST_MAX, &d->digest, err);
	if (code == CTR_OK && !digest_valid(d->digest))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'digest' is no digest: '%.80s'",
				d->digest);
	if (code == CTR_OK)
		code = parse_size_of(obj, &d->size, err);
	if (code == CTR_OK)
		code = json_copy_word(obj, "artifactType", MEDIA_MAX, &d->artifact_type, err);
	if (code == CTR_OK)
		code = json_copy_pairs(obj, "annotations", &d->annotations, &d->n_annotations, err);
	return code == CTR_OK ? parse_platform(obj, d, err) : code;
}

ctr_code parse_descriptor(const json_t *obj, Ctr__Worker__V1__Descriptor **field,
			  struct ctr_error *err)
{
	if (!json_is_object(obj))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "a descriptor is no object");
	*field = malloc(sizeof(**field));
	if (!*field)
		return json_no_memory(err);
	ctr__worker__v1__descriptor__init(*field);
	return fill(obj, *field, err);
}

ctr_code parse_descriptors(const json_t *obj, const char *key, Ctr__Worker__V1__Descriptor ***field,
			   size_t *n_field, struct ctr_error *err)
{
	json_t *list;
	ctr_code code = json_get_list(obj, key, LAYERS_MAX, &list, err);

	if (code != CTR_OK || !list || json_array_size(list) == 0)
		return code;
	*field = calloc(json_array_size(list), sizeof(**field));
	if (!*field)
		return json_no_memory(err);
	for (size_t i = 0; i < json_array_size(list) && code == CTR_OK; i++) {
		code = parse_descriptor(json_array_get(list, i), &(*field)[i], err);
		if ((*field)[i])
			*n_field = i + 1;
		if (code != CTR_OK)
			return ctr_wrap(err, "%s[%zu]", key, i);
	}
	return CTR_OK;
}
