/* SPDX-License-Identifier: Apache-2.0
 *
 * compare: one worker walks both trees and writes the layer to the descriptor that the caller gave.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "differ.h"

#define REQUEST_ID 1

static void fill(const struct differ *d, const struct ctr_compare *args, const struct trees *t,
		 Ctr__Worker__V1__Compare *c, Ctr__Worker__V1__Limits *l)
{
	static char gzip[] = "application/vnd.oci.image.layer.v1.tar+gzip";

	ctr__worker__v1__compare__init(c);
	ctr__worker__v1__limits__init(l);
	l->max_entries = d->max_entries;
	c->media_type = *args->media_type ? (char *)(uintptr_t)args->media_type : gzip;
	c->n_lower = t->lower >= 0;
	c->limits = l;
	c->touched = t->touched >= 0;
	c->clamp_times = args->source_date_ns != CTR_NO_DEADLINE;
	c->source_date_epoch = c->clamp_times ? args->source_date_ns / NS_PER_SEC : 0;
}

static ctr_code run(const struct differ *d, const struct ctr_call *call,
		    const struct ctr_compare *args, const struct trees *t, struct worker *w,
		    struct ctr_compared *ret, struct ctr_error *err)
{
	struct wire_wait wait = process_wait(d, call);
	AUTO_WORKER_REPLY rep = { .msg = NULL };
	AUTO_ERROR why = ERROR_INIT;
	Ctr__Worker__V1__Compare c;
	Ctr__Worker__V1__Limits l;
	worker_request req;
	size_t n = 0;
	int fds[4];

	fill(d, args, t, &c, &l);
	if (t->lower >= 0)
		fds[n++] = t->lower;
	fds[n++] = t->upper;
	fds[n++] = args->out_fd;
	if (t->touched >= 0)
		fds[n++] = t->touched;

	ctr__worker__v1__request__init(&req);
	req.id = REQUEST_ID;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_COMPARE;
	req.compare = &c;
	if (worker_call(w, &req, fds, n, &wait, NULL, NULL, &rep, &why) != CTR_OK)
		return process_fail(d, "compare", &why, err);

	const Ctr__Worker__V1__Compared *got = rep.msg->compared;
	if (rep.msg->result_case != CTR__WORKER__V1__REPLY__RESULT_COMPARED ||
	    strlen(got->digest) >= sizeof(ret->digest) ||
	    strlen(got->diff_id) >= sizeof(ret->diff_id))
		return d->host->fail(err, CTR_INTERNAL, "ctr-worker answers what it was not asked");
	memcpy(ret->digest, got->digest, strlen(got->digest) + 1);
	memcpy(ret->diff_id, got->diff_id, strlen(got->diff_id) + 1);
	ret->length_bytes = (int64_t)got->size;
	return CTR_OK;
}

ctr_code differ_compare(void *self, const struct ctr_call *call, const struct ctr_compare *args,
			struct ctr_compared *ret, struct ctr_error *err)
{
	const struct differ *d = self;
	struct ctr_compared res = { .size = ret->size };
	struct worker *w = NULL;
	struct trees t;
	ctr_code code;

	if (!media_made(args->media_type))
		return d->host->fail(err, CTR_UNIMPLEMENTED,
				     "media type '%s' is no layer of this differ",
				     args->media_type);

	code = trees_open(d, args, &t, err);
	if (code != CTR_OK)
		return code;
	code = process_start(d, call, ROLE_COMPARE, -1, &w, err);
	if (code == CTR_OK)
		code = run(d, call, args, &t, w, &res, err);
	worker_stop(w);
	trees_done(&t);
	if (code == CTR_OK)
		memcpy(ret, &res, MIN((size_t)ret->size, sizeof(res)));
	return code;
}
