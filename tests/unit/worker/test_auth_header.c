/* SPDX-License-Identifier: Apache-2.0
 *
 * WWW-Authenticate in the shapes that registries and proxies send it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "worker/fetch/auth_header.h"

static void test_headers(void **state)
{
	static const struct {
		const char *value;
		int result;
		enum auth_scheme scheme;
		const char *realm, *service, *scope;
	} cases[] = {
		{ "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
		  "scope=\"repository:library/alpine:pull\"",
		  0, AUTH_BEARER, "https://auth.docker.io/token", "registry.docker.io",
		  "repository:library/alpine:pull" },
		{ "bearer  realm = \"https://a/t\" , service=x", 0, AUTH_BEARER, "https://a/t", "x",
		  "" },
		{ "Basic realm=\"Registry Realm\"", 0, AUTH_BASIC, "Registry Realm", "", "" },
		{ "Basic", 0, AUTH_BASIC, "", "", "" },
		{ "Basic realm=\"a\", Bearer realm=\"https://t\"", 0, AUTH_BEARER, "https://t", "",
		  "" },
		{ "Bearer realm=\"https://t\", Basic realm=\"a\"", 0, AUTH_BEARER, "https://t", "",
		  "" },
		{ "Negotiate, Basic realm=x", 0, AUTH_BASIC, "x", "", "" },
		{ "Digest realm=\"d\", qop=\"auth\", nonce=\"n\"", 0, AUTH_NONE, "", "", "" },
		{ "Bearer realm=\"a\\\"b\"", 0, AUTH_BEARER, "a\"b", "", "" },
		{ "", 0, AUTH_NONE, "", "", "" },
		{ " , ,", 0, AUTH_NONE, "", "", "" },
		{ "Bearer realm=\"unterminated", -EINVAL, AUTH_NONE, "", "", "" },
		{ "Bearer realm=\"a\\", -EINVAL, AUTH_NONE, "", "", "" },
		{ "Bearer realm=\"a\x01z\"", -EINVAL, AUTH_NONE, "", "", "" },
		{ "=", -EINVAL, AUTH_NONE, "", "", "" },
		{ "Basic realm=a, Bearer realm=\"", -EINVAL, AUTH_BASIC, "a", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct challenge c = { .scheme = AUTH_NONE };

		assert_int_equal(challenge_parse(cases[i].value, strlen(cases[i].value), &c),
				 cases[i].result);
		assert_int_equal(c.scheme, cases[i].scheme);
		assert_string_equal(c.realm, cases[i].realm);
		assert_string_equal(c.service, cases[i].service);
		assert_string_equal(c.scope, cases[i].scope);
	}
}

static void test_what_is_too_long_is_refused(void **state)
{
	struct challenge c = { .scheme = AUTH_NONE };
	char value[3000];

	(void)state;
	memset(value, 'a', sizeof(value));
	memcpy(value, "Bearer realm=", 13);
	assert_int_equal(challenge_parse(value, sizeof(value), &c), -EINVAL);
	memset(value, 'B', 100); /* a word of 100 */
	assert_int_equal(challenge_parse(value, 100, &c), -EINVAL);
	assert_int_equal(c.scheme, AUTH_NONE);
}

static void test_the_value_need_not_end_with_nul(void **state)
{
	struct challenge c = { .scheme = AUTH_NONE };
	char *exact = malloc(7);

	(void)state;
	memcpy(exact, "Basic x", 7);
	assert_int_equal(challenge_parse(exact, 5, &c), 0);
	assert_int_equal(c.scheme, AUTH_BASIC);
	free(exact);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_what_is_too_long_is_refused),
		cmocka_unit_test(test_the_value_need_not_end_with_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
