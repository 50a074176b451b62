/* SPDX-License-Identifier: Apache-2.0
 *
 * Pull: from a reference in a registry to an image with its snapshots. This thread coordinates: it
 * reads the worker that fetches, hands bytes on to those that unpack, and writes the records in an
 * order in which a crash at any point leaves resumable ingests and nothing else.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "core/pool/pool.h"
#include "core/transfer/pull.h"

#define TICK_MS 200 /* while somebody else's lock is waited for */

/* ---- threads ---- */

ctr_code pull_thread(struct pull *p, void (*fn)(void *ud), void *ud, struct ctr_error *err)
{
	int r;

	pthread_mutex_lock(&p->lock);
	p->running++;
	pthread_mutex_unlock(&p->lock);
	r = pool_run(p->job->t->layers, (uint64_t)(uintptr_t)p, fn, ud);
	if (r == 0)
		return CTR_OK;
	pthread_mutex_lock(&p->lock);
	p->running--;
	pthread_mutex_unlock(&p->lock);
	return ctr_fail_errno(err, r, "%s: start a thread", p->what);
}

void pull_thread_done(struct pull *p)
{
	uint64_t one = 1;

	while (write(p->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&p->lock);
	p->running--;
	pthread_cond_signal(&p->idle);
	/* p may be gone as soon as this is unlocked. */
	pthread_mutex_unlock(&p->lock);
}

/* ---- the loop ---- */

/* Nothing left to do? *ret_wait: something waits for a lock and must be looked at again. */
static int all_done(struct pull *p, int *ret_wait)
{
	int done = 1;

	*ret_wait = 0;
	list_for (it, &p->blobs) {
		const struct blob *b = list_entry(it, struct blob, link);

		done &= b->state == BLOB_DONE;
		*ret_wait |= b->state == BLOB_NEW && b->retry_ns > 0;
	}
	list_for (it, &p->units) {
		const struct unit *u = list_entry(it, struct unit, link);

		for (size_t i = 0; i < u->n; i++) {
			done &= u->tasks[i].state == TASK_APPLIED ||
				u->tasks[i].state == TASK_THERE;
			*ret_wait |= u->tasks[i].state == TASK_NEW;
		}
	}
	return done;
}

/* Until the worker has said something, a thread has finished, or the request was cancelled. */
static ctr_code await(struct pull *p, int tick, struct ctr_error *err)
{
	struct pollfd fds[] = {
		{ .fd = p->fetch ? worker_socket(p->fetch) : -1, .events = POLLIN },
		{ .fd = p->wake_fd, .events = POLLIN },
		{ .fd = call_ops.cancel_fd(&p->job->call), .events = POLLIN },
	};
	uint64_t n;

	if (poll(fds, ARRAY_SIZE(fds), tick ? TICK_MS : 1000) < 0 && errno != EINTR)
		return ctr_fail_errno(err, errno, "%s: wait", p->what);
	if (fds[1].revents)
		while (read(p->wake_fd, &n, sizeof(n)) < 0 && errno == EINTR)
			;
	return fds[0].revents ? fetch_replies(p, err) : CTR_OK;
}

ctr_code pull_drive(struct pull *p, struct ctr_error *err)
{
	for (;;) {
		int tick;
		ctr_code code = call_check(&p->job->call, err);

		if (code == CTR_OK && p->n_blobs > BLOBS_MAX)
			code = ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "%s: more than %d blobs",
					p->what, BLOBS_MAX);
		if (code == CTR_OK)
			code = blobs_finish(p, err);
		if (code == CTR_OK)
			code = tasks_finish(p, err);
		if (code == CTR_OK)
			code = blobs_begin(p, err);
		if (code == CTR_OK)
			code = tasks_begin(p, err);
		if (code != CTR_OK || all_done(p, &tick))
			return code;
		code = await(p, tick, err);
		if (code != CTR_OK)
			return code;
	}
}

/* ---- beginning and end ---- */

struct pull *pull_new(struct job *job)
{
	struct pull *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->job = job;
	p->next_id = 1;
	p->name = "";
	list_init(&p->blobs);
	list_init(&p->units);
	call_init(&p->work, "");
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake_fd < 0 || pthread_mutex_init(&p->lock, NULL) != 0 ||
	    pthread_cond_init(&p->idle, NULL) != 0) {
		fd_close(&p->wake_fd);
		free(p);
		return NULL;
	}
	return p;
}

