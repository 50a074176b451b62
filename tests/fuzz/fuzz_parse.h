/* SPDX-License-Identifier: Apache-2.0
 *
 * One foreign document through the parser. What it accepts must pass the daemon's own check: two readers, one verdict.
 */
#ifndef CTR_TESTS_FUZZ_PARSE_H
#define CTR_TESTS_FUZZ_PARSE_H

#include "worker/client/validate.h"
#include "worker/parse/parse.h"

static inline void fuzz_parse_as(Ctr__Worker__V1__DocumentKind kind, const char *media_type,
				 const uint8_t *data, size_t size)
{
	worker_reply_pb *rep = malloc(sizeof(*rep));
	Ctr__Worker__V1__Parse req;
	AUTO_ERROR err = ERROR_INIT;

	if (!rep)
		return;
	ctr__worker__v1__parse__init(&req);
	ctr__worker__v1__reply__init(rep);
	req.kind = kind;
	req.media_type = (char *)(uintptr_t)media_type;
	if (parse_document(&req, (const char *)data, size, rep, &err) == CTR_OK &&
	    reply_check(ROLE_PARSE, rep, 0, &err) != CTR_OK)
		abort();
	ctr__worker__v1__reply__free_unpacked(rep, NULL);
}

/* As what it is asked for, and as what a registry calls it. */
static inline void fuzz_parse(Ctr__Worker__V1__DocumentKind kind, const uint8_t *data, size_t size)
{
	fuzz_parse_as(kind, "", data, size);
	if (kind == CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_CONFIG)
		return;
	fuzz_parse_as(CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_AUTO, "", data, size);
	fuzz_parse_as(CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_AUTO,
		      "application/vnd.oci.image.manifest.v1+json", data, size);
}

#endif
