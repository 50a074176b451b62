/* SPDX-License-Identifier: Apache-2.0
 *
 * From a reference's descriptor to what is to be fetched and unpacked: indexes, manifests and image
 * configs, fetched into the store, read by the parse worker, labelled with what they keep.
 * Coordinator only.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <ctr/platform.h>

#include "base/str.h"
#include "core/transfer/pull.h"

#define NESTING_MAX  4
#define DOCUMENT_MAX (8 * 1024 * 1024)

static ctr_code out_of_memory(const struct pull *p, struct ctr_error *err)
{
	return ctr_fail_errno(err, ENOMEM, "%s", p->what);
}

static const char *kind_of(const char *media_type)
{
	return media_is_index(media_type) ? "index" : "manifest";
}

/* Fetch one document and have it read. */
static ctr_code load(struct pull *p, const char *kind, const WORKER(Descriptor) *d,
		     const char *parent, const WORKER(Platform) *want, struct blob **ret_blob,
		     struct worker_reply *ret, struct ctr_error *err)
{
	int config = str_eq(kind, "config");
	struct blob *b;
	ctr_code code;

	if (d->size > DOCUMENT_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"%s %s has %" PRId64 " bytes, more than %d", kind, d->digest,
				d->size, DOCUMENT_MAX);
	b = blob_get(p, kind, d, parent);
	if (!b)
		return out_of_memory(p, err);
	code = pull_drive(p, err);
	if (code != CTR_OK)
		return code;
	code = parse_document_fd(p->job, &p->parser, b->read_fd,
				 config ? CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_CONFIG
					: CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_AUTO,
				 d->media_type, want, ret, err);
	if (code != CTR_OK)
		return ctr_wrap(err, "%s: %s", p->what, b->ref);
	*ret_blob = b;
	return CTR_OK;
}

/* What to do with a manifest. */
struct wish {
	const WORKER(Platform) *platform; /* NULL: all */
	const char *snapshotter;          /* NULL: not unpacked */
	int metadata_only;                /* no layers */
	size_t found;
};

static ctr_code add_layers(struct pull *p, const WORKER(ParsedManifest) *m, const char *parent,
			   struct ctr_error *err)
{
	for (size_t i = 0; i < m->n_layers; i++) {
		const char *kind = media_is_layer(m->layers[i]->media_type) ? "layer" : "unknown";

		if (!blob_get(p, kind, m->layers[i], parent))
			return out_of_memory(p, err);
	}
	return CTR_OK;
}

/* An image without an index says in its config what it is for. */
static ctr_code check_platform(const struct pull *p, const WORKER(ParsedConfig) *c,
			       const WORKER(Platform) *want, struct ctr_error *err)
{
	int runs = str_eq(c->architecture, want->architecture) ||
		   (str_eq(want->architecture, "amd64") && str_eq(c->architecture, "386")) ||
		   (str_eq(want->architecture, "arm64") && str_eq(c->architecture, "arm"));

	if ((!*c->os || str_eq(c->os, want->os)) && (!*c->architecture || runs))
		return CTR_OK;
	return ctr_fail(err, CTR_NOT_FOUND, "%s: the image is for platform %s/%s, not %s/%s",
			p->what, c->os, c->architecture, want->os, want->architecture);
}

static ctr_code take_manifest(struct pull *p, struct blob *b, struct worker_reply *reply,
			      struct wish *w, struct ctr_error *err)
{
	const WORKER(ParsedManifest) *m = reply->msg->manifest;
	AUTO_LABELS labels = META_LABELS_INIT;
	AUTO_WORKER_REPLY config = { .msg = NULL };
	struct blob *config_blob = NULL;
	ctr_code code;

	w->found++;
	if (labels_of_manifest(m, &labels) < 0)
		return out_of_memory(p, err);
	code = labels_add(p->job, b->digest, &labels, err);
	if (code != CTR_OK)
		return code;
	/* Before the layers, which are fetched in the order of this list. */
	if (!w->snapshotter || !media_is_image_config(m->config->media_type)) {
		if (!blob_get(p, "config", m->config, b->ref))
			return out_of_memory(p, err);
		return w->metadata_only ? CTR_OK : add_layers(p, m, b->ref, err);
	}
	code = load(p, "config", m->config, b->ref, NULL, &config_blob, &config, err);
	if (code == CTR_OK)
		code = check_platform(p, config.msg->config, w->platform, err);
	if (code == CTR_OK)
		code = add_layers(p, m, b->ref, err);
	return code == CTR_OK
		       ? unit_add(p, w->snapshotter, config_blob->digest, reply, &config, err)
		       : code;
}

static ctr_code walk(struct pull *p, const WORKER(Descriptor) *d, const char *parent, int depth,
		     struct wish *w, struct ctr_error *err);

static ctr_code nothing(void *ud, const struct ctr_content_info *info)
{
	(void)ud;
	(void)info;
	return CTR_OK;
}

