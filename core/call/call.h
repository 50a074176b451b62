/* SPDX-License-Identifier: Apache-2.0
 *
 * The object behind the SDK's opaque struct ctr_call. Made by core/rpc for each request, by core services for work of
 * their own, and on the stack for child calls. See docs/calls.md.
 */
#ifndef CTR_CORE_CALL_H
#define CTR_CORE_CALL_H

#include <stdatomic.h>

#include <ctr/call.h>
#include <ctr/store.h>

#include "base/ident.h"
#include "status/status.h"

/* Rows that the core adds to whichever transaction the plugin's part of this operation commits in. */
struct call_rows {
	ctr_txn_fn fn;
	void *ud;
	int done; /* set by the store when they ran in a transaction that was committed */
};

struct ctr_call {
	char ns[IDENT_MAX + 1];
	const char *lease;    /* "" or borrowed from the owner of the call */
	const char *trace_id; /* "" or borrowed */
	int64_t deadline_ns;
	const struct ctr_call *parent; /* cancel is the parent's too; NULL at the top */
	atomic_int cancelled;          /* 0 or a ctr_code */
	int cancel_fd;                 /* eventfd, or -1 when nothing can cancel this call */
	struct call_rows *rows;        /* NULL, or set by a core service around one plugin call */
};

extern const struct ctr_call_ops call_ops;

/* ns NULL: "". No cancel_fd is made until call_cancellable(). */
void call_init(struct ctr_call *c, const char *ns);
/* A child on the stack: same namespace, lease, trace; its deadline at most the parent's. parent NULL: the daemon's own. */
void call_child(struct ctr_call *c, const struct ctr_call *parent, int64_t deadline_ns);
int call_cancellable(struct ctr_call *c);           /* 0 or -errno */
void call_cancel(struct ctr_call *c, ctr_code why); /* any thread, once or more */
void call_done(struct ctr_call *c);
ctr_code call_check(const struct ctr_call *c, struct ctr_error *err);
static inline const char *call_ns(const struct ctr_call *c)
{
	return c ? c->ns : "";
}

#endif
