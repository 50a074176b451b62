/* SPDX-License-Identifier: Apache-2.0
 *
 * Cases of containerd's snapshotter suite that are about rows: which snapshots there are, of which kind, below which
 * parent. Names are containerd's, so that authors find their way; the code is written from what the cases mean.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "tests/conformance/kit.h"

static int row_is(struct kit *k, const char *name, uint32_t kind, const char *parent)
{
	struct kit_row row;

	CALL(k, kit_stat(k, name, &row));
	MUST(k, str_eq(row.name, name), "stat of '%s' gives the name '%s'", name, row.name);
	MUST(k, row.kind == kind, "'%s' has kind %u, not %u", name, row.kind, kind);
	MUST(k, str_eq(row.parent, parent), "'%s' has parent '%s', not '%s'", name, row.parent,
	     parent);
	return 0;
}

/* Prepare on parent, change through the mount, unmount, commit as name. */
static int layer(struct kit *k, const char *name, const char *parent, const struct change *changes)
{
	char path[KIT_PATH];

	CALL(k, kit_prepare(k, "layer", parent));
	STEP(kit_mount(k, "layer", path));
	STEP(tree_change(k, path, changes));
	STEP(kit_umount(k, path));
	CALL(k, kit_commit(k, name, "layer"));
	return 0;
}

static const struct change nothing[] = { { .op = END } };

/* From the first layer to the last remove, as a client goes about it. */
static int basic(struct kit *k)
{
	static const struct change first[] = {
		{ FILE_, "foo", "foo\n", 0777, 0 },
		{ DIR_, "a", NULL, 0755, 0 },
		{ DIR_, "a/b", NULL, 0755, 0 },
		{ DIR_, "a/b/c", NULL, 0755, 0 },
		{ .op = END },
	};
	static const struct change second[] = {
		{ FILE_, "bar", "bar\n", 0777, 0 },
		{ FILE_, "foo", "bar\n", 0777, 0 },
		{ REMOVE, "a/b", NULL, 0, 0 },
		{ .op = END },
	};
	char flat[KIT_PATH], path[KIT_PATH];
	struct kit_row one, two;
	struct kit_rows rows;

	STEP(work_dir(k, "flat", flat));
	STEP(layer(k, "one", "", first));
	STEP(tree_change(k, flat, first));
	STEP(row_is(k, "one", CTR_SNAPSHOT_COMMITTED, ""));
	REFUSED(k, CTR_NOT_FOUND, kit_stat(k, "layer", &one));

	CALL(k, kit_prepare(k, "next", "one"));
	STEP(kit_mount(k, "next", path));
	STEP(tree_equal(k, flat, path, 0));
	STEP(tree_change(k, path, second));
	STEP(tree_change(k, flat, second));
	STEP(kit_umount(k, path));
	STEP(row_is(k, "next", CTR_SNAPSHOT_ACTIVE, "one"));
	CALL(k, kit_commit(k, "two", "next"));
	STEP(row_is(k, "two", CTR_SNAPSHOT_COMMITTED, "one"));
	REFUSED(k, CTR_NOT_FOUND, kit_stat(k, "next", &one));

	CALL(k, kit_stat(k, "one", &one));
	CALL(k, kit_stat(k, "two", &two));
	CALL(k, kit_walk(k, &rows));
	MUST(k,
	     rows.n == 2 && kit_rows_equal(&rows.items[0], &one) &&
		     kit_rows_equal(&rows.items[1], &two),
	     "walk and stat tell different rows");

	CALL(k, kit_view(k, "view", "two"));
	STEP(kit_mount(k, "view", path));
	STEP(tree_equal(k, flat, path, 0));
	STEP(kit_umount(k, path));
	CALL(k, kit_remove(k, "view"));
	REFUSED(k, CTR_FAILED_PRECONDITION, kit_remove(k, "one"));
	MUST(k, strstr(error_text(&k->err), "remove"), "the message '%s' does not say 'remove'",
	     error_text(&k->err));
	CALL(k, kit_remove(k, "two"));
	CALL(k, kit_remove(k, "one"));
	return 0;
}

static int stat_active(struct kit *k)
{
	static const struct change foo[] = { { FILE_, "foo", "foo\n", 0777, 0 }, { .op = END } };
	char path[KIT_PATH];

	CALL(k, kit_prepare(k, "active", ""));
	STEP(kit_mount(k, "active", path));
	STEP(tree_change(k, path, foo));
	STEP(row_is(k, "active", CTR_SNAPSHOT_ACTIVE, ""));
	return kit_umount(k, path);
}

/* Committed while it is still mounted, which clients do. */
static int stat_committed(struct kit *k)
{
	static const struct change foo[] = { { FILE_, "foo", "foo\n", 0777, 0 }, { .op = END } };
	char path[KIT_PATH];

	CALL(k, kit_prepare(k, "active", ""));
	STEP(kit_mount(k, "active", path));
	STEP(tree_change(k, path, foo));
	CALL(k, kit_commit(k, "committed", "active"));
	STEP(row_is(k, "committed", CTR_SNAPSHOT_COMMITTED, ""));
	return kit_umount(k, path);
}

