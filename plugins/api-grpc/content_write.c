/* SPDX-License-Identifier: Apache-2.0
 *
 * Content.Write: a conversation about one ingest, one answer to each request. The first message locks the ref; the lock
 * goes with the call, however it ends.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/api-grpc/content.h"

typedef Containerd__Services__Content__V1__WriteContentRequest request;
typedef Containerd__Services__Content__V1__WriteContentResponse response;

#define ACTION(a) CONTAINERD__SERVICES__CONTENT__V1__WRITE_ACTION__##a

struct writing {
	struct contents *c;
	struct ctr_rpc_call *rc;
	struct ctr_content_writer *w;
	char *ref;
	char expected[CTR_DIGEST_ROOM];
	int64_t total;
	int64_t offset; /* of the ingest */
};

/* The state of the ingest, for an answer. */
struct state {
	struct writing *w;
	response m;
	Google__Protobuf__Timestamp started, updated;
	char digest[CTR_DIGEST_ROOM];
};

static ctr_code on_status(void *ud, const struct ctr_ingest_status *s)
{
	struct state *st = ud;

	st->started = api_time(s->started_ns);
	st->updated = api_time(s->updated_ns);
	st->m.started_at = &st->started;
	st->m.updated_at = &st->updated;
	st->m.offset = s->offset_bytes;
	st->m.total = s->total_bytes;
	st->w->offset = s->offset_bytes;
	return CTR_OK;
}

static ctr_code answer(struct writing *w, int action, struct ctr_error *err)
{
	struct state st = { .w = w };

	containerd__services__content__v1__write_content_response__init(&st.m);
	ctr_code code = w->c->ops->writer_status(w->w, on_status, &st, st.digest, err);
	if (code != CTR_OK)
		return code;
	st.m.action = (Containerd__Services__Content__V1__WriteAction)action;
	st.m.digest = st.digest;
	if (action != ACTION(STAT))
		st.m.total = w->total;
	return api_reply(w->c->api, w->rc, &st.m.base, err);
}

/* After a commit there is no ingest to ask. */
static ctr_code answer_commit(struct writing *w, const char *digest, struct ctr_error *err)
{
	response m = CONTAINERD__SERVICES__CONTENT__V1__WRITE_CONTENT_RESPONSE__INIT;

	m.action = ACTION(COMMIT);
	m.offset = w->offset;
	m.total = w->total;
	m.digest = api_lent(digest);
	return api_reply(w->c->api, w->rc, &m.base, err);
}

static ctr_code first(struct contents *c, struct ctr_rpc_call *rc, const request *m,
		      struct writing **ret, struct ctr_error *err)
{
	const struct ctr_host *h = c->api->host;
	const struct ctr_ingest_open args = { .size = sizeof(args),
					      .ref = m->ref,
					      .expected = m->expected,
					      .total_bytes = m->total };

	if (!*m->ref)
		return h->fail(err, CTR_INVALID_ARGUMENT, "first message must have a reference");
	struct writing *w = calloc(1, sizeof(*w));
	char *ref = strdup(m->ref);
	ctr_code code = w && ref ? c->ops->writer(h, c->api->rpc->call(rc), &args, &w->w, err)
				 : h->fail_errno(err, ENOMEM, "ref %s", m->ref);
	if (code != CTR_OK) {
		free(ref);
		free(w);
		return code;
	}
	w->c = c;
	w->rc = rc;
	w->ref = ref;
	c->api->rpc->set_data(rc, w); /* content_write_closed() has it from here */
	*ret = w;

	struct state st = { .w = w };
	return c->ops->writer_status(w->w, on_status, &st, NULL, err);
}

static ctr_code nothing(void *ud, const struct ctr_content_info *info)
{
	(void)ud;
	(void)info;
	return CTR_OK;
}

/* Somebody else may have finished the same blob meanwhile. */
static ctr_code check_finished(struct writing *w, const request *m, struct ctr_error *err)
{
	const struct ctr_host *h = w->c->api->host;
	const struct ctr_call *call = w->c->api->rpc->call(w->rc);

	if (!*m->expected || w->c->ops->info(h, call, m->expected, nothing, NULL, NULL) != CTR_OK)
		return CTR_OK;
	w->c->ops->writer_close(w->w);
	w->w = NULL;
	(void)w->c->ops->abort(h, call, w->ref, NULL);
	return h->fail(err, CTR_ALREADY_EXISTS, "blob with expected digest %s exists", m->expected);
}

