/* SPDX-License-Identifier: Apache-2.0
 *
 * A call at the gRPC server: what handlers do with it, from any thread, and how it ends. Other
 * threads leave operations in the server's mailbox; one wake-up of the loop runs all of them and
 * then writes each connection once.
 */
#include "rpc/grpc_call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "rpc/grpc_wire.h"

#define BACKLOG_MAX (2 * H2_WINDOW)

static const char *const code_texts[] = { "0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
					  "9", "10", "11", "12", "13", "14", "15", "16" };

static const char *code_text(ctr_code code)
{
	size_t i = (size_t)CTR_GRPC_CODE(code);

	return i < ARRAY_SIZE(code_texts) ? code_texts[i] : code_texts[CTR_UNKNOWN];
}

static void sent(struct h2_stream *s, size_t n)
{
	struct grpc_call *call = container_of(s, struct grpc_call, stream);
	size_t left = atomic_fetch_sub(&call->queued, n) - n;

	if (left > call->low || !atomic_exchange(&call->above_low, false))
		return;
	if (call->conn && call->method->drained && !call->finished && list_empty(&call->drained))
		list_add(&call->conn->drained, &call->drained);
}

struct grpc_call *grpc_call_new(struct grpc_conn *c, int32_t id)
{
	const struct grpc_limits *limits = &c->server->limits;
	struct grpc_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;

	atomic_init(&call->refs, 1);
	atomic_init(&call->queued, 0);
	call->stream.sent = sent;
	call->conn = c;
	call->mail = c->server->mail;
	atomic_fetch_add(&call->mail->refs, 1);
	call->id = id;
	call->cred = c->cred;
	call->deadline_ns = NO_DEADLINE;
	call->message_max = limits->message_bytes;
	call->queue_max = limits->queue_bytes;
	call->low = limits->low_bytes;
	call->backlog.max = BACKLOG_MAX;
	list_init(&call->fresh);
	list_init(&call->drained);
	list_add(&c->calls, &call->link);
	return call;
}

struct grpc_call *grpc_call_ref(struct grpc_call *call)
{
	atomic_fetch_add(&call->refs, 1);
	return call;
}

void grpc_call_unref(struct grpc_call *call)
{
	if (!call || atomic_fetch_sub(&call->refs, 1) > 1)
		return;

	if (call->free_data)
		call->free_data(call->data);
	grpc_msg_free_chain(grpc_out_clear(&call->stream.out));
	grpc_in_done(&call->in);
	buf_done(&call->backlog);
	grpc_mail_unref(call->mail);
	free(call->meta);
	free(call->wrong);
	free(call->status_text);
	free(call);
}

/* ------------------------------------------------------------------ answers, on the loop's
 * thread */

static ssize_t read_cb(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room,
		       uint32_t *flags, nghttp2_data_source *source, void *ud)
{
	struct grpc_call *call = source->ptr;
	nghttp2_nv nva[2];
	size_t n_nv = 1;
	ssize_t n;

	(void)buf;
	(void)ud;
	if (call->stream.out.bytes == 0 && !call->finished) {
		call->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}

	n = h2_promise(&call->stream, room, flags);
	if (!call->finished || (size_t)n < call->stream.out.bytes)
		return n;

	*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	nva[0] = H2_NV("grpc-status", code_text(call->status), strlen(code_text(call->status)));
	if (call->status_text)
		nva[n_nv++] = H2_NV("grpc-message", call->status_text, strlen(call->status_text));
	return nghttp2_submit_trailer(session, id, nva, n_nv) == 0
		       ? n
		       : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* An answer without messages: all in one HEADERS frame that ends the stream. */
static int submit_only_trailers(struct grpc_call *call, const char *http_status)
{
	const char *code = code_text(call->status);
	nghttp2_nv nva[4] = {
		H2_NV(":status", http_status, strlen(http_status)),
		H2_NV_LITERAL("content-type", "application/grpc"),
		H2_NV("grpc-status", code, strlen(code)),
	};
	size_t n_nv = 3;

	if (call->status_text)
		nva[n_nv++] = H2_NV("grpc-message", call->status_text, strlen(call->status_text));
	return nghttp2_submit_response(call->conn->h2.session, call->id, nva, n_nv, NULL);
}

static int submit_head(struct grpc_call *call)
{
	static const char type[] = "application/grpc";
	const nghttp2_nv nva[] = {
		H2_NV_LITERAL(":status", "200"),
		H2_NV_LITERAL("content-type", type),
	};
	const nghttp2_data_provider provider = { .source.ptr = call, .read_callback = read_cb };

	return nghttp2_submit_response(call->conn->h2.session, call->id, nva, ARRAY_SIZE(nva),
				       &provider);
}

/* There is something new to send for this call. */
static void kick(struct grpc_call *call)
{
	nghttp2_session *session = call->conn->h2.session;
	int r = 0;

	if (!call->head_sent) {
		call->head_sent = true;
		r = call->finished && call->stream.out.bytes == 0
			    ? submit_only_trailers(call, "200")
			    : submit_head(call);
	} else if (call->deferred) {
		call->deferred = false;
		r = nghttp2_session_resume_data(session, call->id);
	}
	if (r != 0)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, call->id,
					  NGHTTP2_INTERNAL_ERROR);

	grpc_conn_dirty(call->conn);
}

