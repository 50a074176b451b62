/* SPDX-License-Identifier: Apache-2.0
 *
 * Export: images as an OCI archive on the client's stream, which docker load reads too. What is
 * written is our own; the documents that say what belongs to an image are read by the parse worker.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ctr/platform.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/ident.h"
#include "base/io.h"
#include "base/str.h"
#include "core/transfer/internal.h"
#include "core/transfer/tar.h"

#define BLOBS_MAX    16384
#define DOCUMENT_MAX (16 * 1024 * 1024)
#define COPY_BYTES   STREAM_CHUNK
#define NESTING_MAX  4
#define IMAGES_MAX   256

struct item {
	char *digest;
	int64_t size;
};

struct export
{
	struct job *job;
	const TRANSFER(ImageExportStream) *to;
	struct worker *parser;
	struct item *items;
	size_t n, cap;
	struct buf index, compat; /* the elements of index.json and manifest.json */
	const char *name;         /* of the image at hand */
	int compat_done;
};

static ctr_code out_of_memory(const struct export *x, struct ctr_error *err)
{
	return ctr_fail_errno(err, ENOMEM, "export '%s'", x->name);
}

/* A JSON string, quotes included. */
static void json_text(struct buf *b, const char *s)
{
	buf_putc(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_putc(b, '\\');
		if ((unsigned char)*s < 0x20)
			buf_printf(b, "\\u%04x", (unsigned)*s);
		else
			buf_putc(b, *s);
	}
	buf_putc(b, '"');
}

static int has(const struct export *x, const char *digest)
{
	for (size_t i = 0; i < x->n; i++)
		if (str_eq(x->items[i].digest, digest))
			return 1;
	return 0;
}

static ctr_code add(struct export *x, const char *digest, int64_t size, struct ctr_error *err)
{
	struct item *grown;

	if (has(x, digest))
		return CTR_OK;
	if (x->n >= BLOBS_MAX)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "export '%s': more than %d blobs",
				x->name, BLOBS_MAX);
	if (x->n == x->cap) {
		size_t cap = x->cap ? 2 * x->cap : 64;

		grown = reallocarray(x->items, cap, sizeof(*grown));
		if (!grown)
			return out_of_memory(x, err);
		x->items = grown;
		x->cap = cap;
	}
	grown = x->items;
	grown[x->n] = (struct item){ str_dup(digest), size };
	return grown[x->n++].digest ? CTR_OK : out_of_memory(x, err);
}

static ctr_code load(struct export *x, const char *media_type, const char *digest, int64_t size,
		     const WORKER(Platform) *want, struct worker_reply *ret, struct ctr_error *err)
{
	AUTO_CLOSE int fd = -1;
	ctr_code code;

	if (size > DOCUMENT_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "document %s has %" PRId64 " bytes",
				digest, size);
	code = content_open(x->job, digest, size, &fd, err);
	if (code == CTR_OK)
		code = parse_document_fd(x->job, &x->parser, fd,
					 CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_AUTO, media_type,
					 want, ret, err);
	return code == CTR_OK ? code : ctr_wrap(err, "export '%s': %s", x->name, digest);
}

/* "blobs/sha256/<hex>" */
static void blob_path(const char *digest, char ret[CTR_DIGEST_ROOM + 8])
{
	snprintf(ret, CTR_DIGEST_ROOM + 8, "blobs/%s", digest);
	*strchr(ret, ':') = '/';
}

/* What docker calls it. */
static const char *familiar(const char *name)
{
	if (str_starts(name, "docker.io/library/"))
		return name + strlen("docker.io/library/");
	return str_starts(name, "docker.io/") ? name + strlen("docker.io/") : name;
}

static void add_compat(struct export *x, const WORKER(ParsedManifest) *m)
{
	char path[CTR_DIGEST_ROOM + 8];
	struct buf *b = &x->compat;

	if (x->compat_done || x->to->skip_compatibility_manifest ||
	    !media_is_image_config(m->config->media_type))
		return;
	x->compat_done = 1;
	blob_path(m->config->digest, path);
	buf_printf(b, "%s{\"Config\":\"%s\",\"RepoTags\":[", b->len ? "," : "", path);
	if (!strchr(x->name, '@'))
		json_text(b, familiar(x->name));
	buf_puts(b, "],\"Layers\":[");
	for (size_t i = 0; i < m->n_layers; i++) {
		blob_path(m->layers[i]->digest, path);
		buf_printf(b, "%s\"%s\"", i ? "," : "", path);
	}
	buf_puts(b, "]}");
}

static ctr_code add_manifest(struct export *x, const WORKER(ParsedManifest) *m,
			     struct ctr_error *err)
{
	ctr_code code = add(x, m->config->digest, m->config->size, err);

