/* SPDX-License-Identifier: Apache-2.0
 *
 * "ctr.store.v1": a plugin's own rows, apart from every other plugin's.
 */
#include "plugin.h"

struct op {
	const char *key, *value;
	char text[512];
	size_t n;
	ctr_code code;
};

static ctr_code put_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;

	return store_ops.put(txn, op->key, op->value, strlen(op->value), err);
}

static ctr_code append(void *ud, const char *key, const void *value, uint64_t n)
{
	struct op *op = ud;

	op->n += (size_t)snprintf(op->text + op->n, sizeof(op->text) - op->n, "%s=%.*s;", key,
				  (int)n, (const char *)value);
	return op->code;
}

static ctr_code get_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;

	return store_ops.get(txn, op->key, append, op, err);
}

static ctr_code walk_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;

	return store_ops.walk(txn, op->key, append, op, err);
}

static ctr_code del_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct op *op = ud;

	return store_ops.del(txn, op->key, err);
}

static void test_rows_belong_to_their_plugin(void **state)
{
	struct fixture *f = *state;
	struct plugins p;
	AUTO_ERROR err = ERROR_INIT;
	struct op one = { .key = "x/1", .value = "one" }, two = { .key = "x/2", .value = "two" };
	struct op other = { .key = "y", .value = "" }, walk = { .key = "x/" }, all = { .key = "" };

	plugins_init(&p, f);
	assert_ok(store_ops.update(&p.a.host, NULL, put_fn, &two, &err), &err);
	assert_ok(store_ops.update(&p.a.host, NULL, put_fn, &one, &err), &err);
	assert_ok(store_ops.update(&p.a.host, NULL, put_fn, &other, &err), &err);
	assert_ok(store_ops.view(&p.a.host, NULL, walk_fn, &walk, &err), &err);
	assert_string_equal(walk.text, "x/1=one;x/2=two;");
	assert_ok(store_ops.view(&p.a.host, NULL, walk_fn, &all, &err), &err);
	assert_string_equal(all.text, "x/1=one;x/2=two;y=;");
	assert_int_equal(store_ops.view(&p.b.host, NULL, get_fn, &one, &err), CTR_NOT_FOUND);
	one.value = "more";
	assert_ok(store_ops.update(&p.a.host, NULL, put_fn, &one, &err), &err);
	assert_ok(store_ops.view(&p.a.host, NULL, get_fn, &one, &err), &err);
	assert_string_equal(one.text, "x/1=more;");
	assert_ok(store_ops.update(&p.a.host, NULL, del_fn, &one, &err), &err);
	assert_ok(store_ops.update(&p.a.host, NULL, del_fn, &one, &err), &err);
	assert_int_equal(store_ops.view(&p.a.host, NULL, get_fn, &one, &err), CTR_NOT_FOUND);
}

static void test_limits_and_early_ends(void **state)
{
	struct fixture *f = *state;
	struct plugins p;
	AUTO_ERROR err = ERROR_INIT;
	char key[CTR_STORE_KEY_MAX + 2];
	struct op op = { .key = key, .value = "v" }, empty = { .key = "", .value = "v" },
		  a = { .key = "a", .value = "1" }, b = { .key = "b", .value = "2" },
		  walk = { .key = "", .code = CTR_ABORTED };

	plugins_init(&p, f);
	memset(key, 'k', sizeof(key) - 1);
	key[CTR_STORE_KEY_MAX + 1] = '\0';
	assert_int_equal(store_ops.update(&p.a.host, NULL, put_fn, &op, &err),
			 CTR_INVALID_ARGUMENT);
	key[CTR_STORE_KEY_MAX] = '\0';
	assert_ok(store_ops.update(&p.a.host, NULL, put_fn, &op, &err), &err);
	assert_int_equal(store_ops.update(&p.a.host, NULL, put_fn, &empty, &err),
			 CTR_INVALID_ARGUMENT);
	assert_ok(store_ops.update(&p.a.host, NULL, put_fn, &a, &err), &err);
	assert_ok(store_ops.update(&p.a.host, NULL, put_fn, &b, &err), &err);
	assert_int_equal(store_ops.view(&p.a.host, NULL, walk_fn, &walk, &err), CTR_ABORTED);
	assert_string_equal(walk.text, "a=1;");
	assert_int_not_equal(store_ops.view(&p.a.host, NULL, put_fn, &a, &err), CTR_OK);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_rows_belong_to_their_plugin),
		T(test_limits_and_early_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
