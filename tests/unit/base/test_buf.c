/* SPDX-License-Identifier: Apache-2.0
 *
 * The growing buffer: contents, the maximum, and what a failed append leaves.
 */
#include "temp.h"

#include "base/buf.h"
#include "fault.h"

static void appends_in_order_and_terminates(void **state)
{
	AUTO_BUF b = BUF_INIT(100);

	(void)state;
	assert_int_equal(buf_append(&b, "ab", 2), 0);
	assert_int_equal(buf_puts(&b, "cd"), 0);
	assert_int_equal(buf_putc(&b, 'e'), 0);
	assert_int_equal(buf_printf(&b, "%d-%s", 12, "x"), 0);
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_string_equal(b.data, "abcde12-x");
	assert_int_equal(b.len, 9);
	assert_int_equal(buf_failed(&b), 0);
}

static void grows_up_to_the_maximum_exactly(void **state)
{
	AUTO_BUF b = BUF_INIT(1000);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buf_putc(&b, 'x'), 0);
	assert_true(b.cap <= 1001);
	assert_int_equal(buf_putc(&b, 'y'), -E2BIG);
	assert_int_equal(b.len, 1000);
	assert_int_equal(strlen(b.data), 1000);
}

static void failure_is_remembered_and_leaves_no_hole(void **state)
{
	AUTO_BUF b = BUF_INIT(4);

	(void)state;
	assert_int_equal(buf_puts(&b, "abc"), 0);
	assert_int_equal(buf_puts(&b, "defg"), -E2BIG);
	assert_int_equal(buf_puts(&b, "h"), -E2BIG);
	assert_int_equal(buf_printf(&b, "i"), -E2BIG);
	assert_null(buf_reserve(&b, 1));
	assert_int_equal(buf_failed(&b), -E2BIG);
	assert_string_equal(b.data, "abc");
	assert_null(buf_take(&b, NULL));

	buf_done(&b);
	assert_int_equal(buf_puts(&b, "new"), 0);
	assert_string_equal(b.data, "new");
}

static void a_huge_append_does_not_overflow(void **state)
{
	AUTO_BUF b = BUF_INIT(SIZE_MAX);

	(void)state;
	assert_int_equal(buf_puts(&b, "abc"), 0);
	assert_null(buf_reserve(&b, SIZE_MAX - 1));
	assert_int_equal(buf_failed(&b), -E2BIG);
}

static void reserve_then_commit(void **state)
{
	AUTO_BUF b = BUF_INIT(10);
	char *room = buf_reserve(&b, 8);

	(void)state;
	assert_non_null(room);
	memcpy(room, "12345678", 8);
	buf_commit(&b, 3);
	assert_string_equal(b.data, "123");
	assert_non_null(buf_reserve(&b, 7));
	assert_null(buf_reserve(&b, 8));
}

static void consume_drops_from_the_front(void **state)
{
	AUTO_BUF b = BUF_INIT(10);

	(void)state;
	buf_consume(&b, 3); /* of nothing */
	buf_puts(&b, "abcdef");
	buf_consume(&b, 2);
	assert_string_equal(b.data, "cdef");
	buf_consume(&b, 0);
	buf_consume(&b, 99);
	assert_string_equal(b.data, "");
	assert_int_equal(b.len, 0);
}

static void take_hands_the_bytes_over(void **state)
{
	AUTO_BUF b = BUF_INIT(10);
	size_t n = 99;
	char *s;

	(void)state;
	s = buf_take(&b, &n);
	assert_string_equal(s, "");
	assert_int_equal(n, 0);
	free(s);

	buf_append(&b, "a\0b", 3);
	s = buf_take(&b, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(s, "a\0b", 4);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	free(s);
}

static void out_of_memory_keeps_what_was_there(void **state)
{
	AUTO_BUF b = BUF_INIT(1000);

	(void)state;
	buf_puts(&b, "abc");
	fault_after(1);
	for (int i = 0; i < 200; i++)
		buf_putc(&b, 'x');
	fault_after(0);
	assert_int_equal(buf_failed(&b), -ENOMEM);
	assert_memory_equal(b.data, "abcx", 4);
	assert_int_equal(strlen(b.data), b.len);

	AUTO_BUF empty = BUF_INIT(10);

	fault_after(1);
	assert_null(buf_take(&empty, NULL));
	fault_after(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(appends_in_order_and_terminates),
		CASE(grows_up_to_the_maximum_exactly),
		CASE(failure_is_remembered_and_leaves_no_hole),
		CASE(a_huge_append_does_not_overflow),
		CASE(reserve_then_commit),
		CASE(consume_drops_from_the_front),
		CASE(take_hands_the_bytes_over),
		CASE(out_of_memory_keeps_what_was_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
