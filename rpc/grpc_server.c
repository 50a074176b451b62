/* SPDX-License-Identifier: Apache-2.0
 *
 * The gRPC server's outer parts: services, listeners, connections, the mailbox's eventfd and the
 * end. Loop thread.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "rpc/grpc_call.h"
#include "rpc/listener.h"

#define QUEUE_BYTES (8u << 20)
#define LOW_BYTES   (256u << 10)
#define MAX_CONNS   1024
#define MAX_CALLS   65536

struct holder {
	struct list link;
	struct listener *listener;
};

static void ring(struct grpc_mail *m)
{
	const uint64_t one = 1;

	(void)!write(m->wake_fd, &one, sizeof(one));
}

void grpc_conn_dirty(struct grpc_conn *c)
{
	struct grpc_server *s = c->server;

	if (c->h2.busy || !list_empty(&c->dirty))
		return;
	if (list_empty(&s->dirty) && !s->in_mail)
		ring(s->mail);
	list_add(&s->dirty, &c->dirty);
}

static void wake(void *ud, uint32_t events)
{
	struct grpc_server *s = ud;

	(void)events;
	s->in_mail = true;
	grpc_mail_run(s);
	s->in_mail = false;
	while (!list_empty(&s->dirty)) {
		struct grpc_conn *c = list_entry(s->dirty.next, struct grpc_conn, dirty);

		list_del(&c->dirty);
		h2_flush(&c->h2);
	}
}

/* ------------------------------------------------------------------ connections */

static void free_conn(struct grpc_conn *c)
{
	while (!list_empty(&c->calls)) {
		struct grpc_call *call = list_entry(c->calls.next, struct grpc_call, link);

		if (c->h2.session)
			nghttp2_session_set_stream_user_data(c->h2.session, call->id, NULL);
		grpc_call_detach(call);
	}

	h2_done(&c->h2);
	list_del(&c->dirty);
	list_del(&c->link);
	free(c);
}

/* The read buffer is about to be used for other bytes, and calls that did not end at once begin
 * to count. */
static void parsed(void *ud)
{
	struct grpc_conn *c = ud;

	while (!list_empty(&c->fresh)) {
		struct grpc_call *call = list_entry(c->fresh.next, struct grpc_call, fresh);

		list_del(&call->fresh);
		if (call->finished)
			continue;
		grpc_call_arm(call);
		if (!call->has_message || call->in.data)
			continue;
		call->in.data = grpc_in_take(&call->in, call->message, call->n_message);
		call->message = call->in.data;
		if (!call->message)
			grpc_call_abort(call, CTR_RESOURCE_EXHAUSTED, "out of memory");
	}
}

static void written(void *ud)
{
	struct grpc_conn *c = ud;

	while (!list_empty(&c->drained)) {
		struct grpc_call *call = list_entry(c->drained.next, struct grpc_call, drained);

		list_del(&call->drained);
		call->method->drained(call);
	}
}

static void over(void *ud, int r)
{
	struct grpc_conn *c = ud;
	struct grpc_server *s = c->server;

	(void)r;
	s->n_conns--;
	free_conn(c);
	if (s->stopping && s->n_conns == 0 && s->idle)
		take_ptr (&s->idle)(s->idle_ud);
}

static const struct h2_ops h2_ops = { .parsed = parsed, .written = written, .over = over };

static int start_session(struct grpc_conn *c)
{
	const struct grpc_server *s = c->server;
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, s->limits.max_calls },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADER_LIST },
	};
	nghttp2_session *session;

	if (nghttp2_session_server_new2(&session, s->callbacks, &c->h2, s->options) != 0)
		return -ENOMEM;

	c->h2.session = session;
	if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) !=
		    0 ||
	    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, H2_CONN_WINDOW) !=
		    0)
		return -ENOMEM;

	return 0;
}

