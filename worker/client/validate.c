/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks every field of every reply before the daemon reads it: kinds that the role may send,
 * lengths, counts, UTF-8, digest syntax, sizes. Pure functions, any thread.
 */
#include "worker/client/validate.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "base/ident.h"
#include "base/str.h"

#define MEDIA_TYPE_MAX 255
#define SIZE_MAX_BYTES (INT64_C(1) << 50)
#define KIND(k)        (1u << CTR__WORKER__V1__REPLY__RESULT_##k)

static const unsigned role_kinds[WORKER_ROLES] = {
	[ROLE_FETCH] = KIND(READY) | KIND(FAILED) | KIND(RESOLVED) | KIND(PROGRESS) |
		       KIND(FETCHED) | KIND(AUTH_NEEDED),
	[ROLE_PARSE] = KIND(READY) | KIND(FAILED) | KIND(MANIFEST) | KIND(INDEX) | KIND(CONFIG) |
		       KIND(DOCKER_ARCHIVE),
	[ROLE_UNPACK] = KIND(READY) | KIND(FAILED) | KIND(PROGRESS) | KIND(OPAQUE) | KIND(UNPACKED),
	[ROLE_COMPARE] = KIND(READY) | KIND(FAILED) | KIND(PROGRESS) | KIND(COMPARED),
	[ROLE_IMPORT] =
		KIND(READY) | KIND(FAILED) | KIND(PROGRESS) | KIND(ARCHIVE_ENTRY) | KIND(ARCHIVED),
};

static ctr_code bad(struct ctr_error *err, const char *what)
{
	return ctr_fail(err, CTR_DATA_LOSS, "worker's reply refused: %s", what);
}

static int text_ok(const char *s, size_t max)
{
	size_t n = strnlen(s, max + 1);

	return n <= max && str_is_utf8(s, n);
}

/*
 * One line for a person: no control characters, which a worker in bad hands might send to a
 * terminal.
 */
static int line_ok(const char *s, size_t max)
{
	for (const char *c = s; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return 0;
	return text_ok(s, max);
}

/* Printable ASCII without space: media types, hosts, platform words. */
static int word_ok(const char *s, size_t max)
{
	size_t i = 0;

	for (; s[i] && i <= max; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return 0;
	return i <= max;
}

static int strings_ok(char *const *v, size_t n)
{
	if (n > REPLY_STRINGS_MAX)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!text_ok(v[i], REPLY_STRING_MAX))
			return 0;
	return 1;
}

static int pairs_ok(Ctr__Worker__V1__Pair *const *v, size_t n)
{
	if (n > REPLY_STRINGS_MAX)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!text_ok(v[i]->key, REPLY_STRING_MAX) ||
		    !text_ok(v[i]->value, REPLY_STRING_MAX))
			return 0;
	return 1;
}

static int platform_ok(const Ctr__Worker__V1__Platform *p)
{
	return !p || (word_ok(p->os, 64) && word_ok(p->architecture, 64) &&
		      word_ok(p->variant, 64) && text_ok(p->os_version, 255));
}

static int descriptor_ok(const Ctr__Worker__V1__Descriptor *d)
{
	return d && word_ok(d->media_type, MEDIA_TYPE_MAX) && d->media_type[0] &&
	       digest_valid(d->digest) && d->size >= 0 && d->size <= SIZE_MAX_BYTES &&
	       word_ok(d->artifact_type, MEDIA_TYPE_MAX) && platform_ok(d->platform) &&
	       pairs_ok(d->annotations, d->n_annotations);
}

static int descriptors_ok(Ctr__Worker__V1__Descriptor *const *v, size_t n)
{
	if (n > REPLY_LAYERS_MAX)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!descriptor_ok(v[i]))
			return 0;
	return 1;
}

static int manifest_ok(const Ctr__Worker__V1__ParsedManifest *m)
{
	return word_ok(m->media_type, MEDIA_TYPE_MAX) && m->media_type[0] &&
	       descriptor_ok(m->config) && descriptors_ok(m->layers, m->n_layers) &&
	       pairs_ok(m->annotations, m->n_annotations) &&
	       word_ok(m->artifact_type, MEDIA_TYPE_MAX) &&
	       (!m->subject || descriptor_ok(m->subject));
}

static int index_ok(const Ctr__Worker__V1__ParsedIndex *x)
{
	return word_ok(x->media_type, MEDIA_TYPE_MAX) && x->media_type[0] &&
	       descriptors_ok(x->manifests, x->n_manifests) && x->chosen >= -1 &&
	       (x->chosen < 0 || (size_t)x->chosen < x->n_manifests) &&
	       pairs_ok(x->annotations, x->n_annotations);
}

static int config_ok(const Ctr__Worker__V1__ParsedConfig *c)
{
	if (c->n_diff_ids > REPLY_LAYERS_MAX)
		return 0;
	for (size_t i = 0; i < c->n_diff_ids; i++)
		if (!digest_valid(c->diff_ids[i]))
			return 0;
	return word_ok(c->architecture, 64) && word_ok(c->os, 64) && word_ok(c->variant, 64) &&
	       text_ok(c->created, 64) && text_ok(c->user, 4096) && text_ok(c->working_dir, 4096) &&
	       text_ok(c->stop_signal, 64) && text_ok(c->author, 4096) &&
	       strings_ok(c->env, c->n_env) && strings_ok(c->entrypoint, c->n_entrypoint) &&
	       strings_ok(c->cmd, c->n_cmd) && strings_ok(c->volumes, c->n_volumes) &&
	       strings_ok(c->exposed_ports, c->n_exposed_ports) && pairs_ok(c->labels, c->n_labels);
}