static void set_status(struct grpc_call *call, ctr_code code, const char *literal)
{
	call->finished = true;
	atomic_store(&call->over, true);
	call->status = code;
	if (code != CTR_OK && literal && *literal)
		call->status_text = grpc_message_encode(literal);
	loop_del_timer(take_ptr(&call->timer));
}

static void run_reply(struct grpc_call *call, struct grpc_op *op)
{
	if (call->finished || !call->conn) {
		atomic_fetch_sub(&call->queued, op->msg.n + GRPC_PREFIX);
		grpc_msg_free(&op->msg);
		return;
	}

	grpc_out_push(&call->stream.out, &op->msg);
	if (!(call->method->flags & GRPC_SERVER_STREAM))
		set_status(call, CTR_OK, NULL);
	kick(call);
}

static void run_finish(struct grpc_call *call, ctr_code code, const char *literal)
{
	if (call->finished || !call->conn)
		return;

	set_status(call, code, literal);
	kick(call);
}

void grpc_call_abort(struct grpc_call *call, ctr_code code, const char *literal)
{
	struct grpc_msg *cut;

	if (call->finished || !call->conn)
		return;

	cut = grpc_out_cut(&call->stream.out);
	for (const struct grpc_msg *m = cut; m; m = m->next)
		atomic_fetch_sub(&call->queued, m->n + GRPC_PREFIX);
	h2_release(&call->conn->h2, cut);
	run_finish(call, code, literal);
	if (call->told && call->method->cancel)
		call->method->cancel(call);
}

void grpc_call_refuse(struct grpc_call *call, const char *http_status, ctr_code code,
		      const char *literal)
{
	set_status(call, code, literal);
	call->head_sent = true;
	if (submit_only_trailers(call, http_status) != 0)
		nghttp2_submit_rst_stream(call->conn->h2.session, NGHTTP2_FLAG_NONE, call->id,
					  NGHTTP2_INTERNAL_ERROR);
	grpc_conn_dirty(call->conn);
}

static void expired(void *ud)
{
	struct grpc_call *call = ud;

	call->timer = NULL;
	grpc_call_abort(call, CTR_DEADLINE_EXCEEDED, "context deadline exceeded");
}

void grpc_call_arm(struct grpc_call *call)
{
	/* Without memory for a timer the call waits without a limit of ours; the client has its
	 * own. */
	if (call->deadline_ns != NO_DEADLINE && !call->finished && !call->timer)
		loop_add_timer(call->conn->h2.loop, call->deadline_ns, expired, call, &call->timer);
}

void grpc_call_detach(struct grpc_call *call)
{
	struct grpc_conn *c = call->conn;
	bool cut = call->told && !call->finished;

	atomic_fetch_sub(&call->queued, call->stream.out.bytes);
	h2_release(&c->h2, grpc_out_clear(&call->stream.out));
	loop_del_timer(take_ptr(&call->timer));
	list_del(&call->link);
	list_del(&call->fresh);
	list_del(&call->drained);
	call->conn = NULL;
	call->finished = true;
	atomic_store(&call->over, true);
	grpc_in_done(&call->in);
	buf_done(&call->backlog);

	if (call->begun)
		c->server->n_calls--;
	if (cut && call->method->cancel)
		call->method->cancel(call);
	if (call->told && call->method->closed)
		call->method->closed(call);
	grpc_call_unref(call);
}

/* ------------------------------------------------------------------ the mailbox */

void grpc_mail_unref(struct grpc_mail *m)
{
	if (atomic_fetch_sub(&m->refs, 1) > 1)
		return;

	pthread_mutex_destroy(&m->lock);
	free(m);
}

void grpc_op_free(struct grpc_op *op)
{
	grpc_call_unref(op->call);
	free(op->text);
	grpc_msg_free(&op->msg);
}

static void run_op(struct grpc_op *op)
{
	struct grpc_call *call = op->call;

	switch (op->kind) {
	case GRPC_OP_REPLY:
		op->call = NULL;
		run_reply(call, op);
		grpc_call_unref(call);
		return;
	case GRPC_OP_FINISH:
		run_finish(call, op->code, op->text);
		break;
	case GRPC_OP_CONSUME:
		if (call->conn && !call->finished)
			grpc_session_resume(call);
		break;
	case GRPC_OP_EXHAUST:
		grpc_call_abort(call, CTR_RESOURCE_EXHAUSTED,
				op->text ? op->text : "out of memory");
		break;
	}
	grpc_op_free(op);
}

void grpc_mail_run(struct grpc_server *s)
{
	struct grpc_mail *m = s->mail;
	struct grpc_op *op;
	uint64_t count;

	pthread_mutex_lock(&m->lock);
	(void)!read(m->wake_fd, &count, sizeof(count));
	op = take_ptr(&m->first);
	m->last = &m->first;
	pthread_mutex_unlock(&m->lock);

	while (op) {
		struct grpc_op *next = op->next;

		run_op(op);
		op = next;
	}
}

