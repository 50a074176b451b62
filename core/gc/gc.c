/* SPDX-License-Identifier: Apache-2.0
 *
 * When the collector runs: soon after removals, when something expires, and at once for who waits.
 * One run at a time; those who ask during a run share the next one. Runs are on the bulk pool or
 * the asker's thread; no thread waits.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <ctr/unstable/gc.h>

#include "base/log.h"
#include "base/loop.h"
#include "core/call/call.h"
#include "core/content/content.h"
#include "core/daemon.h"
#include "core/gc/internal.h"
#include "core/pool/pool.h"

/* ---- one run ---- */

static ctr_code collect(struct gc *gc, struct garbage *g, struct ctr_error *err)
{
	struct remains_list remains;
	uint64_t removed = 0;
	const int64_t began_ns = clock_now_ns();
	ctr_code code = store_view(gc->d->store, NULL, gc_mark, g, err);
	const int64_t marked_ns = clock_now_ns();

	remains_init(&remains);
	if (code == CTR_OK)
		code = gc_sweep(gc, g, &remains, &removed, err);
	gc_remove_bytes(gc, &remains);
	remains_free(&remains);
	if (!gc->orphans_done)
		gc_remove_orphans(gc);
	gc->orphans_done = 1;
	if (gc->d->registry)
		content_expire_ingests(gc->d);
	if (code == CTR_OK && (g->n_names || removed))
		code = gc_sweep_names(gc, err);
	const int64_t ended_ns = clock_now_ns();

	if (removed)
		log_info("collector: removed %" PRIu64 " of %zu in %" PRId64 " ms", removed, g->n,
			 (ended_ns - began_ns) / NS_PER_MSEC);
	pthread_mutex_lock(&gc->mu);
	gc->stats.runs++;
	gc->stats.removed += removed;
	gc->stats.last_mark_ns = marked_ns - began_ns;
	gc->stats.last_ns = ended_ns - began_ns;
	pthread_mutex_unlock(&gc->mu);
	return code;
}

static void want_at(struct gc *gc, int64_t due_ns);

/* Look for the next time that something may become garbage by itself. */
static void plan(struct gc *gc, const struct garbage *g)
{
	const int64_t now_ns = clock_now_ns();

	want_at(gc, now_ns + GC_DAY_NS);
	if (g->next_expiry_ns)
		want_at(gc, now_ns + (g->next_expiry_ns - g->now_ns) + GC_DELAY_NS);
	if (g->youngest_ns)
		want_at(gc, now_ns + (g->youngest_ns - g->grace_ns) + GC_DELAY_NS);
}

/* running is set by the caller, who has let go of mu. */
static ctr_code run(struct gc *gc, struct ctr_error *err)
{
	struct garbage g = { .now_ns = clock_wall_ns() };

	g.grace_ns = g.now_ns - GC_GRACE_NS;
	ctr_code code = collect(gc, &g, err);

	if (code == CTR_OK)
		plan(gc, &g);
	garbage_done(&g);
	return code;
}

/* ---- asking ---- */

/* Under mu. A second at most, so that a cancelled call is noticed. */
static void wait_changed(struct gc *gc)
{
	int64_t at_ns = clock_now_ns() + NS_PER_SEC;
	struct timespec at = { .tv_sec = at_ns / NS_PER_SEC, .tv_nsec = at_ns % NS_PER_SEC };

	pthread_cond_timedwait(&gc->changed, &gc->mu, &at);
}

ctr_code gc_run(struct gc *gc, const struct ctr_call *call, struct ctr_error *err)
{
	ctr_code code = CTR_OK;

	pthread_mutex_lock(&gc->mu);
	const uint64_t ticket = ++gc->asked;

	while (code == CTR_OK && gc->running && gc->answered < ticket) {
		wait_changed(gc);
		code = call ? call_check(call, err) : CTR_OK;
	}
	if (code != CTR_OK || gc->answered >= ticket) {
		if (code == CTR_OK && gc->last_code != CTR_OK)
			code = ctr_fail(err, gc->last_code, "the collector's run failed");
		pthread_mutex_unlock(&gc->mu);
		return code;
	}
	const uint64_t covered = gc->asked;

	gc->running = 1;
	pthread_mutex_unlock(&gc->mu);
	code = run(gc, err);
	pthread_mutex_lock(&gc->mu);
	gc->running = 0;
	gc->answered = covered;
	gc->last_code = code;
	pthread_cond_broadcast(&gc->changed);
	pthread_mutex_unlock(&gc->mu);
	return code;
}

