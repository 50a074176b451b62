/* SPDX-License-Identifier: Apache-2.0
 *
 * One foreign document through the parser. What it accepts must pass the daemon's own check: two readers, one verdict.
 */
#ifndef CTR_TESTS_FUZZ_PARSE_H
#define CTR_TESTS_FUZZ_PARSE_H

#include "worker/client/validate.h"
#include "worker/parse/parse.h"

static inline void fuzz_parse(Ctr__Worker__V1__DocumentKind kind, const uint8_t *data, size_t size)
{
	worker_reply_pb *rep = malloc(sizeof(*rep));
	Ctr__Worker__V1__Parse req;
	AUTO_ERROR err = ERROR_INIT;

	if (!rep)
		return;
	ctr__worker__v1__parse__init(&req);
	ctr__worker__v1__reply__init(rep);
	req.kind = kind;
	if (parse_document(&req, (const char *)data, size, rep, &err) == CTR_OK &&
	    reply_check(ROLE_PARSE, rep, 0, &err) != CTR_OK)
		abort();
	ctr__worker__v1__reply__free_unpacked(rep, NULL);
}

#endif
