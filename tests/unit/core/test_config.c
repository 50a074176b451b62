/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration: what files say, in which order, and how every fault is named with file, line
 * and nearest name.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/io.h"
#include "tests/unit/core/tree.h"
#include "base/str.h"
#include "core/config/config.h"
#include "core/config/schema.h"

#include <fcntl.h>

struct place {
	char dir[64];
	char path[96];
};

static int place_new(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/ctr-config-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/c.toml", p->dir);
	*state = p;
	return 0;
}

static int place_free(void **state)
{
	struct place *p = *state;

	assert_int_equal(tree_remove(p->dir), 0);
	free(p);
	return 0;
}

static void put(const struct place *p, const char *name, const char *text)
{
	AUTO_FREE char *path = str_printf("%s/%s", p->dir, name);

	for (char *at = path + strlen(p->dir) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		(void)mkdir(path, 0755);
		*at = '/';
	}
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static struct config *load(const struct place *p)
{
	struct config_args args = { .path = p->path };
	struct config *c = NULL;
	AUTO_ERROR err = ERROR_INIT;

	if (config_load(&args, &c, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	return c;
}

static void nothing_given_is_the_default(void **state)
{
	const struct place *p = *state;
	struct config_args args = { .prefix = p->dir };
	struct config *c = NULL;

	assert_int_equal(config_load(&args, &c, NULL), CTR_OK);
	assert_string_equal(config_str(c, "root"), "/var/lib/ctr");
	assert_string_equal(config_str(c, "grpc.address"), "/run/ctr/ctrd.sock");
	assert_int_equal(config_int(c, "grpc.max_recv_message_size"), 16 << 20);
	assert_int_equal(config_int(c, "transfer.progress_timeout"), 30000000000);
	assert_int_equal(config_bool(c, "unsafe_plugin_paths"), 0);
	assert_null(config_strv(c, "disabled_plugins")[0]);
	assert_string_equal(config_strv(c, "plugin_files")[0], CTR_PLUGINDIR "/content-local.so");
	assert_int_equal(strv_len((char **)(uintptr_t)config_strv(c, "plugin_files")), 6);
	assert_string_equal(config_origin(c, "root", -1), "default");
	config_free(c);
	config_free(NULL);
}

static void drop_ins_are_merged_in_order(void **state)
{
	const struct place *p = *state;
	struct config_args args = { .prefix = p->dir, .root = "/elsewhere" };
	struct config *c = NULL;
	const char *s;
	AUTO_FREE char *origin = str_printf("%s/etc/ctr/conf.d/20-b.toml:2", p->dir);

	put(p, "usr/lib/ctr/conf.d/10-dist.toml",
	    "root = '/dist'\nstate = '/dist'\n[log]\nlevel = 'warn'\nformat = 'json'\n");
	put(p, "etc/ctr/config.toml",
	    "state = '/main'\ndisabled_plugins = ['a', 'b']\n"
	    "[plugins.'k.x']\none = 1\ntwo = 2\n");
	put(p, "etc/ctr/conf.d/20-b.toml", "disabled_plugins = [\n'c']\n[log]\nlevel = 'debug'\n");
	put(p, "etc/ctr/conf.d/10-a.toml", "[log]\nlevel = 'error'\n[plugins.'k.x']\ntwo = 22\n");
	put(p, "etc/ctr/conf.d/ignored.txt", "nonsense");
	put(p, "run/ctr/conf.d/a.toml", "default_snapshotter = 'native'\n");
	assert_int_equal(config_load(&args, &c, NULL), CTR_OK);

	assert_string_equal(config_str(c, "root"), "/elsewhere");
	assert_string_equal(config_origin(c, "root", -1), "command line");
	assert_string_equal(config_str(c, "state"), "/main");
	assert_string_equal(config_str(c, "log.level"), "debug");
	assert_string_equal(config_str(c, "log.format"), "json");
	assert_string_equal(config_str(c, "default_snapshotter"), "native");
	assert_string_equal(config_strv(c, "disabled_plugins")[0], "c");
	assert_null(config_strv(c, "disabled_plugins")[1]);
	assert_string_equal(config_origin(c, "disabled_plugins", 0), origin);

	const struct ctr_table *t = config_plugin_table(c, "k.x");
	int64_t one = 0, two = 0;

	assert_int_equal(config_table_ops.integer(t, "one", 0, 0, 100, &one, NULL), CTR_OK);
	assert_int_equal(config_table_ops.integer(t, "two", 0, 0, 100, &two, NULL), CTR_OK);
	assert_int_equal(one, 1);
	assert_int_equal(two, 22);
	assert_int_equal(config_table_ops.str(t, "three", "none", &s, NULL), CTR_OK);
	assert_string_equal(s, "none");
	config_free(c);
}

static void faults_name_file_line_and_nearest(void **state)
{
	static const struct {
		const char *text, *message; /* without the file's name */
	} cases[] = {
		{ "\nrooot = '/x'", "2: unknown key 'rooot', did you mean 'root'" },
		{ "[grpc]\nadress = '/x'",
		  "2: unknown key 'grpc.adress', did you mean 'grpc.address'" },
		{ "[grcp]\naddress = '/x'", "1: unknown key 'grcp', did you mean 'grpc'" },
		{ "[plugin]\n", "1: unknown key 'plugin', did you mean 'plugins'" },
		{ "utterly_else = 1", "1: unknown key 'utterly_else'" },
		{ "root = 7", "1: root: expected an absolute path, found an integer" },
		{ "root = 'here'", "1: root: 'here' is not an absolute path" },
		{ "grpc = 1", "1: grpc: expected a table, found an integer" },
		{ "version = 2", "1: version: out of range, allowed are 1 to 1" },
		{ "[log]\nlevel = 'loud'",
		  "2: log.level: 'loud' is none of error|warn|info|debug|trace" },
		{ "[log]\nlevel = 'war'",
		  "2: log.level: 'war' is none of error|warn|info|debug|trace" },
		{ "[log]\nlevel = ''", "2: log.level: '' is none of error|warn|info|debug|trace" },
		{ "stop_timeout = '5x'", "1: stop_timeout: '5x' is not a duration (\"1m30s\")" },
		{ "stop_timeout = 5",
		  "1: stop_timeout: expected a duration (\"1m30s\"), found an integer" },
		{ "stop_timeout = '2h'", "1: stop_timeout: out of range, allowed are 0s to 10m0s" },
		{ "oom_score = '5'", "1: oom_score: expected an integer, found a string" },
		{ "disabled_plugins = 'x'",
		  "1: disabled_plugins: expected an array of strings, found a string" },
		{ "disabled_plugins = [1]",
		  "1: disabled_plugins: expected a string, found an integer" },
		{ "unsafe_plugin_paths = 'yes'",
		  "1: unsafe_plugin_paths: expected a boolean, found a string" },
		{ "[plugins]\nx = 1", "2: plugins.\"x\": expected a table, found an integer" },
		{ "when = 2020-01-01", "1: dates and times are not used here" },
		{ "a = \"\\u0000\"", "1: string holds a NUL" },
		{ "a = [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "1: nested deeper than 16 levels" },
	};
	const struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config_args args = { .path = p->path };
		struct config *c = NULL;
		AUTO_ERROR err = ERROR_INIT;
		AUTO_FREE char *expected = str_printf("%s:%s", p->path, cases[i].message);

		put(p, "c.toml", cases[i].text);
		assert_int_equal(config_load(&args, &c, &err), CTR_INVALID_ARGUMENT);
		assert_string_equal(error_text(&err), expected);
	}
}

static void all_faults_are_told(void **state)
{
	const struct place *p = *state;
	struct config_args args = { .path = p->path };
	struct config *c = NULL;
	AUTO_ERROR err = ERROR_INIT;

	put(p, "c.toml", "rot = 1\nstate = 2\n");
	assert_int_equal(config_load(&args, &c, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), ":1: unknown key 'rot'"));
	assert_non_null(strstr(error_text(&err), "\n"));
	assert_non_null(strstr(error_text(&err), ":2: state: expected"));
}

static void syntax_and_size_are_refused(void **state)
{
	const struct place *p = *state;
	struct config_args args = { .path = p->path };
	struct config *c = NULL;
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE char *big = malloc(CONFIG_FILE_MAX + 2);

	assert_int_equal(config_load(&args, &c, &err),
			 CTR_NOT_FOUND); /* given by -c, and not there */
	put(p, "c.toml", "root = \n");
	assert_int_equal(config_load(&args, &c, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), "c.toml:1: "));

	memset(big, '#', CONFIG_FILE_MAX + 1);
	big[CONFIG_FILE_MAX + 1] = '\0';
	put(p, "c.toml", big);
	assert_int_equal(config_load(&args, &c, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), "longer than 1048576 bytes"));
}

