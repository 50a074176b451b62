/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of records in one block: first measured, then filled by the same walk.
 */
#include "core/meta/clone.h"

#include <stdalign.h>
#include <string.h>

#include "base/macros.h"

/* With data NULL it only counts. */
struct arena {
	char *data;
	size_t n;
};

static void *take(struct arena *a, const void *from, size_t n)
{
	size_t at = (a->n + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);

	a->n = at + n;
	if (!a->data)
		return NULL;
	if (n)
		memcpy(a->data + at, from, n);
	return a->data + at;
}

static const char *text(struct arena *a, const char *s)
{
	return s ? take(a, s, strlen(s) + 1) : NULL;
}

static struct ctr_any any(struct arena *a, struct ctr_any v)
{
	return (struct ctr_any){ .type_url = text(a, v.type_url),
				 .value = take(a, v.value, v.n),
				 .n = v.n };
}

static struct ctr_labels labels(struct arena *a, struct ctr_labels l)
{
	struct ctr_label *items = take(a, l.items, l.n * sizeof(*l.items));

	for (uint64_t i = 0; i < l.n; i++) {
		const char *key = text(a, l.items[i].key), *value = text(a, l.items[i].value);

		if (items)
			items[i] = (struct ctr_label){ .key = key, .value = value };
	}
	return (struct ctr_labels){ .items = items, .n = l.n };
}

static struct ctr_container *copy_container(struct arena *a, const struct ctr_container *c)
{
	struct ctr_container *to = take(a, c, sizeof(*c));
	struct ctr_container copy = *c;

	copy.id = text(a, c->id);
	copy.image = text(a, c->image);
	copy.runtime = text(a, c->runtime);
	copy.snapshotter = text(a, c->snapshotter);
	copy.snapshot_key = text(a, c->snapshot_key);
	copy.sandbox = text(a, c->sandbox);
	copy.options = any(a, c->options);
	copy.spec = any(a, c->spec);
	copy.labels = labels(a, c->labels);

	struct ctr_extension *extensions =
		take(a, c->extensions, c->n_extensions * sizeof(*extensions));

	for (uint64_t i = 0; i < c->n_extensions; i++) {
		const char *key = text(a, c->extensions[i].key);
		struct ctr_any value = any(a, c->extensions[i].value);

		if (extensions)
			extensions[i] = (struct ctr_extension){ .key = key, .value = value };
	}
	copy.extensions = extensions;
	if (to)
		*to = copy;
	return to;
}

static struct ctr_image *copy_image(struct arena *a, const struct ctr_image *image)
{
	struct ctr_image *to = take(a, image, sizeof(*image));
	struct ctr_image copy = *image;

	copy.name = text(a, image->name);
	copy.target.media_type = text(a, image->target.media_type);
	copy.target.digest = text(a, image->target.digest);
	copy.target.annotations = labels(a, image->target.annotations);
	copy.labels = labels(a, image->labels);
	if (to)
		*to = copy;
	return to;
}

struct ctr_container *container_clone(const struct ctr_container *c)
{
	struct arena a = { 0 };

	copy_container(&a, c);
	a.data = malloc(a.n);
	a.n = 0;
	return a.data ? copy_container(&a, c) : NULL;
}

struct ctr_image *image_clone(const struct ctr_image *image)
{
	struct arena a = { 0 };

	copy_image(&a, image);
	a.data = malloc(a.n);
	a.n = 0;
	return a.data ? copy_image(&a, image) : NULL;
}

ctr_code container_keep(void *ud, const struct ctr_container *c)
{
	struct ctr_container **ret = ud;

	*ret = container_clone(c);
	return *ret ? CTR_OK : CTR_RESOURCE_EXHAUSTED;
}

ctr_code image_keep(void *ud, const struct ctr_image *image)
{
	struct ctr_image **ret = ud;

	*ret = image_clone(image);
	return *ret ? CTR_OK : CTR_RESOURCE_EXHAUSTED;
}
