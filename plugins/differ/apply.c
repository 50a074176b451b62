/* SPDX-License-Identifier: Apache-2.0
 *
 * apply: one worker for one layer. This thread sleeps on the worker's socket, the source's event and the call's cancel;
 * it passes growth on, and sets the one attribute that the worker may not: trusted.overlay.opaque, on a directory
 * that it checks to lie in the target.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "differ.h"

#define REQUEST_ID 1
#define GROW_STEP  (512 << 10) /* bytes worth a message while more are to come */
#define POLL_NS    NS_PER_SEC  /* the call is asked at least so often */
#define SEND_LIMIT (30 * NS_PER_SEC)

struct job {
	const struct differ *d;
	const struct ctr_call *call;
	const struct ctr_apply *args;
	struct target target;
	uint64_t mount_id;
	struct worker *worker;
	struct wire_wait wait;
	int64_t available, told; /* bytes of the source */
	int32_t complete, told_complete;
	bool done;
	struct ctr_applied applied;
};

static void job_done(struct job *j)
{
	worker_stop(j->worker);
	target_done(&j->target);
}

static ctr_code ask_source(struct job *j, struct ctr_error *err)
{
	const struct ctr_source *s = j->args->source;

	if (s->event_fd < 0 && j->complete)
		return CTR_OK;
	return s->status(s, &j->available, &j->complete, err);
}

/* The worker's answers stay bounded, so a send that lasts is a worker that hangs. */
static struct wire_wait send_wait(const struct job *j)
{
	struct wire_wait w = j->wait;
	int64_t limit = clock_now_ns() + SEND_LIMIT;

	w.deadline_ns = MIN(w.deadline_ns, limit);
	return w;
}

static ctr_code send_request(struct job *j, struct ctr_error *err)
{
	int fds[1 + PARENTS_MAX] = { j->args->source->fd };
	struct wire_wait wait = send_wait(j);
	Ctr__Worker__V1__Unpack u;
	Ctr__Worker__V1__Limits l;
	AUTO_ERROR why = ERROR_INIT;
	worker_request req;

	ctr__worker__v1__request__init(&req);
	ctr__worker__v1__unpack__init(&u);
	ctr__worker__v1__limits__init(&l);
	memcpy(fds + 1, j->target.parents, j->target.n_parents * sizeof(int));
	l.max_entries = j->d->max_entries;
	l.max_bytes = j->d->max_bytes;
	l.max_ratio = j->d->max_ratio;
	u.media_type = (char *)(uintptr_t)j->args->layer->media_type;
	u.limits = &l;
	u.whiteouts = j->target.native ? CTR__WORKER__V1__WHITEOUT_STYLE__WHITEOUT_NATIVE
				       : CTR__WORKER__V1__WHITEOUT_STYLE__WHITEOUT_OVERLAY;
	u.growing = true; /* a complete source is one that Grow says so of */
	u.size = 0;
	req.id = REQUEST_ID;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_UNPACK;
	req.unpack = &u;
	if (worker_send(j->worker, &req, fds, 1 + j->target.n_parents, &wait, &why) != CTR_OK)
		return process_fail(j->d, "send the layer to ctr-worker", &why, err);
	return CTR_OK;
}

static bool growth_to_tell(const struct job *j)
{
	if (j->complete != j->told_complete)
		return true;
	return j->available - j->told >= GROW_STEP;
}

/* Without waiting: when the worker's queue is full it has growth to go on with, and is told later. */
static ctr_code tell_growth(struct job *j, struct ctr_error *err)
{
	static const struct wire_wait at_once = { .deadline_ns = 0, .cancel_fd = -1 };
	Ctr__Worker__V1__Grow g;
	AUTO_ERROR why = ERROR_INIT;
	worker_request req;
	ctr_code code;

	ctr__worker__v1__request__init(&req);
	ctr__worker__v1__grow__init(&g);
	g.size = (uint64_t)j->available;
	g.complete = j->complete;
	req.id = REQUEST_ID;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_GROW;
	req.grow = &g;
	code = worker_send(j->worker, &req, NULL, 0, &at_once, &why);
	if (code == CTR_DEADLINE_EXCEEDED)
		return CTR_OK;
	/* A worker that failed has closed its end, or is about to say why: that is read, not this. */
	if (code == CTR_ABORTED) {
		j->told_complete = j->complete;
		return CTR_OK;
	}
	if (code != CTR_OK)
		return process_fail(j->d, "send to ctr-worker", &why, err);
	j->told = j->available;
	j->told_complete = j->complete;
	return CTR_OK;
}

