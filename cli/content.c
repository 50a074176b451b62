/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs from the daemon, and the parse worker.
 */
#include "cli/content.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "cli/api.h"
#include "cli/pbutil.h"

#define PARSE_LIMIT_NS (30 * NS_PER_SEC)

/* Hand each piece of a blob to put. */
static ctr_code read_pieces(struct cli *c, const char *digest,
			    ctr_code (*put)(void *ud, const void *data, size_t n,
					    struct ctr_error *err),
			    void *ud, struct ctr_error *err)
{
	CONTENT(ReadContentRequest) req = CONTENT_INIT(READ_CONTENT_REQUEST);
	AUTO_STREAM stream = NULL;
	struct rpc *rpc;
	ctr_code code;

	req.digest = pb_str(digest);
	code = cli_rpc(c, &rpc, err);
	if (code == CTR_OK)
		code = rpc_stream_open(rpc, CONTENT_SERVICE, "Read", NULL, &stream, err);
	if (code == CTR_OK)
		code = rpc_stream_send(stream, &req, err);
	if (code != CTR_OK)
		return code;
	rpc_stream_half_close(stream);
	for (;;) {
		AUTO_PB CONTENT(ReadContentResponse) *piece = NULL;

		code = rpc_stream_recv(stream, &piece, err);
		if (code != CTR_OK || !piece)
			return code;
		code = put(ud, piece->data.data, piece->data.len, err);
		if (code != CTR_OK)
			return code;
	}
}

static ctr_code put_buf(void *ud, const void *data, size_t n, struct ctr_error *err)
{
	int r = buf_append(ud, data, n);

	return r < 0 ? ctr_fail_errno(err, r, "content") : CTR_OK;
}

static ctr_code put_fd(void *ud, const void *data, size_t n, struct ctr_error *err)
{
	int r = io_write_full(*(int *)ud, data, n);

	return r < 0 ? ctr_fail_errno(err, r, "write") : CTR_OK;
}

ctr_code content_read(struct cli *c, const char *digest, size_t max, char **ret, size_t *ret_n,
		      struct ctr_error *err)
{
	AUTO_BUF b = BUF_INIT(max);
	ctr_code code = read_pieces(c, digest, put_buf, &b, err);

	if (code != CTR_OK)
		return ctr_wrap(err, "content '%s'", digest);
	*ret = buf_take(&b, ret_n);
	return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "content '%s'", digest);
}

ctr_code content_copy(struct cli *c, const char *digest, int fd, struct ctr_error *err)
{
	return read_pieces(c, digest, put_fd, &fd, err);
}

void parser_done(struct parser *p)
{
	worker_stop(p->worker);
	p->worker = NULL;
}

static ctr_code start(struct parser *p, struct cli *c, struct ctr_error *err)
{
	struct worker_options o = {
		.binary = cli_worker(c),
		.role = ROLE_PARSE,
		.wait = { .deadline_ns = clock_now_ns() + PARSE_LIMIT_NS, .cancel_fd = -1 },
	};

	if (p->worker)
		return CTR_OK;
	if (!o.binary)
		return ctr_fail_errno(err, ENOMEM, "parse worker");
	return worker_start(&o, &p->worker, err);
}

/* The document in a memory file, which the worker reads from the start. */
static int memory_file(const char *data, size_t n)
{
	int fd = memfd_create("document", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = io_write_full(fd, data, n);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r == 0)
		return fd;
	fd_close(&fd);
	return r;
}

ctr_code parser_run(struct parser *p, struct cli *c, const char *digest,
		    Ctr__Worker__V1__DocumentKind kind, const char *media_type,
		    const Ctr__Worker__V1__Platform *platform, struct worker_reply *ret,
		    struct ctr_error *err)
{
	Ctr__Worker__V1__Request req = CTR__WORKER__V1__REQUEST__INIT;
	Ctr__Worker__V1__Parse parse = CTR__WORKER__V1__PARSE__INIT;
	const struct wire_wait wait = { .deadline_ns = clock_now_ns() + PARSE_LIMIT_NS,
					.cancel_fd = -1 };
	AUTO_FREE char *data = NULL;
	AUTO_CLOSE int fd = -1;
	Ctr__Worker__V1__Platform copy;
	size_t n = 0;
	ctr_code code;

	code = content_read(c, digest, DOCUMENT_MAX, &data, &n, err);
	if (code != CTR_OK)
		return code;
	fd = memory_file(data, n);
	if (fd < 0)
		return ctr_fail_errno(err, fd, "memory file");
	code = start(p, c, err);
	if (code != CTR_OK)
		return code;
	parse.kind = kind;
	parse.media_type = pb_str(media_type ? media_type : "");
	if (platform) {
		copy = *platform;
		parse.platform = &copy;
	}
	req.id = 1;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_PARSE;
	req.parse = &parse;
	code = worker_call(p->worker, &req, &fd, 1, &wait, NULL, NULL, ret, err);
	return code == CTR_OK ? code : ctr_wrap(err, "document '%s'", digest);
}