/* 1: the caller runs it, being on the loop's thread; 0: it is in the mailbox; -EPIPE: the server
 * is gone. */
static int post(struct grpc_call *call, struct grpc_op *op, bool always)
{
	struct grpc_mail *m = call->mail;
	const uint64_t one = 1;
	int r = 0;

	op->call = grpc_call_ref(call);
	pthread_mutex_lock(&m->lock);
	if (m->wake_fd < 0) {
		r = -EPIPE;
	} else if (!always && loop_here(m->loop)) {
		r = 1;
	} else {
		if (!m->first)
			(void)!write(m->wake_fd, &one, sizeof(one));
		*m->last = op;
		m->last = &op->next;
	}
	pthread_mutex_unlock(&m->lock);

	if (r < 0)
		grpc_op_free(op);
	return r;
}

static void submit(struct grpc_call *call, struct grpc_op *op, bool always)
{
	if (post(call, op, always) == 1)
		run_op(op);
}

/* ------------------------------------------------------------------ any thread */

static void exhaust(struct grpc_call *call, char *text)
{
	struct grpc_op *op = calloc(1, sizeof(*op));

	/* Without memory for this either, the call ends with its client. */
	if (!op) {
		free(text);
		return;
	}

	op->kind = GRPC_OP_EXHAUST;
	op->text = text;
	submit(call, op, true);
}

int grpc_call_reply(struct grpc_call *call, void *data, size_t n)
{
	AUTO_FREE void *owned = data;
	AUTO_FREE struct grpc_op *op = NULL;
	size_t whole = n + GRPC_PREFIX, before;

	if (atomic_load(&call->over))
		return -EPIPE;
	if (n > call->message_max || n > UINT32_MAX) {
		exhaust(call, str_printf("trying to send message larger than max (%zu vs. %zu)", n,
					 call->message_max));
		return -EMSGSIZE;
	}

	op = calloc(1, sizeof(*op));
	if (!op) {
		exhaust(call, NULL);
		return -ENOMEM;
	}

	before = atomic_fetch_add(&call->queued, whole);
	if (before > 0 && before + whole > call->queue_max) {
		atomic_fetch_sub(&call->queued, whole);
		exhaust(call, str_printf("the client does not read: %zu bytes are queued", before));
		return -ENOBUFS;
	}

	if (before + whole > call->low)
		atomic_store(&call->above_low, true);
	op->kind = GRPC_OP_REPLY;
	grpc_msg_init(&op->msg, take_ptr(&owned), n);
	submit(call, take_ptr(&op), false);
	return 0;
}

void grpc_call_finish(struct grpc_call *call, ctr_code code, const char *message)
{
	struct grpc_op *op = calloc(1, sizeof(*op));

	if (!op) {
		exhaust(call, NULL);
		return;
	}

	op->kind = GRPC_OP_FINISH;
	op->code = code;
	if (code != CTR_OK)
		op->text = error_wire_text(code, message ? message : "");
	submit(call, op, false);
}

static bool on_loop(struct grpc_mail *m)
{
	bool here;

	pthread_mutex_lock(&m->lock);
	here = m->wake_fd >= 0 && loop_here(m->loop);
	pthread_mutex_unlock(&m->lock);
	return here;
}

void grpc_call_consume(struct grpc_call *call)
{
	struct grpc_op *op;

	/* From within message(): the delivery goes on when that returns. */
	if (on_loop(call->mail) && call->delivering) {
		call->with_handler = false;
		return;
	}

	op = calloc(1, sizeof(*op));
	if (!op) {
		exhaust(call, NULL);
		return;
	}
	op->kind = GRPC_OP_CONSUME;
	submit(call, op, true);
}

size_t grpc_call_queued_bytes(const struct grpc_call *call)
{
	return atomic_load(&call->queued);
}

int grpc_call_over(const struct grpc_call *call)
{
	return atomic_load(&call->over);
}

void grpc_call_set_data(struct grpc_call *call, void *data, void (*free_fn)(void *data))
{
	call->data = data;
	call->free_data = free_fn;
}

void *grpc_call_data(const struct grpc_call *call)
{
	return call->data;
}

const struct grpc_service *grpc_call_service(const struct grpc_call *call)
{
	return call->service;
}

const struct grpc_method *grpc_call_method(const struct grpc_call *call)
{
	return call->method;
}

const char *grpc_call_metadata(const struct grpc_call *call, const char *key)
{
	for (size_t at = 0; at < call->n_meta;) {
		const char *name = call->meta + at, *value = name + strlen(name) + 1;

		if (strcmp(name, key) == 0)
			return value;
		at += strlen(name) + strlen(value) + 2;
	}

	return NULL;
}

int64_t grpc_call_deadline_ns(const struct grpc_call *call)
{
	return call->deadline_ns;
}

const struct ucred *grpc_call_peer(const struct grpc_call *call)
{
	return &call->cred;
}

void *grpc_call_take(struct grpc_call *call)
{
	return grpc_in_take(&call->in, call->message, call->n_message);
}
