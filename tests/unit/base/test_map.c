/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash map: contents against a plain array, iteration with deletion, and running out of memory.
 */
#include "temp.h"

#include "base/map.h"
#include "base/str.h"
#include "fault.h"

#define N 3000

static int values[N];

static const char *key(int i, char room[16])
{
	snprintf(room, 16, "key-%d", i);
	return room;
}

static void an_empty_map_has_nothing(void **state)
{
	struct map *m = map_new();
	size_t pos = 0;

	(void)state;
	assert_non_null(m);
	assert_null(map_get(m, "a"));
	assert_null(map_del(m, "a"));
	assert_null(map_next(m, &pos, NULL));
	assert_int_equal(map_len(m), 0);
	map_free(m);
	map_free(NULL);
}

static void put_get_del(void **state)
{
	struct map *m = map_new();
	char k[16];

	(void)state;
	for (int i = 0; i < N; i++)
		assert_int_equal(map_put(m, key(i, k), &values[i]), 0);
	assert_int_equal(map_len(m), N);
	assert_int_equal(map_put(m, "key-7", &values[0]), -EEXIST);
	assert_int_equal(map_put(m, "null", NULL), -EINVAL);
	for (int i = 0; i < N; i += 2)
		assert_ptr_equal(map_del(m, key(i, k)), &values[i]);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(map_get(m, key(i, k)), i % 2 ? &values[i] : NULL);
	assert_int_equal(map_len(m), N / 2);
	map_free(m);
}

static void keys_are_copied_and_may_be_anything(void **state)
{
	struct map *m = map_new();
	char k[] = "abc";

	(void)state;
	assert_int_equal(map_put(m, k, &values[0]), 0);
	assert_int_equal(map_put(m, "", &values[1]), 0);
	k[0] = 'x';
	assert_ptr_equal(map_get(m, "abc"), &values[0]);
	assert_null(map_get(m, "xbc"));
	assert_ptr_equal(map_get(m, ""), &values[1]);
	map_free(m);
}

static void churn_does_not_fill_it_with_tombstones(void **state)
{
	struct map *m = map_new();
	char k[16];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		assert_int_equal(map_put(m, key(i, k), &values[i % N]), 0);
		assert_non_null(map_del(m, key(i, k)));
		assert_null(map_get(m, k));
	}
	assert_int_equal(map_len(m), 0);
	map_free(m);
}

static void iteration_sees_each_once_and_survives_deletion(void **state)
{
	struct map *m = map_new();
	int seen[N] = { 0 };
	size_t pos = 0, n = 0;
	const char *name;
	int *value;
	char k[16];

	(void)state;
	for (int i = 0; i < N; i++)
		map_put(m, key(i, k), &values[i]);
	while ((value = map_next(m, &pos, &name))) {
		assert_string_equal(name, key((int)(value - values), k));
		seen[value - values]++;
		if (n++ % 2)
			assert_ptr_equal(map_del(m, name), value); /* by the map's own key */
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(map_len(m), N / 2);
	map_free(m);
}

static void out_of_memory_leaves_the_map_as_it_was(void **state)
{
	struct map *m = NULL;
	char k[16];

	(void)state;
	FAULT_EACH({
		struct map *other = map_new();

		assert_int_equal(other == NULL, fault_hit());
		map_free(other);
	});
	m = map_new();
	for (int i = 0; i < 100; i++) {
		FAULT_EACH({
			int r = map_put(m, key(i, k), &values[i]);

			assert_int_equal(r, fault_hit() ? -ENOMEM : 0);
		});
		assert_int_equal(map_len(m), (size_t)i + 1);
	}
	for (int i = 0; i < 100; i++)
		assert_ptr_equal(map_get(m, key(i, k)), &values[i]);
	map_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_empty_map_has_nothing),
		CASE(put_get_del),
		CASE(keys_are_copied_and_may_be_anything),
		CASE(churn_does_not_fill_it_with_tombstones),
		CASE(iteration_sees_each_once_and_survives_deletion),
		CASE(out_of_memory_leaves_the_map_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