static ctr_code take_data(struct writing *w, const request *m, struct ctr_error *err)
{
	const struct ctr_host *h = w->c->api->host;
	ctr_code code = CTR_OK;

	if (m->offset > 0 && m->offset != w->offset)
		return h->fail(err, CTR_OUT_OF_RANGE,
			       "write @%" PRId64 " must occur at current offset %" PRId64,
			       m->offset, w->offset);
	if (m->offset == 0 && w->offset > 0 && m->action == ACTION(WRITE)) {
		code = w->c->ops->truncate(w->w, 0, err);
		w->offset = 0;
	}
	if (code == CTR_OK && m->data.len) {
		code = w->c->ops->write(w->w, m->data.data, m->data.len, err);
		w->offset += (int64_t)m->data.len;
	}
	return code;
}

static ctr_code commit(struct writing *w, const request *m, struct ctr_error *err)
{
	const struct ctr_content_commit args = {
		.size = sizeof(args), .total_bytes = w->total, .expected = w->expected, .digest = ""
	};
	AUTO_FREE struct ctr_label *mem = NULL;
	struct ctr_labels labels;
	char digest[CTR_DIGEST_ROOM];

	if (api_labels_in(m->labels, m->n_labels, &mem, &labels) < 0)
		return w->c->api->host->fail_errno(err, ENOMEM, "commit %s", w->ref);
	ctr_code code =
		w->c->ops->commit(w->w, w->c->api->rpc->call(w->rc), &args, labels, digest, err);
	if (code != CTR_OK)
		return code;
	code = answer_commit(w, digest, err);
	if (code == CTR_OK)
		w->c->api->rpc->finish(w->rc, CTR_OK, NULL);
	return code;
}

static ctr_code act(struct writing *w, const request *m, struct ctr_error *err)
{
	ctr_code code;

	switch (m->action) {
	case ACTION(STAT):
		return answer(w, ACTION(STAT), err);
	case ACTION(WRITE):
		code = take_data(w, m, err);
		return code == CTR_OK ? answer(w, ACTION(WRITE), err) : code;
	case ACTION(COMMIT):
		code = m->data.len ? take_data(w, m, err) : CTR_OK;
		return code == CTR_OK ? commit(w, m, err) : code;
	case _CONTAINERD__SERVICES__CONTENT__V1__WRITE_ACTION_IS_INT_SIZE:
		break;
	}
	return w->c->api->host->fail(err, CTR_INVALID_ARGUMENT, "unknown write action %d",
				     (int)m->action);
}

ctr_code content_write(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct contents *c = self;
	struct writing *w = c->api->rpc->data(rc);
	ProtobufCMessage *base = NULL;

	ctr_code code =
		api_unpack(c->api, CONTENT_REQUEST(write_content_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	const request *m = (const void *)base;
	if (!w)
		code = first(c, rc, m, &w, err);
	else
		code = check_finished(w, m, err);
	if (code == CTR_OK && strlen(m->expected) >= sizeof(w->expected))
		code = c->api->host->fail(err, CTR_INVALID_ARGUMENT,
					  "ref %s: the expected digest is malformed", w->ref);
	if (code == CTR_OK) {
		if (m->total > 0)
			w->total = m->total;
		if (*m->expected)
			snprintf(w->expected, sizeof(w->expected), "%s", m->expected);
		code = act(w, m, err);
	}
	protobuf_c_message_free_unpacked(base, NULL);
	return code;
}

/* The client has said all: the call ends, the lock goes with it, the ingest stays for the next writer. */
ctr_code content_write_end(void *self, struct ctr_rpc_call *rc, struct ctr_error *err)
{
	struct contents *c = self;

	(void)err;
	c->api->rpc->finish(rc, CTR_OK, NULL);
	return CTR_OK;
}

void content_write_closed(void *self, struct ctr_rpc_call *rc)
{
	struct contents *c = self;
	struct writing *w = c->api->rpc->data(rc);

	if (!w)
		return;
	c->ops->writer_close(w->w);
	free(w->ref);
	free(w);
}
