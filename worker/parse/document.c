/* SPDX-License-Identifier: Apache-2.0
 *
 * Which kind a document is, and the reply of that kind. Pure but for memory.
 */
#include <string.h>

#include "worker/parse/json.h"
#include "worker/parse/media_type.h"
#include "worker/parse/parse.h"

uint64_t parse_limit(const Ctr__Worker__V1__Parse *req)
{
	uint64_t limit = req->kind == CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_CONFIG
				 ? PARSE_CONFIG_MAX
				 : PARSE_MANIFEST_MAX;

	return req->max_bytes ? MIN(req->max_bytes, limit) : limit;
}

static const char *name_of(enum document doc)
{
	return doc == DOC_INDEX ? "index" : doc == DOC_CONFIG ? "image config" : "manifest";
}

/* A document with both lists reads as two things to two readers. */
static ctr_code check_shape(const json_t *doc, struct ctr_error *err)
{
	const json_t *version = json_member(doc, "schemaVersion");

	if (json_is_integer(version) && json_integer_value(version) == 1)
		return ctr_fail(err, CTR_UNIMPLEMENTED, "docker schema 1 is not supported");
	if (version && (!json_is_integer(version) || json_integer_value(version) != 2))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "unknown schemaVersion");
	if (json_member(doc, "manifests") && json_member(doc, "layers"))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "has both 'manifests' and 'layers'");
	if (json_member(doc, "fsLayers") || json_member(doc, "history"))
		return ctr_fail(err, CTR_UNIMPLEMENTED, "docker schema 1 is not supported");
	return CTR_OK;
}

/* By the type it came under, else by its own, else by what it holds. */
static ctr_code kind_by_content(const json_t *doc, const char *media_type, enum document *ret,
				struct ctr_error *err)
{
	const char *own;
	ctr_code code = json_get_text(doc, "mediaType", 255, &own, err);

	if (code != CTR_OK)
		return code;
	const char *type = media_type[0] ? media_type : own;
	*ret = media_type_document(type);
	if (type[0] && *ret != DOC_MANIFEST && *ret != DOC_INDEX)
		return media_type_refuse(type, err);
	if (!type[0])
		*ret = json_member(doc, "manifests") ? DOC_INDEX : DOC_MANIFEST;
	/* OCI documents need not carry their type; what they hold must agree with it. */
	if (json_member(doc, *ret == DOC_INDEX ? "layers" : "manifests"))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "is no %s by what it holds",
				name_of(*ret));
	return CTR_OK;
}

static ctr_code choose_kind(const Ctr__Worker__V1__Parse *req, const json_t *doc,
			    enum document *ret, struct ctr_error *err)
{
	enum document wanted =
		req->kind == CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_MANIFEST ? DOC_MANIFEST
		: req->kind == CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_INDEX  ? DOC_INDEX
									       : DOC_NONE;
	enum document found = DOC_NONE;
	ctr_code code = check_shape(doc, err);

	if (code == CTR_OK)
		code = kind_by_content(doc, req->media_type, &found, err);
	if (code != CTR_OK)
		return code;
	if (wanted != DOC_NONE && wanted != found)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "found %s, expected %s", name_of(found),
				name_of(wanted));
	*ret = found;
	return CTR_OK;
}

static ctr_code run_manifest(const json_t *doc, const char *media_type, worker_reply_pb *rep,
			     struct ctr_error *err)
{
	Ctr__Worker__V1__ParsedManifest *m = malloc(sizeof(*m));

	if (!m)
		return json_no_memory(err);
	ctr__worker__v1__parsed_manifest__init(m);
	rep->result_case = CTR__WORKER__V1__REPLY__RESULT_MANIFEST;
	rep->manifest = m;
	return parse_manifest(doc, media_type[0] ? media_type : MT_OCI_MANIFEST, m, err);
}

static ctr_code run_index(const json_t *doc, const char *media_type,
			  const Ctr__Worker__V1__Platform *want, worker_reply_pb *rep,
			  struct ctr_error *err)
{
	Ctr__Worker__V1__ParsedIndex *x = malloc(sizeof(*x));

	if (!x)
		return json_no_memory(err);
	ctr__worker__v1__parsed_index__init(x);
	rep->result_case = CTR__WORKER__V1__REPLY__RESULT_INDEX;
	rep->index = x;
	return parse_index(doc, media_type[0] ? media_type : MT_OCI_INDEX, want, x, err);
}

static ctr_code run_config(const json_t *doc, worker_reply_pb *rep, struct ctr_error *err)
{
	Ctr__Worker__V1__ParsedConfig *c = malloc(sizeof(*c));

	if (!c)
		return json_no_memory(err);
	ctr__worker__v1__parsed_config__init(c);
	rep->result_case = CTR__WORKER__V1__REPLY__RESULT_CONFIG;
	rep->config = c;
	return parse_config(doc, c, err);
}

static ctr_code dispatch(const Ctr__Worker__V1__Parse *req, const json_t *doc, worker_reply_pb *rep,
			 struct ctr_error *err)
{
	enum document kind = DOC_NONE;
	const char *own = "";

	if (req->kind == CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_CONFIG) {
		if (req->media_type[0] && media_type_document(req->media_type) != DOC_CONFIG)
			return media_type_refuse(req->media_type, err);
		return run_config(doc, rep, err);
	}
	ctr_code code = choose_kind(req, doc, &kind, err);
	if (code == CTR_OK)
		code = json_get_text(doc, "mediaType", 255, &own, err);
	if (code != CTR_OK)
		return code;
	const char *type = req->media_type[0] ? req->media_type : own;
	return kind == DOC_INDEX ? run_index(doc, type, req->platform, rep, err)
				 : run_manifest(doc, type, rep, err);
}

static ctr_code run_docker_archive(const char *data, size_t n, worker_reply_pb *rep,
				   struct ctr_error *err)
{
	AUTO_JSON *list = NULL;
	Ctr__Worker__V1__DockerArchive *a;
	ctr_code code = json_list_document(data, n, "manifest.json", &list, err);

	if (code != CTR_OK)
		return code;
	a = malloc(sizeof(*a));
	if (!a)
		return json_no_memory(err);
	ctr__worker__v1__docker_archive__init(a);
	rep->result_case = CTR__WORKER__V1__REPLY__RESULT_DOCKER_ARCHIVE;
	rep->docker_archive = a;
	code = parse_docker_archive(list, a, err);
	return code == CTR_OK ? code : ctr_wrap(err, "manifest.json");
}

ctr_code parse_document(const Ctr__Worker__V1__Parse *req, const char *data, size_t n,
			worker_reply_pb *rep, struct ctr_error *err)
{
	if (req->kind == CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_DOCKER_ARCHIVE)
		return run_docker_archive(data, n, rep, err);

	AUTO_JSON *doc = NULL;
	const char *what = req->kind == CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_CONFIG
				   ? "image config"
				   : "manifest";
	ctr_code code = json_document(data, n, what, &doc, err);

	if (code != CTR_OK)
		return code;
	code = dispatch(req, doc, rep, err);
	return code == CTR_OK ? code : ctr_wrap(err, "%s", what);
}