static int transitivity(struct kit *k)
{
	static const struct change a[] = { { FILE_, "foo", "foo\n", 0777, 0 }, { .op = END } };
	static const struct change b[] = { { FILE_, "foo", "foo bar\n", 0777, 0 }, { .op = END } };
	struct kit_row row;

	STEP(layer(k, "a", "", a));
	STEP(layer(k, "b", "a", b));
	STEP(row_is(k, "a", CTR_SNAPSHOT_COMMITTED, ""));
	STEP(row_is(k, "b", CTR_SNAPSHOT_COMMITTED, "a"));
	CALL(k, kit_stat(k, "b", &row));
	return row_is(k, row.parent, CTR_SNAPSHOT_COMMITTED, "");
}

/* A key is taken, by whichever of the two. */
static int prepare_view_failing(struct kit *k)
{
	STEP(layer(k, "a", "", nothing));
	CALL(k, kit_prepare(k, "one", "a"));
	REFUSED(k, CTR_ALREADY_EXISTS, kit_view(k, "one", "a"));
	REFUSED(k, CTR_ALREADY_EXISTS, kit_prepare(k, "one", "a"));
	REFUSED(k, CTR_ALREADY_EXISTS, kit_prepare(k, "one", ""));
	CALL(k, kit_view(k, "two", "a"));
	REFUSED(k, CTR_ALREADY_EXISTS, kit_view(k, "two", "a"));
	REFUSED(k, CTR_ALREADY_EXISTS, kit_prepare(k, "two", "a"));
	REFUSED(k, CTR_ALREADY_EXISTS, kit_prepare(k, "a", ""));
	return row_is(k, "one", CTR_SNAPSHOT_ACTIVE, "a");
}

/* Snapshots of each kind, with and without a parent. */
static const struct {
	const char *name;
	uint32_t kind;
	const char *parent;
} base[] = {
	{ "a1", CTR_SNAPSHOT_ACTIVE, "c2" },  { "a2", CTR_SNAPSHOT_ACTIVE, "" },
	{ "c1", CTR_SNAPSHOT_COMMITTED, "" }, { "c2", CTR_SNAPSHOT_COMMITTED, "c1" },
	{ "v1", CTR_SNAPSHOT_VIEW, "c2" },    { "v2", CTR_SNAPSHOT_VIEW, "" },
};

static int make_base(struct kit *k)
{
	CALL(k, kit_prepare(k, "c1-a", ""));
	CALL(k, kit_commit(k, "c1", "c1-a"));
	CALL(k, kit_prepare(k, "c2-a", "c1"));
	CALL(k, kit_commit(k, "c2", "c2-a"));
	CALL(k, kit_prepare(k, "a1", "c2"));
	CALL(k, kit_prepare(k, "a2", ""));
	CALL(k, kit_view(k, "v1", "c2"));
	CALL(k, kit_view(k, "v2", ""));
	return 0;
}

/* Only labels and the time of the update change. */
static int update_one(struct kit *k, const char *name)
{
	const struct ctr_label three[] = { { "l1", "v1" }, { "l2", "v2" }, { "l3", "v3" } };
	const struct ctr_label one[] = { { "l4", "v4" } };
	struct kit_row before, after;
	int64_t begin, end;

	CALL(k, kit_stat(k, name, &before));
	begin = clock_wall_ns();
	CALL(k, kit_update(k, name, (struct ctr_labels){ three, 3 }));
	end = clock_wall_ns();
	CALL(k, kit_stat(k, name, &after));
	MUST(k, after.updated_ns >= begin && after.updated_ns <= end,
	     "'%s' was not updated just now", name);
	MUST(k, str_eq(after.labels, "l1=v1 l2=v2 l3=v3"), "'%s' has labels '%s'", name,
	     after.labels);
	before.updated_ns = after.updated_ns;
	strcpy(before.labels, after.labels);
	MUST(k, kit_rows_equal(&before, &after), "an update of '%s' changed more than labels",
	     name);

	CALL(k, kit_update(k, name, (struct ctr_labels){ one, 1 }));
	CALL(k, kit_stat(k, name, &after));
	MUST(k, str_eq(after.labels, "l4=v4"), "labels of '%s' were replaced by '%s'", name,
	     after.labels);
	CALL(k, kit_update(k, name, (struct ctr_labels){ NULL, 0 }));
	CALL(k, kit_stat(k, name, &after));
	MUST(k, !*after.labels, "labels of '%s' were removed, but there is '%s'", name,
	     after.labels);
	return 0;
}

static int update(struct kit *k)
{
	int64_t begin = clock_wall_ns(), end;
	struct kit_row row;

	STEP(make_base(k));
	end = clock_wall_ns();
	for (size_t i = 0; i < ARRAY_SIZE(base); i++) {
		STEP(row_is(k, base[i].name, base[i].kind, base[i].parent));
		CALL(k, kit_stat(k, base[i].name, &row));
		MUST(k, row.created_ns >= begin && row.created_ns <= end,
		     "'%s' was not created just now", row.name);
		MUST(k, row.created_ns == row.updated_ns,
		     "'%s' was updated at another time than created", row.name);
		STEP(update_one(k, base[i].name));
	}
	return 0;
}

