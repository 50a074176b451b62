/* SPDX-License-Identifier: Apache-2.0
 *
 * The blobs of a pull, each through the same states: its ref locked, fetched into the ingest,
 * committed. What is there already is only put under the lease. Each is committed as soon as it is
 * complete, so that its ref is free again: a pull that kept one while it waits for another could
 * wait for ever. Coordinator, except commit_thread().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "core/diff/diff.h"
#include "core/transfer/pull.h"

#define SOURCE_LABEL "containerd.io/distribution.source."

void blob_say(struct blob *b, const char *event, int64_t offset)
{
	const struct progress p = {
		.event = event,
		.name = b->ref,
		.parent = b->parent,
		.progress = offset,
		.total = b->size,
		.media_type = b->media_type,
		.digest = b->digest,
		.size = b->size,
	};

	b->said_ns = clock_now_ns();
	progress_send(b->pull->job, &p);
}

static struct blob *find(struct pull *p, const char *digest)
{
	list_for (it, &p->blobs) {
		struct blob *b = list_entry(it, struct blob, link);

		if (str_eq(b->digest, digest))
			return b;
	}
	return NULL;
}

struct blob *blob_get(struct pull *p, const char *kind, const WORKER(Descriptor) *d,
		      const char *parent)
{
	struct blob *b = find(p, d->digest);

	if (b)
		return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->pull = p;
	b->write_fd = b->read_fd = -1;
	b->size = d->size;
	b->digest = str_dup(d->digest);
	b->media_type = str_dup(d->media_type);
	b->ref = str_printf("%s-%s", kind, d->digest);
	b->parent = str_dup(parent);
	list_init(&b->link);
	if (!b->digest || !b->media_type || !b->ref || !b->parent) {
		blob_free(b);
		return NULL;
	}
	list_add(&p->blobs, &b->link);
	p->n_blobs++;
	blob_say(b, "waiting", 0);
	return b;
}

static ctr_code keep_offset(void *ud, const struct ctr_ingest_status *status)
{
	*(int64_t *)ud = status->offset_bytes;
	return CTR_OK;
}

static void close_writer(struct blob *b)
{
	fd_close(&b->write_fd);
	b->write_fd = -1;
	b->pull->job->s.contents->writer_close(take_ptr(&b->writer));
}

void blob_abandon(struct blob *b, int bad)
{
	struct job *job = b->pull->job;
	const struct ctr_contents_ops *contents = job->s.contents;
	struct ctr_call call;
	int64_t offset = -1;

	if (b->writer)
		(void)contents->writer_status(b->writer, keep_offset, &offset, NULL, NULL);
	else
		bad = 0;
	close_writer(b);
	/* One without a byte is nothing to go on with. */
	if (!bad && offset != 0)
		return;
	job_cleanup_call(job, &call);
	(void)contents->abort(job->host, &call, b->ref, NULL);
	call_done(&call);
}

void blob_free(struct blob *b)
{
	blob_abandon(b, 0);
	fd_close(&b->read_fd);
	list_del(&b->link);
	error_done(&b->err);
	free(b->digest);
	free(b->media_type);
	free(b->ref);
	free(b->parent);
	free(b);
}

/* ---- growing ---- */

void blob_grow(struct blob *b, int64_t offset)
{
	struct pull *p = b->pull;

	pthread_mutex_lock(&p->lock);
	if (offset < b->available)
		b->generation++;
	b->available = offset;
	pthread_mutex_unlock(&p->lock);
	tasks_ring(p, b);
	if (clock_now_ns() - b->said_ns >= PROGRESS_NS)
		blob_say(b, "downloading", offset);
}

static void complete(struct blob *b)
{
	struct pull *p = b->pull;

	pthread_mutex_lock(&p->lock);
	b->available = b->size;
	b->complete = 1;
	pthread_mutex_unlock(&p->lock);
	tasks_ring(p, b);
}

/* ---- commit ---- */

static ctr_code commit(struct blob *b, struct ctr_error *err)
{
	struct pull *p = b->pull;
	const struct ctr_contents_ops *contents = p->job->s.contents;
	char key[sizeof(SOURCE_LABEL) + sizeof(p->ref.host)], digest[CTR_DIGEST_ROOM];
	const struct ctr_label source = { key, p->ref.path };
	const struct ctr_content_commit args = {
		.size = sizeof(args),
		.total_bytes = b->size,
		.expected = b->digest,
		.digest = b->fetched && !b->copied ? b->digest : "",
	};
	ctr_code code = CTR_OK;

	snprintf(key, sizeof(key), SOURCE_LABEL "%s", p->ref.host);
	if (b->fetched && b->copied)
		code = diff_copy_in(contents, b->writer, b->write_fd, err);
	if (code == CTR_OK)
		code = contents->commit(b->writer, &p->work, &args,
					(struct ctr_labels){ &source, 1 }, digest, err);
	return code == CTR_ALREADY_EXISTS ? CTR_OK : code;
}

static void commit_thread(void *ud)
{
	struct blob *b = ud;
	struct pull *p = b->pull;
	ctr_code code = commit(b, &b->err);

	pthread_mutex_lock(&p->lock);
	b->code = code;
	b->finished = 1;
	pthread_mutex_unlock(&p->lock);
	pull_thread_done(p);
}

static ctr_code begin_commit(struct blob *b, struct ctr_error *err)
{
	b->state = BLOB_COMMITTING;
	b->finished = 0;
	return pull_thread(b->pull, commit_thread, b, err);
}

ctr_code blob_fetched(struct blob *b, struct ctr_error *err)
{
	b->fetched = 1;
	complete(b);
	return begin_commit(b, err);
}

/* ---- the beginning ---- */

