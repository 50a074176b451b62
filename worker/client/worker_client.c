/* SPDX-License-Identifier: Apache-2.0
 *
 * One worker process seen from the daemon: spawn with a SEQPACKET pair as descriptor 3, Setup and
 * Ready, messages, and how it ended. A struct worker owns the process, its pidfd and the socket;
 * one thread at a time.
 */
#include "worker/client/worker_client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "worker/client/validate.h"

#define WORKER_SOCKET 3 /* the descriptor's number in the worker */
#define SETUP_ID      UINT64_MAX
#define END_WAIT_MS   2000 /* for a process that closed its socket to be reaped */

struct worker {
	enum worker_role role;
	int sock;
	int pidfd;
	int reaped;
	siginfo_t end; /* when reaped */
	Ctr__Worker__V1__Ready *ready;
};

static const struct wire_wait wait_for_ever = { .deadline_ns = NO_DEADLINE, .cancel_fd = -1 };

static void stop_worker(struct worker **w)
{
	worker_stop(*w);
}

static void reap(struct worker *w, int flags)
{
	siginfo_t info = { 0 };
	int r;

	do
		r = waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED | flags);
	while (r < 0 && errno == EINTR);
	if (r == 0 && info.si_pid != 0) {
		w->end = info;
		w->reaped = 1;
	} else if (r < 0) {
		w->reaped = 1; /* someone else reaped it: nothing is known of its end */
	}
}

void worker_stop(struct worker *w)
{
	if (!w)
		return;
	int saved = errno;

	if (w->pidfd >= 0 && !w->reaped) {
		(void)syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
		reap(w, 0);
	}
	fd_close(&w->pidfd);
	fd_close(&w->sock);
	if (w->ready)
		ctr__worker__v1__ready__free_unpacked(w->ready, NULL);
	free(w);
	errno = saved;
}

/* The process closed its end: say how it died. ABORTED. */
static ctr_code gone(struct worker *w, struct ctr_error *err)
{
	const char *name = worker_role_names[w->role];
	struct pollfd p = { .fd = w->pidfd, .events = POLLIN };

	if (!w->reaped && poll(&p, 1, END_WAIT_MS) > 0)
		reap(w, WNOHANG);
	if (!w->reaped)
		return ctr_fail(err, CTR_ABORTED, "worker %s: closed its socket", name);
	if (w->end.si_code == CLD_EXITED)
		return ctr_fail(err, CTR_ABORTED, "worker %s: exited with status %d", name,
				w->end.si_status);
	if (w->end.si_code == CLD_KILLED || w->end.si_code == CLD_DUMPED)
		return ctr_fail(err, CTR_ABORTED, "worker %s: killed by signal %d", name,
				w->end.si_status);
	return ctr_fail(err, CTR_ABORTED, "worker %s: gone", name);
}

static ctr_code io_failed(struct worker *w, int r, const char *what, struct ctr_error *err)
{
	if (r == -EPIPE)
		return gone(w, err);
	if (r == -ETIMEDOUT)
		return ctr_fail(err, CTR_DEADLINE_EXCEEDED, "worker %s: %s: deadline exceeded",
				worker_role_names[w->role], what);
	if (r == -ECANCELED)
		return ctr_fail(err, CTR_CANCELLED, "worker %s: %s: cancelled",
				worker_role_names[w->role], what);
	if (r == -EMSGSIZE)
		return ctr_fail(err, CTR_DATA_LOSS, "worker %s: %s: broken message",
				worker_role_names[w->role], what);
	return ctr_fail_errno(err, r, "worker %s: %s", worker_role_names[w->role], what);
}

ctr_code worker_send(struct worker *w, const worker_request *req, const int *fds, size_t n_fds,
		     const struct wire_wait *wait, struct ctr_error *err)
{
	int r = wire_send(w->sock, &req->base, fds, n_fds, wait ? wait : &wait_for_ever);

	return r < 0 ? io_failed(w, r, "send", err) : CTR_OK;
}

void worker_reply_done(struct worker_reply *r)
{
	if (r->msg)
		ctr__worker__v1__reply__free_unpacked(r->msg, NULL);
	r->msg = NULL;
	wire_fds_done(&r->fds);
}

ctr_code worker_recv(struct worker *w, const struct wire_wait *wait, struct worker_reply *ret,
		     struct ctr_error *err)
{
	AUTO_WORKER_REPLY rep = { .msg = NULL };
	AUTO_FREE uint8_t *data = NULL;
	size_t n = 0;
	int r = wire_recv(w->sock, wait ? wait : &wait_for_ever, &data, &n, &rep.fds);

	if (r < 0)
		return io_failed(w, r, "receive", err);
	rep.msg = ctr__worker__v1__reply__unpack(NULL, n, data);
	if (!rep.msg)
		return ctr_fail(err, CTR_DATA_LOSS, "worker %s: receive: broken message",
				worker_role_names[w->role]);
	ctr_code code = reply_check(w->role, rep.msg, rep.fds.n, err);
	if (code != CTR_OK)
		return code;
	*ret = rep;
	rep.msg = NULL;
	rep.fds.n = 0;
	return CTR_OK;
}

