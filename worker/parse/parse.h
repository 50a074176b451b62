/* SPDX-License-Identifier: Apache-2.0
 *
 * One foreign document to one reply. Pure but for memory; also what the fuzz targets call.
 */
#ifndef CTR_WORKER_PARSE_H
#define CTR_WORKER_PARSE_H

#include "status/status.h"
#include "worker/wire.h"

#define PARSE_MANIFEST_MAX (4u << 20)
#define PARSE_INDEX_MAX    (4u << 20)
#define PARSE_CONFIG_MAX   (8u << 20)

/* The most bytes that a request may be given to parse. */
uint64_t parse_limit(const Ctr__Worker__V1__Parse *req);

/*
 * Fill the reply's result (released with the reply). INVALID_ARGUMENT for anything wrong with the
 * document, UNIMPLEMENTED for Docker schema 1, RESOURCE_EXHAUSTED.
 */
ctr_code parse_document(const Ctr__Worker__V1__Parse *req, const char *data, size_t n,
			worker_reply_pb *rep, struct ctr_error *err);

/* Kinds, used by parse_document(). */
struct json_t;
ctr_code parse_manifest(const struct json_t *doc, const char *media_type,
			Ctr__Worker__V1__ParsedManifest *m, struct ctr_error *err);
ctr_code parse_index(const struct json_t *doc, const char *media_type,
		     const Ctr__Worker__V1__Platform *want, Ctr__Worker__V1__ParsedIndex *x,
		     struct ctr_error *err);
ctr_code parse_config(const struct json_t *doc, Ctr__Worker__V1__ParsedConfig *c,
		      struct ctr_error *err);
ctr_code parse_docker_archive(const struct json_t *list, Ctr__Worker__V1__DockerArchive *a,
			      struct ctr_error *err);

/* descriptor.c */
ctr_code parse_descriptor(const struct json_t *obj, Ctr__Worker__V1__Descriptor **field,
			  struct ctr_error *err);
ctr_code parse_descriptors(const struct json_t *obj, const char *key,
			   Ctr__Worker__V1__Descriptor ***field, size_t *n_field,
			   struct ctr_error *err);

#endif
