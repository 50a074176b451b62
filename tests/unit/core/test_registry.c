/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry with real shared objects: each fault is told apart and has its message, none of a
 * refused object's code runs, and those that are well live their lives in the order of their needs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <ctr/snapshotter.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"
#include "tests/unit/core/tree.h"
#include "base/str.h"
#include "core/config/config.h"
#include "core/daemon.h"
#include "core/registry/registry.h"
#include "core/registry/services.h"

#define SNAP "io.containerd.snapshotter.v1."

/* A daemon as far as the registry looks at it, with a configuration of the test's own. */
struct bench {
	struct daemon d;
	char dir[64];
	char *config_path, *root, *state, *journal;
	struct buf text;
};

static int bench_new(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	strcpy(b->dir, "/tmp/ctr-registry-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->config_path = str_printf("%s/c.toml", b->dir);
	b->root = str_printf("%s/root", b->dir);
	b->state = str_printf("%s/state", b->dir);
	b->journal = str_printf("%s/journal", b->dir);
	b->text = (struct buf)BUF_INIT(65536);
	*state = b;
	return 0;
}

static int bench_free(void **state)
{
	struct bench *b = *state;

	registry_free(b->d.registry);
	services_free(&b->d);
	config_free(b->d.config);
	buf_done(&b->text);
	assert_int_equal(tree_remove(b->dir), 0);
	free(b->config_path);
	free(b->root);
	free(b->state);
	free(b->journal);
	free(b);
	return 0;
}

/*
 * The configuration: these plugins, then more TOML. unsafe: the build tree belongs to whoever
 * builds.
 */
static void configure(struct bench *b, int unsafe, const char *const *plugins, const char *more)
{
	struct config_args args = { .path = b->config_path, .root = b->root, .state = b->state };
	AUTO_ERROR err = ERROR_INIT;
	FILE *f = fopen(b->config_path, "we");

	assert_non_null(f);
	fprintf(f, "unsafe_plugin_paths = %s\nplugin_files = [\n", unsafe ? "true" : "false");
	for (; *plugins; plugins++) {
		if (**plugins == '/')
			fprintf(f, "'%s',\n", *plugins);
		else
			fprintf(f, "'%s/%s.so',\n", TEST_PLUGINS, *plugins);
	}
	fprintf(f, "]\n%s\n", more);
	fclose(f);
	if (config_load(&args, &b->d.config, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	b->d.root = config_str(b->d.config, "root");
	b->d.state = config_str(b->d.config, "state");
}

#define PLUGINS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void load(struct bench *b)
{
	AUTO_ERROR err = ERROR_INIT;

	if (registry_load(&b->d, &b->d.registry, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
}

static struct plugin_view view(struct bench *b, const char *id)
{
	struct plugin_view v = { .id = NULL };

	for (uint32_t i = 0; registry_view(b->d.registry, i, &v) == 0; i++) {
		if (str_eq(v.id, id))
			return v;
	}
	fail_msg("no row for '%s'", id);
	return v;
}

static char *journal(const struct bench *b)
{
	char *text = NULL;

	if (io_read_file(AT_FDCWD, b->journal, 65536, &text, NULL) < 0)
		return str_dup("");
	return text;
}

/* One plugin with one fault; what introspection says of it after load and init. */
static const struct {
	const char *file, *id;
	enum plugin_state state;
	ctr_code code;
	const char *message; /* contained in it */
} faults[] = {
	{ "wrong_magic", "wrong_magic.so", PLUGIN_FAILED, CTR_INVALID_ARGUMENT,
	  "is no plugin: wrong magic 0xdeadbeef" },
	{ "wrong_major", "wrong_major.so", PLUGIN_FAILED, CTR_INVALID_ARGUMENT,
	  "was built for ABI major 2, this daemon has 1" },
	{ "short_module", "short_module.so", PLUGIN_FAILED, CTR_INVALID_ARGUMENT,
	  "module descriptor is cut off: 16 bytes, at least 48 are needed" },
	{ "short_plugin", "short_plugin.so", PLUGIN_FAILED, CTR_INVALID_ARGUMENT,
	  "plugin descriptor is cut off: 24 bytes, at least 88 are needed" },
	{ "short_vtable", "short_vtable", PLUGIN_FAILED, CTR_INVALID_ARGUMENT,
	  "plugin " SNAP "short_vtable: vtable is cut off: 40 bytes, at least 80 are needed" },
	{ "hole_in_vtable", "hole_in_vtable", PLUGIN_FAILED, CTR_INVALID_ARGUMENT,
	  "plugin " SNAP "hole_in_vtable: vtable has no 'commit'" },
	{ "unknown_flag", "unknown_flag", PLUGIN_FAILED, CTR_INVALID_ARGUMENT,
	  "unknown flags 0x8" },
	{ "bad_id", "bad_id.so", PLUGIN_FAILED, CTR_INVALID_ARGUMENT,
	  "id '../up' is not an identifier" },
	{ "old_unstable", "old_unstable", PLUGIN_FAILED, CTR_FAILED_PRECONDITION,
	  "was built for revision 32767 of the unstable interfaces, this daemon has 1" },
	{ "unstable_kind", "unstable_kind", PLUGIN_FAILED, CTR_FAILED_PRECONDITION,
	  "was built for revision 0 of the unstable interfaces, this daemon has 1" },
	{ "failing_init", "failing", PLUGIN_FAILED, CTR_UNAVAILABLE, "no such luck" },
	{ "silent_failure", "silent_failure", PLUGIN_FAILED, CTR_INTERNAL,
	  "init failed with code 13 and no message" },
	{ "skipping", "skipping", PLUGIN_SKIPPED, CTR_SKIP, "no such file system in this kernel" },
	{ "missing_need", "missing_need", PLUGIN_FAILED, CTR_FAILED_PRECONDITION,
	  SNAP "missing_need needs io.example.absent.v1.it, which no plugin offers" },
	{ "cycle", "egg", PLUGIN_FAILED, CTR_FAILED_PRECONDITION,
	  "plugins need each other in a cycle: " SNAP "egg -> " SNAP "chicken -> " SNAP "egg" },
	{ "not_there", "not_there.so", PLUGIN_FAILED, CTR_NOT_FOUND, "not_there.so'" },
	{ "/etc/hostname", "hostname", PLUGIN_FAILED, CTR_INVALID_ARGUMENT, "load plugin file: " },
	{ "no_symbol", "no_symbol.so", PLUGIN_FAILED, CTR_INVALID_ARGUMENT,
	  "is no plugin: it has no symbol 'ctr_module_v1'" },
};

static void each_fault_has_its_message(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct bench *b;
		struct plugin_view v;
		AUTO_ERROR err = ERROR_INIT;

		bench_new(state);
		b = *state;
		configure(b, 1, PLUGINS(faults[i].file), "");
		load(b);
		assert_int_equal(registry_init(b->d.registry, &err), CTR_OK);
		assert_int_equal(registry_start(b->d.registry, &err), CTR_OK);
		v = view(b, faults[i].id);
		assert_int_equal(v.state, faults[i].state);
		assert_int_equal(v.code, faults[i].code);
		if (!strstr(v.error, faults[i].message))
			fail_msg("%s: '%s' lacks '%s'", faults[i].file, v.error, faults[i].message);
		assert_int_equal(registry_find(b->d.registry, CTR_KIND_SNAPSHOTTER, faults[i].id,
					       NULL, NULL, NULL, &err),
				 CTR_NOT_FOUND);
		bench_free(state);
	}
	*state = NULL;
}

static void a_life_in_order(void **state)
{
	struct bench *b = *state;
	AUTO_FREE char *more = str_printf("[plugins.'" SNAP "good']\njournal = '%s'\n", b->journal);
	AUTO_FREE char *done = NULL;
	AUTO_FREE char *root = str_printf("%s/" SNAP "good", b->root);
	struct plugin_view v;
	struct stat st;

	configure(b, 1, PLUGINS("good"), more);
	load(b);
	assert_int_equal(view(b, "good").state, PLUGIN_LOADED);
	assert_int_equal(registry_init(b->d.registry, NULL), CTR_OK);
	assert_int_equal(view(b, "good").state, PLUGIN_READY);
	assert_int_equal(registry_start(b->d.registry, NULL), CTR_OK);
	v = view(b, "good");
	assert_int_equal(v.state, PLUGIN_RUNNING);
	assert_string_equal(v.version, "1");
	assert_string_equal(v.capabilities[0], "rebase");
	assert_string_equal(v.platforms[0], "linux/amd64");
	assert_string_equal(v.exports[0], "root");
	assert_string_equal(v.exports[1], root);
	assert_int_equal(stat(root, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(registry_health(b->d.registry, NULL), CTR_OK);

	registry_stop(b->d.registry, 0);
	registry_stop(b->d.registry, 0); /* once is enough */
	registry_free(take_ptr(&b->d.registry));
	done = journal(b);
	assert_string_equal(done, "init start stop fini ");
}

static void failed_start_is_stopped_and_ended(void **state)
{
	struct bench *b = *state;
	AUTO_FREE char *more =
		str_printf("[plugins.'" SNAP "failing_start']\njournal = '%s'\n", b->journal);
	AUTO_FREE char *done = NULL;

	configure(b, 1, PLUGINS("failing_start"), more);
	load(b);
	assert_int_equal(registry_init(b->d.registry, NULL), CTR_OK);
	assert_int_equal(registry_start(b->d.registry, NULL), CTR_OK);
	assert_int_equal(view(b, "failing_start").state, PLUGIN_FAILED);
	assert_string_equal(view(b, "failing_start").error, "the engine does not turn");
	registry_stop(b->d.registry, 0);
	registry_free(take_ptr(&b->d.registry));
	done = journal(b);
	assert_string_equal(done, "init start stop fini ");
}

static void disabled_never_runs(void **state)
{
	struct bench *b = *state;
	AUTO_FREE char *more = str_printf("disabled_plugins = ['" SNAP "good']\n[plugins.'" SNAP
					  "good']\njournal = '%s'\n",
					  b->journal);
	AUTO_FREE char *done = NULL;
	AUTO_ERROR err = ERROR_INIT;

	configure(b, 1, PLUGINS("good"), more);
	load(b);
	assert_int_equal(registry_init(b->d.registry, NULL), CTR_OK);
	assert_int_equal(view(b, "good").state, PLUGIN_DISABLED);
	assert_int_equal(view(b, "good").code, CTR_SKIP);
	assert_int_equal(
		registry_find(b->d.registry, CTR_KIND_SNAPSHOTTER, "good", NULL, NULL, NULL, &err),
		CTR_NOT_FOUND);
	assert_string_equal(error_text(&err), "plugin " SNAP "good is disabled");
	registry_free(take_ptr(&b->d.registry));
	done = journal(b);
	assert_string_equal(done, "");
}

static void required_must_be_there(void **state)
{
	static const struct {
		const char *file, *more, *message;
	} cases[] = {
		{ "good", "required_plugins = ['" SNAP "goood']",
		  "required plugin '" SNAP "goood' is offered by no file" },
		{ "failing_init", "required_plugins = ['" SNAP "failing']",
		  "required plugin '" SNAP "failing' failed: no such luck" },
		{ "skipping", "required_plugins = ['" SNAP "skipping']",
		  "required plugin '" SNAP "skipping' cannot run here: no such file system" },
		{ "good",
		  "required_plugins = ['" SNAP "good']\ndisabled_plugins = ['" SNAP "good']",
		  "required plugin '" SNAP "good' is among disabled_plugins" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench *b;
		AUTO_ERROR err = ERROR_INIT;

		bench_new(state);
		b = *state;
		configure(b, 1, PLUGINS(cases[i].file), cases[i].more);
		load(b);
		assert_int_equal(registry_init(b->d.registry, &err), CTR_FAILED_PRECONDITION);
		if (!strstr(error_text(&err), cases[i].message))
			fail_msg("'%s' lacks '%s'", error_text(&err), cases[i].message);
		bench_free(state);
	}
	*state = NULL;
}

static void needs_come_first(void **state)
{
	struct bench *b = *state;
	struct plugin_view first, second, third;

	configure(b, 1, PLUGINS("skipping", "needs_good", "good"), "");
	load(b);
	assert_int_equal(registry_init(b->d.registry, NULL), CTR_OK);
	registry_view(b->d.registry, 0, &first);
	registry_view(b->d.registry, 1, &second);
	registry_view(b->d.registry, 2, &third);
	assert_string_equal(
		first.id, "skipping"); /* the configuration's order where nothing forces another */
	assert_string_equal(second.id, "good");
	assert_string_equal(third.id, "needs_good");
	assert_int_equal(third.state, PLUGIN_READY);
	assert_string_equal(third.needs[0], CTR_KIND_SNAPSHOTTER);
}

static void a_failure_reaches_those_who_need_it(void **state)
{
	struct bench *b = *state;

	configure(b, 1, PLUGINS("needs_failing", "failing_init", "good"), "");
	load(b);
	assert_int_equal(registry_init(b->d.registry, NULL), CTR_OK);
	assert_int_equal(view(b, "needs_failing").state, PLUGIN_FAILED);
	assert_string_equal(view(b, "needs_failing").error, SNAP
			    "needs_failing needs " SNAP "failing, which is failed: no such luck");
	assert_int_equal(view(b, "good").state, PLUGIN_READY);
}

static void twins_are_refused(void **state)
{
	struct bench *b = *state;
	struct plugin_view v;

	configure(b, 1, PLUGINS("good", "twin"), "");
	load(b);
	assert_int_equal(registry_init(b->d.registry, NULL), CTR_OK);
	assert_int_equal(view(b, "good").state, PLUGIN_READY);
	assert_int_equal(registry_view(b->d.registry, 1, &v), 0);
	assert_int_equal(v.state, PLUGIN_FAILED);
	assert_int_equal(v.code, CTR_ALREADY_EXISTS);
	assert_non_null(strstr(v.error, "is offered by '" TEST_PLUGINS "/good.so' too"));
}

static ctr_code take_name(void *ud, const struct ctr_snapshot_info *info)
{
	snprintf(ud, 32, "%s", info->name);
	return CTR_OK;
}

static void calls_go_through_the_wrapper(void **state)
{
	struct bench *b = *state;
	AUTO_ERROR err = ERROR_INIT;
	const struct ctr_snapshotter_ops *ops;
	struct ctr_tree tree;
	const void *table;
	const char *id;
	void *self;
	char name[32];

	configure(b, 1, PLUGINS("good", "needs_good"), "default_snapshotter = 'needs_good'\n");
	load(b);
	assert_int_equal(registry_init(b->d.registry, NULL), CTR_OK);
	assert_int_equal(
		registry_find(b->d.registry, CTR_KIND_SNAPSHOTTER, NULL, &table, &self, &id, &err),
		CTR_OK);
	assert_string_equal(id, "needs_good");
	ops = table;

	assert_int_equal(ops->stat(self, NULL, "x", take_name, name, &err), CTR_OK);
	assert_string_equal(name, "x");
	assert_int_equal(ops->stat(self, NULL, "other", take_name, name, &err), CTR_OK);
	assert_int_equal(ops->stat(self, NULL, "missing", take_name, name, &err), CTR_NOT_FOUND);
	assert_string_equal(error_text(&err), "snapshot 'missing'");
	error_done(&err);
	assert_int_equal(ops->stat(self, NULL, "silent", take_name, name, &err), CTR_NOT_FOUND);
	assert_string_equal(error_text(&err),
			    "plugin " SNAP "needs_good: stat failed without a message");
	assert_int_equal(ops->stat(self, NULL, "odd", take_name, name, &err), CTR_INTERNAL);
	assert_string_equal(error_text(&err),
			    "plugin " SNAP "needs_good: stat returned the unknown code 12345");

	/* Absent in this plugin's shorter table, empty in the other's full one. */
	assert_int_equal(ops->open_tree(self, NULL, "x", &tree, &err), CTR_UNIMPLEMENTED);
	assert_string_equal(error_text(&err), "plugin " SNAP "needs_good offers no open_tree");
	assert_int_equal(registry_nth(b->d.registry, CTR_KIND_SNAPSHOTTER, 0, &table, &self, &id),
			 0);
	assert_string_equal(id, "good");
	ops = table;
	assert_int_equal(ops->cleanup(self, NULL, &err), CTR_UNIMPLEMENTED);
	assert_int_equal(registry_nth(b->d.registry, CTR_KIND_SNAPSHOTTER, 2, NULL, NULL, NULL),
			 -ENOENT);
	assert_int_equal(
		registry_find(b->d.registry, "io.example.v1", NULL, NULL, NULL, NULL, &err),
		CTR_NOT_FOUND);
	assert_string_equal(error_text(&err), "no plugin io.example.v1");
}

struct hammer {
	const struct ctr_snapshotter_ops *ops;
	void *self;
	atomic_int failures;
};

static void *hammer_thread(void *arg)
{
	struct hammer *h = arg;
	struct ctr_usage usage = { .size = sizeof(usage) };

	for (int i = 0; i < 200; i++) {
		if (h->ops->usage(h->self, NULL, "x", &usage, NULL) != CTR_OK)
			atomic_fetch_add(&h->failures, 1);
	}
	return NULL;
}

static void serialized_means_one_at_a_time(void **state)
{
	struct bench *b = *state;
	struct hammer h = { .failures = 0 };
	pthread_t threads[4];
	const void *table;

	configure(b, 1, PLUGINS("serialized"), "");
	load(b);
	assert_int_equal(registry_init(b->d.registry, NULL), CTR_OK);
	assert_int_equal(registry_find(b->d.registry, CTR_KIND_SNAPSHOTTER, "serialized", &table,
				       &h.self, NULL, NULL),
			 CTR_OK);
	h.ops = table;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer_thread, &h), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&h.failures), 0);
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
	AUTO_FREE char *data = NULL;
	size_t n;
	int fd;

	assert_int_equal(io_read_file(AT_FDCWD, from, 64 << 20, &data, &n), 0);
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(io_write_full(fd, data, n), 0);
	close(fd);
}

static void untrusted_paths_are_refused(void **state)
{
	struct bench *b = *state;
	AUTO_FREE char *path = str_printf("%s/open.so", b->dir);
	AUTO_FREE char *message = str_printf(
		"plugin file '%s' is not loaded: '%s' does not belong to root alone", path, path);

	if (geteuid() != 0)
		skip();
	copy_file(TEST_PLUGINS "/good.so", path, 0666);
	configure(b, 0, PLUGINS(path), "");
	load(b);
	assert_int_equal(registry_init(b->d.registry, NULL), CTR_OK);
	assert_int_equal(view(b, "open.so").code, CTR_PERMISSION_DENIED);
	assert_string_equal(view(b, "open.so").error, message);

	/* The same file, closed to others, below a folder of root's in the sticky /tmp. */
	registry_free(take_ptr(&b->d.registry));
	assert_int_equal(chmod(path, 0644), 0);
	load(b);
	assert_int_equal(registry_init(b->d.registry, NULL), CTR_OK);
	assert_int_equal(view(b, "good").state, PLUGIN_READY);
}

static void mistyped_key_is_a_failure(void **state)
{
	struct bench *b = *state;

	configure(b, 1, PLUGINS("good"), "[plugins.'" SNAP "good']\njurnal = 'x'\n");
	load(b);
	assert_int_equal(registry_init(b->d.registry, NULL), CTR_OK);
	assert_int_equal(view(b, "good").state, PLUGIN_FAILED);
	assert_non_null(strstr(view(b, "good").error, "c.toml:6: unknown key 'plugins.\"" SNAP
						      "good\".jurnal', did you mean 'journal'"));
}

static void check_tells_all_and_starts_nothing(void **state)
{
	struct bench *b = *state;
	AUTO_FREE char *more =
		str_printf("required_plugins = ['a.b']\ndisabled_plugins = ['c.d']\n"
			   "default_snapshotter = 'goood'\n[plugins.'" SNAP
			   "good']\njournal = '%s'\nx = 1\n[plugins.'" SNAP "god']\n",
			   b->journal);
	AUTO_FREE char *done = NULL;
	AUTO_ERROR err = ERROR_INIT;
	static const char *const expected[] = {
		"c.toml:5: no plugin file '" TEST_PLUGINS "/goood.so', did you mean '" TEST_PLUGINS
		"/good.so'",
		"c.toml:7: required_plugins: no plugin 'a.b' in plugin_files",
		"c.toml:9: default_snapshotter: no plugin '" SNAP "goood', did you mean 'good'",
		"c.toml:8: disabled_plugins: no plugin 'c.d' in plugin_files",
		"c.toml:12: unknown key 'plugins.\"" SNAP "good\".x'",
		"c.toml:13: no plugin '" SNAP "god', did you mean '" SNAP "good'",
		"c.toml:4: '" TEST_PLUGINS "/wrong_magic.so' is no plugin",
	};
	struct stat st;

	configure(b, 1, PLUGINS("good", "wrong_magic", "goood"), more);
	load(b);
	assert_int_equal(registry_check(b->d.registry, &err), CTR_INVALID_ARGUMENT);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		if (!strstr(error_text(&err), expected[i]))
			fail_msg("'%s' lacks '%s'", error_text(&err), expected[i]);
	}
	assert_int_equal(stat(b->root, &st), -1);
	registry_free(take_ptr(&b->d.registry));
	done = journal(b);
	assert_string_equal(done, "");
}

static void the_cores_parts_are_listed(void **state)
{
	struct bench *b = *state;
	const char *const needs[] = { "x.y", NULL };
	const char *const exports[] = { "path", "/db", NULL };
	struct plugin_view v;

	configure(b, 1, PLUGINS("good"), "");
	load(b);
	assert_int_equal(registry_add_builtin(b->d.registry, "io.containerd.metadata.v1", "sqlite",
					      needs, exports),
			 0);
	v = view(b, "sqlite");
	assert_int_equal(v.state, PLUGIN_RUNNING);
	assert_string_equal(v.file, "");
	assert_string_equal(v.needs[0], "x.y");
	assert_string_equal(v.exports[1], "/db");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, bench_new, bench_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_has_its_message),
		TEST(a_life_in_order),
		TEST(failed_start_is_stopped_and_ended),
		TEST(disabled_never_runs),
		cmocka_unit_test(required_must_be_there),
		TEST(needs_come_first),
		TEST(a_failure_reaches_those_who_need_it),
		TEST(twins_are_refused),
		TEST(calls_go_through_the_wrapper),
		TEST(serialized_means_one_at_a_time),
		TEST(untrusted_paths_are_refused),
		TEST(mistyped_key_is_a_failure),
		TEST(check_tells_all_and_starts_nothing),
		TEST(the_cores_parts_are_listed),
	};

	log_init("test", LOG_ERROR_, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
