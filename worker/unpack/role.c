/* SPDX-License-Identifier: Apache-2.0
 *
 * The role `unpack`: layers into the target that is this process's root. While a layer is read, the socket is looked at
 * between entries (Cancel, Grow, OpaqueDone) and waited on when the source has to grow. One thread.
 */
#include "worker/role.h"

#include <errno.h>
#include <stdlib.h>

#include "base/str.h"
#include "worker/tar/name.h"
#include "worker/unpack/unpack.h"

typedef Ctr__Worker__V1__Unpack unpack_pb;

struct job {
	struct role *role;
	uint64_t id;
	struct source src;
	uint64_t opaque_sent, opaque_done; /* serials count from 1 */
};

static const struct wire_wait at_once = { .deadline_ns = 0, .cancel_fd = -1 };

static ctr_code take_message(struct job *j, const worker_request *req, struct ctr_error *err)
{
	switch (req->op_case) {
	case CTR__WORKER__V1__REQUEST__OP_GROW:
		if (req->id == j->id)
			return source_grow(&j->src, req->grow->size, req->grow->complete, err);
		break;
	case CTR__WORKER__V1__REQUEST__OP_CANCEL:
		if (req->cancel->target == j->id)
			return ctr_fail(err, CTR_CANCELLED, "cancelled");
		return CTR_OK; /* for a request that has ended */
	case CTR__WORKER__V1__REQUEST__OP_OPAQUE_DONE:
		if (req->id != j->id)
			break;
		if (req->opaque_done->errnum)
			return ctr_fail_errno(err, req->opaque_done->errnum,
					      "make a directory opaque");
		j->opaque_done++;
		return CTR_OK;
	default:
		break;
	}
	return ctr_fail(err, CTR_INTERNAL, "worker unpack: a message that does not belong here");
}

/* One message; wait NULL: until there is one. CTR_NOT_FOUND without a message: none now. */
static ctr_code next_message(struct job *j, const struct wire_wait *wait, struct ctr_error *err)
{
	AUTO(wire_fds_done) struct wire_fds fds = { .n = 0 };
	worker_request *req = NULL;
	ctr_code code;
	int r = role_recv(j->role, wait, &req, &fds);

	if (r == -ETIMEDOUT)
		return CTR_NOT_FOUND;
	if (r == -EPIPE)
		return ctr_fail(err, CTR_CANCELLED, "the daemon hung up");
	if (r < 0)
		return ctr_fail_errno(err, r, "worker unpack: receive");

	code = take_message(j, req, err);
	role_request_free(req);
	return code;
}

static ctr_code wait_for_growth(void *ud, struct source *s, struct ctr_error *err)
{
	(void)s;
	return next_message(ud, NULL, err);
}

static ctr_code on_progress(void *ud, uint64_t in, uint64_t entries, struct ctr_error *err)
{
	struct job *j = ud;
	ctr_code code;

	do
		code = next_message(j, &at_once, err);
	while (code == CTR_OK);
	if (code != CTR_NOT_FOUND)
		return code;

	if (role_progress(j->role, j->id, in, j->src.complete ? j->src.size : 0, entries) < 0)
		return ctr_fail(err, CTR_CANCELLED, "the daemon hung up");
	return CTR_OK;
}

/* Only the daemon may set trusted.overlay.opaque: it gets the directory. Its answers are collected at the end. */
static ctr_code send_opaque(void *ud, int dir_fd, struct ctr_error *err)
{
	struct job *j = ud;
	Ctr__Worker__V1__Opaque o;
	worker_reply_pb rep;
	int r;

	ctr__worker__v1__opaque__init(&o);
	ctr__worker__v1__reply__init(&rep);
	o.serial = ++j->opaque_sent;
	rep.id = j->id;
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_OPAQUE;
	rep.opaque = &o;
	r = role_send(j->role, &rep, &dir_fd, 1);
	return r < 0 ? ctr_fail_errno(err, r, "send the directory to the daemon") : CTR_OK;
}

static ctr_code wait_for_opaque(struct job *j, struct ctr_error *err)
{
	ctr_code code = CTR_OK;

	while (code == CTR_OK && j->opaque_done < j->opaque_sent)
		code = next_message(j, NULL, err);
	return code;
}

static ctr_code load_maps(Ctr__Worker__V1__IdMap *const *from, size_t n, struct id_map *list,
			  struct id_maps *ret, struct ctr_error *err)
{
	if (n > ID_MAPS_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "map of ids has more than %d lines",
				ID_MAPS_MAX);

	for (size_t i = 0; i < n; i++)
		list[i] = (struct id_map){ from[i]->container_id, from[i]->host_id, from[i]->size };
	*ret = (struct id_maps){ list, n };
	return CTR_OK;
}

