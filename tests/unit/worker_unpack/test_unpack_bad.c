/* SPDX-License-Identifier: Apache-2.0
 *
 * What is damaged, truncated or too much fails and says why; the digest covers the whole stream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "tarball.h"

#define AUTO_TARBALL(name) AUTO_BUF name = BUF_INIT(TB_MAX)

static void limits_name_entry_and_limit(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(many);
	AUTO_TARBALL(attrs);
	AUTO_BUF rec = BUF_INIT(TB_MAX);
	char name[32];

	fixture_fresh(f);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		tb_add(&many, .name = name, .data = "x");
	}
	tb_end(&many);
	f->opt.limits.max_entries = 19;
	unpack_fails(f, &many, CTR_INVALID_ARGUMENT, "'file-19'", "limit of 19 entries");
	fixture_fresh(f);
	f->opt.limits.max_entries = 20;
	unpacks(f, &many);
	fixture_fresh(f);
	f->opt.limits.max_bytes = 5000;
	unpack_fails(f, &many, CTR_INVALID_ARGUMENT, "limit of 5000 bytes", NULL);

	for (int i = 0; i <= UNPACK_MAX_XATTRS; i++) {
		snprintf(name, sizeof(name), "SCHILY.xattr.user.a%d", i);
		tb_record(&rec, name, "v", 1);
	}
	tb_pax(&attrs, &rec);
	tb_add(&attrs, .name = "f", .data = "x");
	tb_end(&attrs);
	fixture_fresh(f);
	unpack_fails(f, &attrs, CTR_INVALID_ARGUMENT, "'f' has 129", "limit is 128");
}

static void truncated_anywhere_fails(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);
	char *content = calloc(1, 3000);

	assert_non_null(content);
	memset(content, 'c', 2999);
	tb_add(&b, .name = "a", .data = "first");
	size_t boundary = b.len;
	tb_pax1(&b, "path", "renamed", 7);
	tb_add(&b, .name = "b", .data = content);
	for (size_t n = 1; n < b.len; n += 7) {
		struct buf cut = b;

		cut.len = n;
		fixture_fresh(f);
		if (n != boundary)
			assert_int_equal(unpack(f, &cut), CTR_DATA_LOSS);
	}
	free(content);
}

static void damage_fails(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(sum);
	AUTO_TARBALL(noise);
	AUTO_TARBALL(pax);

	fixture_fresh(f);
	tb_add(&sum, .name = "a", .data = "x");
	tb_add(&sum, .name = "b", .data = "x");
	tb_end(&sum);
	sum.data[1024 + 5] ^= 1;
	assert_int_equal(unpack(f, &sum), CTR_DATA_LOSS);

	for (int i = 0; i < 5000; i++)
		buf_putc(&noise, (char)(i * 7 + 1));
	fixture_fresh(f);
	assert_int_equal(unpack(f, &noise), CTR_DATA_LOSS);

	tb_add(&pax, .name = "p", .type = 'x', .data = "this is no record\n");
	tb_add(&pax, .name = "a", .data = "x");
	tb_end(&pax);
	fixture_fresh(f);
	assert_int_equal(unpack(f, &pax), CTR_DATA_LOSS);
}

static void empty_layers(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(nothing);
	AUTO_TARBALL(end);

	fixture_fresh(f);
	unpacks(f, &nothing);
	assert_string_equal(
		f->res.diff_id,
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	tb_end(&end);
	unpacks(f, &end);
	assert_int_equal(f->res.entries, 0);
	assert_string_equal(
		f->res.diff_id,
		"sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
}

static void bytes_after_the_end_are_hashed(void **state)
{
	struct fixture *f = *state;
	AUTO_TARBALL(b);
	char first[CODEC_DIGEST_ROOM];

	fixture_fresh(f);
	tb_add(&b, .name = "a", .data = "x");
	tb_end(&b);
	unpacks(f, &b);
	memcpy(first, f->res.diff_id, sizeof(first));
	for (int i = 0; i < 200000; i++)
		buf_putc(&b, 0);
	fixture_fresh(f);
	unpacks(f, &b);
	assert_int_equal(f->res.size, b.len);
	assert_string_not_equal(f->res.diff_id, first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_name_entry_and_limit),
		cmocka_unit_test(truncated_anywhere_fails),
		cmocka_unit_test(damage_fails),
		cmocka_unit_test(empty_layers),
		cmocka_unit_test(bytes_after_the_end_are_hashed),
	};

	if (!fixture_possible())
		return 0;
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
