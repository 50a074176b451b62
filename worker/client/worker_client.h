/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's side of ctr-worker: start one caged process of a role, exchange messages, end it.
 * Used by core, the differ plugin and ctrctl. A struct worker belongs to one thread at a time;
 * nothing here is global. Every reply is checked (lengths, digests, counts, kind) before it is
 * returned, so its strings can be used without further checks.
 */
#ifndef CTR_WORKER_CLIENT_H
#define CTR_WORKER_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/spawn.h"
#include "status/status.h"
#include "worker/role.h"
#include "worker/wire.h"

struct worker;

/*
 * Start: deadline and cancel also bound the cage's set-up, which is complete when worker_start
 * returns.
 */
struct worker_options {
	const char *binary; /* absolute path of ctr-worker; fetch is ctr-worker-fetch beside it */
	enum worker_role role;
	const Ctr__Worker__V1__Setup *setup; /* NULL: the defaults */
	const int *fds;                      /* go with Setup; stay the caller's */
	size_t n_fds;
	struct wire_wait wait;
	/* NULL: spawn_start(). A plugin passes its host's spawn service instead. */
	int (*spawn)(void *ud, const struct spawn *s, pid_t *ret_pid, int *ret_pidfd);
	void *spawn_ud;
};
/*
 * UNAVAILABLE: cannot be started; FAILED_PRECONDITION: no cage to be had; DEADLINE_EXCEEDED;
 * CANCELLED.
 */
ctr_code worker_start(const struct worker_options *o, struct worker **ret, struct ctr_error *err);
/*
 * End it: SIGKILL through the pidfd, reaped. NULL allowed. Never blocks longer than the kernel's
 * kill.
 */
void worker_stop(struct worker *w);
/* What the worker said of its cage at start; owned by w. */
const Ctr__Worker__V1__Ready *worker_ready(const struct worker *w);
/* For a loop of one's own: readable when worker_recv would not wait. */
int worker_socket(const struct worker *w);
int worker_pidfd(const struct worker *w);

/*
 * Send one request with descriptors (which stay the caller's). ABORTED with how the process ended
 * ("worker fetch: killed by signal 11") when it is gone.
 */
ctr_code worker_send(struct worker *w, const worker_request *req, const int *fds, size_t n_fds,
		     const struct wire_wait *wait, struct ctr_error *err);

struct worker_reply {
	worker_reply_pb *msg; /* checked */
	struct wire_fds fds;  /* Opaque: one directory */
};
void worker_reply_done(struct worker_reply *r);
#define AUTO_WORKER_REPLY AUTO(worker_reply_done) struct worker_reply

/*
 * Next reply of any id. wait.deadline_ns 0: only if one is there. DEADLINE_EXCEEDED, CANCELLED,
 * ABORTED (gone, as above), DATA_LOSS (a reply that does not pass the checks; the worker is to be
 * stopped).
 */
ctr_code worker_recv(struct worker *w, const struct wire_wait *wait, struct worker_reply *ret,
		     struct ctr_error *err);

/* A Failed reply as an error: its code and message, returned. */
ctr_code worker_failed(const Ctr__Worker__V1__Failed *f, struct ctr_error *err);

/*
 * The common one-shot: send req, then wait for its final reply. Progress replies go to progress
 * (may be NULL), a Failed reply becomes the error. Replies of other ids are DATA_LOSS: use it only
 * with one request under way.
 */
typedef void (*worker_progress_fn)(void *ud, const Ctr__Worker__V1__Progress *p);
ctr_code worker_call(struct worker *w, const worker_request *req, const int *fds, size_t n_fds,
		     const struct wire_wait *wait, worker_progress_fn progress, void *ud,
		     struct worker_reply *ret, struct ctr_error *err);

/*
 * For unpack: a detached, nodev, nosuid mount of the directory dir_fd (needs CAP_SYS_ADMIN) to be
 * sent as descriptor 0 of Setup with cage.target set, and its mount id, which the descriptors of
 * Opaque replies must have.
 */
ctr_code worker_target_open(int dir_fd, int *ret_mount_fd, uint64_t *ret_mount_id,
			    struct ctr_error *err);
/* 0 if fd (from an Opaque reply) is a directory on that mount, else -EPERM. */
int worker_target_check(int fd, uint64_t mount_id);

#endif
