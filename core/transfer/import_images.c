/* SPDX-License-Identifier: Apache-2.0
 *
 * The images of an archive and their names: an OCI layout's index.json, or the manifest.json of
 * docker save, for whose images a manifest is written here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/str.h"
#include "core/transfer/archive.h"

#define OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"
#define DOCKER_LAYER    "application/vnd.docker.image.rootfs.diff.tar"
#define NAME_ROOM       1024
#define LINKS_MAX       8

/* ---- names ---- */

static const char *annotation(const WORKER(Descriptor) *d, const char *key)
{
	for (size_t i = 0; i < d->n_annotations; i++)
		if (str_eq(d->annotations[i]->key, key))
			return d->annotations[i]->value;
	return "";
}

/* A whole name, completed as people write them; 0 when it is none. */
static int complete(const char *name, char ret[NAME_ROOM])
{
	struct image_ref ref;

	if (!*name || image_ref_parse(name, &ref, NULL) < 0)
		return 0;
	snprintf(ret, NAME_ROOM, "%s", ref.full);
	return 1;
}

/*
 * The name by one reference of the request: what the archive says, if it begins with the prefix; a
 * tag alone behind the prefix; the digest behind it where nothing else is there.
 */
static int by_reference(const TRANSFER(ImageReference) *r, const char *full, const char *tag,
			const char *digest, char ret[NAME_ROOM])
{
	char own[NAME_ROOM];

	if (!r->is_prefix)
		return 0;
	if (complete(full, own) && (str_starts(own, r->name) || str_starts(full, r->name))) {
		snprintf(ret, NAME_ROOM, "%s", str_starts(own, r->name) ? own : full);
		return 1;
	}
	if (!*full && *tag && *r->name)
		return snprintf(ret, NAME_ROOM, "%s:%s", r->name, tag) < NAME_ROOM;
	/* Some write the whole name where the tag belongs. */
	if (!*full && *tag && strpbrk(tag, ":/"))
		return complete(tag, ret);
	if (!*full && !*tag && *r->name && r->add_digest)
		return snprintf(ret, NAME_ROOM, "%s@%s", r->name, digest) < NAME_ROOM;
	return 0;
}

/* Store it under every name that it has; *count grows. */
static ctr_code store_names(struct pull *p, const struct ctr_descriptor *target, const char *full,
			    const char *tag, size_t *count, struct ctr_error *err)
{
	const TRANSFER(ImageStore) *to = p->job->destination;
	struct ctr_labels labels = { NULL, 0 };
	char name[NAME_ROOM];
	ctr_code code = image_labels(to, &labels, err);

	if (code == CTR_OK && *to->name) {
		code = image_store(p->job, to->name, target, labels, err);
		++*count;
	}
	for (size_t i = 0; i < to->n_extra_references && code == CTR_OK; i++) {
		if (!by_reference(to->extra_references[i], full, tag, target->digest, name))
			continue;
		code = image_store(p->job, name, target, labels, err);
		++*count;
		break;
	}
	if (code == CTR_OK && !*to->name && to->n_extra_references == 0 &&
	    complete(str_or(full, tag), name)) {
		code = image_store(p->job, name, target, labels, err);
		++*count;
	}
	free((void *)(uintptr_t)labels.items);
	return code;
}

static ctr_code no_names(const struct pull *p, struct ctr_error *err)
{
	return ctr_fail(err, CTR_INVALID_ARGUMENT,
			"%s: the archive gives no image a name that was asked for", p->what);
}

static ctr_code one_name(const struct pull *p, size_t n, struct ctr_error *err)
{
	const TRANSFER(ImageStore) *to = p->job->destination;

	if (n == 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s: there is no image in the archive",
				p->what);
	if (n > 1 && *to->name)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s: one name for %zu images", p->what,
				n);
	return CTR_OK;
}

/* ---- OCI ---- */

static void descriptor_of(const WORKER(Descriptor) *d, struct ctr_descriptor *ret)
{
	*ret = (struct ctr_descriptor){ .size = sizeof(*ret),
					.media_type = d->media_type,
					.digest = d->digest,
					.length_bytes = d->size };
}

ctr_code import_oci(struct pull *p, const struct archive *a, const struct archive_entry *entry,
		    struct ctr_error *err)
{
	AUTO_WORKER_REPLY reply = { .msg = NULL };
	const WORKER(ParsedIndex) *index;
	size_t count = 0;
	ctr_code code = archive_parse(p, a, entry, CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_INDEX,
				      OCI_INDEX, &reply, err);

