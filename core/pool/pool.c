/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounded pool. Jobs wait in one queue a client (key), and the clients stand in a ring: each
 * thread takes the first client's first job and puts that client at the end. A thread that found
 * nothing for IDLE_NS ends, so an idle daemon has none. Owns its threads, which are detached;
 * pool_free() waits for the last of them.
 */
#include "core/pool/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/macros.h"

#define IDLE_NS    (5 * NS_PER_SEC)
#define BUCKETS    64
#define STACK_SIZE (1024 * 1024)

struct job {
	struct list link;
	void (*fn)(void *ud);
	void *ud;
};

struct client {
	struct list ring;   /* in pool.ring while it has jobs */
	struct list bucket; /* in pool.buckets[] */
	struct list jobs;
	uint64_t key;
};

struct pool {
	/* Guards all below. No call-out under it. */
	pthread_mutex_t lock;
	pthread_cond_t work; /* a job was queued, or closing */
	pthread_cond_t gone; /* a thread has ended, or a job while somebody drains */
	struct list ring;
	struct list buckets[BUCKETS];
	size_t queued, max_queue;
	unsigned threads, idle, running, max_threads;
	unsigned drainers; /* threads in pool_drain() */
	int closing;
	char name[16]; /* of its threads, as pthread_setname_np wants it */
};

/* Deadlines are CLOCK_MONOTONIC, so the condition must be too. */
static int cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int r;

	r = pthread_condattr_init(&attr);
	if (r)
		return -r;
	r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (!r)
		r = pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
	return -r;
}

int pool_new(const char *name, unsigned max_threads, size_t max_queue, struct pool **ret)
{
	struct pool *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;

	p->max_threads = max_threads;
	p->max_queue = max_queue;
	snprintf(p->name, sizeof(p->name), "%s", name);
	list_init(&p->ring);
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&p->buckets[i]);

	r = cond_init(&p->work);
	if (r < 0)
		goto fail;
	r = cond_init(&p->gone);
	if (r < 0)
		goto fail_work;
	r = -pthread_mutex_init(&p->lock, NULL);
	if (r < 0)
		goto fail_gone;

	*ret = p;
	return 0;
fail_gone:
	pthread_cond_destroy(&p->gone);
fail_work:
	pthread_cond_destroy(&p->work);
fail:
	free(p);
	return r;
}

static struct list *bucket_of(struct pool *p, uint64_t key)
{
	return &p->buckets[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 58];
}

static struct client *client_find(struct pool *p, uint64_t key)
{
	list_for (it, bucket_of(p, key)) {
		struct client *c = list_entry(it, struct client, bucket);

		if (c->key == key)
			return c;
	}
	return NULL;
}

/*
 * Under the lock, with queued > 0: the next client's first job. *ret_empty is a client to free
 * after unlocking.
 */
static struct job *job_take(struct pool *p, struct client **ret_empty)
{
	struct client *c = list_entry(p->ring.next, struct client, ring);
	struct job *job = list_entry(c->jobs.next, struct job, link);

	list_del(&job->link);
	list_del(&c->ring);
	*ret_empty = NULL;
	if (list_empty(&c->jobs)) {
		list_del(&c->bucket);
		*ret_empty = c;
	} else {
		list_add(&p->ring, &c->ring);
	}
	p->queued--;
	return job;
}

static struct timespec to_timespec(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / NS_PER_SEC, .tv_nsec = ns % NS_PER_SEC };
}

/* Under the lock: wait for a job. 0, or -ETIMEDOUT when the thread should end. */
static int job_wait(struct pool *p)
{
	struct timespec until = to_timespec(clock_now_ns() + IDLE_NS);
	int r = 0;

	p->idle++;
	while (!p->queued && !p->closing && r == 0)
		r = pthread_cond_timedwait(&p->work, &p->lock, &until);
	p->idle--;
	return p->queued ? 0 : -ETIMEDOUT;
}

static void *pool_thread(void *arg)
{
	struct pool *p = arg;

	pthread_setname_np(pthread_self(), p->name);
	pthread_mutex_lock(&p->lock);
	while (p->queued || job_wait(p) == 0) {
		struct client *empty;
		struct job *job = job_take(p, &empty);

		p->running++;
		pthread_mutex_unlock(&p->lock);
		job->fn(job->ud);
		free(job);
		free(empty);
		pthread_mutex_lock(&p->lock);
		p->running--;
		if (p->drainers > 0)
			pthread_cond_broadcast(&p->gone);
	}
	p->threads--;
	pthread_cond_broadcast(&p->gone);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Under the lock. 0 or -errno. */
static int thread_add(struct pool *p)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = pthread_create(&thread, &attr, pool_thread, p);
	pthread_attr_destroy(&attr);
	if (r)
		return -r;

	p->threads++;
	return 0;
}

/* Under the lock. *inout_new is used, and set to NULL, when the client was not there. */
static void job_queue(struct pool *p, uint64_t key, struct job *job, struct client **inout_new)
{
	struct client *c = client_find(p, key);

	if (!c) {
		c = take_ptr(inout_new);
		c->key = key;
		list_init(&c->jobs);
		list_add(bucket_of(p, key), &c->bucket);
		list_add(&p->ring, &c->ring);
	}
	list_add(&c->jobs, &job->link);
	p->queued++;
}

int pool_run(struct pool *p, uint64_t key, void (*fn)(void *ud), void *ud)
{
	AUTO_FREE struct job *job = malloc(sizeof(*job));
	AUTO_FREE struct client *fresh = malloc(sizeof(*fresh));
	int r = 0;

	if (!job || !fresh)
		return -ENOMEM;

	job->fn = fn;
	job->ud = ud;
	pthread_mutex_lock(&p->lock);
	if (p->queued >= p->max_queue || p->closing) {
		r = -EAGAIN;
		goto out;
	}
	/* A thread for each job that no idle one will take; without any thread at all there is
	 * nobody to run it. */
	if (p->queued >= p->idle && p->threads < p->max_threads)
		r = thread_add(p);
	if (r < 0 && p->threads > 0) {
		log_debug("pool %s: no further thread: errno %d", p->name, -r);
		r = 0;
	}
	if (r < 0)
		goto out;

	job_queue(p, key, take_ptr(&job), &fresh);
	pthread_cond_signal(&p->work);
out:
	pthread_mutex_unlock(&p->lock);
	return r;
}

int pool_drain(struct pool *p, int64_t deadline_ns)
{
	struct timespec until = to_timespec(deadline_ns);
	int waited = 0, r = 0;

	pthread_mutex_lock(&p->lock);
	p->drainers++;
	while ((p->queued > 0 || p->running > 0) && r == 0) {
		waited = 1;
		r = pthread_cond_timedwait(&p->gone, &p->lock, &until);
	}
	p->drainers--;
	pthread_mutex_unlock(&p->lock);
	return r ? -r : waited;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;

	pthread_mutex_lock(&p->lock);
	p->closing = 1;
	pthread_cond_broadcast(&p->work);
	while (p->threads > 0)
		pthread_cond_wait(&p->gone, &p->lock);
	pthread_mutex_unlock(&p->lock);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->gone);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
