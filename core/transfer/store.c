/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of images: the last thing a transfer writes.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/ident.h"
#include "base/str.h"
#include "core/transfer/internal.h"

ctr_code image_labels(const TRANSFER(ImageStore) *store, struct ctr_labels *ret,
		      struct ctr_error *err)
{
	struct ctr_label *items = calloc(store->n_labels + 1, sizeof(*items));

	if (!items)
		return ctr_fail_errno(err, ENOMEM, "labels of image '%s'", store->name);
	for (size_t i = 0; i < store->n_labels; i++)
		items[i] = (struct ctr_label){ store->labels[i]->key, store->labels[i]->value };
	*ret = (struct ctr_labels){ items, store->n_labels };
	return CTR_OK;
}

ctr_code image_store(struct job *job, const char *name, const struct ctr_descriptor *target,
		     struct ctr_labels labels, struct ctr_error *err)
{
	const struct ctr_images_ops *images = job->s.images;
	const struct ctr_image image = {
		.size = sizeof(image), .name = name, .target = *target, .labels = labels
	};
	const struct ctr_mask all = { NULL, 0 };
	struct progress saved = {
		.event = "saved",
		.name = name,
		.media_type = target->media_type,
		.digest = target->digest,
		.size = target->length_bytes,
	};
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = CTR_ABORTED;

	/* It may come and go between the two. */
	for (int i = 0; i < 8 && (code == CTR_ABORTED || code == CTR_NOT_FOUND); i++) {
		code = images->create(job->host, &job->call, &image, 0, NULL, NULL, &why);
		if (code == CTR_ALREADY_EXISTS)
			code = images->update(job->host, &job->call, &image, all, 0, NULL, NULL,
					      &why);
	}
	if (code != CTR_OK)
		return ctr_move_error(err, &why);
	progress_send(job, &saved);
	return CTR_OK;
}

/* ---- tag ---- */

struct source_image {
	struct job *job;
	const char *name;
	struct ctr_labels labels;
	struct ctr_error *err;
	char *media_type, *digest;
	int64_t size;
	struct meta_labels annotations;
};

static ctr_code keep_target(void *ud, const struct ctr_image *image)
{
	struct source_image *s = ud;

	s->media_type = str_dup(image->target.media_type);
	s->digest = str_dup(image->target.digest);
	s->size = image->target.length_bytes;
	if (!s->media_type || !s->digest ||
	    meta_labels_copy(&s->annotations, image->target.annotations) < 0)
		return ctr_fail_errno(s->err, ENOMEM, "image '%s'", image->name);
	return CTR_OK;
}

static ctr_code write_tag(struct job *job, const struct source_image *s, const char *name,
			  struct ctr_labels labels, struct ctr_error *err)
{
	const struct ctr_descriptor target = {
		.size = sizeof(target),
		.media_type = s->media_type,
		.digest = s->digest,
		.length_bytes = s->size,
		.annotations = meta_labels_view(&s->annotations),
	};

	return image_store(job, name, &target, labels, err);
}

ctr_code tag_run(struct job *job, struct ctr_error *err)
{
	const TRANSFER(ImageStore) *from = job->source, *to = job->destination;
	struct source_image s = { .err = err };
	struct ctr_labels labels = { NULL, 0 };
	ctr_code code = CTR_OK;

	if (!*from->name || !*to->name)
		code = ctr_fail(err, CTR_INVALID_ARGUMENT, "tag: the image's name is missing");
	if (code == CTR_OK)
		code = job->s.images->get(job->host, &job->call, from->name, keep_target, &s, err);
	if (code == CTR_OK)
		code = image_labels(to, &labels, err);
	if (code == CTR_OK)
		code = write_tag(job, &s, to->name, labels, err);
	for (size_t i = 0; code == CTR_OK && i < to->n_extra_references; i++)
		if (*to->extra_references[i]->name && !to->extra_references[i]->is_prefix)
			code = write_tag(job, &s, to->extra_references[i]->name, labels, err);
	free((void *)(uintptr_t)labels.items);
	free(s.media_type);
	free(s.digest);
	meta_labels_done(&s.annotations);
	return code;
}