/* The directory comes from a process that reads foreign bytes: only one below the target is touched. */
static int set_opaque(const struct job *j, int dir_fd)
{
	const char *name = j->target.userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque";

	if (j->target.native || worker_target_check(dir_fd, j->mount_id) < 0)
		return EPERM;
	return fsetxattr(dir_fd, name, "y", 1, 0) < 0 ? errno : 0;
}

static ctr_code on_opaque(struct job *j, const struct worker_reply *rep, struct ctr_error *err)
{
	struct wire_wait wait = send_wait(j);
	Ctr__Worker__V1__OpaqueDone done;
	AUTO_ERROR why = ERROR_INIT;
	worker_request req;

	ctr__worker__v1__request__init(&req);
	ctr__worker__v1__opaque_done__init(&done);
	done.serial = rep->msg->opaque->serial;
	done.errnum = set_opaque(j, rep->fds.fd[0]);
	req.id = REQUEST_ID;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_OPAQUE_DONE;
	req.opaque_done = &done;
	if (worker_send(j->worker, &req, NULL, 0, &wait, &why) != CTR_OK)
		return process_fail(j->d, "send to ctr-worker", &why, err);
	return CTR_OK;
}

static ctr_code on_unpacked(struct job *j, const Ctr__Worker__V1__Unpacked *u,
			    struct ctr_error *err)
{
	size_t n = strlen(u->diff_id);

	if (n >= sizeof(j->applied.digest))
		return j->d->host->fail(err, CTR_INTERNAL, "ctr-worker's diff id is too long");
	memcpy(j->applied.digest, u->diff_id, n + 1);
	j->applied.length_bytes = (int64_t)u->size;
	j->applied.media_type = "application/vnd.oci.image.layer.v1.tar";
	j->done = true;
	return CTR_OK;
}

static ctr_code on_reply(struct job *j, const struct worker_reply *rep, struct ctr_error *err)
{
	AUTO_ERROR why = ERROR_INIT;

	if (rep->msg->id != REQUEST_ID)
		return j->d->host->fail(err, CTR_INTERNAL,
					"ctr-worker answers what it was not asked");

	switch (rep->msg->result_case) {
	case CTR__WORKER__V1__REPLY__RESULT_PROGRESS:
		if (j->args->progress)
			j->args->progress(j->args->progress_ud,
					  (int64_t)rep->msg->progress->offset);
		return CTR_OK;
	case CTR__WORKER__V1__REPLY__RESULT_OPAQUE:
		return on_opaque(j, rep, err);
	case CTR__WORKER__V1__REPLY__RESULT_UNPACKED:
		return on_unpacked(j, rep->msg->unpacked, err);
	case CTR__WORKER__V1__REPLY__RESULT_FAILED:
		worker_failed(rep->msg->failed, &why);
		return process_fail(j->d, "apply", &why, err);
	default:
		return j->d->host->fail(err, CTR_INTERNAL,
					"ctr-worker answers what it was not asked");
	}
}

