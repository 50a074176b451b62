/* SPDX-License-Identifier: Apache-2.0
 *
 * Thin faces of base/loop.h and rpc/ttrpc_client.h for plugins. Loop's thread, but for post.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ctr/unstable/loop.h>
#include <ctr/unstable/ttrpc.h>

#include "base/clock.h"
#include "base/loop.h"
#include "core/daemon.h"
#include "core/tasks/plumbing.h"
#include "rpc/ttrpc_client.h"
#include "status/status.h"

static ctr_code post(const struct ctr_host *h, void (*fn)(void *ud), void *ud,
		     struct ctr_error *err)
{
	int r = loop_post(host_daemon(h)->loop, fn, ud);

	return r < 0 ? ctr_fail_errno(err, r, "post to the loop") : CTR_OK;
}

static ctr_code add_fd(const struct ctr_host *h, int32_t fd, uint32_t events,
		       void (*fn)(void *ud, uint32_t events), void *ud, void **ret_watch,
		       struct ctr_error *err)
{
	struct loop_fd *w;
	int r = loop_add_fd(host_daemon(h)->loop, fd, events, fn, ud, &w);

	if (r < 0)
		return ctr_fail_errno(err, r, "watch descriptor %d", fd);
	*ret_watch = w;
	return CTR_OK;
}

static void del_fd(const struct ctr_host *h, void *watch)
{
	(void)h;
	loop_del_fd(watch);
}

static ctr_code add_timer(const struct ctr_host *h, int64_t at_ns, void (*fn)(void *ud), void *ud,
			  void **ret_timer, struct ctr_error *err)
{
	struct loop_timer *t;
	int r = loop_add_timer(host_daemon(h)->loop, at_ns, fn, ud, &t);

	if (r < 0)
		return ctr_fail_errno(err, r, "set a timer");
	*ret_timer = t;
	return CTR_OK;
}

static void del_timer(const struct ctr_host *h, void *timer)
{
	(void)h;
	loop_del_timer(timer);
}

static const struct ctr_loop_ops loop_ops = {
	.size = sizeof(loop_ops),
	.post = post,
	.add_fd = add_fd,
	.del_fd = del_fd,
	.add_timer = add_timer,
	.del_timer = del_timer,
};

/* ---- ttrpc ---- */

struct ctr_ttrpc {
	struct daemon *daemon;
	struct ttrpc_client *client;
	void (*closed)(void *ud);
	void *ud;
	int closing;
};

struct pending {
	struct ctr_ttrpc *conn;
	ctr_ttrpc_done done;
	void *ud;
};

static void on_closed(void *ud)
{
	struct ctr_ttrpc *c = ud;

	if (c->closed && !c->closing)
		c->closed(c->ud);
}

static ctr_code ttrpc_connect(const struct ctr_host *h, const char *path, void (*closed)(void *ud),
			      void *ud, struct ctr_ttrpc **ret, struct ctr_error *err)
{
	struct ctr_ttrpc *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (c) {
		*c = (struct ctr_ttrpc){ .daemon = host_daemon(h), .closed = closed, .ud = ud };
		r = ttrpc_client_connect(c->daemon->loop, path, on_closed, c, &c->client);
	}
	if (r < 0) {
		free(c);
		return ctr_fail_errno(err, r, "connect to '%s'", path);
	}
	*ret = c;
	return CTR_OK;
}

static void on_done(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	struct pending *p = ud;

	if (p->conn->closing && code != CTR_OK)
		code = CTR_CANCELLED;
	p->done(p->ud, code, message, data, n);
	free(p);
}

static ctr_code ttrpc_call(struct ctr_ttrpc *c, const char *service, const char *method,
			   const char *ns, int64_t deadline_ns, const void *data, uint64_t n,
			   ctr_ttrpc_done done, void *ud, struct ctr_error *err)
{
	const struct ttrpc_pair metadata[] = { { "containerd-namespace-ttrpc", ns } };
	const struct ttrpc_request req = {
		.service = service,
		.method = method,
		.data = data,
		.n = n,
		.deadline_ns = deadline_ns == CTR_NO_DEADLINE ? NO_DEADLINE : deadline_ns,
		.metadata = metadata,
		.n_metadata = 1,
	};
	struct pending *p = c ? malloc(sizeof(*p)) : NULL;

	if (!c)
		return ctr_fail(err, CTR_UNAVAILABLE, "%s: the connection is closed", method);
	if (!p)
		return ctr_fail_errno(err, ENOMEM, "%s", method);
	*p = (struct pending){ c, done, ud };
	int r = ttrpc_client_call(c->client, &req, on_done, p, NULL);
	if (r < 0) {
		free(p);
		return r == -EPIPE ? ctr_fail(err, CTR_UNAVAILABLE, "ttrpc: closed")
				   : ctr_fail_errno(err, r, "%s", method);
	}
	return CTR_OK;
}

static void ttrpc_close(struct ctr_ttrpc *c)
{
	if (!c)
		return;
	c->closing = 1;
	ttrpc_client_free(c->client);
	free(c);
}

static const char *grpc_address(const struct ctr_host *h)
{
	return host_daemon(h)->address;
}

static const char *ttrpc_address(const struct ctr_host *h)
{
	return host_daemon(h)->ttrpc_address;
}

static const struct ctr_ttrpc_ops ttrpc_ops = {
	.size = sizeof(ttrpc_ops),
	.connect = ttrpc_connect,
	.call = ttrpc_call,
	.close = ttrpc_close,
	.grpc_address = grpc_address,
	.ttrpc_address = ttrpc_address,
};

int plumbing_provide(struct daemon *d)
{
	int r = daemon_provide(d, CTR_SERVICE_LOOP, &loop_ops, sizeof(loop_ops));

	return r < 0 ? r : daemon_provide(d, CTR_SERVICE_TTRPC, &ttrpc_ops, sizeof(ttrpc_ops));
}