static int here(const struct pull *p, const char *digest)
{
	struct job *job = p->job;

	return job->s.contents->info(job->host, &job->call, digest, nothing, NULL, NULL) == CTR_OK;
}

static ctr_code take_index(struct pull *p, struct blob *b, const WORKER(ParsedIndex) *x, int depth,
			   struct wish *w, struct ctr_error *err)
{
	AUTO_LABELS labels = META_LABELS_INIT;
	ctr_code code;

	if (depth >= NESTING_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"%s: more than %d indexes in one another", p->what, NESTING_MAX);
	if (labels_of_index(x, &labels) < 0)
		return out_of_memory(p, err);
	code = labels_add(p->job, b->digest, &labels, err);
	if (code != CTR_OK)
		return code;
	if (w->platform && x->chosen >= 0)
		return walk(p, x->manifests[x->chosen], b->ref, depth + 1, w, err);
	for (size_t i = 0; i < x->n_manifests && code == CTR_OK; i++) {
		const char *type = x->manifests[i]->media_type;
		/* Below an index of indexes the right platform may be in any of them. */
		int look = w->platform ? media_is_index(type) && !w->found
				       : media_is_manifest(type) || media_is_index(type);

		/* An archive need not have all that its index lists. */
		if (look && !p->fetch && !w->platform && !here(p, x->manifests[i]->digest))
			continue;
		if (look)
			code = walk(p, x->manifests[i], b->ref, depth + 1, w, err);
	}
	return code;
}

static ctr_code walk(struct pull *p, const WORKER(Descriptor) *d, const char *parent, int depth,
		     struct wish *w, struct ctr_error *err)
{
	AUTO_WORKER_REPLY reply = { .msg = NULL };
	struct blob *b = NULL;
	ctr_code code = load(p, kind_of(d->media_type), d, parent, w->platform, &b, &reply, err);

	if (code != CTR_OK)
		return code;
	if (reply.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_MANIFEST)
		return take_manifest(p, b, &reply, w, err);
	return take_index(p, b, reply.msg->index, depth, w, err);
}

/* ---- platforms ---- */

static void to_worker(const Containerd__Types__Platform *from, WORKER(Platform) *ret)
{
	static char os[] = "linux", arch[] = CTR_ARCH;

	ctr__worker__v1__platform__init(ret);
	ret->os = os;
	ret->architecture = arch;
	if (!from)
		return;
	ret->os = *from->os ? from->os : os;
	ret->architecture = *from->architecture ? from->architecture : arch;
	ret->variant = from->variant;
	ret->os_version = from->os_version;
}

static ctr_code none_for(const struct pull *p, const WORKER(Platform) *want, struct ctr_error *err)
{
	return ctr_fail(err, CTR_NOT_FOUND, "%s: no manifest for platform %s/%s%s%s", p->what,
			want->os, want->architecture, *want->variant ? "/" : "", want->variant);
}

/* Of several platforms those that the image has; at least one. */
static ctr_code walk_platforms(struct pull *p, const WORKER(Descriptor) *top,
			       const TRANSFER(ImageStore) *store, struct ctr_error *err)
{
	WORKER(Platform) want;
	size_t found = 0;

	for (size_t i = 0; i < store->n_platforms; i++) {
		struct wish w = { .platform = &want };
		ctr_code code;

		to_worker(store->platforms[i], &want);
		code = walk(p, top, p->name, 0, &w, err);
		if (code != CTR_OK)
			return code;
		found += w.found;
	}
	return found ? CTR_OK : none_for(p, &want, err);
}

static ctr_code walk_unpacks(struct pull *p, const WORKER(Descriptor) *top,
			     const TRANSFER(ImageStore) *store, struct ctr_error *err)
{
	for (size_t i = 0; i < store->n_unpacks; i++) {
		AUTO_FREE char *snapshotter = NULL;
		WORKER(Platform) want;
		struct wish w = { .platform = &want };
		ctr_code code = choose_snapshotter(p->job, store->unpacks[i]->snapshotter,
						   &snapshotter, err);

		if (code != CTR_OK)
			return code;
		to_worker(store->unpacks[i]->platform, &want);
		w.snapshotter = snapshotter;
		code = walk(p, top, p->name, 0, &w, err);
		if (code == CTR_OK && w.found == 0)
			code = none_for(p, &want, err);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

ctr_code pull_documents(struct pull *p, const WORKER(Descriptor) *top, struct ctr_error *err)
{
	const TRANSFER(ImageStore) *store = p->job->destination;
	/* No platform is named: all, as containerd has it. */
	struct wish all = { .metadata_only = store->n_platforms > 0 };
	ctr_code code = walk_unpacks(p, top, store, err);

	if (code == CTR_OK && store->n_platforms > 0)
		code = walk_platforms(p, top, store, err);
	if (code == CTR_OK && (store->n_platforms == 0 || store->all_metadata))
		code = walk(p, top, p->name, 0, &all, err);
	return code == CTR_OK ? pull_drive(p, err) : code;
}
