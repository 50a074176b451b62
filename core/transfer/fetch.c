/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker of a pull that talks to the registry: one process for all of it, many requests at
 * once. Its replies are handed to the blobs they are about. Coordinator only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "core/config/config.h"
#include "core/transfer/pull.h"

static const char *const default_hosts_dirs[] = { "/etc/ctr/certs.d", "/etc/containerd/certs.d",
						  "/etc/docker/certs.d" };

static char *lent(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

static ctr_code fill_headers(struct pull *p, WORKER(FetchSetup) *s, WORKER(Pair) **ret_items,
			     WORKER(Pair) ***ret_ptrs, struct ctr_error *err)
{
	size_t n = p->resolver ? p->resolver->n_headers : 0;
	WORKER(Pair) *items = calloc(n + 1, sizeof(*items));
	WORKER(Pair) **ptrs = calloc(n + 1, sizeof(*ptrs));

	*ret_items = items;
	*ret_ptrs = ptrs;
	if (!items || !ptrs)
		return ctr_fail_errno(err, ENOMEM, "%s", p->what);
	for (size_t i = 0; i < n; i++) {
		ctr__worker__v1__pair__init(&items[i]);
		items[i].key = p->resolver->headers[i]->key;
		items[i].value = p->resolver->headers[i]->value;
		ptrs[i] = &items[i];
	}
	s->headers = ptrs;
	s->n_headers = n;
	return CTR_OK;
}

ctr_code fetch_start(struct pull *p, struct ctr_error *err)
{
	const TRANSFER(RegistryResolver) *r = p->resolver;
	const struct proxies *proxies = &p->job->t->proxies;
	char *own_dir[] = { r ? r->host_dir : NULL };
	AUTO_FREE WORKER(Pair) *items = NULL;
	AUTO_FREE WORKER(Pair) **ptrs = NULL;
	WORKER(FetchSetup) fetch;
	WORKER(Setup) setup;
	ctr_code code;

	ctr__worker__v1__setup__init(&setup);
	ctr__worker__v1__fetch_setup__init(&fetch);
	setup.fetch = &fetch;
	fetch.hosts_dirs = (char **)(uintptr_t)default_hosts_dirs;
	fetch.n_hosts_dirs = ARRAY_SIZE(default_hosts_dirs);
	if (r && *r->host_dir) {
		fetch.hosts_dirs = own_dir;
		fetch.n_hosts_dirs = 1;
	}
	fetch.default_scheme = lent(r ? r->default_scheme : "");
	fetch.plain_http = str_eq(fetch.default_scheme, "http");
	fetch.http_proxy = lent(proxies->http);
	fetch.https_proxy = lent(proxies->https);
	fetch.no_proxy = lent(proxies->none);
	fetch.ask_credentials = p->auth != NULL;
	fetch.max_transfers = FETCHES_MAX;
	fetch.progress_timeout_ms =
		(uint32_t)(config_int(p->job->t->daemon->config, "transfer.progress_timeout") /
			   NS_PER_MSEC);
	code = fill_headers(p, &fetch, &items, &ptrs, err);
	return code == CTR_OK ? start_worker(p->job, ROLE_FETCH, &setup, &p->fetch, err) : code;
}

/* Before anything else is under way, so replies need no list of requests. */
ctr_code fetch_resolve(struct pull *p, WORKER(Descriptor) **ret, struct ctr_error *err)
{
	struct wire_wait wait = job_wait(p->job);
	WORKER(Resolve) resolve;
	worker_request req;
	ctr_code code;

	ctr__worker__v1__resolve__init(&resolve);
	ctr__worker__v1__request__init(&req);
	resolve.host = p->ref.host;
	resolve.path = p->ref.path;
	resolve.tag = p->ref.tag;
	resolve.digest = p->ref.digest;
	req.id = p->next_id++;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_RESOLVE;
	req.resolve = &resolve;
	code = worker_send(p->fetch, &req, NULL, 0, &wait, err);
	while (code == CTR_OK) {
		AUTO_WORKER_REPLY reply = { .msg = NULL };

		code = worker_recv(p->fetch, &wait, &reply, err);
		if (code != CTR_OK)
			break;
		if (reply.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_FAILED)
			return worker_failed(reply.msg->failed, err);
		if (reply.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_AUTH_NEEDED) {
			code = auth_answer(p, reply.msg->id, reply.msg->auth_needed, err);
		} else if (reply.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_RESOLVED) {
			*ret = take_ptr(&reply.msg->resolved->descriptor);
			return CTR_OK;
		}
	}
	return code;
}

ctr_code fetch_send(struct pull *p, struct blob *b, int64_t offset, struct ctr_error *err)
{
	struct wire_wait wait = job_wait(p->job);
	WORKER(Descriptor) d;
	WORKER(Fetch) fetch;
	worker_request req;

	ctr__worker__v1__descriptor__init(&d);
	ctr__worker__v1__fetch__init(&fetch);
	ctr__worker__v1__request__init(&req);
	d.digest = b->digest;
	d.media_type = b->media_type;
	d.size = b->size;
	fetch.host = p->ref.host;
	fetch.path = p->ref.path;
	fetch.descriptor = &d;
	fetch.offset = offset;
	b->id = p->next_id++;
	req.id = b->id;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_FETCH;
	req.fetch = &fetch;
	return worker_send(p->fetch, &req, &b->write_fd, 1, &wait, err);
}

static struct blob *by_id(struct pull *p, uint64_t id)
{
	list_for (it, &p->blobs) {
		struct blob *b = list_entry(it, struct blob, link);

		if (b->id == id && b->state == BLOB_FETCHING)
			return b;
	}
	return NULL;
}

static ctr_code on_reply(struct pull *p, const worker_reply_pb *msg, struct ctr_error *err)
{
	struct blob *b = by_id(p, msg->id);

	if (!b)
		return ctr_fail(err, CTR_DATA_LOSS, "worker fetch: reply to no request");
	switch (msg->result_case) {
	case CTR__WORKER__V1__REPLY__RESULT_PROGRESS:
		blob_grow(b, (int64_t)MIN(msg->progress->offset, (uint64_t)b->size));
		return CTR_OK;
	case CTR__WORKER__V1__REPLY__RESULT_FETCHED:
		if (!str_eq(msg->fetched->digest, b->digest) ||
		    msg->fetched->size != (uint64_t)b->size)
			return ctr_fail(err, CTR_DATA_LOSS, "worker fetch: %s is said to be %s",
					b->ref, msg->fetched->digest);
		return blob_fetched(b, err);
	case CTR__WORKER__V1__REPLY__RESULT_FAILED:
		/* What is proven bad is worth nothing; of anything else the next pull can go on. */
		if (msg->failed->bad_content)
			blob_abandon(b, 1);
		return worker_failed(msg->failed, err);
	case CTR__WORKER__V1__REPLY__RESULT_AUTH_NEEDED:
		return auth_answer(p, msg->id, msg->auth_needed, err);
	default: /* the client has checked that it is of this role */
		return ctr_fail(err, CTR_DATA_LOSS, "worker fetch: unexpected reply");
	}
}

ctr_code fetch_replies(struct pull *p, struct ctr_error *err)
{
	static const struct wire_wait at_once = { .deadline_ns = 0, .cancel_fd = -1 };

	for (;;) {
		AUTO_WORKER_REPLY reply = { .msg = NULL };
		AUTO_ERROR why = ERROR_INIT;
		ctr_code code = worker_recv(p->fetch, &at_once, &reply, &why);

		if (code == CTR_DEADLINE_EXCEEDED)
			return CTR_OK;
		if (code != CTR_OK)
			return ctr_move_error(err, &why);
		code = on_reply(p, reply.msg, err);
		if (code != CTR_OK)
			return code;
	}
}
