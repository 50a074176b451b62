/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls: what one request carries through the core and into plugins. No lock and no allocation; the
 * strings belong to whoever made the call. Any thread may ask and cancel, one thread makes and ends
 * it.
 */
#include "core/call/call.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"

void call_init(struct ctr_call *c, const char *ns)
{
	*c = (struct ctr_call){
		.lease = "",
		.trace_id = "",
		.deadline_ns = CTR_NO_DEADLINE,
		.cancel_fd = -1,
	};
	atomic_init(&c->cancelled, 0);
	/* A longer one was refused by ident_valid() before a call was made for it. */
	assert(!ns || strlen(ns) <= IDENT_MAX);
	snprintf(c->ns, sizeof(c->ns), "%s", ns ? ns : "");
}

void call_child(struct ctr_call *c, const struct ctr_call *parent, int64_t deadline_ns)
{
	call_init(c, parent ? parent->ns : "");
	c->deadline_ns = deadline_ns;
	if (!parent)
		return;

	c->lease = parent->lease;
	c->trace_id = parent->trace_id;
	c->deadline_ns = MIN(deadline_ns, parent->deadline_ns);
	c->parent = parent;
	c->rows = parent->rows;
}

int call_cancellable(struct ctr_call *c)
{
	int fd;

	if (c->cancel_fd >= 0)
		return 0;

	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;

	c->cancel_fd = fd;
	return 0;
}

void call_cancel(struct ctr_call *c, ctr_code why)
{
	int none = 0;

	if (!atomic_compare_exchange_strong(&c->cancelled, &none, why))
		return;

	if (c->cancel_fd >= 0)
		(void)io_write_full(c->cancel_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

void call_done(struct ctr_call *c)
{
	fd_close(&c->cancel_fd);
}

ctr_code call_check(const struct ctr_call *c, struct ctr_error *err)
{
	for (; c; c = c->parent) {
		ctr_code why = atomic_load(&c->cancelled);

		if (why == CTR_DEADLINE_EXCEEDED)
			return ctr_fail(err, why, "the call's time is over");
		if (why != CTR_OK)
			return ctr_fail(err, why, "the call was cancelled");
		if (c->deadline_ns != CTR_NO_DEADLINE && clock_now_ns() >= c->deadline_ns)
			return ctr_fail(err, CTR_DEADLINE_EXCEEDED, "the call's time is over");
	}
	return CTR_OK;
}

static const char *ops_ns(const struct ctr_call *c)
{
	return call_ns(c);
}

static const char *ops_lease(const struct ctr_call *c)
{
	return c ? c->lease : "";
}

static const char *ops_trace_id(const struct ctr_call *c)
{
	return c ? c->trace_id : "";
}

static int64_t ops_deadline_ns(const struct ctr_call *c)
{
	return c ? c->deadline_ns : CTR_NO_DEADLINE;
}

/* The nearest one: a child is ended by its parent's cancel. */
static int32_t ops_cancel_fd(const struct ctr_call *c)
{
	while (c && c->cancel_fd < 0)
		c = c->parent;
	return c ? c->cancel_fd : -1;
}

const struct ctr_call_ops call_ops = {
	.size = sizeof(call_ops),
	.ns = ops_ns,
	.lease = ops_lease,
	.trace_id = ops_trace_id,
	.deadline_ns = ops_deadline_ns,
	.check = call_check,
	.cancel_fd = ops_cancel_fd,
};
