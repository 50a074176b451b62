/* SPDX-License-Identifier: Apache-2.0
 *
 * What main.c gives to a role once the cage is closed, and how a role talks to the daemon. One
 * thread. A role function runs until the daemon hangs up and returns the exit status: 0 for a
 * hang-up between jobs.
 */
#ifndef CTR_WORKER_ROLE_H
#define CTR_WORKER_ROLE_H

#include <stddef.h>
#include <stdint.h>

#include "status/status.h"
#include "worker/wire.h"

enum worker_role { ROLE_FETCH, ROLE_PARSE, ROLE_UNPACK, ROLE_COMPARE, ROLE_IMPORT };
#define WORKER_ROLES 5
extern const char *const
	worker_role_names[WORKER_ROLES]; /* "fetch", "parse", "unpack", "compare", "import" */

struct role {
	enum worker_role role;
	int sock;      /* the SEQPACKET pair, non-blocking: use role_recv() and role_send() */
	int target_fd; /* unpack: the target's root ('/' of the cage, nodev, nosuid); else -1 */
	const Ctr__Worker__V1__Setup *setup; /* what the daemon sent first; never NULL */
};

/* Each in its own folder: worker/fetch, worker/parse, worker/unpack, worker/compare. */
int role_fetch(struct role *r);
int role_parse(struct role *r);
int role_unpack(struct role *r);
int role_compare(struct role *r);
int role_import(struct role *r);

/*
 * Next request. wait as in wire.h (NULL: for ever). 0 with *ret_req (free with role_request_free)
 * and its descriptors, -EPIPE when the daemon hung up, -ETIMEDOUT, or -errno.
 */
int role_recv(struct role *r, const struct wire_wait *wait, worker_request **ret_req,
	      struct wire_fds *ret_fds);
void role_request_free(worker_request *req);

/* Send rep (id filled in by the caller) with descriptors. 0, -EPIPE, or -errno. */
int role_send(struct role *r, const worker_reply_pb *rep, const int *fds, size_t n_fds);
/* Progress is dropped when the daemon does not read. 0 or -EPIPE. */
int role_progress(struct role *r, uint64_t id, uint64_t offset, uint64_t total, uint64_t entries);
/* Failed from an error object. bad_content: what was written is proven bad. 0 or -errno. */
int role_failed(struct role *r, uint64_t id, const struct ctr_error *err, int http_status,
		int bad_content);

#endif
