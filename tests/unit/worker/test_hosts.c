/* SPDX-License-Identifier: Apache-2.0
 *
 * hosts.toml and the folders it lies in, as containerd reads them.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/str.h"
#include "worker/fetch/hosts.h"

static struct hosts_file parsed(const char *text)
{
	struct hosts_file f;
	char *why = NULL;

	if (hosts_toml_parse(text, strlen(text), &f, &why) < 0)
		fail_msg("%s", why);
	return f;
}

static void test_all_keys(void **state)
{
	struct hosts_file f = parsed("server = \"https://reg.example\"\n"
				     "[host.\"https://z.mirror:8443/cache\"]\n"
				     "  capabilities = [\"pull\", \"resolve\"]\n"
				     "  ca = [\"a.pem\", \"/abs/b.pem\"]\n"
				     "  client = [[\"c.cert\", \"c.key\"], [\"d.pem\"]]\n"
				     "  skip_verify = true\n"
				     "  [host.\"https://z.mirror:8443/cache\".header]\n"
				     "    x-one = \"1\"\n"
				     "    x-two = [\"a\", \"b\"]\n"
				     "[host.\"http://a.mirror\"]\n"
				     "  override_path = true\n"
				     "  client = \"only.pem\"\n");

	(void)state;
	assert_string_equal(f.server.url, "https://reg.example");
	assert_int_equal(f.n_host, 2);
	assert_string_equal(f.host[0].url, "https://z.mirror:8443/cache"); /* the file's order */
	assert_int_equal(f.host[0].capabilities, HOST_PULL | HOST_RESOLVE);
	assert_true(f.host[0].skip_verify);
	assert_string_equal(f.host[0].ca[1], "/abs/b.pem");
	assert_string_equal(f.host[0].key[0], "c.key");
	assert_string_equal(f.host[0].key[1], "");
	assert_string_equal(f.host[0].headers[0], "x-one: 1");
	assert_string_equal(f.host[0].headers[2], "x-two: b");
	assert_true(f.host[1].override_path);
	assert_int_equal(f.host[1].capabilities, HOST_ALL);
	assert_string_equal(f.host[1].cert[0], "only.pem");
	hosts_file_done(&f);
}