	if (code != CTR_OK)
		return code;
	index = reply.msg->index;
	code = one_name(p, index->n_manifests, err);
	for (size_t i = 0; i < index->n_manifests && code == CTR_OK; i++)
		code = pull_documents(p, index->manifests[i], err);
	if (code == CTR_OK)
		code = units_commit(p, err);
	for (size_t i = 0; i < index->n_manifests && code == CTR_OK; i++) {
		const WORKER(Descriptor) *d = index->manifests[i];
		struct ctr_descriptor target;

		descriptor_of(d, &target);
		code = store_names(p, &target, annotation(d, "io.containerd.image.name"),
				   annotation(d, "org.opencontainers.image.ref.name"), &count, err);
	}
	return code == CTR_OK && count == 0 ? no_names(p, err) : code;
}

/* ---- docker ---- */

int archive_link_path(const char *path, const char *link, char *ret, size_t room)
{
	const char *slash = strrchr(path, '/');
	char joined[2 * NAME_ROOM];
	size_t n = 0;

	if (*link == '/')
		slash = NULL;
	if (snprintf(joined, sizeof(joined), "%.*s/%s", slash ? (int)(slash - path) : 0, path,
		     link) >= (int)sizeof(joined))
		return -EINVAL;
	for (char *at = joined, *part; (part = strsep(&at, "/"));) {
		if (!*part || str_eq(part, "."))
			continue;
		if (str_eq(part, "..")) {
			if (n == 0)
				return -EINVAL;
			while (n > 0 && ret[n - 1] != '/')
				n--;
			n -= n > 0;
			continue;
		}
		if (n + strlen(part) + 2 > room)
			return -EINVAL;
		n += (size_t)snprintf(ret + n, room - n, "%s%s", n ? "/" : "", part);
	}
	ret[n] = '\0';
	return n ? 0 : -EINVAL;
}

/* The file of a path, through the links that docker's old archives have. */
static const struct archive_entry *follow(const struct archive *a, const char *path)
{
	const struct archive_entry *e = archive_find(a, path);
	char target[NAME_ROOM];

	for (int i = 0; e && e->link && i < LINKS_MAX; i++) {
		if (archive_link_path(e->hard ? "" : e->path, e->link, target, sizeof(target)) < 0)
			return NULL;
		e = archive_find(a, target);
	}
	return e && !e->link ? e : NULL;
}

/* gzip or not: docker's archives do not say. */
static const char *layer_suffix(const struct archive *a, const struct archive_entry *e)
{
	unsigned char magic[4] = { 0 };
	static const unsigned char zstd[4] = { 0x28, 0xb5, 0x2f, 0xfd };

	if (e->size < 4 || io_pread_full(a->fd, magic, sizeof(magic), e->offset) != sizeof(magic))
		return "";
	if (memcmp(magic, zstd, sizeof(zstd)) == 0)
		return ".zstd";
	return magic[0] == 0x1f && magic[1] == 0x8b ? ".gzip" : "";
}

static ctr_code add_part(struct pull *p, const struct archive *a, const char *path,
			 const char *media_type, int layer, struct buf *b, struct ctr_error *err)
{
	const struct archive_entry *e = follow(a, path);

	if (!e)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s: '%.256s' is not in the archive",
				p->what, path);
	buf_printf(b, "{\"mediaType\":\"%s%s\",\"size\":%" PRId64 ",\"digest\":\"%s\"}", media_type,
		   layer ? layer_suffix(a, e) : "", e->size, e->digest);
	return archive_store(p, a, e, e->digest, err);
}

static ctr_code write_manifest(struct pull *p, const struct archive *a,
			       const WORKER(DockerImage) *image, struct buf *b,
			       struct ctr_error *err)
{
	ctr_code code;

	buf_puts(b, "{\"schemaVersion\":2,\"mediaType\":\"" DOCKER_MANIFEST "\",\"config\":");
	code = add_part(p, a, image->config, DOCKER_CONFIG, 0, b, err);
	buf_puts(b, ",\"layers\":[");
	for (size_t i = 0; i < image->n_layers && code == CTR_OK; i++) {
		if (i)
			buf_putc(b, ',');
		code = add_part(p, a, image->layers[i], DOCKER_LAYER, 1, b, err);
	}
	buf_puts(b, "]}");
	if (code == CTR_OK && buf_failed(b))
		return ctr_fail_errno(err, buf_failed(b), "%s: manifest", p->what);
	return code;
}

