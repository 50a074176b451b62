/* SPDX-License-Identifier: Apache-2.0
 *
 * The labels by which a blob keeps others alive, and adding labels to blobs. A write only where
 * something changes, so that a second pull of an image costs none.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "core/transfer/internal.h"

#define REF_CONTENT "containerd.io/gc.ref.content."
#define SOURCE      "containerd.io/distribution.source."

static int add_ref(struct meta_labels *l, const char *kind, size_t i, const char *digest)
{
	char key[96];

	snprintf(key, sizeof(key), REF_CONTENT "%s%zu", kind, i);
	return meta_labels_set(l, key, digest);
}

int labels_of_index(const WORKER(ParsedIndex) *index, struct meta_labels *ret)
{
	size_t m = 0, other = 0;

	for (size_t i = 0; i < index->n_manifests; i++) {
		const WORKER(Descriptor) *d = index->manifests[i];
		int manifest = media_is_manifest(d->media_type) || media_is_index(d->media_type);
		int r = manifest ? add_ref(ret, "m.", m++, d->digest)
				 : add_ref(ret, "", other++, d->digest);

		if (r < 0)
			return r;
	}
	return 0;
}

int labels_of_manifest(const WORKER(ParsedManifest) *manifest, struct meta_labels *ret)
{
	size_t layer = 0, other = 0;
	int r = meta_labels_set(ret, REF_CONTENT "config", manifest->config->digest);

	for (size_t i = 0; r == 0 && i < manifest->n_layers; i++) {
		const WORKER(Descriptor) *d = manifest->layers[i];

		r = media_is_layer(d->media_type) ? add_ref(ret, "l.", layer++, d->digest)
						  : add_ref(ret, "", other++, d->digest);
	}
	return r;
}

/* "a,b" and b. The key that holds a list grows, all others are set. NULL on OOM. */
static char *merged(const char *key, const char *old, const char *value)
{
	size_t n = strlen(value);

	if (!old || !*old || !str_starts(key, SOURCE))
		return str_dup(value);
	for (const char *at = old; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (strncmp(at, value, n) == 0 && (at[n] == ',' || at[n] == '\0'))
			return str_dup(old);
	return str_printf("%s,%s", old, value);
}

struct change {
	const struct meta_labels *add;
	struct meta_labels labels; /* to be written */
	char **paths;
};

static ctr_code find_changes(void *ud, const struct ctr_content_info *info)
{
	struct change *c = ud;

	for (size_t i = 0; i < c->add->n; i++) {
		const struct ctr_label *l = &c->add->items[i];
		const char *old = meta_label(info->labels, l->key);
		AUTO_FREE char *value = merged(l->key, old, l->value);
		AUTO_FREE char *path = str_printf("labels.%s", l->key);

		if (!value || !path)
			return CTR_RESOURCE_EXHAUSTED;
		if (old && str_eq(old, value))
			continue;
		if (meta_labels_set(&c->labels, l->key, value) < 0 ||
		    strv_push(&c->paths, path) < 0)
			return CTR_RESOURCE_EXHAUSTED;
	}
	return CTR_OK;
}

ctr_code labels_add(struct job *job, const char *digest, const struct meta_labels *add,
		    struct ctr_error *err)
{
	const struct ctr_contents_ops *contents = job->s.contents;
	struct change c = { .add = add };
	ctr_code code = contents->info(job->host, &job->call, digest, find_changes, &c, err);

	if (code == CTR_OK && c.paths)
		code = contents->update(
			job->host, &job->call, digest, meta_labels_view(&c.labels),
			(struct ctr_mask){ (const char *const *)c.paths, strv_len(c.paths) }, NULL,
			NULL, err);
	strv_free(c.paths);
	meta_labels_done(&c.labels);
	return code;
}
