/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a pull share. One coordinator (the job's thread) owns everything; threads of
 * the layers' pool run one commit or one apply at a time and report through the fields under
 * pull.lock.
 */
#ifndef CTR_CORE_TRANSFER_PULL_H
#define CTR_CORE_TRANSFER_PULL_H

#include "base/ident.h"
#include "core/transfer/internal.h"

#define FETCHES_MAX   4 /* at once, of one pull */
#define APPLIES_MAX   3
#define PULL_RETRY_NS (INT64_C(200) * 1000000) /* look again at what another pull has locked */
#define BLOBS_MAX     16384                    /* of one pull */
#define BLOB_TRIES    3                        /* of a blob that is damaged in the store */

enum blob_state {
	BLOB_NEW, /* to be begun, or waiting for its ref until retry_ns */
	BLOB_FETCHING,
	BLOB_COMMITTING, /* on a thread */
	BLOB_DONE,       /* in the store, under our lease */
};

struct blob {
	struct list link; /* in pull.blobs */
	struct pull *pull;
	char *digest, *media_type;
	char *ref;    /* "layer-sha256:...", also its name in progress */
	char *parent; /* in progress */
	int64_t size;
	uint64_t id;
	enum blob_state state;
	struct ctr_content_writer *writer;
	int write_fd, read_fd; /* read_fd: the bytes, also while they grow; -1 before */
	int copied;            /* the store gives no descriptors: write_fd is a temporary file */
	int fetched;           /* all came by this pull and was verified by the worker */
	int tries;
	int64_t retry_ns, said_ns;

	/* Under pull.lock. */
	int64_t available;
	int complete;
	unsigned generation; /* counts new beginnings of the download */
	int finished;        /* the commit has, with code and err */
	ctr_code code;
	struct ctr_error err;
};

enum task_state {
	TASK_NEW,
	TASK_RUNNING,
	TASK_APPLIED, /* in an active snapshot of ours */
	TASK_THERE,   /* the committed snapshot is there */
};

/* One layer of one image for one snapshotter. */
struct task {
	struct unit *unit;
	size_t index;
	struct blob *blob;
	const char *diff_id, *chain, *parent; /* parent "" at the bottom */
	char *key;                            /* of the active snapshot */
	enum task_state state;
	struct ctr_source source;
	unsigned generation; /* of the blob when it began */
	int event_fd;
	int holds;    /* the chain id is locked by us */
	int prepared; /* the active snapshot exists */
	int growing;  /* began before the blob was complete */
	int retried;  /* once more, now from the complete blob */
	int64_t said_ns;

	/* Under pull.lock. */
	int finished, there;
	ctr_code code;
	struct ctr_error err;
};

struct unit {
	struct list link; /* in pull.units */
	struct pull *pull;
	char *snapshotter;
	int rebase; /* layers are applied in any order */
	char *config_digest;
	struct worker_reply manifest, config; /* parsed */
	char (*chains)[CTR_DIGEST_ROOM];
	struct task *tasks;
	size_t n;
};

struct pull {
	struct job *job;
	struct ctr_call work; /* of the threads: ends also when another part of the pull fails */
	const char *name;     /* root of progress */
	char *what;           /* "pull docker.io/library/alpine:latest", before every message */
	struct image_ref ref;
	const char *host_dir, *default_scheme;
	const TRANSFER(RegistryResolver) *resolver;
	struct ctr_stream *auth;
	struct worker *fetch, *parser; /* fetch NULL: everything must be there (import) */
	uint64_t next_id;
	struct list blobs, units;
	size_t n_blobs;
	int wake_fd; /* rung by threads that have finished */

	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned running; /* threads at work for us; under lock */
};

/* fetch.c: the worker that fetches */
ctr_code fetch_start(struct pull *p, struct ctr_error *err);
ctr_code fetch_resolve(struct pull *p, WORKER(Descriptor) **ret, struct ctr_error *err);
ctr_code fetch_send(struct pull *p, struct blob *b, int64_t offset, struct ctr_error *err);
/* All replies that are there. */
ctr_code fetch_replies(struct pull *p, struct ctr_error *err);
ctr_code auth_answer(struct pull *p, uint64_t id, const WORKER(AuthNeeded) *need,
		     struct ctr_error *err);

/* blobs.c */
/* The blob of a digest in this pull, made when missing. NULL on OOM. */
struct blob *blob_get(struct pull *p, const char *kind, const WORKER(Descriptor) *d,
		      const char *parent);
ctr_code blobs_begin(struct pull *p, struct ctr_error *err);  /* those that may begin */
ctr_code blobs_finish(struct pull *p, struct ctr_error *err); /* those whose commit has ended */
ctr_code blob_fetched(struct blob *b, struct ctr_error *err);
void blob_grow(struct blob *b, int64_t offset);
void blob_abandon(struct blob *b, int bad); /* close the writer; bad: the ingest goes too */
void blob_free(struct blob *b);
void blob_say(struct blob *b, const char *event, int64_t offset);

/* apply.c */
ctr_code tasks_begin(struct pull *p, struct ctr_error *err);
ctr_code tasks_finish(struct pull *p, struct ctr_error *err);
void tasks_ring(struct pull *p, const struct blob *b); /* the blob has news; NULL: all */
void task_done(struct task *t);
void task_labels(const struct task *t, struct ctr_label items[3], struct ctr_labels *ret);
ctr_code task_commit(struct task *t, const struct ctr_call *call, uint32_t flags,
		     struct ctr_error *err);

/* unit.c: images of a pull, and what is written at its end */
ctr_code unit_add(struct pull *p, const char *snapshotter, const char *config_digest,
		  struct worker_reply *manifest, struct worker_reply *config,
		  struct ctr_error *err);
ctr_code units_commit(struct pull *p, struct ctr_error *err);
void unit_free(struct unit *u);

/* pull.c */
/* A job with blobs and tasks; free ends everything that it began, whatever state it is in. NULL on
 * OOM. */
struct pull *pull_new(struct job *job);
/* The lease, and the call of the threads. */
ctr_code pull_begin(struct pull *p, struct ctr_error *err);
void pull_free(struct pull *p); /* NULL allowed */
/* Until all blobs and tasks of the pull are done. */
ctr_code pull_drive(struct pull *p, struct ctr_error *err);
/* Run fn(ud) on a thread of the layers' pool; counted in running. */
ctr_code pull_thread(struct pull *p, void (*fn)(void *ud), void *ud, struct ctr_error *err);
void pull_thread_done(
	struct pull *p); /* the last thing such a thread does; takes the lock itself */

/* documents.c: index, manifests, configs */
ctr_code pull_documents(struct pull *p, const WORKER(Descriptor) *top, struct ctr_error *err);

#endif