int grpc_server_serve(struct grpc_server *s, int fd, const struct ucred *peer)
{
	struct grpc_conn *c;
	int r;

	if (s->stopping || s->n_conns >= s->limits.max_conns)
		return -EMFILE;

	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;

	c->server = s;
	c->cred = *peer;
	c->h2.fd = -1;
	list_init(&c->link);
	list_init(&c->dirty);
	list_init(&c->calls);
	list_init(&c->fresh);
	list_init(&c->drained);
	r = start_session(c);
	if (r == 0)
		r = h2_start(&c->h2, s->loop, fd, s->shared, &h2_ops, c);
	if (r < 0) {
		free_conn(c);
		return r;
	}

	list_add(&s->conns, &c->link);
	s->n_conns++;
	grpc_conn_dirty(c);
	return 0;
}

static void accepted(void *ud, int fd, const struct ucred *peer)
{
	if (grpc_server_serve(ud, fd, peer) < 0)
		fd_close(&fd);
}

/* ------------------------------------------------------------------ listeners */

static ctr_code hold(struct grpc_server *s, struct holder *h, ctr_code code)
{
	if (code != CTR_OK) {
		free(h);
		return code;
	}

	list_add(&s->listeners, &h->link);
	return CTR_OK;
}

ctr_code grpc_server_listen(struct grpc_server *s, const char *path, mode_t mode, gid_t gid,
			    struct ctr_error *err)
{
	struct holder *h = calloc(1, sizeof(*h));

	if (!h)
		return ctr_fail_errno(err, ENOMEM, "listen on '%s'", path);

	return hold(s, h, listener_open(s->loop, path, mode, gid, accepted, s, &h->listener, err));
}

ctr_code grpc_server_adopt(struct grpc_server *s, int listening_fd, struct ctr_error *err)
{
	struct holder *h = calloc(1, sizeof(*h));

	if (!h)
		return ctr_fail_errno(err, ENOMEM, "listen on descriptor %d", listening_fd);

	return hold(s, h, listener_adopt(s->loop, listening_fd, accepted, s, &h->listener, err));
}

static void stop_listening(struct grpc_server *s)
{
	list_for_safe (it, &s->listeners) {
		struct holder *h = list_entry(it, struct holder, link);

		list_del(&h->link);
		listener_free(h->listener);
		free(h);
	}
}

/* ------------------------------------------------------------------ services */

static int add_method(struct grpc_server *s, const struct grpc_service *service,
		      const struct grpc_method *method)
{
	AUTO_FREE char *path = str_printf("/%s/%s", service->name, method->name);
	AUTO_FREE struct grpc_entry *entry = malloc(sizeof(*entry));
	int r;

	if (!path || !entry)
		return -ENOMEM;

	*entry = (struct grpc_entry){ .service = service, .method = method };
	r = map_put(s->paths, path, entry);
	if (r == 0)
		take_ptr(&entry);
	return r;
}

static bool is_complete(const struct grpc_service *service)
{
	for (size_t i = 0; i < service->n_methods; i++) {
		const struct grpc_method *m = &service->methods[i];

		if (m->flags & GRPC_CLIENT_STREAM ? !m->message : !m->unary)
			return false;
	}

	return true;
}

static void remove_methods(struct grpc_server *s, const struct grpc_service *service, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *path =
			str_printf("/%s/%s", service->name, service->methods[i].name);

		if (path)
			free(map_del(s->paths, path));
	}
}

int grpc_server_register(struct grpc_server *s, const struct grpc_service *service)
{
	void *value; /* the map holds non-const pointers and this one is only read */
	int r;

	if (!is_complete(service))
		return -EINVAL;

	memcpy(&value, &service, sizeof(value));
	r = map_put(s->services, service->name, value);
	for (size_t i = 0; r == 0 && i < service->n_methods; i++) {
		r = add_method(s, service, &service->methods[i]);
		if (r < 0) {
			remove_methods(s, service, i);
			map_del(s->services, service->name);
		}
	}

	return r;
}

/* ------------------------------------------------------------------ the whole */

static struct grpc_mail *mail_new(struct loop *loop)
{
	struct grpc_mail *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;

