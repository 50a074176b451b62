/* SPDX-License-Identifier: Apache-2.0
 *
 * Service ctr.transfer.v0: which pair a request is, and the life of its job. The request's thread
 * only queues; a job ends on its own thread, when everything that it began has ended.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/str.h"
#include "core/diff/diff.h"
#include "core/pool/pool.h"
#include "core/registry/registry.h"
#include "core/registry/services.h"
#include "core/transfer/internal.h"
#include "rpc/pb.h"

#define JOBS_MAX      16
#define JOBS_QUEUE    1024
#define LAYERS_MAX    8
#define LAYERS_QUEUE  65536
#define LEASE_KEEP_NS (24 * 3600 * NS_PER_SEC)

#define TYPE(name) &containerd__types__transfer__##name##__descriptor

static const struct pair pairs[] = {
	{ TYPE(ociregistry), TYPE(image_store), pull_run },
	{ TYPE(image_store), TYPE(ociregistry), push_refuse },
	{ TYPE(image_store), TYPE(image_store), tag_run },
	{ TYPE(image_store), TYPE(image_export_stream), export_run },
	{ TYPE(image_import_stream), TYPE(image_store), import_run },
};

struct streams *transfers_streams(struct transfers *t)
{
	return t->streams;
}

/* ---- leases ---- */

static ctr_code keep_id(void *ud, const struct ctr_lease *lease)
{
	snprintf(ud, LEASE_ROOM, "%s", lease->id);
	return CTR_OK;
}

ctr_code job_lease(struct job *job, struct ctr_error *err)
{
	char expires[RFC3339_ROOM];
	const struct ctr_label labels[] = { { "containerd.io/gc.expire", expires },
					    { LEASE_LABEL, job->t->run } };
	const struct ctr_lease lease = { .size = sizeof(lease),
					 .id = "",
					 .labels = { labels, ARRAY_SIZE(labels) } };
	ctr_code code;

	if (*job->call.lease)
		return CTR_OK;
	clock_rfc3339(clock_wall_ns() + LEASE_KEEP_NS, expires);
	code = job->s.leases->create(job->host, &job->call, &lease, keep_id, job->lease, err);
	if (code == CTR_OK)
		job->call.lease = job->lease;
	return code;
}

void job_cleanup_call(const struct job *job, struct ctr_call *ret)
{
	call_init(ret, job->call.ns);
	ret->lease = job->call.lease;
	ret->trace_id = job->call.trace_id;
}

void job_lease_drop(struct job *job)
{
	struct ctr_call call;
	AUTO_ERROR err = ERROR_INIT;

	if (!job->lease[0])
		return;
	job_cleanup_call(job, &call);
	call.lease = "";
	if (job->s.leases->remove(job->host, &call, job->lease, 0, &err) != CTR_OK)
		log_warn("lease %s of a transfer stays until it expires: %s", job->lease,
			 error_text(&err));
	job->lease[0] = '\0';
	job->call.lease = "";
	call_done(&call);
}

struct wire_wait job_wait(const struct job *job)
{
	return (struct wire_wait){ .deadline_ns = job->call.deadline_ns,
				   .cancel_fd = call_ops.cancel_fd(&job->call) };
}

/* ---- one job ---- */

static void job_free(struct job *job)
{
	if (!job)
		return;
	pb_free(job->source);
	pb_free(job->destination);
	call_done(&job->call);
	pthread_mutex_destroy(&job->progress_lock);
	free(job);
}

static void job_thread(void *ud)
{
	struct job *job = ud;
	struct transfers *t = job->t;
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code = call_check(job->request, &err);

	if (code == CTR_OK)
		code = job->pair->run(job, &err);
	if (code != CTR_OK && call_check(job->request, NULL) == CTR_CANCELLED)
		code = CTR_CANCELLED;
	job_lease_drop(job);
	stream_close(job->progress, CTR_OK, NULL);
	pthread_mutex_lock(&t->lock);
	list_del(&job->link);
	pthread_mutex_unlock(&t->lock);
	job->done(job->done_ud, code, &err);
	job_free(job);
}