ctr_code pull_begin(struct pull *p, struct ctr_error *err)
{
	ctr_code code = job_lease(p->job, err);
	int r;

	if (code != CTR_OK)
		return code;
	call_child(&p->work, &p->job->call, CTR_NO_DEADLINE);
	r = call_cancellable(&p->work);
	return r < 0 ? ctr_fail_errno(err, r, "%s", p->what) : CTR_OK;
}

void pull_free(struct pull *p)
{
	if (!p)
		return;
	call_cancel(&p->work, CTR_CANCELLED);
	worker_stop(p->fetch);
	worker_stop(p->parser);
	tasks_ring(p, NULL);
	pthread_mutex_lock(&p->lock);
	while (p->running > 0)
		pthread_cond_wait(&p->idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
	list_for_safe (it, &p->units)
		unit_free(list_entry(it, struct unit, link));
	list_for_safe (it, &p->blobs)
		blob_free(list_entry(it, struct blob, link));
	stream_close(p->auth, CTR_OK, NULL);
	fd_close(&p->wake_fd);
	call_done(&p->work);
	pthread_cond_destroy(&p->idle);
	pthread_mutex_destroy(&p->lock);
	free(p->what);
	free(p);
}

static ctr_code read_request(struct pull *p, struct ctr_error *err)
{
	struct job *job = p->job;
	const TRANSFER(OCIRegistry) *from = job->source;
	const TRANSFER(ImageStore) *to = job->destination;
	const char *why = "";

	if (image_ref_parse_exact(from->reference, &p->ref, &why) < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "reference '%s': %s", from->reference,
				why);
	p->resolver = from->resolver;
	p->name = str_or(to->name, p->ref.full);
	p->what = str_printf("pull %s", p->ref.full);
	if (!p->what)
		return ctr_fail_errno(err, ENOMEM, "pull");
	if (to->n_unpacks > 64 || to->n_platforms > 64 || to->n_extra_references > 64)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s: more than 64 platforms or names",
				p->what);
	if (p->resolver && *p->resolver->auth_stream)
		return streams_get(job->t->streams, &job->call, p->resolver->auth_stream, &p->auth,
				   err);
	return CTR_OK;
}

static ctr_code write_images(struct pull *p, const WORKER(Descriptor) *top, struct ctr_error *err)
{
	const TRANSFER(ImageStore) *to = p->job->destination;
	const struct ctr_descriptor target = { .size = sizeof(target),
					       .media_type = top->media_type,
					       .digest = top->digest,
					       .length_bytes = top->size };
	struct ctr_labels labels = { NULL, 0 };
	ctr_code code = image_labels(to, &labels, err);

	if (code == CTR_OK)
		code = image_store(p->job, p->name, &target, labels, err);
	for (size_t i = 0; code == CTR_OK && i < to->n_extra_references; i++)
		if (*to->extra_references[i]->name && !to->extra_references[i]->is_prefix)
			code = image_store(p->job, to->extra_references[i]->name, &target, labels,
					   err);
	free((void *)(uintptr_t)labels.items);
	return code;
}

static void say_pulling(struct pull *p)
{
	const struct progress fetching = { .event = "fetching image content", .name = p->name };

	progress_text(p->job, "Pulling from OCI Registry (%s)", p->ref.full);
	progress_send(p->job, &fetching);
}

static ctr_code run(struct pull *p, struct ctr_error *err)
{
	struct job *job = p->job;
	WORKER(Descriptor) *top = NULL;
	ctr_code code = pull_begin(p, err);

	if (code != CTR_OK)
		return code;
	progress_text(job, "Resolving from OCI Registry (%s)", p->ref.full);
	code = fetch_start(p, err);
	if (code == CTR_OK)
		code = fetch_resolve(p, &top, err);
	if (code == CTR_OK) {
		say_pulling(p);
		code = pull_documents(p, top, err);
	}
	if (code == CTR_OK)
		code = units_commit(p, err);
	if (code == CTR_OK)
		code = write_images(p, top, err);
	if (code == CTR_OK)
		progress_text(job, "Completed pull from OCI Registry (%s)", p->ref.full);
	if (top)
		ctr__worker__v1__descriptor__free_unpacked(top, NULL);
	return code;
}

ctr_code pull_run(struct job *job, struct ctr_error *err)
{
	struct pull *p = pull_new(job);
	ctr_code code;

	if (!p)
		return ctr_fail_errno(err, ENOMEM, "pull");
	code = read_request(p, err);
	if (code == CTR_OK)
		code = run(p, err);
	pull_free(p);
	return code;
}