/* The record is there: are the bytes? */
static ctr_code check_there(struct blob *b, const char *event, struct ctr_error *err)
{
	struct job *job = b->pull->job;
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = CTR_OK;

	close_writer(b);
	if (b->read_fd < 0)
		code = content_open(job, b->digest, b->size, &b->read_fd, &why);
	if (code == CTR_OK) {
		b->state = BLOB_DONE;
		complete(b);
		blob_say(b, event, b->size);
		return CTR_OK;
	}
	if ((code != CTR_NOT_FOUND && code != CTR_DATA_LOSS) || ++b->tries >= BLOB_TRIES)
		return ctr_move_error(err, &why);
	b->state = BLOB_NEW;
	b->retry_ns = 0;
	return content_drop(job, b->digest, err);
}

static ctr_code open_files(struct blob *b, int64_t *inout_offset, struct ctr_error *err)
{
	struct job *job = b->pull->job;
	const struct ctr_contents_ops *contents = job->s.contents;
	ctr_code code = contents->writer_fd(b->writer, &b->write_fd, err);

	/* What such a store has of it cannot be hashed by the worker: begin anew. */
	if (code == CTR_UNIMPLEMENTED) {
		b->copied = 1;
		*inout_offset = 0;
		code = contents->truncate(b->writer, 0, err);
		if (code == CTR_OK)
			code = diff_temp_file(job->t->daemon, &b->write_fd, err);
	}
	if (code != CTR_OK)
		return code;
	fd_close(&b->read_fd);
	b->read_fd = fd_read_only(b->write_fd);
	return b->read_fd < 0 ? ctr_fail_errno(err, b->read_fd, "open the ingest of %s", b->ref)
			      : CTR_OK;
}

/* The ref is ours. An ingest that is complete, or that another namespace has, needs no registry. */
static ctr_code begin_fetch(struct blob *b, struct ctr_error *err)
{
	const struct ctr_contents_ops *contents = b->pull->job->s.contents;
	int64_t offset = 0;
	ctr_code code = contents->writer_status(b->writer, keep_offset, &offset, NULL, err);

	b->fetched = 0;
	/* What another namespace has was found to be damaged: bytes of our own, then. */
	if (code == CTR_OK && (offset > b->size || (b->tries > 0 && offset == b->size))) {
		code = contents->truncate(b->writer, 0, err);
		offset = 0;
	}
	if (code != CTR_OK)
		return code;
	if (offset == b->size)
		return begin_commit(b, err);
	if (!b->pull->fetch) {
		blob_abandon(b, 0);
		return ctr_fail(err, CTR_NOT_FOUND, "not in the archive");
	}
	code = open_files(b, &offset, err);
	if (code == CTR_OK)
		code = fetch_send(b->pull, b, offset, err);
	if (code == CTR_OK)
		b->state = BLOB_FETCHING;
	return code;
}

static ctr_code begin(struct blob *b, struct ctr_error *err)
{
	struct job *job = b->pull->job;
	const struct ctr_ingest_open args = {
		.size = sizeof(args), .ref = b->ref, .expected = b->digest, .total_bytes = b->size
	};
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = job->s.contents->writer(job->host, &job->call, &args, &b->writer, &why);

	if (code == CTR_OK)
		return begin_fetch(b, err);
	if (code == CTR_ALREADY_EXISTS)
		return check_there(b, "already exists", err);
	if (code != CTR_UNAVAILABLE)
		return ctr_move_error(err, &why);
	/* Another pull is at it: what it fetches we need not. */
	b->retry_ns = clock_now_ns() + PULL_RETRY_NS;
	blob_say(b, "waiting", 0);
	return CTR_OK;
}

ctr_code blobs_begin(struct pull *p, struct ctr_error *err)
{
	int64_t now = clock_now_ns();
	unsigned busy = 0;

	list_for (it, &p->blobs)
		busy += list_entry(it, struct blob, link)->state == BLOB_FETCHING;
	list_for (it, &p->blobs) {
		struct blob *b = list_entry(it, struct blob, link);
		ctr_code code;

		if (b->state != BLOB_NEW || b->retry_ns > now || busy >= FETCHES_MAX)
			continue;
		code = begin(b, err);
		if (code != CTR_OK)
			return ctr_wrap(err, "%s: %s", p->what, b->ref);
		busy += b->state == BLOB_FETCHING;
	}
	return CTR_OK;
}

/* ---- the end ---- */

static ctr_code finish(struct blob *b, struct ctr_error *err)
{
	/* An ingest of another time that turns out to be something else is removed, and the blob
	 * fetched. */
	if (b->code == CTR_FAILED_PRECONDITION && !b->fetched && ++b->tries < BLOB_TRIES) {
		blob_abandon(b, 1);
		error_done(&b->err);
		b->err = (struct ctr_error)ERROR_INIT;
		b->state = BLOB_NEW;
		return CTR_OK;
	}
	if (b->code != CTR_OK) {
		blob_abandon(b, b->code == CTR_FAILED_PRECONDITION);
		return ctr_move_error(err, &b->err);
	}
	return check_there(b, "complete", err);
}

ctr_code blobs_finish(struct pull *p, struct ctr_error *err)
{
	list_for (it, &p->blobs) {
		struct blob *b = list_entry(it, struct blob, link);
		int finished;
		ctr_code code;

		if (b->state != BLOB_COMMITTING)
			continue;
		pthread_mutex_lock(&p->lock);
		finished = b->finished;
		pthread_mutex_unlock(&p->lock);
		if (!finished)
			continue;
		code = finish(b, err);
		if (code != CTR_OK)
			return ctr_wrap(err, "%s: %s", p->what, b->ref);
	}
	return CTR_OK;
}
