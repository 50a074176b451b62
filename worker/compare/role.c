/* SPDX-License-Identifier: Apache-2.0
 *
 * The role `compare`: layers from the difference of trees whose directories arrive as descriptors. One thread.
 */
#include "worker/role.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "worker/compare/compare.h"
#include "worker/tar/name.h"

typedef Ctr__Worker__V1__Compare compare_pb;

struct job {
	struct role *role;
	uint64_t id;
};

static const struct wire_wait at_once = { .deadline_ns = 0, .cancel_fd = -1 };

static ctr_code on_progress(void *ud, uint64_t out, uint64_t entries, struct ctr_error *err)
{
	AUTO(wire_fds_done) struct wire_fds fds = { .n = 0 };
	worker_request *req = NULL;
	struct job *j = ud;
	bool cancelled;
	int r = role_recv(j->role, &at_once, &req, &fds);

	if (r == -EPIPE || (r == -ETIMEDOUT && role_progress(j->role, j->id, out, 0, entries) < 0))
		return ctr_fail(err, CTR_CANCELLED, "the daemon hung up");
	if (r == -ETIMEDOUT)
		return CTR_OK;
	if (r < 0)
		return ctr_fail_errno(err, r, "worker compare: receive");

	cancelled =
		req->op_case == CTR__WORKER__V1__REQUEST__OP_CANCEL && req->cancel->target == j->id;
	role_request_free(req);
	return cancelled ? ctr_fail(err, CTR_CANCELLED, "cancelled") : CTR_OK;
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

static enum codec_kind kind_of(const char *media_type)
{
	if (str_ends(media_type, "+zstd") || str_ends(media_type, ".zstd"))
		return CODEC_ZSTD;
	if (!*media_type || str_ends(media_type, "gzip"))
		return CODEC_GZIP;
	return CODEC_PLAIN;
}

static ctr_code run(struct job *j, const compare_pb *c, const struct wire_fds *fds,
		    struct compare_result *res, struct ctr_error *err)
{
	AUTO_FREE struct id_map *maps = calloc(2 * ID_MAPS_MAX, sizeof(*maps));
	size_t i = c->n_lower;
	struct compare_options opt = {
		.lower_fd = c->n_lower ? fds->fd[0] : -1,
		.upper_fd = fds->fd[i],
		.out_fd = fds->fd[i + 1],
		.touched_fd = c->touched ? fds->fd[i + 2] : -1,
		.codec = kind_of(c->media_type),
		.max_entries = c->limits ? c->limits->max_entries : 0,
		.clamp_times = c->clamp_times,
		.clamp_to = c->source_date_epoch,
		.progress = on_progress,
		.progress_ud = j,
	};
	ctr_code code;

	if (!maps)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	code = load_maps(c->uid_maps, c->n_uid_maps, maps, &opt.uids, err);
	if (code == CTR_OK)
		code = load_maps(c->gid_maps, c->n_gid_maps, maps + ID_MAPS_MAX, &opt.gids, err);
	return code == CTR_OK ? compare_trees(&opt, res, err) : code;
}

static int answer_compared(struct job *j, struct compare_result *res)
{
	Ctr__Worker__V1__Compared c;
	worker_reply_pb rep;

	ctr__worker__v1__compared__init(&c);
	ctr__worker__v1__reply__init(&rep);
	c.digest = res->layer.digest;
	c.size = res->layer.size;
	c.diff_id = res->layer.diff_id;
	c.entries = res->entries;
	rep.id = j->id;
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_COMPARED;
	rep.compared = &c;
	return role_send(j->role, &rep, NULL, 0);
}

static int serve(struct role *r, const worker_request *req, const struct wire_fds *fds)
{
	struct job j = { .role = r, .id = req->id };
	const compare_pb *c = req->compare;
	struct compare_result res;
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;

	if (req->op_case == CTR__WORKER__V1__REQUEST__OP_CANCEL)
		return 0; /* of a request that has ended */
	if (req->op_case != CTR__WORKER__V1__REQUEST__OP_COMPARE || c->n_lower > 1 ||
	    fds->n != c->n_lower + 2 + (c->touched ? 1 : 0))
		code = ctr_fail(&err, CTR_INVALID_ARGUMENT,
				"worker compare: no request to compare two trees");
	else
		code = run(&j, c, fds, &res, &err);
	if (code == CTR_OK)
		return answer_compared(&j, &res);

	AUTO_ERROR clean = { .code = err.code, .message = name_printable(error_text(&err)) };
	return role_failed(r, req->id, &clean, 0, 0);
}

int role_compare(struct role *r)
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
