/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: one job a request, its progress, its workers, and what it
 * does with images.
 */
#ifndef CTR_CORE_TRANSFER_INTERNAL_H
#define CTR_CORE_TRANSFER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <ctr/unstable/contents.h>
#include <ctr/unstable/images.h>
#include <ctr/unstable/leases.h>
#include <ctr/unstable/snapshots.h>
#include <ctr/unstable/transfer.h>

#include "base/list.h"
#include "containerd/types/transfer/imagestore.pb-c.h"
#include "containerd/types/transfer/importexport.pb-c.h"
#include "containerd/types/transfer/registry.pb-c.h"
#include "core/call/call.h"
#include "core/daemon.h"
#include "core/meta/meta.h"
#include "core/streams/streams.h"
#include "core/transfer/transfer.h"
#include "worker/client/worker_client.h"

#define TRANSFER(type)       Containerd__Types__Transfer__##type
#define WORKER(type)         Ctr__Worker__V1__##type
#define TRANSFER_MESSAGE_MAX (4 * 1024 * 1024)
#define LEASE_ROOM           80
#define LEASE_LABEL          "ctr.io/transfer" /* on the leases that recover() may remove */

struct map;
struct pool;

/* proxies.c: the usual variables, as the daemon found them at its start; strings may be NULL. */
struct proxies {
	char *http, *https, *none;
};
int proxies_read(struct proxies *ret); /* 0 or -ENOMEM */
void proxies_done(struct proxies *p);

struct transfers {
	struct daemon *daemon;
	struct streams *streams;
	struct pool *jobs;   /* one thread a transfer: it coordinates */
	struct pool *layers; /* applying and committing; never waits for a coordinator's queue */
	char *worker;        /* path of ctr-worker */
	char run[17];        /* of this run of the daemon, in LEASE_LABEL */
	struct proxies proxies;
	pthread_mutex_t lock; /* guards all below; no call-out under it */
	struct list running;  /* struct job */
	/* "<ns>/<snapshotter>/<chain id>" -> the task of the one pull that makes it now */
	struct map *chains;
	int stopping;
};

/* The services that jobs use. */
struct services {
	const struct ctr_contents_ops *contents;
	const struct ctr_snapshots_ops *snapshots;
	const struct ctr_images_ops *images;
	const struct ctr_leases_ops *leases;
};

struct job {
	struct list link;
	struct transfers *t;
	struct services s;
	const struct ctr_host *host;
	struct ctr_call call; /* child of the request's, with the lease of the job */
	const struct ctr_call *request;
	void *source, *destination; /* unpacked messages, by the pair */
	const struct pair *pair;
	struct ctr_stream *progress;   /* NULL: nobody wants to know */
	pthread_mutex_t progress_lock; /* one message after another */
	char lease[LEASE_ROOM];        /* "" while there is none of our own */
	void (*done)(void *ud, ctr_code code, struct ctr_error *err);
	void *done_ud;
};

struct pair {
	const ProtobufCMessageDescriptor *source, *destination;
	ctr_code (*run)(struct job *job, struct ctr_error *err);
};

/* The pairs. On the job's thread; they block. */
ctr_code pull_run(struct job *job, struct ctr_error *err);
ctr_code tag_run(struct job *job, struct ctr_error *err);
ctr_code export_run(struct job *job, struct ctr_error *err);
ctr_code import_run(struct job *job, struct ctr_error *err);
ctr_code push_refuse(struct job *job, struct ctr_error *err);

/* job.c */
/* A lease that holds what the job makes until its records do; none of our own when the request
 * brought one. */
ctr_code job_lease(struct job *job, struct ctr_error *err);
void job_lease_drop(struct job *job);
/* A call for what must be done also after a cancel: same namespace and lease. */
void job_cleanup_call(const struct job *job, struct ctr_call *ret);
/* The wait of worker messages: until the job is cancelled. */
struct wire_wait job_wait(const struct job *job);

/* progress.c; any thread */
struct progress {
	const char *event, *name, *parent; /* parent "" or NULL: a root */
	int64_t progress, total;
	const char *media_type, *digest; /* NULL: no descriptor */
	int64_t size;
};
void progress_send(struct job *job, const struct progress *p);
void progress_text(struct job *job, const char *fmt, ...)
	PRINTF_LIKE(2, 3);                   /* an event without an object */
#define PROGRESS_NS (100 * INT64_C(1000000)) /* at most ten a second for each object */

/* worker.c */
ctr_code start_worker(struct job *job, enum worker_role role, const WORKER(Setup) *setup,
		      struct worker **ret, struct ctr_error *err);
void auto_worker(struct worker **w);
#define AUTO_WORKER AUTO(auto_worker) struct worker
/* One document through the parse worker, which is started at the first (*inout_parser). fd is read
 * from its start. */
ctr_code parse_document_fd(struct job *job, struct worker **inout_parser, int fd,
			   WORKER(DocumentKind) kind, const char *media_type,
			   const WORKER(Platform) *want, struct worker_reply *ret,
			   struct ctr_error *err);

/* names.c */
/* What a media type names. */
int media_is_index(const char *media_type);
int media_is_manifest(const char *media_type);
int media_is_image_config(const char *media_type);
int media_is_layer(const char *media_type);

/* "sha256:..." of the layers up to i. ret has n elements of CTR_DIGEST_ROOM. 0 or -errno. */
int chain_ids(char *const *diff_ids, size_t n, char (*ret)[CTR_DIGEST_ROOM]);
/* The snapshotter to use: wanted, the namespace's label, the configured default. Caller frees. */
ctr_code choose_snapshotter(struct job *job, const char *wanted, char **ret, struct ctr_error *err);
int snapshotter_can(struct daemon *d, const char *snapshotter, const char *capability);

/* labels.c */
/* The labels that make a document keep its children. 0 or -ENOMEM. */
int labels_of_index(const WORKER(ParsedIndex) *index, struct meta_labels *ret);
int labels_of_manifest(const WORKER(ParsedManifest) *manifest, struct meta_labels *ret);
/* Add those that differ to a blob; no write when there is nothing to change. */
ctr_code labels_add(struct job *job, const char *digest, const struct meta_labels *add,
		    struct ctr_error *err);
/* store.c: records of images */
/* The name, or a new one, points to target from now on. Tells "saved". */
ctr_code image_store(struct job *job, const char *name, const struct ctr_descriptor *target,
		     struct ctr_labels labels, struct ctr_error *err);
/* The labels of an ImageStore message; items are the message's. Caller frees ret->items. */
ctr_code image_labels(const TRANSFER(ImageStore) *store, struct ctr_labels *ret,
		      struct ctr_error *err);

/* content.c */
/* A read-only descriptor of a blob, of a store without descriptors: of a copy. size < 0: not known.
 * CTR_NOT_FOUND; CTR_DATA_LOSS: its length is another. */
ctr_code content_open(struct job *job, const char *digest, int64_t size, int *ret_fd,
		      struct ctr_error *err);
/* Record and bytes of a damaged blob go, so that it can be fetched again. */
ctr_code content_drop(struct job *job, const char *digest, struct ctr_error *err);
/* The same for an open file, so that a worker cannot write to it. */
int fd_read_only(int fd);

#endif