/* What is declared compressed, or declared badly, is told by its first bytes, as other daemons do. */
static enum codec_kind kind_of(const char *media_type)
{
	return str_ends(media_type, ".layer.v1.tar") ||
			       str_ends(media_type, ".nondistributable.v1.tar")
		       ? CODEC_PLAIN
		       : CODEC_AUTO;
}

static ctr_code open_source(struct job *j, const unpack_pb *u, int fd, struct ctr_error *err)
{
	if (!u->growing && u->size == 0)
		return source_file(&j->src, fd, err);
	source_growing(&j->src, fd, u->size, !u->growing, wait_for_growth, j);
	return CTR_OK;
}

static ctr_code run(struct job *j, const unpack_pb *u, const struct wire_fds *fds,
		    struct unpack_result *res, struct ctr_error *err)
{
	AUTO_FREE struct id_map *maps = calloc(2 * ID_MAPS_MAX, sizeof(*maps));
	struct unpack_options opt = {
		.root_fd = j->role->target_fd,
		.whiteouts = u->whiteouts == CTR__WORKER__V1__WHITEOUT_STYLE__WHITEOUT_NATIVE
				     ? UNPACK_NATIVE
				     : UNPACK_OVERLAY,
		.codec = kind_of(u->media_type),
		.parents = fds->fd + 1,
		.n_parents = fds->n - 1,
		.opaque = send_opaque,
		.opaque_ud = j,
		.progress = on_progress,
		.progress_ud = j,
	};
	ctr_code code;

	if (!maps)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (u->limits)
		opt.limits = (struct unpack_limits){ u->limits->max_entries, u->limits->max_bytes,
						     u->limits->max_ratio };
	code = load_maps(u->uid_maps, u->n_uid_maps, maps, &opt.uids, err);
	if (code == CTR_OK)
		code = load_maps(u->gid_maps, u->n_gid_maps, maps + ID_MAPS_MAX, &opt.gids, err);
	if (code == CTR_OK)
		code = open_source(j, u, fds->fd[0], err);
	if (code == CTR_OK)
		code = unpack_layer(&j->src, &opt, res, err);
	if (code == CTR_OK)
		code = wait_for_opaque(j, err);
	return code;
}

static int answer_unpacked(struct job *j, struct unpack_result *res)
{
	static char none[] = "";
	Ctr__Worker__V1__Unpacked u;
	worker_reply_pb rep;

	ctr__worker__v1__unpacked__init(&u);
	ctr__worker__v1__reply__init(&rep);
	u.diff_id = res->diff_id;
	u.size = res->size;
	u.entries = res->entries;
	u.digest = none; /* the source was verified by who wrote it */
	u.source_size = res->in_size;
	rep.id = j->id;
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_UNPACKED;
	rep.unpacked = &u;
	return role_send(j->role, &rep, NULL, 0);
}

/* Names of a layer may hold any byte; a message may not. */
static int answer_failed(struct job *j, const struct ctr_error *err)
{
	AUTO_ERROR clean = { .code = err->code, .message = name_printable(error_text(err)) };

	return role_failed(j->role, j->id, &clean, 0, 0);
}

static int serve(struct role *r, const worker_request *req, const struct wire_fds *fds)
{
	struct job j = { .role = r, .id = req->id };
	struct unpack_result res;
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;

	/* Left over from a request that failed before they arrived. */
	if (req->op_case == CTR__WORKER__V1__REQUEST__OP_CANCEL ||
	    req->op_case == CTR__WORKER__V1__REQUEST__OP_GROW ||
	    req->op_case == CTR__WORKER__V1__REQUEST__OP_OPAQUE_DONE)
		return 0;
	if (req->op_case != CTR__WORKER__V1__REQUEST__OP_UNPACK || fds->n < 1)
		code = ctr_fail(&err, CTR_INVALID_ARGUMENT,
				"worker unpack: no request to unpack a layer");
	else
		code = run(&j, req->unpack, fds, &res, &err);
	return code == CTR_OK ? answer_unpacked(&j, &res) : answer_failed(&j, &err);
}

int role_unpack(struct role *r)
{
	for (;;) {
		AUTO(wire_fds_done) struct wire_fds fds = { .n = 0 };
		worker_request *req = NULL;
		int res = role_recv(r, NULL, &req, &fds);

		if (res == -EPIPE)
			return 0;
		if (res < 0)
			return 1;
		res = serve(r, req, &fds);
		role_request_free(req);
		if (res < 0)
			return res == -EPIPE ? 0 : 1;
	}
}