/*
 * Inputs that end the parser by an assertion, or by code that it calls unreachable, when nothing is
 * done about it.
 */
static void what_trips_the_parser_is_an_error(void **state)
{
	static const char *const texts[] = { "[= 5\n", "a = 1\xd1\xa5\n", "\xc3\xa9 = 1\n",
					     "a = 1 \xc2\xa1" };
	const struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct config_args args = { .path = p->path };
		struct config *c = NULL;
		AUTO_ERROR err = ERROR_INIT;

		put(p, "c.toml", texts[i]);
		assert_int_equal(config_load(&args, &c, &err), CTR_INVALID_ARGUMENT);
		assert_non_null(strstr(error_text(&err), "c.toml:1: "));
	}
}

static void unsafe_is_for_files_from_elsewhere(void **state)
{
	const struct place *p = *state;
	AUTO_FREE char *inside = str_printf("%s/etc/x.toml", p->dir);
	AUTO_FREE char *outside = str_printf("%s/home/x.toml", p->dir);
	AUTO_FREE char *link = str_printf("%s/home/link.toml", p->dir);
	struct config_args args = { .prefix = p->dir, .path = inside };
	struct config *c = NULL;
	AUTO_ERROR err = ERROR_INIT;

	put(p, "etc/x.toml", "unsafe_plugin_paths = true\n");
	put(p, "home/x.toml", "unsafe_plugin_paths = true\n");
	put(p, "etc/ctr/config.toml", "unsafe_plugin_paths = true\n");
	assert_int_equal(symlink(inside, link), 0);

	assert_int_equal(config_load(&args, &c, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err),
			       "unsafe_plugin_paths: only a file given by -c from outside"));
	args.path = link;
	assert_int_equal(config_load(&args, &c, NULL), CTR_INVALID_ARGUMENT);
	args.path = NULL;
	assert_int_equal(config_load(&args, &c, NULL), CTR_INVALID_ARGUMENT);
	args.path = outside;
	assert_int_equal(config_load(&args, &c, NULL), CTR_OK);
	assert_true(config_unsafe(c));
	config_free(c);
}

