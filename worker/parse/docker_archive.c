/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.json of `docker save`: a list of images, each with the paths of its config and layers
 * and with its names.
 */
#include "worker/parse/json.h"
#include "worker/parse/parse.h"

#define IMAGES_MAX 256

static ctr_code parse_image(const json_t *from, Ctr__Worker__V1__DockerImage *to,
			    struct ctr_error *err)
{
	ctr_code code = json_copy_text(from, "Config", 512, &to->config, err);

	if (code == CTR_OK && !to->config[0])
		code = ctr_fail(err, CTR_INVALID_ARGUMENT, "'Config' is missing");
	if (code == CTR_OK)
		code = json_copy_list(from, "RepoTags", &to->repo_tags, &to->n_repo_tags, err);
	if (code == CTR_OK)
		code = json_copy_list(from, "Layers", &to->layers, &to->n_layers, err);
	return code;
}

ctr_code parse_docker_archive(const json_t *list, Ctr__Worker__V1__DockerArchive *a,
			      struct ctr_error *err)
{
	size_t n = json_array_size(list);

	if (n > IMAGES_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "more than %d images", IMAGES_MAX);
	a->images = calloc(n + 1, sizeof(*a->images));
	if (!a->images)
		return json_no_memory(err);
	for (size_t i = 0; i < n; i++) {
		const json_t *from = json_array_get(list, i);
		Ctr__Worker__V1__DockerImage *to = malloc(sizeof(*to));

		if (!to)
			return json_no_memory(err);
		ctr__worker__v1__docker_image__init(to);
		a->images[a->n_images++] = to;
		if (!json_is_object(from))
			return ctr_fail(err, CTR_INVALID_ARGUMENT, "[%zu] is no object", i);
		if (parse_image(from, to, err) != CTR_OK)
			return ctr_wrap(err, "[%zu]", i);
	}
	return CTR_OK;
}