	for (size_t i = 0; i < m->n_layers && code == CTR_OK; i++) {
		const WORKER(Descriptor) *d = m->layers[i];

		if (x->to->skip_non_distributable && (strstr(d->media_type, "nondistributable") ||
						      strstr(d->media_type, ".foreign.")))
			continue;
		code = add(x, d->digest, d->size, err);
	}
	add_compat(x, m);
	return code;
}

static ctr_code nothing(void *ud, const struct ctr_content_info *info)
{
	(void)ud;
	(void)info;
	return CTR_OK;
}

static int here(const struct export *x, const char *digest)
{
	return x->job->s.contents->info(x->job->host, &x->job->call, digest, nothing, NULL, NULL) ==
	       CTR_OK;
}

/* want NULL: all platforms that are here. *found counts manifests. */
static ctr_code walk(struct export *x, const char *media_type, const char *digest, int64_t size,
		     const WORKER(Platform) *want, int depth, size_t *found, struct ctr_error *err)
{
	AUTO_WORKER_REPLY reply = { .msg = NULL };
	const WORKER(ParsedIndex) *index;
	ctr_code code = load(x, media_type, digest, size, want, &reply, err);

	if (code == CTR_OK)
		code = add(x, digest, size, err);
	if (code != CTR_OK)
		return code;
	if (reply.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_MANIFEST) {
		++*found;
		return add_manifest(x, reply.msg->manifest, err);
	}
	if (depth >= NESTING_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"export '%s': more than %d indexes in one another", x->name,
				NESTING_MAX);
	index = reply.msg->index;
	for (size_t i = 0; i < index->n_manifests && code == CTR_OK; i++) {
		const WORKER(Descriptor) *d = index->manifests[i];
		int wanted = !want ? here(x, d->digest)
				   : (int)i == index->chosen ||
					     (index->chosen < 0 && media_is_index(d->media_type) &&
					      here(x, d->digest));

		if (wanted)
			code = walk(x, d->media_type, d->digest, d->size, want, depth + 1, found,
				    err);
	}
	return code;
}

static ctr_code walk_platforms(struct export *x, const struct ctr_descriptor *d,
			       struct ctr_error *err)
{
	static char os[] = "linux", arch[] = CTR_ARCH;
	const TRANSFER(ImageExportStream) *to = x->to;
	size_t n = to->all_platforms ? 1 : MAX(to->n_platforms, (size_t)1), found = 0;
	ctr_code code = CTR_OK;

	for (size_t i = 0; i < n && code == CTR_OK; i++) {
		WORKER(Platform) want;

		ctr__worker__v1__platform__init(&want);
		want.os = os;
		want.architecture = arch;
		if (i < to->n_platforms) {
			want.os = to->platforms[i]->os;
			want.architecture = to->platforms[i]->architecture;
			want.variant = to->platforms[i]->variant;
		}
		code = walk(x, d->media_type, d->digest, d->length_bytes,
			    to->all_platforms ? NULL : &want, 0, &found, err);
	}
	if (code == CTR_OK && found == 0)
		return ctr_fail(err, CTR_NOT_FOUND,
				"export '%s': no manifest for the wanted platforms", x->name);
	return code;
}

/* The last part of a name, as the annotation has it. */
static const char *tag_of(const char *name, struct image_ref *room)
{
	const char *why;

	if (image_ref_parse_exact(name, room, &why) < 0)
		return name;
	return room->tag[0] ? room->tag : name;
}

static void add_to_index(struct export *x, const struct ctr_descriptor *d)
{
	struct image_ref ref;
	struct buf *b = &x->index;

	buf_printf(b, "%s{\"mediaType\":", b->len ? "," : "");
	json_text(b, d->media_type);
	buf_printf(b,
		   ",\"digest\":\"%s\",\"size\":%" PRId64
		   ",\"annotations\":{\"io.containerd.image.name\":",
		   d->digest, d->length_bytes);
	json_text(b, x->name);
	buf_puts(b, ",\"org.opencontainers.image.ref.name\":");
	json_text(b, tag_of(x->name, &ref));
	buf_puts(b, "}}");
}

struct target {
	char *media_type, *digest;
	int64_t size;
};

static ctr_code keep(void *ud, const struct ctr_image *image)
{
	struct target *t = ud;

	t->media_type = str_dup(image->target.media_type);
	t->digest = str_dup(image->target.digest);
	t->size = image->target.length_bytes;
	return t->media_type && t->digest ? CTR_OK : CTR_RESOURCE_EXHAUSTED;
}

static ctr_code add_image(struct export *x, const char *name, struct ctr_error *err)
{
	struct target t = { NULL, NULL, 0 };
	ctr_code code;

	x->name = name;
	x->compat_done = 0;
	code = x->job->s.images->get(x->job->host, &x->job->call, name, keep, &t, err);
	if (code == CTR_OK) {
		const struct ctr_descriptor d = { .size = sizeof(d),
						  .media_type = t.media_type,
						  .digest = t.digest,
						  .length_bytes = t.size };

		code = walk_platforms(x, &d, err);
		add_to_index(x, &d);
	}
	free(t.media_type);
	free(t.digest);
	return code;
}