static void plugin_tables_are_typed(void **state)
{
	const struct place *p = *state;
	struct config *c;
	const struct ctr_config_ops *get = &config_table_ops;
	const struct ctr_table *t, *sub;
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE char *text = NULL;
	const char *s, *const *v;
	int32_t on;
	int64_t n;
	uint64_t len;

	put(p, "c.toml",
	    "[plugins.'k.x']\nname = 'a'\nlist = ['p', 'q']\non = true\nwait = '1m30s'\nroom = "
	    "'2MiB'\nbare = 512\n"
	    "[plugins.'k.x'.sub]\nleft = 1\nright = 2\n");
	c = load(p);
	t = config_plugin_table(c, "k.x");
	assert_int_equal(get->str(t, "name", "", &s, NULL), CTR_OK);
	assert_string_equal(s, "a");
	assert_int_equal(get->strv(t, "list", &v, &len, NULL), CTR_OK);
	assert_int_equal(len, 2);
	assert_string_equal(v[1], "q");
	assert_int_equal(get->strv(t, "absent", &v, &len, NULL), CTR_OK);
	assert_int_equal(len, 0);
	assert_int_equal(get->boolean(t, "on", 0, &on, NULL), CTR_OK);
	assert_int_equal(on, 1);
	assert_int_equal(get->duration(t, "wait", 0, &n, NULL), CTR_OK);
	assert_true(n == INT64_C(90000000000));
	assert_int_equal(get->bytes(t, "room", 0, &n, NULL), CTR_OK);
	assert_int_equal(n, 2 << 20);
	assert_int_equal(get->bytes(t, "bare", 0, &n, NULL), CTR_OK);
	assert_int_equal(n, 512);

	/* The out parameter stays as it was when the type is wrong. */
	n = 77;
	assert_int_equal(get->integer(t, "name", 0, 0, 1, &n, &err), CTR_INVALID_ARGUMENT);
	text = str_printf("%s:2: plugins.\"k.x\".name: expected an integer, found a string",
			  p->path);
	assert_string_equal(error_text(&err), text);
	assert_int_equal(n, 77);
	assert_int_equal(get->integer(t, "bare", 0, 0, 10, &n, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), "512 is out of range, allowed are 0 to 10"));
	assert_int_equal((get->fail)(t, "name", &err, "no such %s", "colour"),
			 CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), "plugins.\"k.x\".name: no such colour"));

	assert_int_equal(get->table(t, "none", &sub, NULL), CTR_OK);
	assert_int_equal(get->keys(sub, &v, &len, NULL), CTR_OK);
	assert_int_equal(len, 0);
	assert_int_equal(get->table(t, "sub", &sub, NULL), CTR_OK);
	assert_int_equal(get->integer(sub, "left", 0, 0, 10, &n, NULL), CTR_OK);
	assert_int_equal(config_plugin_unread(c, "k.x", &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), ":10: unknown key 'plugins.\"k.x\".sub.right'"));
	assert_int_equal(get->keys(sub, &v, &len, NULL), CTR_OK);
	assert_int_equal(len, 2);
	assert_int_equal(config_plugin_unread(c, "k.x", NULL), CTR_OK);
	config_free(c);
}