/* The request's call is the core's own; services see it as const. */
static struct ctr_call *request_of(const struct job *job)
{
	return (struct ctr_call *)(uintptr_t)job->request;
}

static struct job *job_new(struct transfers *t, const struct ctr_host *h,
			   const struct ctr_call *call)
{
	struct job *job = calloc(1, sizeof(*job));
	struct daemon *d = t->daemon;

	if (!job)
		return NULL;
	if (pthread_mutex_init(&job->progress_lock, NULL) != 0) {
		free(job);
		return NULL;
	}
	job->t = t;
	job->host = h;
	job->request = call;
	list_init(&job->link);
	call_child(&job->call, call, CTR_NO_DEADLINE);
	job->s.contents = services_find(d, CTR_SERVICE_CONTENTS, NULL);
	job->s.snapshots = services_find(d, CTR_SERVICE_SNAPSHOTS, NULL);
	job->s.images = services_find(d, CTR_SERVICE_IMAGES, NULL);
	job->s.leases = services_find(d, CTR_SERVICE_LEASES, NULL);
	/* Loop's thread, where a cancel of the request would come from too. */
	if (call_cancellable(request_of(job)) < 0) {
		job_free(job);
		return NULL;
	}
	return job;
}

/* The type's name behind the last '/'. */
static const char *name_of(const struct ctr_any *any)
{
	const char *slash = strrchr(any->type_url, '/');

	return slash ? slash + 1 : any->type_url;
}

static ctr_code find_pair(const struct ctr_transfer_args *args, const struct pair **ret,
			  struct ctr_error *err)
{
	const char *source = name_of(&args->source), *destination = name_of(&args->destination);

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (str_eq(pairs[i].source->name, source) &&
		    str_eq(pairs[i].destination->name, destination)) {
			*ret = &pairs[i];
			return CTR_OK;
		}
	}
	return ctr_fail(err, CTR_UNIMPLEMENTED, "method Transfer not implemented for %s to %s",
			args->source.type_url, args->destination.type_url);
}

static ctr_code unpack(const struct ctr_any *any, const ProtobufCMessageDescriptor *type,
		       void **ret, struct ctr_error *err)
{
	*ret = pb_unpack(type, any->value, (size_t)any->n, TRANSFER_MESSAGE_MAX);
	return *ret ? CTR_OK
		    : ctr_fail(err, CTR_INVALID_ARGUMENT, "the value is no message '%s'",
			       type->name);
}

static ctr_code fill(struct job *job, const struct ctr_transfer_args *args, struct ctr_error *err)
{
	const char *progress = str_or(args->progress_stream, "");
	ctr_code code = find_pair(args, &job->pair, err);

	if (code == CTR_OK)
		code = unpack(&args->source, job->pair->source, &job->source, err);
	if (code == CTR_OK)
		code = unpack(&args->destination, job->pair->destination, &job->destination, err);
	if (code == CTR_OK &&
	    (!job->s.contents || !job->s.snapshots || !job->s.images || !job->s.leases))
		code = ctr_fail(err, CTR_UNIMPLEMENTED, "this daemon has no image store");
	if (code == CTR_OK && *progress)
		code = streams_get(job->t->streams, &job->call, progress, &job->progress, err);
	return code;
}

static ctr_code queue(struct job *job, struct ctr_error *err)
{
	struct transfers *t = job->t;
	int r = -ECANCELED;

	pthread_mutex_lock(&t->lock);
	if (!t->stopping) {
		list_add(&t->running, &job->link);
		r = 0;
	}
	pthread_mutex_unlock(&t->lock);
	if (r < 0)
		return ctr_fail(err, CTR_UNAVAILABLE, "the daemon is stopping");

	r = pool_run(t->jobs, (uint64_t)(uintptr_t)job, job_thread, job);
	if (r == 0)
		return CTR_OK;
	pthread_mutex_lock(&t->lock);
	list_del(&job->link);
	pthread_mutex_unlock(&t->lock);
	if (r == -EAGAIN)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "%d transfers wait already",
				JOBS_QUEUE);
	return ctr_fail_errno(err, r, "start a transfer");
}