ctr_code worker_failed(const Ctr__Worker__V1__Failed *f, struct ctr_error *err)
{
	return ctr_fail(err, f->code, "%s", f->message[0] ? f->message : "worker gave no reason");
}

ctr_code worker_call(struct worker *w, const worker_request *req, const int *fds, size_t n_fds,
		     const struct wire_wait *wait, worker_progress_fn progress, void *ud,
		     struct worker_reply *ret, struct ctr_error *err)
{
	ctr_code code = worker_send(w, req, fds, n_fds, wait, err);

	while (code == CTR_OK) {
		AUTO_WORKER_REPLY rep = { .msg = NULL };

		code = worker_recv(w, wait, &rep, err);
		if (code != CTR_OK)
			break;
		if (rep.msg->id != req->id)
			return ctr_fail(err, CTR_DATA_LOSS, "worker %s: reply to another request",
					worker_role_names[w->role]);
		if (rep.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_PROGRESS) {
			if (progress)
				progress(ud, rep.msg->progress);
			continue;
		}
		if (rep.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_FAILED)
			return worker_failed(rep.msg->failed, err);
		*ret = rep;
		rep.msg = NULL;
		rep.fds.n = 0;
		return CTR_OK;
	}
	return code;
}

static ctr_code spawn_worker(const struct worker_options *o, struct worker *w,
			     struct ctr_error *err)
{
	const char *role = worker_role_names[o->role];
	AUTO_FREE char *path = str_printf("%s%s", o->binary, o->role == ROLE_FETCH ? "-fetch" : "");
	AUTO_STRV argv = NULL;
	int pair[2];
	pid_t pid;

	if (!path || strv_push(&argv, "ctr-worker") < 0 || strv_push(&argv, role) < 0)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "worker %s: out of memory", role);
	int r = fd_socketpair(SOCK_SEQPACKET, pair);
	if (r < 0)
		return ctr_fail_errno(err, r, "worker %s: socketpair", role);

	AUTO_CLOSE int theirs = pair[1];
	w->sock = pair[0];
	r = fd_set_nonblock(w->sock, 1);
	if (r < 0)
		return ctr_fail_errno(err, r, "worker %s: socket", role);
	/* Errors of the worker's own start (a missing library) go where ours go. */
	struct spawn_fd fds[] = { { .from = theirs, .to = WORKER_SOCKET }, { .from = 2, .to = 2 } };
	struct spawn s = SPAWN_INIT;
	s.path = path;
	s.argv = argv;
	s.fds = fds;
	s.n_fds = ARRAY_SIZE(fds);
	s.new_session = 1;
	r = o->spawn ? o->spawn(o->spawn_ud, &s, &pid, &w->pidfd)
		     : spawn_start(&s, &pid, &w->pidfd);
	if (r < 0) {
		w->pidfd = -1;
		ctr_fail_errno(err, r, "start '%s'", path);
		return CTR_UNAVAILABLE;
	}
	return CTR_OK;
}

static ctr_code set_up(struct worker *w, const struct worker_options *o, struct ctr_error *err)
{
	AUTO_WORKER_REPLY rep = { .msg = NULL };
	Ctr__Worker__V1__Setup none;
	worker_request req;

	ctr__worker__v1__setup__init(&none);
	ctr__worker__v1__request__init(&req);
	req.id = SETUP_ID;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_SETUP;
	req.setup = &none;
	if (o->setup) /* packing only reads it */
		memcpy(&req.setup, &o->setup, sizeof(req.setup));

	ctr_code code = worker_call(w, &req, o->fds, o->n_fds, &o->wait, NULL, NULL, &rep, err);
	if (code != CTR_OK)
		return code;
	if (rep.msg->result_case != CTR__WORKER__V1__REPLY__RESULT_READY)
		return ctr_fail(err, CTR_DATA_LOSS, "worker %s: no answer to its set-up",
				worker_role_names[w->role]);
	w->ready = take_ptr(&rep.msg->ready);
	rep.msg->result_case = CTR__WORKER__V1__REPLY__RESULT__NOT_SET;
	return CTR_OK;
}

ctr_code worker_start(const struct worker_options *o, struct worker **ret, struct ctr_error *err)
{
	AUTO(stop_worker) struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "worker: out of memory");
	w->role = o->role;
	w->sock = -1;
	w->pidfd = -1;
	ctr_code code = spawn_worker(o, w, err);
	if (code != CTR_OK)
		return code;
	code = set_up(w, o, err);
	if (code != CTR_OK)
		return code;
	*ret = take_ptr(&w);
	return CTR_OK;
}

const Ctr__Worker__V1__Ready *worker_ready(const struct worker *w)
{
	return w->ready;
}

int worker_socket(const struct worker *w)
{
	return w->sock;
}

int worker_pidfd(const struct worker *w)
{
	return w->pidfd;
}