static ctr_code store_manifest(struct pull *p, const struct buf *b, char digest[CTR_DIGEST_ROOM],
			       struct ctr_error *err)
{
	const struct ctr_contents_ops *contents = p->job->s.contents;
	const struct ctr_labels none = { NULL, 0 };
	struct ctr_content_writer *w = NULL;
	unsigned char sum[EVP_MAX_MD_SIZE];
	ctr_code code;

	if (EVP_Digest(b->data, b->len, sum, NULL, EVP_sha256(), NULL) != 1)
		return ctr_fail_errno(err, ENOMEM, "%s: manifest", p->what);
	memcpy(digest, "sha256:", 7);
	hex_encode(sum, 32, digest + 7);
	AUTO_FREE char *ref = archive_ref(digest);
	const struct ctr_ingest_open open = {
		.size = sizeof(open), .ref = ref, .expected = digest, .total_bytes = (int64_t)b->len
	};
	const struct ctr_content_commit commit = { .size = sizeof(commit),
						   .total_bytes = (int64_t)b->len,
						   .expected = digest,
						   .digest = "" };

	if (!ref)
		return ctr_fail_errno(err, ENOMEM, "%s: manifest", p->what);
	code = contents->writer(p->job->host, &p->job->call, &open, &w, err);
	if (code == CTR_ALREADY_EXISTS)
		return CTR_OK;
	if (code == CTR_OK)
		code = contents->truncate(w, 0, err);
	if (code == CTR_OK)
		code = contents->write(w, b->data, b->len, err);
	if (code == CTR_OK)
		code = contents->commit(w, &p->job->call, &commit, none, digest, err);
	contents->writer_close(w);
	return code == CTR_ALREADY_EXISTS ? CTR_OK : code;
}

static ctr_code import_one(struct pull *p, const struct archive *a,
			   const WORKER(DockerImage) *image, size_t *count, struct ctr_error *err)
{
	AUTO_BUF b = BUF_INIT(ARCHIVE_DOCUMENT_MAX);
	char digest[CTR_DIGEST_ROOM], media_type[] = DOCKER_MANIFEST;
	WORKER(Descriptor) d;
	struct ctr_descriptor target;
	ctr_code code = write_manifest(p, a, image, &b, err);

	if (code == CTR_OK)
		code = store_manifest(p, &b, digest, err);
	if (code != CTR_OK)
		return code;
	ctr__worker__v1__descriptor__init(&d);
	d.digest = digest;
	d.media_type = media_type;
	d.size = (int64_t)b.len;
	descriptor_of(&d, &target);
	code = pull_documents(p, &d, err);
	if (code == CTR_OK)
		code = units_commit(p, err);
	if (code == CTR_OK && image->n_repo_tags == 0)
		code = store_names(p, &target, "", "", count, err);
	for (size_t i = 0; i < image->n_repo_tags && code == CTR_OK; i++)
		code = store_names(p, &target, image->repo_tags[i], "", count, err);
	return code;
}

ctr_code import_docker(struct pull *p, const struct archive *a, const struct archive_entry *entry,
		       struct ctr_error *err)
{
	AUTO_WORKER_REPLY reply = { .msg = NULL };
	const WORKER(DockerArchive) *docker;
	size_t count = 0, parts = 0;
	ctr_code code =
		archive_parse(p, a, entry, CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_DOCKER_ARCHIVE,
			      "", &reply, err);

	if (code != CTR_OK)
		return code;
	docker = reply.msg->docker_archive;
	code = one_name(p, docker->n_images, err);
	for (size_t i = 0; i < docker->n_images; i++)
		parts += 1 + docker->images[i]->n_layers;
	if (code == CTR_OK && parts > ARCHIVE_PARTS_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"%s: the images have more than %d configs and layers", p->what,
				ARCHIVE_PARTS_MAX);
	for (size_t i = 0; i < docker->n_images && code == CTR_OK; i++)
		code = import_one(p, a, docker->images[i], &count, err);
	return code == CTR_OK && count == 0 ? no_names(p, err) : code;
}
