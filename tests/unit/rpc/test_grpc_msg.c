/* SPDX-License-Identifier: Apache-2.0
 *
 * Length-prefixed messages: cut at every byte, over the limit, compressed; the queue pulled in
 * pieces and cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/grpc_msg.h"

static const uint8_t three[] = "\0\0\0\0\5hello\0\0\0\0\0\0\0\0\0\3abc";
#define N_THREE (sizeof(three) - 1)

/* Feed the bytes in two pieces; what came out, joined by dots. */
static void feed_cut(size_t cut, char *ret)
{
	struct grpc_in in = { 0 };
	const uint8_t *parts[] = { three, three + cut };
	size_t sizes[] = { cut, N_THREE - cut };

	for (size_t i = 0; i < 2; i++) {
		/* A copy of exact size, so that reading over its end is seen. */
		AUTO_FREE uint8_t *copy = malloc(sizes[i] + 1);
		const uint8_t *p = copy, *data;
		size_t n = sizes[i], n_data;

		memcpy(copy, parts[i], sizes[i]);
		while (n > 0) {
			enum grpc_in_result r = grpc_in_feed(&in, &p, &n, 5, &data, &n_data);

			assert_true(r == GRPC_IN_MESSAGE || r == GRPC_IN_MORE);
			if (r != GRPC_IN_MESSAGE)
				continue;
			memcpy(ret, data, n_data);
			ret += n_data;
			*ret++ = '.';
		}
	}

	*ret = '\0';
	assert_false(grpc_in_is_partial(&in));
	grpc_in_done(&in);
}

static void test_every_cut(void **state)
{
	char out[64];

	(void)state;
	for (size_t cut = 0; cut <= N_THREE; cut++) {
		feed_cut(cut, out);
		assert_string_equal(out, "hello..abc.");
	}
}

static void test_refusals(void **state)
{
	static const struct {
		const char *bytes;
		enum grpc_in_result want;
	} cases[] = {
		{ "\0\0\0\0\6", GRPC_IN_TOO_LARGE },
		{ "\0\377\377\377\377", GRPC_IN_TOO_LARGE },
		{ "\1\0\0\0\1", GRPC_IN_COMPRESSED },
		{ "\2\0\0\0\1", GRPC_IN_BAD_FLAG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct grpc_in in = { 0 };
		const uint8_t *p = (const uint8_t *)cases[i].bytes, *data;
		size_t n = 5, n_data;

		assert_int_equal(grpc_in_feed(&in, &p, &n, 5, &data, &n_data), cases[i].want);
		assert_null(in.data);
	}
}

static void test_announced_bytes_cost_nothing(void **state)
{
	struct grpc_in in = { 0 };
	const uint8_t *p = (const uint8_t *)"\0\1\0\0\0x", *data;
	size_t n = 6, n_data;

	(void)state;
	assert_int_equal(grpc_in_feed(&in, &p, &n, GRPC_MESSAGE_LIMIT, &data, &n_data),
			 GRPC_IN_MORE);
	assert_true(in.cap <= 1u << 20);
	assert_true(grpc_in_is_partial(&in));
	grpc_in_done(&in);
}

static void test_take(void **state)
{
	struct grpc_in in = { 0 };
	const uint8_t *p = three, *data;
	size_t n = 7, n_data = 0;
	uint8_t *mine;

	(void)state;
	assert_int_equal(grpc_in_feed(&in, &p, &n, 5, &data, &n_data), GRPC_IN_MORE);
	n = 3;
	assert_int_equal(grpc_in_feed(&in, &p, &n, 5, &data, &n_data), GRPC_IN_MESSAGE);
	mine = grpc_in_take(&in, data, n_data);
	grpc_in_done(&in);
	assert_memory_equal(mine, "hello", 5);
	free(mine);

	mine = grpc_in_take(&in, three, 5);
	assert_memory_equal(mine, three, 5);
	free(mine);
}

static void push(struct grpc_out *o, const char *text)
{
	struct grpc_msg *m = malloc(sizeof(*m));

	grpc_msg_init(m, strdup(text), strlen(text));
	grpc_out_push(o, m);
}

static size_t pull(struct grpc_out *o, size_t n, uint8_t *into)
{
	size_t all = 0;

	while (all < n && o->bytes > 0) {
		struct grpc_msg *spent;
		const uint8_t *p;
		size_t took = grpc_out_pull(o, n - all, &p, &spent);

		memcpy(into + all, p, took);
		all += took;
		grpc_msg_free(spent);
	}

	return all;
}

static void test_queue_in_pieces(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= N_THREE; piece++) {
		struct grpc_out o = { 0 };
		uint8_t out[64];
		size_t n = 0;

		push(&o, "hello");
		push(&o, "");
		push(&o, "abc");
		assert_int_equal(o.bytes, N_THREE);
		while (o.bytes > 0)
			n += pull(&o, piece, out + n);
		assert_int_equal(n, N_THREE);
		assert_memory_equal(out, three, n);
		assert_null(o.first);
		assert_null(o.last);
	}
}

static void test_cut_spares_what_has_begun(void **state)
{
	struct grpc_out o = { 0 };
	struct grpc_msg *cut;
	uint8_t out[64];

	(void)state;
	push(&o, "hello");
	push(&o, "abc");
	push(&o, "xyz");
	pull(&o, 2, out);
	o.promised = 9; /* the rest of the first, and one byte of the second */
	cut = grpc_out_cut(&o);
	assert_non_null(cut);
	assert_null(cut->next);
	assert_memory_equal(cut->data, "xyz", 3);
	assert_int_equal(o.bytes, 8 + 8);
	grpc_msg_free_chain(cut);

	o.promised = 0;
	cut = grpc_out_cut(&o);
	assert_memory_equal(cut->data, "abc", 3);
	grpc_msg_free_chain(cut);
	push(&o, "new");
	assert_int_equal(pull(&o, 64, out), 8 + 8);
	grpc_msg_free_chain(grpc_out_clear(&o));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_announced_bytes_cost_nothing),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_queue_in_pieces),
		cmocka_unit_test(test_cut_spares_what_has_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
