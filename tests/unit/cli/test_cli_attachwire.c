/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames of the attach socket, cut at every place.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "cli/attachwire.h"

struct seen {
	size_t frames, bytes;
	char types[8];
	char text[64];
};

static void on_frame(void *ud, enum attach_type type, const char *data, size_t n)
{
	struct seen *s = ud;

	s->types[s->frames++] = (char)('0' + (int)type);
	memcpy(s->text + s->bytes, data, n);
	s->bytes += n;
}

static void every_cut_gives_the_same(void **state)
{
	static const char wire[] = "\5\0\0\1\3\1\0\0\5hello\2\0\0\0\1\0\0\6 world";
	const size_t n = sizeof(wire) - 1;

	(void)state;
	for (size_t cut = 0; cut <= n; cut++) {
		struct attach_decoder d = { 0 };
		struct seen s = { 0 };

		assert_int_equal(attach_decode(&d, wire, cut, on_frame, &s), 0);
		assert_int_equal(attach_decode(&d, wire + cut, n - cut, on_frame, &s), 0);
		assert_string_equal(s.types, "5121");
		assert_int_equal(s.bytes, 12);
		assert_memory_equal(s.text + 1, "hello world", 11);
		attach_decoder_done(&d);
	}
}

static void a_frame_too_long_is_refused(void **state)
{
	struct attach_decoder d = { 0 };
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(attach_decode(&d, "\1\1\0\1", 4, on_frame, &s), -EPROTO);
	attach_decoder_done(&d);
}

static void heads(void **state)
{
	unsigned char head[ATTACH_HEAD];

	(void)state;
	attach_head(ATTACH_TYPE_RESIZE, 0x012345, head);
	assert_memory_equal(head, "\3\1\x23\x45", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_gives_the_same),
		cmocka_unit_test(a_frame_too_long_is_refused),
		cmocka_unit_test(heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
