/* SPDX-License-Identifier: Apache-2.0
 *
 * The role `parse`: document by document until the daemon hangs up. Has no file system and no
 * network; reads the descriptor that comes with a request and nothing else.
 */
#include "worker/role.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "worker/parse/parse.h"

static ctr_code load(int fd, uint64_t max, char **ret, size_t *ret_n, struct ctr_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return ctr_fail_errno(err, errno, "document");
	if (S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_SET) < 0)
		return ctr_fail_errno(err, errno, "document: seek");
	int r = io_read_fd(fd, max, ret, ret_n);
	if (r == -EFBIG)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "document is larger than %llu bytes",
				(unsigned long long)max);
	return r < 0 ? ctr_fail_errno(err, r, "document: read") : CTR_OK;
}

static int answer(struct role *r, const worker_request *req, const struct wire_fds *fds)
{
	worker_reply_pb *rep = malloc(sizeof(*rep));
	AUTO_FREE char *data = NULL;
	AUTO_ERROR err = ERROR_INIT;
	size_t n = 0;
	ctr_code code = CTR_OK;
	int res;

	if (!rep)
		return -ENOMEM;
	ctr__worker__v1__reply__init(rep);
	rep->id = req->id;
	if (req->op_case != CTR__WORKER__V1__REQUEST__OP_PARSE || fds->n != 1)
		code = ctr_fail(&err, CTR_INVALID_ARGUMENT,
				"worker parse: no request to parse one document");
	if (code == CTR_OK)
		code = load(fds->fd[0], parse_limit(req->parse), &data, &n, &err);
	if (code == CTR_OK)
		code = parse_document(req->parse, data, n, rep, &err);
	res = code == CTR_OK ? role_send(r, rep, NULL, 0) : role_failed(r, req->id, &err, 0, 0);
	ctr__worker__v1__reply__free_unpacked(rep, NULL);
	if (res == -E2BIG) {
		ctr_fail(&err, CTR_RESOURCE_EXHAUSTED,
			 "document holds more than %u bytes of fields", WIRE_MESSAGE);
		res = role_failed(r, req->id, &err, 0, 0);
	}
	return res;
}

int role_parse(struct role *r)
{
	for (;;) {
		AUTO(wire_fds_done) struct wire_fds fds = { .n = 0 };
		worker_request *req = NULL;
		int res = role_recv(r, NULL, &req, &fds);

		if (res == -EPIPE)
			return 0;
		if (res < 0)
			return 1;
		res = answer(r, req, &fds);
		role_request_free(req);
		if (res < 0)
			return res == -EPIPE ? 0 : 1;
	}
}
