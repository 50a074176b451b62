/* SPDX-License-Identifier: Apache-2.0
 *
 * The detach keys.
 */
#include "unit.h"

#include <string.h>

#include "base/macros.h"
#include "cli/input.h"

static void keys(void **state)
{
	static const struct {
		const char *in, *out;
		int detach;
	} cases[] = {
		{ "abc", "abc", 0 },     { "\x10\x11", "", 1 },         { "ab\x10\x11zz", "ab", 1 },
		{ "\x10x", "\x10x", 0 }, { "\x10\x10\x11", "\x10", 1 }, { "\x11", "\x11", 0 },
		{ "a\x10", "a", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = strlen(cases[i].in);

		/* at once, and byte by byte: the same */
		for (int split = 0; split < 2; split++) {
			char out[64], piece[64];
			int key_state = 0, detach = 0;
			size_t len = 0;

			for (size_t k = 0; k < n && !detach; k += split ? 1 : n) {
				size_t got = detach_filter(&key_state, cases[i].in + k,
							   split ? 1 : n, piece, &detach);

				memcpy(out + len, piece, got);
				len += got;
			}
			out[len] = 0;
			assert_string_equal(out, cases[i].out);
			assert_int_equal(detach, cases[i].detach);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keys) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