static void test_broken_files_name_line_and_key(void **state)
{
	static const char *const cases[][2] = {
		{ "server = 5", "line 1: 'server' is no string" },
		{ "\n\nserver = \"x\nhost", "line 3" },
		{ "[host.\"a\"]\ncapabilities = [\"steal\"]", "unknown capability 'steal'" },
		{ "[host.\"a\"]\nskip_verify = \"yes\"",
		  "line 2: 'skip_verify' is neither true nor false" },
		{ "[host.\"a\"]\nfoo = 1", "line 2: 'foo' is unknown" },
		{ "[host.\"a\".header]\n\"x:\\r\\ny\" = \"v\"", "no name of a header" },
		{ "[host.\"a\".header]\nx = \"v\\r\\nEvil: 1\"", "line break" },
		{ "[host.\"a\"]\nclient = [[]]", "no pair" },
		{ "host = 1", "'host' is no table" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hosts_file f;
		AUTO_FREE char *why = NULL;

		assert_int_equal(hosts_toml_parse(cases[i][0], strlen(cases[i][0]), &f, &why),
				 -EINVAL);
		assert_non_null(why);
		if (!strstr(why, cases[i][1]))
			fail_msg("'%s' does not say '%s'", why, cases[i][1]);
	}
}

static void test_paths_of_endpoints(void **state)
{
	static const struct {
		const char *url;
		int override_path;
		const char *base, *host; /* base NULL: refused */
		int proxy;
	} cases[] = {
		{ "https://m.io", 0, "https://m.io/v2", "m.io", 1 },
		{ "https://m.io/", 0, "https://m.io/v2", "m.io", 1 },
		{ "m.io:5000", 0, "https://m.io:5000/v2", "m.io:5000", 1 },
		{ "https://m.io/cache/v2", 0, "https://m.io/cache/v2", "m.io", 1 },
		{ "https://m.io/cache", 0, "https://m.io/cache/v2", "m.io", 1 },
		{ "https://m.io/cache/", 1, "https://m.io/cache", "m.io", 1 },
		{ "http://registry-1.docker.io", 0, "http://registry-1.docker.io/v2",
		  "registry-1.docker.io", 0 },
		{ "ftp://m.io", 0, NULL, NULL, 0 },
		{ "https://u:p@m.io", 0, NULL, NULL, 0 },
		{ "https://m.io?x", 0, NULL, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hosts_entry e = { .url = (char *)(uintptr_t)cases[i].url,
					 .override_path = cases[i].override_path };
		struct endpoints all = { .n = 1, .v = calloc(1, sizeof(struct endpoint)) };
		AUTO_ERROR err = ERROR_INIT;
		ctr_code code = endpoint_from_entry(&e, "/d", "docker.io", &all.v[0], &err);

		assert_int_equal(code, cases[i].base ? CTR_OK : CTR_INVALID_ARGUMENT);
		if (cases[i].base) {
			assert_string_equal(all.v[0].base, cases[i].base);
			assert_string_equal(all.v[0].host, cases[i].host);
			assert_int_equal(all.v[0].proxy, cases[i].proxy);
		}
		endpoints_done(&all);
	}
}

static void test_defaults(void **state)
{
	static const struct {
		const char *host, *scheme;
		int plain_http;
		const char *base;
	} cases[] = {
		{ "docker.io", "", 0, "https://registry-1.docker.io/v2" },
		{ "reg.example:5000", "", 0, "https://reg.example:5000/v2" },
		{ "reg.example:5000", "", 1, "http://reg.example:5000/v2" },
		{ "localhost:5000", "", 0, "http://localhost:5000/v2" },
		{ "127.0.0.1:5000", "https", 0, "https://127.0.0.1:5000/v2" },
		{ "[::1]:5000", "", 0, "http://[::1]:5000/v2" },
		{ "localhost:443", "", 0, "https://localhost:443/v2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hosts_options o = { .plain_http = cases[i].plain_http,
					   .scheme = cases[i].scheme };
		struct endpoints e = { .n = 0 };
		AUTO_ERROR err = ERROR_INIT;

		assert_int_equal(hosts_lookup(&o, cases[i].host, &e, &err), CTR_OK);
		assert_int_equal(e.n, 1);
		assert_string_equal(e.v[0].base, cases[i].base);
		assert_false(e.v[0].proxy);
		endpoints_done(&e);
	}
}

static void put(const char *dir, const char *name, const char *file, const char *text)
{
	AUTO_FREE char *folder = str_printf("%s/%s", dir, name);
	AUTO_FREE char *path = str_printf("%s/%s", folder, file);

	(void)mkdir(folder, 0755);
	assert_int_equal(io_write_file(AT_FDCWD, path, text, strlen(text), 0600, 0), 0);
}

/* Not path_remove_tree(): valgrind knows no openat2. */
static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void test_folders(void **state)
{
	static const struct {
		const char *host, *first, *last;
	} cases[] = {
		{ "reg.io:5000", "https://underscored/v2", "https://reg.io:5000/v2" },
		{ "reg.io", "https://exact/v2", "https://reg.io/v2" },
		{ "other.io", "https://fallback/v2", "https://other.io/v2" },
	};
	char dir[] = "/tmp/ctr-hosts-XXXXXX";
	char *dirs[] = { (char *)(uintptr_t) "/nonexistent", dir };
	struct hosts_options o = { .dirs = dirs, .n_dirs = 2, .scheme = "" };

	(void)state;
	assert_non_null(mkdtemp(dir));
	put(dir, "reg.io_5000_", "hosts.toml", "[host.\"https://underscored\"]\n");
	put(dir, "reg.io", "hosts.toml", "[host.\"https://exact\"]\n");
	put(dir, "_default", "hosts.toml", "[host.\"https://fallback\"]\n");
	put(dir, "docker-style.io", "ca.crt", "x");
	put(dir, "docker-style.io", "client.cert", "x");
	put(dir, "docker-style.io", "client.key", "x");
	put(dir, "broken.io", "hosts.toml", "server = 1\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct endpoints e = { .n = 0 };
		AUTO_ERROR err = ERROR_INIT;

		assert_int_equal(hosts_lookup(&o, cases[i].host, &e, &err), CTR_OK);
		assert_int_equal(e.n, 2);
		assert_string_equal(e.v[0].base, cases[i].first);
		assert_true(e.v[0].proxy);
		assert_string_equal(e.v[1].base, cases[i].last);
		endpoints_done(&e);
	}
	struct endpoints certs = { .n = 0 };
	AUTO_ERROR err = ERROR_INIT;
	assert_int_equal(hosts_lookup(&o, "docker-style.io", &certs, &err), CTR_OK);
	assert_int_equal(certs.n, 1);
	assert_true(str_ends(certs.v[0].ca[0], "/docker-style.io/ca.crt"));
	assert_true(str_ends(certs.v[0].key[0], "/docker-style.io/client.key"));
	endpoints_done(&certs);
	assert_int_equal(hosts_lookup(&o, "broken.io", &certs, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(
		strstr(error_text(&err), "/broken.io/hosts.toml': line 1: 'server' is no string"));
	assert_int_equal(hosts_lookup(&o, "../etc", &certs, &err), CTR_INVALID_ARGUMENT);
	assert_int_equal(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_broken_files_name_line_and_key),
		cmocka_unit_test(test_paths_of_endpoints),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
