/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests in and replies out, for every role. One thread; the socket belongs to main.c.
 */
#include "worker/role.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

const char *const worker_role_names[WORKER_ROLES] = {
	[ROLE_FETCH] = "fetch",     [ROLE_PARSE] = "parse",   [ROLE_UNPACK] = "unpack",
	[ROLE_COMPARE] = "compare", [ROLE_IMPORT] = "import",
};

int role_recv(struct role *r, const struct wire_wait *wait, worker_request **ret_req,
	      struct wire_fds *ret_fds)
{
	AUTO_FREE uint8_t *data = NULL;
	size_t n = 0;
	int res = wire_recv(r->sock, wait, &data, &n, ret_fds);

	if (res < 0)
		return res;
	*ret_req = ctr__worker__v1__request__unpack(NULL, n, data);
	if (!*ret_req) {
		wire_fds_done(ret_fds);
		return -EBADMSG;
	}
	return 0;
}

void role_request_free(worker_request *req)
{
	if (req)
		ctr__worker__v1__request__free_unpacked(req, NULL);
}

int role_send(struct role *r, const worker_reply_pb *rep, const int *fds, size_t n_fds)
{
	return wire_send(r->sock, &rep->base, fds, n_fds, NULL);
}

int role_progress(struct role *r, uint64_t id, uint64_t offset, uint64_t total, uint64_t entries)
{
	static const struct wire_wait at_once = { .deadline_ns = 0, .cancel_fd = -1 };
	Ctr__Worker__V1__Progress p;
	worker_reply_pb rep;

	ctr__worker__v1__progress__init(&p);
	ctr__worker__v1__reply__init(&rep);
	p.offset = offset;
	p.total = total;
	p.entries = entries;
	rep.id = id;
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_PROGRESS;
	rep.progress = &p;

	int res = wire_send(r->sock, &rep.base, NULL, 0, &at_once);
	return res == -EPIPE ? res : 0;
}

/*
 * Part of a message may be foreign: nothing in it moves a terminal's cursor or breaks a log's line.
 */
static void clean(char *s)
{
	int utf8 = str_is_utf8(s, strlen(s));

	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f || (!utf8 && (unsigned char)*s >= 0x80))
			*s = '?';
}

int role_failed(struct role *r, uint64_t id, const struct ctr_error *err, int http_status,
		int bad_content)
{
	Ctr__Worker__V1__Failed f;
	worker_reply_pb rep;
	AUTO_FREE char *text = str_ndup(error_text(err), 4096);

	ctr__worker__v1__failed__init(&f);
	ctr__worker__v1__reply__init(&rep);
	if (text)
		clean(text);
	f.code = CTR_GRPC_CODE(err->code) ? CTR_GRPC_CODE(err->code) : CTR_UNKNOWN;
	f.message = text ? text : (char *)(uintptr_t) "out of memory";
	f.http_status = http_status;
	f.bad_content = bad_content;
	rep.id = id;
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_FAILED;
	rep.failed = &f;
	return role_send(r, &rep, NULL, 0);
}
