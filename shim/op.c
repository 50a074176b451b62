/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls and their order: the runtime wants one create, start, pause, update or delete of a
 * container at a time, so those take the container for themselves, and others wait in the order
 * they came.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "google/protobuf/empty.pb-c.h"

#include "base/clock.h"
#include "base/macros.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "shim/task.h"

#define REPLY_MAX (4u << 20)

static void run_next(struct task *t)
{
	struct op *op;

	if (t->busy || list_empty(&t->queue))
		return;
	op = list_entry(t->queue.next, struct op, node);
	list_del(&op->node);
	t->busy = op;
	op->run(op);
}

static void op_free(struct op *op)
{
	struct task *t = op->task;

	loop_del_timer(op->timer);
	list_del(&op->node);
	pb_free(op->req);
	error_done(&op->failure);
	if (t && t->busy == op) {
		t->busy = NULL;
		free(op);
		run_next(t);
		return;
	}
	free(op);
}

void op_reply(struct op *op, const void *message)
{
	AUTO_FREE void *data = NULL;
	size_t n;

	if (pb_pack(message, REPLY_MAX, &data, &n) == 0)
		ttrpc_call_reply(op->call, data, n);
	else
		ttrpc_call_finish(op->call, CTR_RESOURCE_EXHAUSTED, "encode the answer");
	op_free(op);
}

void op_empty(struct op *op)
{
	ttrpc_call_reply(op->call, "", 0);
	op_free(op);
}

void op_fail(struct op *op, ctr_code code, const struct ctr_error *err)
{
	ttrpc_call_finish(op->call, code, err ? error_text(err) : NULL);
	op_free(op);
}

void op_fail_text(struct op *op, ctr_code code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ttrpc_call_finish(op->call, code, text);
	op_free(op);
}

void op_exclusive(struct op *op, void (*run)(struct op *op))
{
	op->run = run;
	list_add(&op->task->queue, &op->node);
	run_next(op->task);
}

static void output_done(void *ud)
{
	struct op *op = ud;

	loop_del_timer(op->timer);
	op->timer = NULL;
	op->after_output(op);
}

static void output_late(void *ud)
{
	struct op *op = ud;

	op->timer = NULL;
	op->after_output(op);
}

void op_after_output(struct op *op, struct stdio *io, loop_fn fn)
{
	op->after_output = fn;
	if (io && stdio_busy(io) &&
	    loop_add_timer(op->shim->loop, clock_now_ns() + OUTPUT_LIMIT_NS, output_late, op,
			   &op->timer) == 0)
		stdio_on_idle(io, output_done, op);
	else
		fn(op);
}

void op_drop_queue(struct task *t)
{
	list_for_safe (it, &t->queue) {
		struct op *op = list_entry(it, struct op, node);

		op->task = NULL;
		op_fail_text(op, CTR_NOT_FOUND, "container not created");
	}
}
