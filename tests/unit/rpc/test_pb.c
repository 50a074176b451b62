/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers over protobuf-c: limits, Any with and without a prefix, timestamps at their ends.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "google/rpc/status.pb-c.h"

#include "rpc/pb.h"

static void test_pack_and_unpack(void **state)
{
	Google__Rpc__Status s = GOOGLE__RPC__STATUS__INIT;
	AUTO_PB Google__Rpc__Status *back = NULL;
	AUTO_FREE void *data = NULL;
	char text[] = "gone";
	size_t n = 0;

	(void)state;
	s.code = 5;
	s.message = text;
	assert_int_equal(pb_pack(&s, 4096, &data, &n), 0);
	assert_int_equal(pb_pack(&s, n - 1, &data, &n), -E2BIG);
	back = pb_unpack(&google__rpc__status__descriptor, data, n, n);
	assert_non_null(back);
	assert_int_equal(back->code, 5);
	assert_string_equal(back->message, "gone");
	assert_null(pb_unpack(&google__rpc__status__descriptor, data, n, n - 1));
	assert_null(pb_unpack(&google__rpc__status__descriptor, data, n - 1, n));
}

static void test_empty_message(void **state)
{
	Google__Rpc__Status s = GOOGLE__RPC__STATUS__INIT;
	AUTO_PB Google__Rpc__Status *back = NULL;
	AUTO_FREE void *data = NULL;
	size_t n = 7;

	(void)state;
	assert_int_equal(pb_pack(&s, 0, &data, &n), 0);
	assert_int_equal(n, 0);
	assert_non_null(data);
	back = pb_unpack(&google__rpc__status__descriptor, NULL, 0, 0);
	assert_non_null(back);
	assert_string_equal(back->message, "");
	pb_free(NULL);
}

static void test_any(void **state)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Rpc__Status s = GOOGLE__RPC__STATUS__INIT;
	AUTO_PB Google__Rpc__Status *back = NULL, *other = NULL;
	char prefixed[] = "type.googleapis.com/google.rpc.Status", wrong[] = "x/google.rpc.Other";

	(void)state;
	s.code = 9;
	assert_int_equal(pb_any_pack(&s, 100, &any), 0);
	assert_string_equal(any.type_url, "google.rpc.Status");
	back = pb_any_unpack(&any, &google__rpc__status__descriptor, 100);
	assert_non_null(back);
	assert_int_equal(back->code, 9);

	any.type_url = prefixed;
	assert_string_equal(pb_any_name(&any), "google.rpc.Status");
	other = pb_any_unpack(&any, &google__rpc__status__descriptor, 100);
	assert_non_null(other);
	any.type_url = wrong;
	assert_false(pb_any_is(&any, &google__rpc__status__descriptor));
	assert_null(pb_any_unpack(&any, &google__rpc__status__descriptor, 100));
	assert_null(pb_any_unpack(NULL, &google__rpc__status__descriptor, 100));
	assert_string_equal(pb_any_name(NULL), "");
	pb_any_done(&any);
	assert_null(any.value.data);
}

static void test_timestamps(void **state)
{
	static const int64_t cases[] = {
		0, 1, -1, 1700000000123456789, -1700000000123456789, INT64_MAX, INT64_MIN + 1
	};
	Google__Protobuf__Timestamp ts;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		pb_timestamp_set(&ts, cases[i]);
		assert_true(ts.nanos >= 0 && ts.nanos < 1000000000);
		if (cases[i] > INT64_MIN + 1)
			assert_true(pb_timestamp_ns(&ts) == cases[i]);
	}

	ts.seconds = INT64_MAX;
	assert_true(pb_timestamp_ns(&ts) == INT64_MAX);
	ts.seconds = INT64_MIN;
	assert_true(pb_timestamp_ns(&ts) == INT64_MIN);
	assert_true(pb_timestamp_ns(NULL) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pack_and_unpack),
		cmocka_unit_test(test_empty_message),
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_timestamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
