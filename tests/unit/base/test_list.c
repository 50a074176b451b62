/* SPDX-License-Identifier: Apache-2.0
 *
 * The intrusive list, and the macros of macros.h that carry ownership and checked sums.
 */
#include "temp.h"

#include "base/list.h"

struct item {
	int n;
	struct list link;
};

static int sum_in_order(const struct list *head)
{
	int sum = 0;

	list_for (it, head)
		sum = sum * 10 + list_entry(it, struct item, link)->n;
	return sum;
}

static void keeps_order(void **state)
{
	struct list head = LIST_INIT(head);
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 };

	(void)state;
	assert_true(list_empty(&head));
	list_add(&head, &a.link);
	list_add(&head, &c.link);
	list_add(&c.link, &b.link); /* before c */
	assert_int_equal(sum_in_order(&head), 123);
	list_del(&b.link);
	list_del(&b.link); /* twice is harmless */
	assert_int_equal(sum_in_order(&head), 13);
}

static void safe_loop_permits_removal(void **state)
{
	struct list head = LIST_INIT(head);
	struct item items[5];

	(void)state;
	for (int i = 0; i < 5; i++) {
		items[i].n = i + 1;
		list_add(&head, &items[i].link);
	}
	list_for_safe (it, &head) {
		if (list_entry(it, struct item, link)->n % 2 == 0)
			list_del(it);
	}
	assert_int_equal(sum_in_order(&head), 135);
	list_for_safe (it, &head)
		list_del(it);
	assert_true(list_empty(&head));
}

static void sums_are_checked(void **state)
{
	size_t n = 42;

	(void)state;
	assert_int_equal(add_ok((size_t)1, (size_t)2, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(add_ok(SIZE_MAX, (size_t)1, &n), -1);
	assert_int_equal(mul_ok((size_t)3, (size_t)5, &n), 0);
	assert_int_equal(n, 15);
	assert_int_equal(mul_ok(SIZE_MAX, (size_t)2, &n), -1);
}

static void pointers_are_handed_over(void **state)
{
	AUTO_FREE char *p = malloc(1);
	AUTO_FREE char *q = take_ptr(&p);

	(void)state;
	assert_null(p);
	assert_non_null(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(keeps_order),
		CASE(safe_loop_permits_removal),
		CASE(sums_are_checked),
		CASE(pointers_are_handed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
