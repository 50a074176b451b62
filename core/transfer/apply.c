/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers into snapshots. A task follows its blob while that grows; what it made counts only when
 * the blob was verified and the bytes have the diff id that the image's config names. A task that
 * failed on bytes that were not verified yet tries once more when they are. task_thread() runs on
 * the layers' pool, all else is the coordinator's.
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
#include "base/map.h"
#include "base/rand.h"
#include "base/str.h"
#include "core/diff/diff.h"
#include "core/transfer/pull.h"

/* ---- the source ---- */

static ctr_code source_status(const struct ctr_source *src, int64_t *ret_available,
			      int32_t *ret_complete, struct ctr_error *err)
{
	struct task *t = src->self;
	struct pull *p = t->unit->pull;
	uint64_t n;
	int anew;

	while (read(t->event_fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&p->lock);
	*ret_available = t->blob->available;
	*ret_complete = t->blob->complete;
	anew = t->blob->generation != t->generation;
	pthread_mutex_unlock(&p->lock);
	if (anew)
		return ctr_fail(err, CTR_ABORTED, "the download of %s began anew", t->blob->digest);
	return call_check(&p->work, err);
}

void tasks_ring(struct pull *p, const struct blob *b)
{
	uint64_t one = 1;

	list_for (it, &p->units) {
		struct unit *u = list_entry(it, struct unit, link);

		for (size_t i = 0; i < u->n; i++) {
			struct task *t = &u->tasks[i];

			if (t->state != TASK_RUNNING || (b && t->blob != b))
				continue;
			while (write(t->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
				;
		}
	}
}

/* ---- on a thread ---- */

static void say(struct task *t, const char *event, int64_t offset)
{
	const struct blob *b = t->blob;
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

	t->said_ns = clock_now_ns();
	progress_send(t->unit->pull->job, &p);
}

static void on_progress(void *ud, int64_t offset)
{
	struct task *t = ud;
	int complete;

	if (clock_now_ns() - t->said_ns < PROGRESS_NS)
		return;
	pthread_mutex_lock(&t->unit->pull->lock);
	complete = t->blob->complete;
	pthread_mutex_unlock(&t->unit->pull->lock);
	/* Until then it is the download that people look at. */
	if (complete)
		say(t, "extracting", offset);
}

/* Mounts that outlive the sink. */
struct mounts {
	struct ctr_mount *items;
	size_t n;
};

static void mounts_done(struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free((void *)(uintptr_t)m->items[i].type);
		free((void *)(uintptr_t)m->items[i].source);
		free((void *)(uintptr_t)m->items[i].target);
		strv_free((char **)(uintptr_t)m->items[i].options);
	}
	free(m->items);
}

static ctr_code keep_mounts(void *ud, const struct ctr_mount *mounts, uint64_t n)
{
	struct mounts *m = ud;

	m->items = calloc(n + 1, sizeof(*m->items));
	for (uint64_t i = 0; m->items && i < n; i++) {
		struct ctr_mount *to = &m->items[m->n++];
		char **options = NULL;

		to->type = str_dup(mounts[i].type);
		to->source = str_dup(mounts[i].source);
		to->target = str_dup(str_or(mounts[i].target, ""));
		for (uint64_t k = 0; k < mounts[i].n_options; k++)
			if (strv_push(&options, mounts[i].options[k]) < 0)
				return CTR_RESOURCE_EXHAUSTED;
		to->options = (const char *const *)options;
		to->n_options = mounts[i].n_options;
		if (!to->type || !to->source || !to->target)
			return CTR_RESOURCE_EXHAUSTED;
	}
	return m->items ? CTR_OK : CTR_RESOURCE_EXHAUSTED;
}

static void layer_descriptor(const struct blob *b, struct ctr_descriptor *ret)
{
	*ret = (struct ctr_descriptor){ .size = sizeof(*ret),
					.media_type = b->media_type,
					.digest = b->digest,
					.length_bytes = b->size };
}

/* Into the snapshot's directory itself where there is a way, else into its mounts. */
static ctr_code apply_to(struct task *t, struct ctr_apply *args, struct ctr_applied *ret,
			 struct ctr_error *err)
{
	struct pull *p = t->unit->pull;
	const struct ctr_snapshots_ops *snapshots = p->job->s.snapshots;
	struct ctr_tree tree = { .size = sizeof(tree), .fd = -1 };
	struct mounts mounts = { NULL, 0 };
	ctr_code code = snapshots->open_tree(p->job->host, &p->work, t->unit->snapshotter, t->key,
					     &tree, err);

	if (code == CTR_OK) {
		args->tree = &tree;
	} else if (code == CTR_UNIMPLEMENTED) {
		code = snapshots->mounts(p->job->host, &p->work, t->unit->snapshotter, t->key,
					 keep_mounts, &mounts, err);
		args->mounts = mounts.items;
		args->n_mounts = mounts.n;
	}
	if (code == CTR_OK)
		code = diff_apply(p->job->t->daemon, &p->work, args, ret, err);
	fd_close(&tree.fd);
	mounts_done(&mounts);
	return code;
}

static ctr_code apply(struct task *t, struct ctr_error *err)
{
	struct ctr_descriptor layer;
	struct ctr_applied applied = { .size = sizeof(applied) };
	struct ctr_apply args = {
		.size = sizeof(args),
		.layer = &layer,
		.source = &t->source,
		.progress = on_progress,
		.progress_ud = t,
	};
	ctr_code code;

	layer_descriptor(t->blob, &layer);
	code = apply_to(t, &args, &applied, err);
	if (code != CTR_OK)
		return ctr_wrap(err, "apply layer %s", t->blob->digest);
	if (!str_eq(applied.digest, t->diff_id))
		return ctr_fail(err, CTR_DATA_LOSS, "layer %s has the diff id %s, expected %s",
				t->blob->digest, applied.digest, t->diff_id);
	return CTR_OK;
}

void task_labels(const struct task *t, struct ctr_label items[3], struct ctr_labels *ret)
{
	items[0] = (struct ctr_label){ "containerd.io/snapshot.ref", t->chain };
	items[1] = (struct ctr_label){ "containerd.io/snapshot/diff-id", t->diff_id };
	items[2] = (struct ctr_label){ "containerd.io/snapshot/parent-chain-id", t->parent };
	*ret = (struct ctr_labels){ items, *t->parent ? 3 : 2 };
}

ctr_code task_commit(struct task *t, const struct ctr_call *call, uint32_t flags,
		     struct ctr_error *err)
{
	struct job *job = t->unit->pull->job;
	struct ctr_label items[3];
	struct ctr_snapshot_commit args = {
		.size = sizeof(args),
		.flags = flags,
		.name = t->chain,
		.key = t->key,
		.parent = t->unit->rebase ? t->parent : "",
	};
	ctr_code code;

	task_labels(t, items, &args.labels);
	code = job->s.snapshots->commit(job->host, call, t->unit->snapshotter, &args, err);
	if (code == CTR_OK)
		t->prepared = 0;
	return code;
}

static ctr_code run(struct task *t, struct ctr_error *err)
{
	struct pull *p = t->unit->pull;
	struct ctr_label items[3];
	struct ctr_snapshot_new args = { .size = sizeof(args),
					 .key = t->key,
					 .parent = t->unit->rebase ? "" : t->parent };
	ctr_code code;

	task_labels(t, items, &args.labels);
	code = p->job->s.snapshots->prepare(p->job->host, &p->work, t->unit->snapshotter,
					    CTR_SNAPSHOT_ACTIVE, &args, NULL, NULL, err);
	if (code == CTR_ALREADY_EXISTS) {
		t->there = 1;
		return CTR_OK;
	}
	if (code != CTR_OK)
		return code;
	t->prepared = 1;
	code = apply(t, err);
	if (code != CTR_OK || t->unit->rebase)
		return code;
	/* Without rebase the next layer needs this one as its parent. */
	code = task_commit(t, &p->work, 0, err);
	t->there = code == CTR_OK || code == CTR_ALREADY_EXISTS;
	return t->there ? CTR_OK : code;
}

static void task_thread(void *ud)
{
	struct task *t = ud;
	struct pull *p = t->unit->pull;
	ctr_code code = run(t, &t->err);

	if (code == CTR_OK && !t->there)
		say(t, "extracted", t->blob->size);
	pthread_mutex_lock(&p->lock);
	t->code = code;
	t->finished = 1;
	pthread_mutex_unlock(&p->lock);
	pull_thread_done(p);
}

/* ---- the coordinator's ---- */

static ctr_code nothing(void *ud, const struct ctr_snapshot_info *info)
{
	(void)ud;
	(void)info;
	return CTR_OK;
}

static char *chain_name(const struct task *t)
{
	return str_printf("%s/%s/%s", t->unit->pull->job->call.ns, t->unit->snapshotter, t->chain);
}

/* 1: ours. 0: another pull makes this snapshot now. -ENOMEM. */
static int chain_take(struct task *t)
{
	struct transfers *all = t->unit->pull->job->t;
	AUTO_FREE char *name = chain_name(t);
	int r;

	if (!name)
		return -ENOMEM;
	pthread_mutex_lock(&all->lock);
	r = map_put(all->chains, name, t);
	pthread_mutex_unlock(&all->lock);
	if (r == -EEXIST)
		return 0;
	t->holds = r == 0;
	return r < 0 ? r : 1;
}

static void chain_give(struct task *t)
{
	struct transfers *all = t->unit->pull->job->t;
	AUTO_FREE char *name = t->holds ? chain_name(t) : NULL;

	if (!name)
		return;
	pthread_mutex_lock(&all->lock);
	(void)map_del(all->chains, name);
	pthread_mutex_unlock(&all->lock);
	t->holds = 0;
}

/* The active snapshot of a task that will not be committed. */
static void discard(struct task *t)
{
	struct job *job = t->unit->pull->job;
	struct ctr_call call;
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;

	if (!t->prepared)
		return;
	job_cleanup_call(job, &call);
	code = job->s.snapshots->remove(job->host, &call, t->unit->snapshotter, t->key, &err);
	if (code != CTR_OK && code != CTR_NOT_FOUND)
		log_warn("snapshot '%s' of a failed pull stays: %s", t->key, error_text(&err));
	call_done(&call);
	t->prepared = 0;
}

void task_done(struct task *t)
{
	discard(t);
	chain_give(t);
	fd_close(&t->event_fd);
	error_done(&t->err);
	free(t->key);
}

static int set_key(struct task *t)
{
	char random[5];

	rand_hex(random, 4);
	free(t->key);
	t->key = str_printf("extract-%lld-%s %s", (long long)(clock_wall_ns() % NS_PER_SEC), random,
			    t->chain);
	return t->key ? 0 : -ENOMEM;
}

static ctr_code start(struct task *t, struct ctr_error *err)
{
	struct pull *p = t->unit->pull;

	if (t->event_fd < 0)
		t->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->event_fd < 0 || set_key(t) < 0)
		return ctr_fail_errno(err, t->event_fd < 0 ? errno : ENOMEM, "apply layer %s",
				      t->blob->digest);
	pthread_mutex_lock(&p->lock);
	t->generation = t->blob->generation;
	t->growing = !t->blob->complete;
	t->finished = t->there = 0;
	pthread_mutex_unlock(&p->lock);
	t->source = (struct ctr_source){
		.size = sizeof(t->source),
		.fd = t->blob->read_fd,
		.event_fd = t->event_fd,
		.status = source_status,
		.self = t,
	};
	t->state = TASK_RUNNING;
	return pull_thread(p, task_thread, t, err);
}

/* Bytes to read, now or soon; after a failure only those that were verified. */
static int has_bytes(const struct task *t)
{
	const struct blob *b = t->blob;

	if (b->state == BLOB_DONE)
		return 1;
	if (b->state == BLOB_COMMITTING)
		return b->fetched && b->read_fd >= 0;
	return b->state == BLOB_FETCHING && b->read_fd >= 0 && !t->retried;
}

/* 1: go on with the next one; 0: the later ones wait for this one. */
static int begin(struct task *t, unsigned *busy, ctr_code *code, struct ctr_error *err)
{
	struct job *job = t->unit->pull->job;
	int r;

	if (t->state == TASK_RUNNING)
		return t->unit->rebase;
	if (t->state != TASK_NEW)
		return 1;
	if (!t->holds) {
		*code = job->s.snapshots->stat(job->host, &job->call, t->unit->snapshotter,
					       t->chain, nothing, NULL, NULL);
		if (*code == CTR_OK) {
			t->state = TASK_THERE;
			return 1;
		}
		*code = CTR_OK;
		/* In the order of the chain, so that of two pulls one has all that they share. */
		r = chain_take(t);
		if (r < 0)
			*code = ctr_fail_errno(err, r, "apply layer %s", t->blob->digest);
		if (r <= 0)
			return 0;
	}
	if (*busy >= APPLIES_MAX || !has_bytes(t))
		return t->unit->rebase;
	*code = start(t, err);
	++*busy;
	return t->unit->rebase;
}

ctr_code tasks_begin(struct pull *p, struct ctr_error *err)
{
	unsigned busy = 0;
	ctr_code code = CTR_OK;

	list_for (it, &p->units) {
		struct unit *u = list_entry(it, struct unit, link);

		for (size_t i = 0; i < u->n; i++)
			busy += u->tasks[i].state == TASK_RUNNING;
	}
	list_for (it, &p->units) {
		struct unit *u = list_entry(it, struct unit, link);

		for (size_t i = 0; i < u->n; i++)
			if (!begin(&u->tasks[i], &busy, &code, err) || code != CTR_OK)
				break;
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

static ctr_code finish(struct task *t, struct ctr_error *err)
{
	if (t->there) {
		discard(t);
		chain_give(t);
		t->state = TASK_THERE;
		return CTR_OK;
	}
	if (t->code == CTR_OK) {
		t->state = TASK_APPLIED;
		return CTR_OK;
	}
	if (!t->growing || t->retried)
		return ctr_move_error(err, &t->err);
	log_debug("once more from the whole blob: %s", error_text(&t->err));
	error_done(&t->err);
	t->err = (struct ctr_error)ERROR_INIT;
	discard(t);
	t->retried = 1;
	t->state = TASK_NEW;
	return CTR_OK;
}

ctr_code tasks_finish(struct pull *p, struct ctr_error *err)
{
	list_for (it, &p->units) {
		struct unit *u = list_entry(it, struct unit, link);

		for (size_t i = 0; i < u->n; i++) {
			struct task *t = &u->tasks[i];
			int finished;
			ctr_code code;

			if (t->state != TASK_RUNNING)
				continue;
			pthread_mutex_lock(&p->lock);
			finished = t->finished;
			pthread_mutex_unlock(&p->lock);
			code = finished ? finish(t, err) : CTR_OK;
			if (code != CTR_OK)
				return ctr_wrap(err, "%s", p->what);
		}
	}
	return CTR_OK;
}
