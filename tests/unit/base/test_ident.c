/* SPDX-License-Identifier: Apache-2.0
 *
 * Names: tables of what passes and what does not.
 */
#include "temp.h"

#include "base/ident.h"
#include "base/macros.h"

#define HEX64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA256 "sha256:" HEX64

static char *repeat(char *room, char c, size_t n)
{
	memset(room, c, n);
	room[n] = '\0';
	return room;
}

static void identifiers(void **state)
{
	static const char *const good[] = { "a", "default", "k8s.io", "A-b_c.d", "0", "a0-1" };
	static const char *const bad[] = { "",    ".",   "-a", "a-",  "a..b",     "a._b",
					   "a/b", "a b", "_a", "a\n", "\303\251", "a:b" };
	char room[100];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(ident_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(ident_valid(bad[i]));
	assert_true(ident_valid(repeat(room, 'a', IDENT_MAX)));
	assert_false(ident_valid(repeat(room, 'a', IDENT_MAX + 1)));
	assert_false(ident_valid(NULL));
}

static void digests(void **state)
{
	(void)state;
	assert_true(digest_valid(SHA256));
	assert_true(digest_valid("sha384:" HEX64 "0123456789abcdef0123456789abcdef"));
	assert_true(digest_valid("sha512:" HEX64 HEX64));
	assert_false(digest_valid("sha256:" HEX64 "0"));
	assert_false(digest_valid("sha512:" HEX64));
	assert_false(digest_valid("sha256:"
				  "0123"));
	assert_false(digest_valid(
		"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"));
	assert_false(digest_valid("md5:0123456789abcdef0123456789abcdef"));
	assert_false(digest_valid(HEX64));
	assert_false(digest_valid("sha256:"));
	assert_false(digest_valid(""));
	assert_false(digest_valid(NULL));
}

static void labels(void **state)
{
	static char big[LABEL_MAX + 2];

	(void)state;
	assert_true(label_valid("k", "v"));
	assert_true(label_valid("k", ""));
	assert_true(label_valid("k", NULL));
	assert_false(label_valid("", "v"));
	assert_false(label_valid(NULL, "v"));
	assert_true(label_valid("k", repeat(big, 'v', LABEL_MAX - 1)));
	assert_false(label_valid("k", repeat(big, 'v', LABEL_MAX)));
	assert_false(label_valid(repeat(big, 'k', LABEL_MAX + 1), ""));
}

static void topics(void **state)
{
	(void)state;
	assert_true(topic_valid("/tasks/start"));
	assert_true(topic_valid("/a"));
	assert_false(topic_valid("/"));
	assert_false(topic_valid(""));
	assert_false(topic_valid("tasks"));
	assert_false(topic_valid("/tasks/"));
	assert_false(topic_valid("/tasks//start"));
	assert_false(topic_valid("/ta sks"));
	assert_false(topic_valid(NULL));
}

static void references_are_completed(void **state)
{
	static const char *const cases[][2] = {
		{ "alpine", "docker.io/library/alpine:latest" },
		{ "alpine:3.18", "docker.io/library/alpine:3.18" },
		{ "user/app", "docker.io/user/app:latest" },
		{ "docker.io/alpine", "docker.io/library/alpine:latest" },
		{ "index.docker.io/alpine", "docker.io/library/alpine:latest" },
		{ "index.docker.io/user/app:1", "docker.io/user/app:1" },
		{ "localhost/app", "localhost/app:latest" },
		{ "localhost:5000/app", "localhost:5000/app:latest" },
		{ "localhost:5000/a/b/c:t", "localhost:5000/a/b/c:t" },
		{ "ghcr.io/o/app:v1.2_3-x", "ghcr.io/o/app:v1.2_3-x" },
		{ "Host/app", "Host/app:latest" },
		{ "[::1]:5000/app", "[::1]:5000/app:latest" },
		{ "127.0.0.1:80/app", "127.0.0.1:80/app:latest" },
		{ "a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest" },
		{ "alpine@" SHA256, "docker.io/library/alpine@" SHA256 },
		{ "alpine:1@" SHA256, "docker.io/library/alpine:1@" SHA256 },
		{ "alpine:_x", "docker.io/library/alpine:_x" },
		{ "test:5000", "docker.io/library/test:5000" },
		{ HEX64 "/a", "docker.io/" HEX64 "/a:latest" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *why = NULL;
		struct image_ref ref, again;

		if (image_ref_parse(cases[i][0], &ref, &why) != 0)
			fail_msg("'%s': %s", cases[i][0], why);
		assert_string_equal(ref.full, cases[i][1]);
		/* What is complete stays as it is, by both parsers. */
		assert_int_equal(image_ref_parse(ref.full, &again, NULL), 0);
		assert_string_equal(again.full, ref.full);
		assert_int_equal(image_ref_parse_exact(ref.full, &again, NULL), 0);
		assert_string_equal(again.full, ref.full);
	}
}

static void parts_are_taken_apart(void **state)
{
	struct image_ref ref;

	(void)state;
	assert_int_equal(image_ref_parse("h.io:1/a/b:t@" SHA256, &ref, NULL), 0);
	assert_string_equal(ref.host, "h.io:1");
	assert_string_equal(ref.path, "a/b");
	assert_string_equal(ref.tag, "t");
	assert_string_equal(ref.digest, SHA256);
	assert_int_equal(image_ref_parse("a@" SHA256, &ref, NULL), 0);
	assert_string_equal(ref.tag, "");
}

static void bad_references_say_why(void **state)
{
	static const struct {
		const char *s;
		const char *why;
	} cases[] = {
		{ "", "the reference is empty" },
		{ NULL, "the reference is empty" },
		{ "Alpine", "the repository name must be lower case" },
		{ "docker.io/User/app", "the repository name must be lower case" },
		{ "alpine:", "the tag is not valid" },
		{ "alpine:-x", "the tag is not valid" },
		{ "alpine:a b", "the tag is not valid" },
		{ "alpine@sha256:12", "the digest is not valid" },
		{ "alpine@", "the digest is not valid" },
		{ "a@" SHA256 "@" SHA256, "the digest is not valid" },
		{ "docker.io/", "the repository name is empty" },
		{ ":tag", "the repository name is empty" },
		{ "/alpine", "the repository name is not valid" },
		{ "a//b", "the repository name is not valid" },
		{ "a/", "the repository name is not valid" },
		{ "a___b", "the repository name is not valid" },
		{ "a..b", "the repository name is not valid" },
		{ "-a", "the repository name is not valid" },
		{ "a-", "the repository name is not valid" },
		{ "h.io/../etc", "the repository name is not valid" },
		{ "-h.io/a", "the host is not valid" },
		{ "h..io/a", "the host is not valid" },
		{ "h.io:/a", "the host is not valid" },
		{ "h.io:8x/a", "the host is not valid" },
		{ "[::1/a", "the host is not valid" },
		{ "[]:1/a", "the host is not valid" },
		{ "h.io /a", "the host is not valid" },
		{ "https://h.io/a", "the host is not valid" },
		{ HEX64, "an id of 64 hex digits is no repository name" },
		{ HEX64 ":latest", "an id of 64 hex digits is no repository name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_ref ref = { .host = "untouched" };
		const char *why = "";

		assert_int_equal(image_ref_parse(cases[i].s, &ref, &why), -EINVAL);
		if (strcmp(why, cases[i].why))
			fail_msg("'%s': %s", cases[i].s, why);
		assert_string_equal(ref.host, "untouched");
	}
}

static void exact_references_add_nothing(void **state)
{
	struct image_ref ref;
	const char *why = NULL;

	(void)state;
	assert_int_equal(image_ref_parse_exact("alpine:1", &ref, &why), -EINVAL);
	assert_string_equal(why, "the host is missing");
	assert_int_equal(image_ref_parse_exact("docker.io/library/alpine", &ref, &why), -EINVAL);
	assert_string_equal(why, "neither tag nor digest is given");
	assert_int_equal(image_ref_parse_exact("registry/alpine:1", &ref, &why), 0);
	assert_string_equal(ref.host, "registry");
	assert_int_equal(image_ref_parse_exact("docker.io/alpine:1", &ref, &why), 0);
	assert_string_equal(ref.path, "alpine");
	assert_int_equal(image_ref_parse_exact("index.docker.io/a:1", &ref, &why), 0);
	assert_string_equal(ref.host, "index.docker.io");
}

static void lengths_are_limited(void **state)
{
	char s[1200], room[1100];
	struct image_ref ref;

	(void)state;
	snprintf(s, sizeof(s), "h.io/%s:%s@" SHA256, repeat(room, 'a', 250), "t");
	assert_int_equal(image_ref_parse(s, &ref, NULL), 0);
	snprintf(s, sizeof(s), "h.io/%s", repeat(room, 'a', 251));
	assert_int_equal(image_ref_parse(s, &ref, NULL), -E2BIG);
	snprintf(s, sizeof(s), "%s", repeat(room, 'a', 255)); /* docker.io/library/ comes on top */
	assert_int_equal(image_ref_parse(s, &ref, NULL), -E2BIG);
	snprintf(s, sizeof(s), "a:%s", repeat(room, 't', 128));
	assert_int_equal(image_ref_parse(s, &ref, NULL), 0);
	snprintf(s, sizeof(s), "a:%s", repeat(room, 't', 129));
	assert_int_equal(image_ref_parse(s, &ref, NULL), -E2BIG);
	assert_int_equal(image_ref_parse(repeat(room, 'a', 1000), &ref, NULL), -E2BIG);
	snprintf(s, sizeof(s), "%s/a", repeat(room, 'h', 255)); /* a user name, and too long */
	assert_int_equal(image_ref_parse(s, &ref, NULL), -E2BIG);
	snprintf(s, sizeof(s), "%s.io/a", repeat(room, 'h', 250));
	assert_int_equal(image_ref_parse(s, &ref, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(identifiers),
		CASE(digests),
		CASE(labels),
		CASE(topics),
		CASE(references_are_completed),
		CASE(parts_are_taken_apart),
		CASE(bad_references_say_why),
		CASE(exact_references_add_nothing),
		CASE(lengths_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