/* ---- writing ---- */

static ctr_code write_blob(struct export *x, struct stream_writer *w, const struct item *item,
			   struct ctr_error *err)
{
	char path[CTR_DIGEST_ROOM + 8];
	AUTO_FREE void *data = malloc(COPY_BYTES);
	AUTO_CLOSE int fd = -1;
	ctr_code code = data ? content_open(x->job, item->digest, item->size, &fd, err)
			     : out_of_memory(x, err);

	blob_path(item->digest, path);
	if (code == CTR_OK)
		code = tar_header(w, path, item->size, 0444, '0', err);
	for (int64_t at = 0; code == CTR_OK && at < item->size;) {
		ssize_t n = io_pread_full(fd, data,
					  (size_t)MIN(item->size - at, (int64_t)COPY_BYTES), at);

		if (n <= 0)
			return ctr_fail_errno(err, n < 0 ? (int)n : EIO, "read content %s",
					      item->digest);
		code = stream_write(w, data, (size_t)n, err);
		at += n;
	}
	return code == CTR_OK ? tar_pad(w, item->size, err) : code;
}

static ctr_code write_json(struct export *x, struct stream_writer *w, const char *name,
			   const char *before, const struct buf *middle, const char *after,
			   struct ctr_error *err)
{
	AUTO_BUF b = BUF_INIT(DOCUMENT_MAX);

	buf_puts(&b, before);
	buf_append(&b, middle->data ? middle->data : "", middle->len);
	buf_puts(&b, after);
	if (buf_failed(&b) || buf_failed(middle))
		return out_of_memory(x, err);
	return tar_file(w, name, b.data, b.len, err);
}

static int by_digest(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->digest, ((const struct item *)b)->digest);
}

static ctr_code write_all(struct export *x, struct stream_writer *w, struct ctr_error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	ctr_code code = tar_file(w, "oci-layout", layout, sizeof(layout) - 1, err);

	if (code == CTR_OK)
		code = write_json(x, w, "index.json",
				  "{\"schemaVersion\":2,\"mediaType\":\"application/"
				  "vnd.oci.image.index.v1+json\","
				  "\"manifests\":[",
				  &x->index, "]}", err);
	if (code == CTR_OK && x->compat.len)
		code = write_json(x, w, "manifest.json", "[", &x->compat, "]", err);
	if (code == CTR_OK)
		code = tar_header(w, "blobs/", 0, 0755, '5', err);
	if (code == CTR_OK)
		code = tar_header(w, "blobs/sha256/", 0, 0755, '5', err);
	qsort(x->items, x->n, sizeof(*x->items), by_digest);
	for (size_t i = 0; i < x->n && code == CTR_OK; i++)
		code = write_blob(x, w, &x->items[i], err);
	return code == CTR_OK ? tar_end(w, err) : code;
}

static ctr_code run(struct export *x, struct ctr_stream *stream, struct ctr_error *err)
{
	const TRANSFER(ImageStore) *from = x->job->source;
	struct stream_writer w = { .stream = stream, .call = &x->job->call };
	ctr_code code = CTR_OK;

	x->name = "";
	if (!*from->name && from->n_extra_references == 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "export: the image's name is missing");
	if (from->n_extra_references > IMAGES_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "export: more than %d images",
				IMAGES_MAX);
	progress_text(x->job, "Exporting");
	if (*from->name)
		code = add_image(x, from->name, err);
	for (size_t i = 0; i < from->n_extra_references && code == CTR_OK; i++)
		if (!from->extra_references[i]->is_prefix)
			code = add_image(x, from->extra_references[i]->name, err);
	if (code == CTR_OK)
		code = write_all(x, &w, err);
	if (code == CTR_OK)
		progress_text(x->job, "Completed export");
	return code;
}

ctr_code export_run(struct job *job, struct ctr_error *err)
{
	struct export x = {
		.job = job,
		.to = job->destination,
		.index = BUF_INIT(DOCUMENT_MAX),
		.compat = BUF_INIT(DOCUMENT_MAX),
	};
	struct ctr_stream *stream = NULL;
	ctr_code code = streams_get(job->t->streams, &job->call, x.to->stream, &stream, err);

	if (code == CTR_OK)
		code = run(&x, stream, err);
	stream_close(stream, CTR_OK, NULL);
	worker_stop(x.parser);
	for (size_t i = 0; i < x.n; i++)
		free(x.items[i].digest);
	free(x.items);
	buf_done(&x.index);
	buf_done(&x.compat);
	return code;
}
