/* SPDX-License-Identifier: Apache-2.0
 *
 * Committing an overlay snapshot promises: a directory that the layer did not name looks as in the nearest parent that has
 * it, wherever the parent is given (at prepare or at commit), and no mark stays behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "fixture.h"
#include "paper_host.h"
#include "plugins/snapshotter-overlay/overlay.h"

#define MARK "user.ctr.implied"

/* Rows "3" on "2" on "1", and "alone" (4) without a parent. */
static ctr_code get(const struct ctr_host *h, const struct ctr_call *call, const char *key,
		    ctr_graph_sink sink, void *ud, struct ctr_error *err)
{
	static const uint64_t below[] = { 2, 1 };
	struct ctr_graph_node n = { .size = sizeof(n), .key = key };

	(void)h;
	(void)call;
	(void)err;
	n.id = str_eq(key, "alone") ? 4 : (uint64_t)(key[0] - '0');
	n.chain = n.id == 2 ? below + 1 : below;
	n.n_chain = n.id == 4 ? 0 : n.id - 1;
	return sink(ud, &n);
}

static uint32_t committed_flags;

static ctr_code commit(const struct ctr_host *h, const struct ctr_call *call,
		       const struct ctr_snapshot_commit *args, const struct ctr_usage *usage,
		       struct ctr_error *err)
{
	(void)h;
	(void)call;
	(void)usage;
	(void)err;
	committed_flags = args->flags;
	return CTR_OK;
}

static const struct ctr_snapgraph_ops graph = { .size = sizeof(graph),
						.get = get,
						.commit = commit };

static void make_dirs(struct fixture *f)
{
	static const char *const dirs[] = {
		"1",        "1/fs",     "1/fs/tmp",     "1/fs/var", "1/fs/var/log",
		"2",        "2/fs",     "2/fs/var",     "3",        "3/fs",
		"3/fs/tmp", "3/fs/var", "3/fs/var/log", "3/fs/new", "3/fs/named",
		"4",        "4/fs",     "4/fs/tmp",     "4/fs/var",
	};
	static const char *const marked[] = { "3/fs",     "3/fs/tmp", "3/fs/var", "3/fs/var/log",
					      "3/fs/new", "4/fs",     "4/fs/tmp", "4/fs/var" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		assert_int_equal(mkdirat(f->fd, dirs[i], 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(marked); i++) {
		AUTO_FREE char *path = str_printf("%s/root/%s", f->dir, marked[i]);

		assert_int_equal(setxattr(path, MARK, "y", 1, 0), 0);
	}
	assert_int_equal(fchmodat(f->fd, "1/fs/tmp", 01777, 0), 0);
	assert_int_equal(fchmodat(f->fd, "1/fs/var", 0711, 0), 0);
	assert_int_equal(fchmodat(f->fd, "1/fs/var/log", 0700, 0), 0);
	assert_int_equal(fchmodat(f->fd, "2/fs/var", 0750, 0), 0);
}

static void expect_no_mark(struct fixture *f, const char *name)
{
	AUTO_FREE char *path = str_printf("%s/root/%s", f->dir, name);

	assert_true(getxattr(path, MARK, NULL, 0) < 0);
}

static void check_commit(struct fixture *f, const char *key, const char *parent, const char *id)
{
	struct overlay o = {
		.dirs = { .host = &paper_host, .graph = &graph, .root_fd = f->fd, .fd = f->fd }
	};
	struct ctr_snapshot_commit args = { .size = sizeof(args),
					    .flags = CTR_SNAPSHOT_SYNCED,
					    .name = "n",
					    .key = key,
					    .parent = parent };
	static const char *const names[] = { "", "/tmp", "/var" };
	AUTO_ERROR err = ERROR_INIT;
	char path[64];

	if (overlay_commit(&o, NULL, &args, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
	assert_int_equal(committed_flags & CTR_SNAPSHOT_SYNCED, 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/fs%s", id, names[i]);
		expect_no_mark(f, path);
	}
	snprintf(path, sizeof(path), "%s/fs/tmp", id);
	assert_int_equal(stat_of(f, path).st_mode & 07777, 01777);
	snprintf(path, sizeof(path), "%s/fs/var", id);
	assert_int_equal(stat_of(f, path).st_mode & 07777, 0750);

	/* Nothing is left to do, and what was synced stays synced. */
	assert_int_equal(overlay_commit(&o, NULL, &args, &err), CTR_OK);
	assert_true(committed_flags & CTR_SNAPSHOT_SYNCED);
}

static void parents_known_from_the_start(void **state)
{
	struct fixture *f = *state;

	fixture_fresh(f);
	make_dirs(f);
	check_commit(f, "3", "", "3");
	assert_int_equal(stat_of(f, "3/fs/var/log").st_mode & 07777, 0700);
	assert_int_equal(stat_of(f, "3/fs/new").st_mode & 07777, 0755);
	assert_int_equal(stat_of(f, "3/fs/named").st_mode & 07777, 0755);
	expect_no_mark(f, "3/fs/new");
}

static void parent_given_at_commit(void **state)
{
	struct fixture *f = *state;

	fixture_fresh(f);
	make_dirs(f);
	check_commit(f, "alone", "2", "4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parents_known_from_the_start),
		cmocka_unit_test(parent_given_at_commit),
	};

	if (!fixture_possible())
		return 0;
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