static void tables_of_no_plugin_are_found(void **state)
{
	const struct place *p = *state;
	char overlay[] = "io.containerd.snapshotter.v1.overlayfs";
	char *uris[] = { overlay, NULL };
	struct config *c;
	AUTO_ERROR err = ERROR_INIT;

	put(p, "c.toml", "[plugins.'io.containerd.snapshotter.v1.overlay']\n[plugins.other]\n");
	c = load(p);
	assert_int_equal(config_plugin_unknown(c, uris, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err),
			       ":1: no plugin 'io.containerd.snapshotter.v1.overlay', did you mean "
			       "'io.containerd.snapshotter.v1.overlayfs'"));
	assert_non_null(strstr(error_text(&err), ":2: no plugin 'other' in plugin_files"));
	config_free(c);
}

/* Everything that a print function writes. */
static char *printed(int (*print)(FILE *out))
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	assert_int_equal(print(f), 0);
	fclose(f);
	return text;
}

static void defaults_can_be_read_back(void **state)
{
	const struct place *p = *state;
	AUTO_FREE char *text = printed(config_print_default);
	struct config *c, *again;
	char *shown = NULL, *shown_again = NULL;
	size_t n;
	FILE *f;

	put(p, "c.toml", text);
	c = load(p);
	f = open_memstream(&shown, &n);
	assert_int_equal(config_print(c, 0, f), 0);
	fclose(f);
	put(p, "c.toml", shown);
	again = load(p);
	f = open_memstream(&shown_again, &n);
	assert_int_equal(config_print(again, 0, f), 0);
	fclose(f);
	assert_string_equal(shown, shown_again);
	free(shown);
	free(shown_again);
	config_free(c);
	config_free(again);
}

static void origins_are_shown(void **state)
{
	const struct place *p = *state;
	AUTO_FREE char *expected = str_printf("root = \"/x\"  # %s:1\n", p->path);
	struct config *c;
	char *shown = NULL;
	size_t n;
	FILE *f;

	put(p, "c.toml", "root = '/x'\n[plugins.'a.b']\nn = [1, {m = true}]\n");
	c = load(p);
	f = open_memstream(&shown, &n);
	assert_int_equal(config_print(c, 1, f), 0);
	fclose(f);
	assert_non_null(strstr(shown, expected));
	assert_non_null(strstr(shown, "state = \"/run/ctr\"  # default\n"));
	assert_non_null(strstr(shown, "[plugins.\"a.b\"]\n\"n\" = [ 1, { \"m\" = true } ]  # "));
	free(shown);
	config_free(c);
}

static void reference_is_up_to_date(void **state)
{
	AUTO_FREE char *text = printed(config_print_reference);
	AUTO_FREE char *file = NULL;

	(void)state;
	assert_int_equal(io_read_file(AT_FDCWD, CTR_SOURCE_DIR "/docs/configuration.md", 1 << 20,
				      &file, NULL),
			 0);
	assert_string_equal(file,
			    text); /* make it anew: ctrd config reference > docs/configuration.md */
}

static void schema_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];
		int64_t n;

		assert_ptr_equal(schema_find(key->path), key);
		assert_non_null(key->help);
		if (key->type == KEY_INT || key->type == KEY_DURATION || key->type == KEY_SIZE) {
			assert_int_equal(schema_number(key, key->fallback, &n), 0);
			assert_true(n >= key->min && n <= key->max);
		}
	}
	assert_int_equal(edit_distance("address", "adress"), 1);
	assert_int_equal(edit_distance("grcp", "grpc"), 1);
	assert_int_equal(edit_distance("", "abc"), 3);
	assert_int_equal(edit_distance("kitten", "sitting"), 3);
	assert_false(edit_near("root", "state"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_new, place_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_given_is_the_default),
		TEST(drop_ins_are_merged_in_order),
		TEST(faults_name_file_line_and_nearest),
		TEST(all_faults_are_told),
		TEST(syntax_and_size_are_refused),
		TEST(what_trips_the_parser_is_an_error),
		TEST(unsafe_is_for_files_from_elsewhere),
		TEST(plugin_tables_are_typed),
		TEST(tables_of_no_plugin_are_found),
		TEST(defaults_can_be_read_back),
		TEST(origins_are_shown),
		cmocka_unit_test(reference_is_up_to_date),
		cmocka_unit_test(schema_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
