/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls: children inherit and never outlive, cancel is seen from any thread and through the
 * descriptor.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/call/call.h"

static int is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void no_call_is_the_daemons_own(void **state)
{
	(void)state;
	assert_string_equal(call_ops.ns(NULL), "");
	assert_string_equal(call_ops.lease(NULL), "");
	assert_string_equal(call_ops.trace_id(NULL), "");
	assert_true(call_ops.deadline_ns(NULL) == CTR_NO_DEADLINE);
	assert_int_equal(call_ops.check(NULL, NULL), CTR_OK);
	assert_int_equal(call_ops.cancel_fd(NULL), -1);
}

static void child_inherits_and_ends_no_later(void **state)
{
	struct ctr_call parent, child;
	int64_t soon = clock_now_ns() + NS_PER_SEC;

	(void)state;
	call_init(&parent, "blue");
	parent.lease = "keep";
	parent.deadline_ns = soon;
	call_child(&child, &parent, CTR_NO_DEADLINE);
	assert_string_equal(call_ns(&child), "blue");
	assert_string_equal(call_ops.lease(&child), "keep");
	assert_true(call_ops.deadline_ns(&child) == soon);

	call_child(&child, &parent, soon - 5);
	assert_true(call_ops.deadline_ns(&child) == soon - 5);
	call_child(&child, NULL, soon);
	assert_string_equal(call_ns(&child), "");
}

static void cancel_reaches_children(void **state)
{
	struct ctr_call parent, child;
	AUTO_ERROR err = ERROR_INIT;

	(void)state;
	call_init(&parent, "blue");
	assert_int_equal(call_cancellable(&parent), 0);
	assert_int_equal(call_cancellable(&parent), 0);
	call_child(&child, &parent, CTR_NO_DEADLINE);
	assert_int_equal(call_ops.cancel_fd(&child), parent.cancel_fd);
	assert_false(is_readable(parent.cancel_fd));
	assert_int_equal(call_check(&child, NULL), CTR_OK);

	call_cancel(&parent, CTR_CANCELLED);
	call_cancel(&parent, CTR_DEADLINE_EXCEEDED); /* the first counts */
	assert_true(is_readable(parent.cancel_fd));
	assert_int_equal(call_check(&child, &err), CTR_CANCELLED);
	assert_string_equal(error_text(&err), "the call was cancelled");
	call_done(&parent);
	assert_int_equal(parent.cancel_fd, -1);
}

static void deadline_is_seen(void **state)
{
	struct ctr_call call;
	AUTO_ERROR err = ERROR_INIT;

	(void)state;
	call_init(&call, "blue");
	call.deadline_ns = clock_now_ns() - 1;
	assert_int_equal(call_check(&call, &err), CTR_DEADLINE_EXCEEDED);
	assert_string_equal(error_text(&err), "the call's time is over");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_call_is_the_daemons_own),
		cmocka_unit_test(child_inherits_and_ends_no_later),
		cmocka_unit_test(cancel_reaches_children),
		cmocka_unit_test(deadline_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