	pthread_mutex_init(&m->lock, NULL);
	atomic_init(&m->refs, 1);
	m->last = &m->first;
	m->loop = loop;
	m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return m;
}

/* Later operations find it closed; those in it are dropped. */
static void mail_close(struct grpc_mail *m)
{
	struct grpc_op *op;

	pthread_mutex_lock(&m->lock);
	op = take_ptr(&m->first);
	m->last = &m->first;
	fd_close(&m->wake_fd);
	m->wake_fd = -1;
	m->loop = NULL;
	pthread_mutex_unlock(&m->lock);

	while (op) {
		struct grpc_op *next = op->next;

		grpc_op_free(op);
		op = next;
	}
}

static int make_parts(struct grpc_server *s)
{
	int r = grpc_session_callbacks(&s->callbacks);

	if (r < 0)
		return r;

	s->paths = map_new();
	s->services = map_new();
	s->options = h2_options();
	s->shared = calloc(1, sizeof(*s->shared));
	s->mail = mail_new(s->loop);
	if (!s->paths || !s->services || !s->options || !s->shared || !s->mail)
		return -ENOMEM;
	if (s->mail->wake_fd < 0)
		return -EMFILE;

	return loop_add_fd(s->loop, s->mail->wake_fd, EPOLLIN, wake, s, &s->mail_watch);
}

static void set_limits(struct grpc_limits *to, const struct grpc_limits *from)
{
	*to = from ? *from : (struct grpc_limits){ 0 };
	to->message_bytes = to->message_bytes ? to->message_bytes : GRPC_MESSAGE_LIMIT;
	to->queue_bytes = to->queue_bytes ? to->queue_bytes : QUEUE_BYTES;
	to->low_bytes = to->low_bytes ? to->low_bytes : LOW_BYTES;
	to->max_conns = to->max_conns ? to->max_conns : MAX_CONNS;
	to->max_calls = to->max_calls ? to->max_calls : MAX_CALLS;
}

int grpc_server_new(struct loop *loop, const struct grpc_limits *limits, struct grpc_server **ret)
{
	struct grpc_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;

	s->loop = loop;
	set_limits(&s->limits, limits);
	list_init(&s->conns);
	list_init(&s->listeners);
	list_init(&s->dirty);
	r = make_parts(s);
	if (r < 0) {
		grpc_server_free(s);
		return r;
	}

	*ret = s;
	return 0;
}

void grpc_server_free(struct grpc_server *s)
{
	size_t pos = 0;

	if (!s)
		return;

	stop_listening(s);
	s->in_mail = true; /* nothing will be written any more */
	while (!list_empty(&s->conns))
		free_conn(list_entry(s->conns.next, struct grpc_conn, link));
	loop_del_fd(s->mail_watch);
	if (s->mail) {
		mail_close(s->mail);
		grpc_mail_unref(s->mail);
	}
	if (s->paths) {
		for (void *entry; (entry = map_next(s->paths, &pos, NULL));)
			free(entry);
	}
	map_free(s->paths);
	map_free(s->services);
	nghttp2_session_callbacks_del(s->callbacks);
	nghttp2_option_del(s->options);
	free(s->shared);
	free(s);
}

void grpc_server_shutdown(struct grpc_server *s, grpc_idle_fn idle, void *ud)
{
	s->stopping = true;
	s->idle = idle;
	s->idle_ud = ud;
	stop_listening(s);
	list_for (it, &s->conns) {
		struct grpc_conn *c = list_entry(it, struct grpc_conn, link);
		nghttp2_session *session = c->h2.session;

		nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
				      nghttp2_session_get_last_proc_stream_id(session),
				      NGHTTP2_NO_ERROR, NULL, 0);
		grpc_conn_dirty(c);
	}
	if (s->n_conns == 0 && s->idle)
		take_ptr (&s->idle)(s->idle_ud);
}

size_t grpc_server_conns(const struct grpc_server *s)
{
	return s->n_conns;
}

size_t grpc_server_calls(const struct grpc_server *s)
{
	return s->n_calls;
}
