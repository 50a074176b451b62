/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers of exported archives, against what POSIX says of each field.
 */
#include "tests/unit/transfer/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/transfer/tar.h"

/* The sum of all bytes with the checksum's own field as blanks. */
static unsigned sum_of(const unsigned char *block)
{
	unsigned sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	return sum;
}

static void a_header_has_the_fields_of_ustar(void **state)
{
	unsigned char block[TAR_BLOCK];
	char sum[8];

	(void)state;
	assert_int_equal(tar_fill(block, "blobs/sha256/abc", 1234567, 0444, '0'), 0);
	assert_string_equal(block, "blobs/sha256/abc");
	assert_string_equal(block + 100, "0000444");
	assert_string_equal(block + 124, "00004553207");
	assert_string_equal(block + 136, "00000000000");
	assert_int_equal(block[156], '0');
	assert_memory_equal(block + 257,
			    "ustar\0"
			    "00",
			    8);
	snprintf(sum, sizeof(sum), "%06o", sum_of(block));
	assert_memory_equal(block + 148, sum, 6);
}

static void what_does_not_fit_is_told(void **state)
{
	unsigned char block[TAR_BLOCK];
	char name[102];

	(void)state;
	memset(name, 'n', 101);
	name[101] = '\0';
	assert_int_equal(tar_fill(block, name, 1, 0444, '0'), -E2BIG);
	name[100] = '\0'; /* a name of exactly 100 bytes has no NUL */
	assert_int_equal(tar_fill(block, name, 1, 0444, '0'), 0);
	assert_int_equal(tar_fill(block, "a", INT64_C(077777777777), 0444, '0'), 0);
	assert_int_equal(tar_fill(block, "a", INT64_C(077777777777) + 1, 0444, '0'), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_has_the_fields_of_ustar),
		cmocka_unit_test(what_does_not_fit_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