static int archive_entry_ok(const Ctr__Worker__V1__ArchiveEntry *e)
{
	return e->path[0] && text_ok(e->path, 512) && text_ok(e->link, 512) &&
	       e->offset <= (uint64_t)SIZE_MAX_BYTES && e->size <= (uint64_t)SIZE_MAX_BYTES &&
	       (e->link[0] ? !e->digest[0] : digest_valid(e->digest));
}

static int docker_archive_ok(const Ctr__Worker__V1__DockerArchive *a)
{
	for (size_t i = 0; i < a->n_images; i++) {
		const Ctr__Worker__V1__DockerImage *m = a->images[i];

		if (!text_ok(m->config, 512) || !strings_ok(m->repo_tags, m->n_repo_tags) ||
		    m->n_layers > REPLY_LAYERS_MAX || !strings_ok(m->layers, m->n_layers))
			return 0;
	}
	return a->n_images <= REPLY_STRINGS_MAX;
}

static int digest_size_ok(const char *digest, uint64_t size)
{
	return digest_valid(digest) && size <= (uint64_t)SIZE_MAX_BYTES;
}

/* The fields of one reply, by kind; NULL or what is wrong. */
static const char *fields_wrong(const worker_reply_pb *rep)
{
	switch (rep->result_case) {
	case CTR__WORKER__V1__REPLY__RESULT_READY:
	case CTR__WORKER__V1__REPLY__RESULT_PROGRESS:
	case CTR__WORKER__V1__REPLY__RESULT_OPAQUE:
		return NULL;
	case CTR__WORKER__V1__REPLY__RESULT_RESOLVED:
		return descriptor_ok(rep->resolved->descriptor) && rep->resolved->body.len <= 32768
			       ? NULL
			       : "descriptor";
	case CTR__WORKER__V1__REPLY__RESULT_FETCHED:
		return digest_size_ok(rep->fetched->digest, rep->fetched->size) ? NULL : "digest";
	case CTR__WORKER__V1__REPLY__RESULT_FAILED:
		return rep->failed->code > 0 && rep->failed->code <= 16 &&
				       line_ok(rep->failed->message, 8192)
			       ? NULL
			       : "failure";
	case CTR__WORKER__V1__REPLY__RESULT_AUTH_NEEDED:
		return line_ok(rep->auth_needed->host, 255) &&
				       line_ok(rep->auth_needed->realm, 2048) &&
				       line_ok(rep->auth_needed->service, 1024) &&
				       line_ok(rep->auth_needed->scope, 2048) &&
				       word_ok(rep->auth_needed->scheme, 16)
			       ? NULL
			       : "challenge";
	case CTR__WORKER__V1__REPLY__RESULT_MANIFEST:
		return manifest_ok(rep->manifest) ? NULL : "manifest";
	case CTR__WORKER__V1__REPLY__RESULT_INDEX:
		return index_ok(rep->index) ? NULL : "index";
	case CTR__WORKER__V1__REPLY__RESULT_CONFIG:
		return config_ok(rep->config) ? NULL : "image config";
	case CTR__WORKER__V1__REPLY__RESULT_UNPACKED:
		return digest_size_ok(rep->unpacked->diff_id, rep->unpacked->size) &&
				       (!rep->unpacked->digest[0] ||
					digest_valid(rep->unpacked->digest))
			       ? NULL
			       : "diff id";
	case CTR__WORKER__V1__REPLY__RESULT_COMPARED:
		return digest_size_ok(rep->compared->digest, rep->compared->size) &&
				       digest_valid(rep->compared->diff_id)
			       ? NULL
			       : "digest";
	case CTR__WORKER__V1__REPLY__RESULT_ARCHIVE_ENTRY:
		return archive_entry_ok(rep->archive_entry) ? NULL : "entry of an archive";
	case CTR__WORKER__V1__REPLY__RESULT_ARCHIVED:
		return rep->archived->size <= (uint64_t)SIZE_MAX_BYTES ? NULL : "size";
	case CTR__WORKER__V1__REPLY__RESULT_DOCKER_ARCHIVE:
		return docker_archive_ok(rep->docker_archive) ? NULL : "manifest.json";
	case CTR__WORKER__V1__REPLY__RESULT__NOT_SET:
	case _CTR__WORKER__V1__REPLY__RESULT__CASE_IS_INT_SIZE:
		break;
	}
	return "empty";
}

ctr_code reply_check(enum worker_role role, const worker_reply_pb *rep, size_t n_fds,
		     struct ctr_error *err)
{
	int opaque = rep->result_case == CTR__WORKER__V1__REPLY__RESULT_OPAQUE;

	if ((unsigned)rep->result_case > 31 || !(role_kinds[role] & 1u << rep->result_case))
		return bad(err, "a kind that this role does not send");
	if (n_fds != (opaque ? 1u : 0u))
		return bad(err, "descriptors where none belong");
	const char *what = fields_wrong(rep);
	return what ? bad(err, what) : CTR_OK;
}