/* All replies that are there. */
static ctr_code take_replies(struct job *j, struct ctr_error *err)
{
	static const struct wire_wait at_once = { .deadline_ns = 0, .cancel_fd = -1 };

	while (!j->done) {
		AUTO_WORKER_REPLY rep = { .msg = NULL };
		AUTO_ERROR why = ERROR_INIT;
		ctr_code code = worker_recv(j->worker, &at_once, &rep, &why);

		if (code == CTR_DEADLINE_EXCEEDED)
			return CTR_OK;
		if (code != CTR_OK)
			return process_fail(j->d, "apply", &why, err);
		code = on_reply(j, &rep, err);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

static int poll_ms(const struct job *j)
{
	int64_t left = POLL_NS;

	if (j->wait.deadline_ns != NO_DEADLINE)
		left = MIN(left, j->wait.deadline_ns - clock_now_ns());
	return left <= 0 ? 0 : (int)(left / NS_PER_MSEC) + 1;
}

static ctr_code sleep_until_news(struct job *j, struct ctr_error *err)
{
	int event = j->complete ? -1 : j->args->source->event_fd;
	struct pollfd fds[] = {
		{ .fd = worker_socket(j->worker),
		  .events = (short)(POLLIN | (growth_to_tell(j) ? POLLOUT : 0)) },
		{ .fd = event, .events = POLLIN },
		{ .fd = j->wait.cancel_fd, .events = POLLIN },
	};

	if (poll(fds, ARRAY_SIZE(fds), poll_ms(j)) < 0 && errno != EINTR)
		return j->d->host->fail_errno(err, errno, "wait for ctr-worker");
	return j->call ? j->d->host->call->check(j->call, err) : CTR_OK;
}

static ctr_code watch(struct job *j, struct ctr_error *err)
{
	ctr_code code = CTR_OK;

	while (code == CTR_OK && !j->done) {
		code = ask_source(j, err);
		if (code == CTR_OK && growth_to_tell(j))
			code = tell_growth(j, err);
		if (code == CTR_OK)
			code = take_replies(j, err);
		if (code == CTR_OK && !j->done)
			code = sleep_until_news(j, err);
	}
	return code;
}

/* A mount that was made for this alone becomes the cage's root itself: it cannot be cloned while it is detached. */
static ctr_code open_cage(struct job *j, int *ret_fd, struct ctr_error *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NOEXEC };
	AUTO_ERROR why = ERROR_INIT;

	if (j->target.mount_fd < 0)
		return worker_target_open(j->target.dir_fd, ret_fd, &j->mount_id, &why) == CTR_OK
			       ? CTR_OK
			       : process_fail(j->d, "apply", &why, err);
	if (syscall(SYS_mount_setattr, j->target.mount_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) <
	    0)
		return j->d->host->fail_errno(err, errno, "set the tree's mount nodev, nosuid");
	*ret_fd = take_fd(&j->target.mount_fd);
	return CTR_OK;
}

static ctr_code start(struct job *j, struct ctr_error *err)
{
	AUTO_CLOSE int mount_fd = -1;
	ctr_code code = target_open(j->d, j->args, &j->target, err);

	if (code == CTR_OK)
		code = open_cage(j, &mount_fd, err);
	if (code != CTR_OK)
		return code;
	code = process_start(j->d, j->call, ROLE_UNPACK, mount_fd, &j->worker, err);
	return code == CTR_OK ? send_request(j, err) : code;
}

/* The descriptor was opened before the first write: errors of writeback since then are reported by this. */
static ctr_code make_durable(struct job *j, struct ctr_error *err)
{
	if (!(j->args->flags & CTR_APPLY_SYNC) || syncfs(j->target.dir_fd) == 0)
		return CTR_OK;
	return j->d->host->fail_errno(err, errno, "sync the tree");
}

ctr_code differ_apply(void *self, const struct ctr_call *call, const struct ctr_apply *args,
		      struct ctr_applied *ret, struct ctr_error *err)
{
	const struct differ *d = self;
	AUTO(job_done)
	struct job j = {
		.d = d,
		.call = call,
		.args = args,
		.target = { .dir_fd = -1, .mount_fd = -1 },
		.wait = process_wait(d, call),
		.told = -1,
	};
	ctr_code code;

	if (!media_applied(args->layer->media_type))
		return d->host->fail(err, CTR_UNIMPLEMENTED,
				     "media type '%s' is no layer of this differ",
				     args->layer->media_type);

	code = start(&j, err);
	if (code == CTR_OK)
		code = watch(&j, err);
	if (code == CTR_OK)
		code = make_durable(&j, err);
	if (code != CTR_OK) {
		/* Always a name for whoever pulls many layers; err may be NULL. */
		return err ? d->host->wrap(err, "layer '%s'", args->layer->digest) : code;
	}

	j.applied.size = ret->size;
	memcpy(ret, &j.applied, MIN((size_t)ret->size, sizeof(j.applied)));
	return CTR_OK;
}
