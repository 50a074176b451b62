/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests and indexes: what a document says it is must be what it was asked for as, and it cannot
 * be both (CVE-2021-41190).
 */
#include <string.h>

#include "base/str.h"
#include "worker/parse/json.h"
#include "worker/parse/media_type.h"
#include "worker/parse/parse.h"
#include "worker/parse/platform.h"

/* The document's own word on its type, or that under which it came. */
static ctr_code set_media_type(const json_t *doc, const char *media_type, char **field,
			       struct ctr_error *err)
{
	const char *own;
	ctr_code code = json_get_text(doc, "mediaType", 255, &own, err);

	if (code != CTR_OK)
		return code;
	if (own[0] && media_type[0] && strcmp(own, media_type) != 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"mediaType in the document is '%s', expected '%s'", own,
				media_type);
	*field = str_dup(own[0] ? own : media_type);
	return *field ? CTR_OK : json_no_memory(err);
}

ctr_code parse_manifest(const json_t *doc, const char *media_type,
			Ctr__Worker__V1__ParsedManifest *m, struct ctr_error *err)
{
	json_t *subject = NULL;
	ctr_code code = set_media_type(doc, media_type, &m->media_type, err);

	if (code != CTR_OK)
		return code;
	if (!json_member(doc, "config"))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'config' is missing");
	if (parse_descriptor(json_member(doc, "config"), &m->config, err) != CTR_OK)
		return ctr_wrap(err, "config");
	code = parse_descriptors(doc, "layers", &m->layers, &m->n_layers, err);
	if (code == CTR_OK)
		code = json_copy_pairs(doc, "annotations", &m->annotations, &m->n_annotations, err);
	if (code == CTR_OK)
		code = json_copy_word(doc, "artifactType", 255, &m->artifact_type, err);
	if (code == CTR_OK)
		code = json_get_object(doc, "subject", &subject, err);
	if (code == CTR_OK && subject && parse_descriptor(subject, &m->subject, err) != CTR_OK)
		return ctr_wrap(err, "subject");
	return code;
}

/* The first of the best; an entry that names no platform is better than none. */
static int32_t choose(const Ctr__Worker__V1__ParsedIndex *x, const struct platform *want)
{
	int32_t chosen = -1;
	int best = 1000;

	for (size_t i = 0; i < x->n_manifests; i++) {
		const Ctr__Worker__V1__Descriptor *d = x->manifests[i];
		struct platform have;
		int fit = 999;

		if (media_type_document(d->media_type) != DOC_MANIFEST)
			continue;
		if (d->platform && (d->platform->os[0] || d->platform->architecture[0])) {
			platform_normalize(d->platform->os, d->platform->architecture,
					   d->platform->variant, &have);
			fit = platform_match(want, &have);
		}
		if (fit >= 0 && fit < best) {
			best = fit;
			chosen = (int32_t)i;
		}
	}
	return chosen;
}

ctr_code parse_index(const json_t *doc, const char *media_type,
		     const Ctr__Worker__V1__Platform *want, Ctr__Worker__V1__ParsedIndex *x,
		     struct ctr_error *err)
{
	struct platform wanted;
	ctr_code code = set_media_type(doc, media_type, &x->media_type, err);

	if (code == CTR_OK)
		code = parse_descriptors(doc, "manifests", &x->manifests, &x->n_manifests, err);
	if (code == CTR_OK)
		code = json_copy_pairs(doc, "annotations", &x->annotations, &x->n_annotations, err);
	if (code != CTR_OK)
		return code;
	platform_normalize(want ? want->os : "", want ? want->architecture : "",
			   want ? want->variant : "", &wanted);
	x->chosen = choose(x, &wanted);
	return CTR_OK;
}