/* queued stays set until the end, so that gc_free() waits; who comes meanwhile sets again. */
static void job(void *ud)
{
	struct gc *gc = ud;
	int again = 1;

	while (again) {
		AUTO_ERROR err = ERROR_INIT;

		if (gc_run(gc, NULL, &err) != CTR_OK)
			log_warn("collector: %s; tried again after the next removal",
				 error_text(&err));
		pthread_mutex_lock(&gc->mu);
		again = gc->again && !gc->closing;
		gc->again = 0;
		if (!again) {
			gc->queued = 0;
			pthread_cond_broadcast(&gc->changed);
		}
		pthread_mutex_unlock(&gc->mu);
	}
}

/* ---- the timer, on the loop's thread ---- */

static void rearm(void *ud);

static void on_timer(void *ud)
{
	struct gc *gc = ud;
	int start;

	gc->timer = NULL;
	pthread_mutex_lock(&gc->mu);
	gc->due_ns = 0;
	start = !gc->queued && !gc->closing;
	gc->again = gc->queued;
	gc->queued = gc->queued || start;
	pthread_mutex_unlock(&gc->mu);
	if (start && pool_run(gc->d->bulk, 0, job, gc) < 0) {
		pthread_mutex_lock(&gc->mu);
		gc->queued = 0;
		pthread_mutex_unlock(&gc->mu);
		want_at(gc, clock_now_ns() + NS_PER_SEC); /* the pool is full */
	}
}

static void rearm(void *ud)
{
	struct gc *gc = ud;

	pthread_mutex_lock(&gc->mu);
	const int64_t due_ns = gc->due_ns;

	gc->posted = 0;
	pthread_mutex_unlock(&gc->mu);
	loop_del_timer(gc->timer);
	gc->timer = NULL;
	if (due_ns && loop_add_timer(gc->d->loop, due_ns, on_timer, gc, &gc->timer) < 0)
		log_warn("collector: no timer; it runs after the next removal");
}

static void want_at(struct gc *gc, int64_t due_ns)
{
	int post = 0;

	if (!gc->d->loop || !gc->d->bulk)
		return;
	pthread_mutex_lock(&gc->mu);
	if (!gc->closing && (!gc->due_ns || due_ns < gc->due_ns)) {
		gc->due_ns = due_ns;
		post = !gc->posted;
		gc->posted = 1;
	}
	pthread_mutex_unlock(&gc->mu);
	if (!post || loop_post(gc->d->loop, rearm, gc) == 0)
		return;
	pthread_mutex_lock(&gc->mu);
	gc->posted = 0;
	gc->due_ns = 0;
	pthread_mutex_unlock(&gc->mu);
}

void gc_schedule(struct gc *gc)
{
	if (gc)
		want_at(gc, clock_now_ns() + GC_DELAY_NS);
}

/* ---- life ---- */

int gc_new(struct daemon *d, struct gc **ret)
{
	struct gc *gc = calloc(1, sizeof(*gc));
	pthread_condattr_t monotonic;

	if (!gc)
		return -ENOMEM;
	gc->d = d;
	gc->began_ns = clock_wall_ns();
	gc_default_backend(gc);
	pthread_mutex_init(&gc->mu, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&gc->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	*ret = gc;
	return 0;
}

void gc_free(struct gc *gc)
{
	if (!gc)
		return;
	pthread_mutex_lock(&gc->mu);
	gc->closing = 1;
	while (gc->running || gc->queued)
		wait_changed(gc);
	pthread_mutex_unlock(&gc->mu);
	loop_del_timer(gc->timer);
	gc_free_pins(gc);
	pthread_cond_destroy(&gc->changed);
	pthread_mutex_destroy(&gc->mu);
	free(gc);
}

void gc_stats(struct gc *gc, struct gc_stats *ret)
{
	pthread_mutex_lock(&gc->mu);
	*ret = gc->stats;
	pthread_mutex_unlock(&gc->mu);
}

/* ---- the service ---- */

static ctr_code service_run(const struct ctr_host *h, const struct ctr_call *call,
			    struct ctr_error *err)
{
	struct gc *gc = host_daemon(h)->gc;

	return gc ? gc_run(gc, call, err)
		  : ctr_fail(err, CTR_UNAVAILABLE, "the collector does not run yet");
}

static void service_schedule(const struct ctr_host *h)
{
	gc_schedule(host_daemon(h)->gc);
}

static const struct ctr_gc_ops gc_ops = {
	.size = sizeof(gc_ops),
	.run = service_run,
	.schedule = service_schedule,
};

int gc_provide(struct daemon *d)
{
	return daemon_provide(d, CTR_SERVICE_GC, &gc_ops, sizeof(gc_ops));
}