/* Names and keys are free again once removed. */
static int remove_and_reuse(struct kit *k)
{
	CALL(k, kit_prepare(k, "active", ""));
	CALL(k, kit_commit(k, "committed", "active"));
	CALL(k, kit_prepare(k, "reused", "committed"));
	CALL(k, kit_remove(k, "reused"));
	CALL(k, kit_view(k, "reused", "committed"));
	CALL(k, kit_remove(k, "reused"));
	CALL(k, kit_prepare(k, "reused", ""));
	CALL(k, kit_remove(k, "committed"));
	CALL(k, kit_commit(k, "committed", "reused"));
	return row_is(k, "committed", CTR_SNAPSHOT_COMMITTED, "");
}

/* Filters are the core's; a snapshotter gives every row once, with all that filters ask about. */
static int walk(struct kit *k)
{
	const struct ctr_label labels[] = { { "l", "2" },
					    { "containerd.io/gc.root", "check-walk" } };
	const struct ctr_labels both = { labels, 2 };
	const struct ctr_snapshot_commit commit = {
		sizeof(commit), 0, "p-wl", "p-wl-tmp", "", both
	};
	struct kit_rows rows;
	struct kit_row row;

	CALL(k, kit_walk(k, &rows));
	MUST(k, rows.n == 0, "there are %zu snapshots before the first", rows.n);
	STEP(make_base(k));
	CALL(k, kit_prepare(k, "p-wl-tmp", ""));
	CALL(k, kit_commit_args(k, &commit));
	CALL(k, kit_prepare_labels(k, "w-a", "p-wl", both, 0));
	CALL(k, kit_prepare_labels(k, "w-v", "p-wl", both, 1));

	CALL(k, kit_walk(k, &rows));
	MUST(k, rows.n == ARRAY_SIZE(base) + 3, "walk gives %zu snapshots, not %zu", rows.n,
	     ARRAY_SIZE(base) + 3);
	for (size_t i = 0; i < rows.n; i++) {
		CALL(k, kit_stat(k, rows.items[i].name, &row));
		MUST(k, kit_rows_equal(&row, &rows.items[i]),
		     "walk and stat tell different rows of '%s'", row.name);
		if (strchr(row.name, 'w'))
			MUST(k, str_eq(row.labels, "containerd.io/gc.root=check-walk l=2"),
			     "'%s' has labels '%s'", row.name, row.labels);
	}
	return 0;
}

static int remove_intermediate(struct kit *k)
{
	CALL(k, kit_prepare(k, "base", ""));
	CALL(k, kit_commit(k, "committed-base", "base"));
	CALL(k, kit_prepare(k, "inter", "committed-base"));
	CALL(k, kit_commit(k, "committed-inter", "inter"));
	CALL(k, kit_prepare(k, "top", "committed-inter"));
	REFUSED(k, CTR_FAILED_PRECONDITION, kit_remove(k, "committed-inter"));
	CALL(k, kit_remove(k, "top"));
	CALL(k, kit_remove(k, "committed-inter"));
	CALL(k, kit_remove(k, "committed-base"));
	return 0;
}

struct nested {
	struct kit *k;
	size_t rows;
};

static ctr_code stat_inside(void *ud, const struct ctr_snapshot_info *info)
{
	struct nested *n = ud;
	struct kit_row row;
	char name[KIT_PATH];
	ctr_code code;

	snprintf(name, sizeof(name), "%s", info->name);
	code = kit_stat(n->k, name, &row);
	if (code == CTR_OK && (row.kind != info->kind || !str_eq(row.parent, info->parent)))
		kit_fail(n->k, "walk and stat inside it tell different rows of '%s'", name);
	n->rows++;
	return code;
}

/* The sink of walk may call back: no lock is held around it. */
static int stat_in_walk(struct kit *k)
{
	struct nested n = { .k = k };

	STEP(make_base(k));
	CALL(k, k->ops->walk(k->self, k->call, stat_inside, &n, NULL));
	MUST(k, n.rows == ARRAY_SIZE(base), "walk gave %zu snapshots, not %zu", n.rows,
	     ARRAY_SIZE(base));
	return 0;
}

const struct kit_case cases_rows[] = {
	{ "Basic", basic, 0 },
	{ "StatActive", stat_active, 0 },
	{ "StatComitted", stat_committed, 0 },
	{ "TransitivityTest", transitivity, 0 },
	{ "PreareViewFailingtest", prepare_view_failing, 0 },
	{ "Update", update, 0 },
	{ "Remove", remove_and_reuse, 0 },
	{ "Walk", walk, 0 },
	{ "RemoveIntermediateSnapshot", remove_intermediate, 0 },
	{ "StatInWalk", stat_in_walk, 0 },
	{ NULL, NULL, 0 },
};
