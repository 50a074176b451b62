/* SPDX-License-Identifier: Apache-2.0
 *
 * Chain ids against values that containerd computes, media types, and links of docker's old
 * archives.
 */
#include "tests/unit/transfer/unit.h"

#include <errno.h>

#include "core/transfer/archive.h"

static char diff_a[] = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static char diff_b[] = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static void chain_of_one_layer_is_its_diff_id(void **state)
{
	char *diffs[] = { diff_a };
	char chains[1][CTR_DIGEST_ROOM];

	(void)state;
	assert_int_equal(chain_ids(diffs, 1, chains), 0);
	assert_string_equal(chains[0], diff_a);
}

static void chain_hashes_the_chain_below(void **state)
{
	char *diffs[] = { diff_a, diff_b, diff_a };
	char chains[3][CTR_DIGEST_ROOM];

	(void)state;
	assert_int_equal(chain_ids(diffs, 3, chains), 0);
	/* printf '%s %s' chain diff | sha256sum */
	assert_string_equal(
		chains[1],
		"sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c");
	assert_string_equal(
		chains[2],
		"sha256:406364a4bd8d39df8107071d4494fa73814420337124657ec5999b072e5d3352");
}

static void media_types_are_told_apart(void **state)
{
	static const struct {
		const char *type;
		int index, manifest, config, layer;
	} cases[] = {
		{ "application/vnd.oci.image.index.v1+json", 1, 0, 0, 0 },
		{ "application/vnd.docker.distribution.manifest.list.v2+json", 1, 0, 0, 0 },
		{ "application/vnd.oci.image.manifest.v1+json", 0, 1, 0, 0 },
		{ "application/vnd.docker.distribution.manifest.v2+json", 0, 1, 0, 0 },
		{ "application/vnd.oci.image.config.v1+json", 0, 0, 1, 0 },
		{ "application/vnd.docker.container.image.v1+json", 0, 0, 1, 0 },
		{ "application/vnd.oci.image.layer.v1.tar+zstd", 0, 0, 0, 1 },
		{ "application/vnd.docker.image.rootfs.diff.tar.gzip", 0, 0, 0, 1 },
		{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", 0, 0, 0, 1 },
		{ "application/vnd.in-toto+json", 0, 0, 0, 0 },
		{ "", 0, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(media_is_index(cases[i].type), cases[i].index);
		assert_int_equal(media_is_manifest(cases[i].type), cases[i].manifest);
		assert_int_equal(media_is_image_config(cases[i].type), cases[i].config);
		assert_int_equal(media_is_layer(cases[i].type), cases[i].layer);
	}
}

static void links_stay_in_the_archive(void **state)
{
	static const struct {
		const char *path, *link, *want; /* want NULL: refused */
	} cases[] = {
		{ "a/layer.tar", "../b/layer.tar", "b/layer.tar" },
		{ "a/layer.tar", "layer2.tar", "a/layer2.tar" },
		{ "a/b/c", "../../d", "d" },
		{ "a", "b", "b" },
		{ "a/b", "/c/d", "c/d" },
		{ "a/b", "./x//y/.", "a/x/y" },
		{ "a/b", "../../c", NULL },
		{ "a", "..", NULL },
		{ "a/b", "..", NULL },
		{ "a", ".", NULL },
	};
	char ret[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = archive_link_path(cases[i].path, cases[i].link, ret, sizeof(ret));

		assert_int_equal(r, cases[i].want ? 0 : -EINVAL);
		if (cases[i].want)
			assert_string_equal(ret, cases[i].want);
	}
}

static void a_link_that_does_not_fit_is_refused(void **state)
{
	char ret[8];

	(void)state;
	assert_int_equal(archive_link_path("a/b", "1234567890", ret, sizeof(ret)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_of_one_layer_is_its_diff_id),
		cmocka_unit_test(chain_hashes_the_chain_below),
		cmocka_unit_test(media_types_are_told_apart),
		cmocka_unit_test(links_stay_in_the_archive),
		cmocka_unit_test(a_link_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
