/* SPDX-License-Identifier: Apache-2.0
 *
 * The workers of a job: started in their cages, asked, ended. A worker that crashes fails the
 * request it was at.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/transfer/internal.h"

#define START_LIMIT (30 * NS_PER_SEC)
#define PARSE_LIMIT (60 * NS_PER_SEC)
#define WORKER_NICE 10

void auto_worker(struct worker **w)
{
	worker_stop(*w);
}

ctr_code start_worker(struct job *job, enum worker_role role, const WORKER(Setup) *setup,
		      struct worker **ret, struct ctr_error *err)
{
	WORKER(Setup) own;
	WORKER(Cage) cage;
	struct worker_options o = { .binary = job->t->worker, .role = role, .wait = job_wait(job) };

	ctr__worker__v1__setup__init(&own);
	ctr__worker__v1__cage__init(&cage);
	if (setup)
		own = *setup;
	cage.nice = WORKER_NICE;
	own.cage = &cage;
	o.setup = &own;
	o.wait.deadline_ns = MIN(o.wait.deadline_ns, clock_now_ns() + START_LIMIT);
	return worker_start(&o, ret, err);
}

ctr_code parse_document_fd(struct job *job, struct worker **inout_parser, int fd,
			   WORKER(DocumentKind) kind, const char *media_type,
			   const WORKER(Platform) *want, struct worker_reply *ret,
			   struct ctr_error *err)
{
	struct wire_wait wait = job_wait(job);
	WORKER(Parse) parse;
	WORKER(Platform) platform;
	worker_request req;
	ctr_code code = CTR_OK;

	if (!*inout_parser)
		code = start_worker(job, ROLE_PARSE, NULL, inout_parser, err);
	if (code != CTR_OK)
		return code;
	ctr__worker__v1__parse__init(&parse);
	ctr__worker__v1__request__init(&req);
	parse.kind = kind;
	parse.media_type = (char *)(uintptr_t)media_type;
	if (want) {
		platform = *want;
		parse.platform = &platform;
	}
	req.id = 1;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_PARSE;
	req.parse = &parse;
	wait.deadline_ns = MIN(wait.deadline_ns, clock_now_ns() + PARSE_LIMIT);
	code = worker_call(*inout_parser, &req, &fd, 1, &wait, NULL, NULL, ret, err);
	/* Whatever it was, the next document gets a worker that is well. */
	if (code == CTR_ABORTED || code == CTR_DATA_LOSS || code == CTR_DEADLINE_EXCEEDED) {
		worker_stop(*inout_parser);
		*inout_parser = NULL;
	}
	return code;
}