static ctr_code ops_start(const struct ctr_host *h, const struct ctr_call *call,
			  const struct ctr_transfer_args *args,
			  void (*done)(void *ud, ctr_code code, struct ctr_error *err), void *ud,
			  struct ctr_error *err)
{
	struct job *job = job_new(host_daemon(h)->transfers, h, call);
	ctr_code code;

	if (!job)
		return ctr_fail_errno(err, ENOMEM, "start a transfer");
	job->done = done;
	job->done_ud = ud;
	code = fill(job, args, err);
	if (code == CTR_OK)
		code = queue(job, err);
	if (code == CTR_OK)
		return CTR_OK;
	stream_close(job->progress, CTR_OK, NULL);
	job_free(job);
	return code;
}

ctr_code push_refuse(struct job *job, struct ctr_error *err)
{
	const TRANSFER(OCIRegistry) *to = job->destination;

	return ctr_fail(err, CTR_UNIMPLEMENTED, "push to %s: this daemon cannot push yet",
			to->reference);
}

/* ---- all of it ---- */

static const struct ctr_transfer_ops ops = {
	.size = sizeof(ops),
	.start = ops_start,
};

static int make(struct daemon *d, struct transfers *t)
{
	int r = pool_new("transfer", JOBS_MAX, JOBS_QUEUE, &t->jobs);

	if (r == 0)
		r = pool_new("layers", LAYERS_MAX, LAYERS_QUEUE, &t->layers);
	t->chains = map_new();
	t->worker = str_printf("%s/ctr-worker", d->libexec);
	if (r == 0 && (!t->chains || !t->worker))
		r = -ENOMEM;
	if (r == 0)
		r = proxies_read(&t->proxies);
	if (r == 0)
		r = streams_new(d, &t->streams);
	if (r == 0)
		r = diffs_provide(d);
	if (r == 0)
		r = daemon_provide(d, CTR_SERVICE_TRANSFER, &ops, sizeof(ops));
	return r;
}

ctr_code transfers_new(struct daemon *d, struct transfers **ret, struct ctr_error *err)
{
	struct transfers *t = calloc(1, sizeof(*t));
	int r = t ? -pthread_mutex_init(&t->lock, NULL) : -ENOMEM;

	if (r < 0) {
		free(t);
		return ctr_fail_errno(err, r, "make transfers");
	}
	t->daemon = d;
	rand_hex(t->run, 16);
	list_init(&t->running);
	r = make(d, t);
	if (r < 0) {
		transfers_free(t);
		return ctr_fail_errno(err, r, "make transfers");
	}
	d->transfers = t;
	*ret = t;
	return CTR_OK;
}

int transfers_stop(struct transfers *t, int64_t deadline_ns)
{
	int jobs, layers;

	if (!t)
		return 0;
	pthread_mutex_lock(&t->lock);
	t->stopping = 1;
	list_for (it, &t->running)
		call_cancel(request_of(list_entry(it, struct job, link)), CTR_CANCELLED);
	pthread_mutex_unlock(&t->lock);
	jobs = pool_drain(t->jobs, deadline_ns);
	layers = pool_drain(t->layers, deadline_ns);
	return jobs < 0 || layers < 0 ? -ETIMEDOUT : 0;
}

void transfers_free(struct transfers *t)
{
	if (!t)
		return;
	pool_free(t->jobs);
	pool_free(t->layers);
	streams_free(t->streams);
	map_free(t->chains);
	pthread_mutex_destroy(&t->lock);
	proxies_done(&t->proxies);
	free(t->worker);
	free(t);
}
