/* SPDX-License-Identifier: Apache-2.0
 *
 * What the SDK promises beyond containerd's suite: codes and messages of every refusal, sinks that fail or are absent,
 * cancelled calls, flags of the future, many threads, and the optional methods.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "core/call/call.h"
#include "tests/conformance/kit.h"

#define THREADS 16
#define ROUNDS  4

/* One of each kind. */
static int make_three(struct kit *k)
{
	CALL(k, kit_prepare(k, "tmp", ""));
	CALL(k, kit_commit(k, "committed", "tmp"));
	CALL(k, kit_prepare(k, "active", "committed"));
	CALL(k, kit_view(k, "view", "committed"));
	return 0;
}

static int commit_flags(struct kit *k, uint32_t flags, ctr_code want)
{
	const struct ctr_snapshot_commit args = { sizeof(args), flags, "name",
						  "active",     "",    { NULL, 0 } };

	return kit_expect(k, kit_commit_args(k, &args), want, "commit with unknown flags");
}

/* Every refusal has its code, and leaves all rows as they were. */
static int refusals(struct kit *k)
{
	static struct kit_rows before, after;
	const struct ctr_label label = { "a", "b" };
	struct ctr_usage usage;
	struct kit_row row;

	STEP(make_three(k));
	CALL(k, kit_walk(k, &before));
	REFUSED(k, CTR_NOT_FOUND, kit_stat(k, "none", &row));
	REFUSED(k, CTR_NOT_FOUND, kit_update(k, "none", (struct ctr_labels){ &label, 1 }));
	REFUSED(k, CTR_NOT_FOUND, kit_usage(k, "none", &usage));
	REFUSED(k, CTR_NOT_FOUND, kit_mounts(k, "none"));
	REFUSED(k, CTR_NOT_FOUND, kit_remove(k, "none"));
	REFUSED(k, CTR_NOT_FOUND, kit_commit(k, "name", "none"));
	REFUSED(k, CTR_NOT_FOUND, kit_prepare(k, "new", "none"));
	REFUSED(k, CTR_NOT_FOUND, kit_view(k, "new", "none"));
	REFUSED(k, CTR_INVALID_ARGUMENT, kit_prepare(k, "new", "active"));
	REFUSED(k, CTR_INVALID_ARGUMENT, kit_prepare(k, "new", "view"));
	REFUSED(k, CTR_INVALID_ARGUMENT, kit_view(k, "new", "active"));
	REFUSED(k, CTR_ALREADY_EXISTS, kit_prepare(k, "committed", ""));
	REFUSED(k, CTR_ALREADY_EXISTS, kit_commit(k, "committed", "active"));
	REFUSED(k, CTR_ALREADY_EXISTS, kit_commit(k, "view", "active"));
	REFUSED(k, CTR_FAILED_PRECONDITION, kit_commit(k, "name", "view"));
	REFUSED(k, CTR_FAILED_PRECONDITION, kit_commit(k, "name", "committed"));
	REFUSED(k, CTR_FAILED_PRECONDITION, kit_remove(k, "committed"));
	REFUSED(k, CTR_FAILED_PRECONDITION, kit_mounts(k, "committed"));
	CALL(k, kit_walk(k, &after));
	MUST(k, before.n == after.n, "%zu snapshots before what was refused, %zu after", before.n,
	     after.n);
	for (size_t i = 0; i < before.n; i++)
		MUST(k, kit_rows_equal(&before.items[i], &after.items[i]),
		     "what was refused changed '%s'", before.items[i].name);
	return 0;
}

/* A flag that the plugin does not know asks for something that it would not do. */
static int unknown_flags(struct kit *k)
{
	const struct ctr_snapshot_new args = { sizeof(args), 1u << 31, "new", "", { NULL, 0 } };

	STEP(make_three(k));
	error_done(&k->err);
	REFUSED(k, CTR_INVALID_ARGUMENT,
		k->ops->prepare(k->self, NULL, &args, NULL, NULL, &k->err));
	error_done(&k->err);
	REFUSED(k, CTR_INVALID_ARGUMENT, k->ops->view(k->self, NULL, &args, NULL, NULL, &k->err));
	STEP(commit_flags(k, 1u << 31, CTR_INVALID_ARGUMENT));
	return commit_flags(k, CTR_SNAPSHOT_SYNCED, CTR_OK);
}

/* The error object may be NULL everywhere, and so may the sink of prepare and view. */
static int null_arguments(struct kit *k)
{
	const struct ctr_snapshot_new good = { sizeof(good), 0, "active", "", { NULL, 0 } };
	const struct ctr_snapshot_new again = { sizeof(again), 0, "again", "", { NULL, 0 } };
	const struct ctr_snapshot_new orphan = { sizeof(orphan), 0, "new", "none", { NULL, 0 } };
	const struct ctr_snapshot_commit commit = { sizeof(commit), 0,  "name",
						    "none",         "", { NULL, 0 } };
	const struct ctr_snapshotter_ops *o = k->ops;
	struct ctr_usage usage = { .size = sizeof(usage) };
	void *s = k->self;

	CALL(k, o->prepare(s, NULL, &good, NULL, NULL, NULL));
	CALL(k, o->view(s, NULL, &again, NULL, NULL, NULL));
	REFUSED(k, CTR_ALREADY_EXISTS, o->prepare(s, NULL, &good, NULL, NULL, NULL));
	REFUSED(k, CTR_NOT_FOUND, o->prepare(s, NULL, &orphan, NULL, NULL, NULL));
	REFUSED(k, CTR_NOT_FOUND, o->view(s, NULL, &orphan, NULL, NULL, NULL));
	REFUSED(k, CTR_NOT_FOUND, o->stat(s, NULL, "none", NULL, NULL, NULL));
	REFUSED(k, CTR_NOT_FOUND, o->mounts(s, NULL, "none", NULL, NULL, NULL));
	REFUSED(k, CTR_NOT_FOUND, o->usage(s, NULL, "none", &usage, NULL));
	REFUSED(k, CTR_NOT_FOUND, o->update(s, NULL, "none", (struct ctr_labels){ NULL, 0 }, NULL));
	REFUSED(k, CTR_NOT_FOUND, o->commit(s, NULL, &commit, NULL));
	REFUSED(k, CTR_NOT_FOUND, o->remove(s, NULL, "none", NULL));
	return 0;
}

struct refusing {
	struct ctr_error *err;
	int calls;
};

static ctr_code refuse_info(void *ud, const struct ctr_snapshot_info *info)
{
	struct refusing *r = ud;

	(void)info;
	r->calls++;
	return ctr_fail(r->err, CTR_ABORTED, "the sink has had enough");
}

static ctr_code refuse_mounts(void *ud, const struct ctr_mount *mounts, uint64_t n)
{
	struct refusing *r = ud;

	(void)mounts;
	(void)n;
	r->calls++;
	return ctr_fail(r->err, CTR_ABORTED, "the sink has had enough");
}

static int refused_by_sink(struct kit *k, ctr_code code, const struct refusing *r, const char *what)
{
	MUST(k, code == CTR_ABORTED && str_eq(error_text(&k->err), "the sink has had enough"),
	     "%s gives %s (%s) after its sink's CTR_ABORTED", what, kit_code(code),
	     error_text(&k->err));
	MUST(k, r->calls == 1, "%s called its sink %d times after it had failed", what, r->calls);
	return 0;
}

/* A sink's result is the call's result, and the sink is not called again. */
static int failing_sinks(struct kit *k)
{
	const struct ctr_snapshot_new args = { sizeof(args), 0, "new", "committed", { NULL, 0 } };
	struct refusing r;
	struct kit_row row;
	ctr_code code;

	STEP(make_three(k));
	r = (struct refusing){ &k->err, 0 };
	code = k->ops->stat(k->self, NULL, "active", refuse_info, &r, &k->err);
	STEP(refused_by_sink(k, code, &r, "stat"));
	r.calls = 0;
	code = k->ops->walk(k->self, NULL, refuse_info, &r, &k->err);
	STEP(refused_by_sink(k, code, &r, "walk"));
	r.calls = 0;
	code = k->ops->mounts(k->self, NULL, "active", refuse_mounts, &r, &k->err);
	STEP(refused_by_sink(k, code, &r, "mounts"));
	r.calls = 0;
	code = k->ops->prepare(k->self, NULL, &args, refuse_mounts, &r, &k->err);
	STEP(refused_by_sink(k, code, &r, "prepare"));

	/* Whether the snapshot came to be or not, it is whole: it can be used and removed, or made. */
	code = kit_stat(k, "new", &row);
	MUST(k, code == CTR_OK || code == CTR_NOT_FOUND, "stat: %s", error_text(&k->err));
	if (code == CTR_OK)
		CALL(k, kit_mounts(k, "new"));
	else
		CALL(k, kit_prepare(k, "new", "committed"));
	CALL(k, kit_remove(k, "new"));
	return 0;
}

static int stopped_calls(struct kit *k, const struct ctr_call *call, ctr_code why)
{
	const char *const names[] = { "prepare", "usage", "commit", "remove" };
	struct ctr_usage usage;
	ctr_code codes[ARRAY_SIZE(names)];

	k->call = call;
	codes[0] = kit_prepare(k, "late", "committed");
	codes[1] = kit_usage(k, "active", &usage);
	codes[2] = kit_commit(k, "late-committed", "active");
	codes[3] = kit_remove(k, "view");
	k->call = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		MUST(k, codes[i] == CTR_OK || codes[i] == why,
		     "%s of a call that is over gives %s, not %s", names[i], kit_code(codes[i]),
		     kit_code(why));
	STEP(*k->why ? -1 : 0);

	/* Put back what was done all the same. */
	if (codes[0] == CTR_OK)
		CALL(k, kit_remove(k, "late"));
	if (codes[2] == CTR_OK) {
		CALL(k, kit_remove(k, "late-committed"));
		CALL(k, kit_prepare(k, "active", "committed"));
	}
	if (codes[3] == CTR_OK)
		CALL(k, kit_view(k, "view", "committed"));
	return 0;
}

/* A call that is cancelled or past its deadline ends so, or was done already; nothing in between. */
static int cancelled(struct kit *k)
{
	struct ctr_call call;
	int r = 0;

	STEP(make_three(k));
	call_init(&call, "kit");
	call_cancel(&call, CTR_CANCELLED);
	r = stopped_calls(k, &call, CTR_CANCELLED);
	call_done(&call);
	STEP(r);
	call_init(&call, "kit");
	call.deadline_ns = clock_now_ns() - 1;
	r = stopped_calls(k, &call, CTR_DEADLINE_EXCEEDED);
	call_done(&call);
	STEP(r);
	CALL(k, kit_commit(k, "name", "active"));
	return 0;
}

/* What a snapshot takes of its own, while it is active and for ever after. */
static int usage(struct kit *k)
{
	static char text[65537];
	const struct change changes[] = { { FILE_, "file", text, 0644, 0 },
					  { DIR_, "dir", NULL, 0755, 0 },
					  { LINK, "file", "dir/link", 0, 0 },
					  { .op = END } };
	struct ctr_usage empty, active, committed;
	char path[KIT_PATH];

	memset(text, 'x', sizeof(text) - 1);
	CALL(k, kit_prepare(k, "active", ""));
	CALL(k, kit_usage(k, "active", &empty));
	STEP(kit_mount(k, "active", path));
	STEP(tree_change(k, path, changes));
	STEP(kit_umount(k, path));
	CALL(k, kit_commit(k, "committed", "active"));
	CALL(k, kit_usage(k, "committed", &committed));
	MUST(k, committed.bytes - empty.bytes >= 65536 && committed.bytes - empty.bytes < 3 * 65536,
	     "64 KiB with two names were written, usage grew by %lld bytes",
	     (long long)(committed.bytes - empty.bytes));
	MUST(k, committed.inodes - empty.inodes >= 2, "two inodes were made, usage grew by %lld",
	     (long long)(committed.inodes - empty.inodes));
	CALL(k, kit_prepare(k, "child", "committed"));
	CALL(k, kit_usage(k, "child", &active));
	CALL(k, kit_view(k, "view", "committed"));
	CALL(k, kit_usage(k, "view", &active));
	MUST(k, active.bytes < 65536, "a view takes %lld bytes of its own",
	     (long long)active.bytes);
	return 0;
}

/* ---- threads ---- */

struct worker {
	struct kit *k;
	pthread_t thread;
	int number, won, failed;
	char why[256];
};

static int worker_failed(struct worker *w, const struct ctr_error *err, const char *what)
{
	w->failed = 1;
	snprintf(w->why, sizeof(w->why), "%s: %s", what, error_text(err));
	return -1;
}

/* Prepare, commit and remove names of its own, and in each round fight for one name with all others. */
static int worker_round(struct worker *w, int round, struct ctr_error *err)
{
	char key[64], name[64], shared[64];
	const struct ctr_snapshotter_ops *o = w->k->ops;
	const struct ctr_snapshot_new own = { sizeof(own), 0, key, "base", { NULL, 0 } };
	const struct ctr_snapshot_new fight = { sizeof(fight), 0, shared, "base", { NULL, 0 } };
	const struct ctr_snapshot_commit commit = { sizeof(commit), 0, name, key, "", { NULL, 0 } };
	ctr_code code;

	snprintf(key, sizeof(key), "key-%d-%d", w->number, round);
	snprintf(name, sizeof(name), "name-%d-%d", w->number, round);
	snprintf(shared, sizeof(shared), "shared-%d", round);
	if (o->prepare(w->k->self, NULL, &own, NULL, NULL, err) != CTR_OK)
		return worker_failed(w, err, "prepare");
	code = o->prepare(w->k->self, NULL, &fight, NULL, NULL, err);
	if (code == CTR_OK)
		w->won++;
	else if (code != CTR_ALREADY_EXISTS)
		return worker_failed(w, err, "prepare of a key that others want too");
	if (o->commit(w->k->self, NULL, &commit, err) != CTR_OK)
		return worker_failed(w, err, "commit");
	if (o->remove(w->k->self, NULL, name, err) != CTR_OK)
		return worker_failed(w, err, "remove");
	return 0;
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	AUTO_ERROR err = ERROR_INIT;

	for (int round = 0; round < ROUNDS && worker_round(w, round, &err) == 0; round++)
		;
	return NULL;
}

static int threads(struct kit *k)
{
	static struct worker workers[THREADS];
	struct kit_rows rows;
	int won = 0, started = 0;

	CALL(k, kit_prepare(k, "tmp", ""));
	CALL(k, kit_commit(k, "base", "tmp"));
	for (; started < THREADS; started++) {
		workers[started] = (struct worker){ .k = k, .number = started };
		if (pthread_create(&workers[started].thread, NULL, worker_run, &workers[started]) !=
		    0)
			break;
	}
	for (int i = 0; i < started; i++) {
		pthread_join(workers[i].thread, NULL);
		won += workers[i].won;
	}
	MUST(k, started == THREADS, "only %d threads could be made", started);
	for (int i = 0; i < THREADS; i++)
		MUST(k, !workers[i].failed, "%s", workers[i].why);
	MUST(k, won == ROUNDS, "%d keys were prepared %d times", ROUNDS, won);
	CALL(k, kit_walk(k, &rows));
	MUST(k, rows.n == ROUNDS + 1, "%zu snapshots are left, not %d", rows.n, ROUNDS + 1);
	return 0;
}

/* ---- optional methods ---- */

static int tree_of_active(struct kit *k, const struct ctr_tree *tree)
{
	static const struct change file[] = { { FILE_, "written", "below the mount", 0644, 0 },
					      { .op = END } };
	char path[64], mounted[KIT_PATH], flat[KIT_PATH];
	struct stat st;

	MUST(k, tree->whiteouts == CTR_WHITEOUT_OVERLAY || tree->whiteouts == CTR_WHITEOUT_REMOVE,
	     "the tree's whiteouts are of kind %u", tree->whiteouts);
	MUST(k, fstat(tree->fd, &st) == 0 && S_ISDIR(st.st_mode), "the tree is no directory");
	MUST(k, fcntl(tree->fd, F_GETFD) & FD_CLOEXEC,
	     "the tree's descriptor is not closed on exec");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", tree->fd);
	STEP(tree_change(k, path, file));
	STEP(work_dir(k, "flat", flat));
	STEP(tree_change(k, flat, file));
	CALL(k, kit_mounts(k, "fresh"));
	STEP(kit_mount(k, "fresh", mounted));
	STEP(tree_equal(k, flat, mounted, 0));
	return kit_umount(k, mounted);
}

static int open_tree_(struct kit *k)
{
	struct ctr_tree tree;
	ctr_code code;
	int r;

	STEP(make_three(k));
	CALL(k, kit_prepare(k, "fresh", ""));
	code = kit_open_tree(k, "fresh", &tree);
	if (code == CTR_UNIMPLEMENTED)
		return kit_skip(k, "the plugin offers no open_tree");
	CALL(k, code);
	r = tree_of_active(k, &tree);
	close(tree.fd);
	STEP(r);
	REFUSED(k, CTR_NOT_FOUND, kit_open_tree(k, "none", &tree));
	REFUSED(k, CTR_FAILED_PRECONDITION, kit_open_tree(k, "view", &tree));
	REFUSED(k, CTR_FAILED_PRECONDITION, kit_open_tree(k, "committed", &tree));
	return 0;
}

static int sync_and_cleanup(struct kit *k)
{
	const char *const keys[] = { "active" };
	struct kit_row row;
	ctr_code synced, cleaned;

	STEP(make_three(k));
	error_done(&k->err);
	synced = k->ops->sync(k->self, NULL, keys, 1, &k->err);
	if (synced != CTR_UNIMPLEMENTED) {
		CALL(k, synced);
		CALL(k, k->ops->sync(k->self, NULL, NULL, 0, &k->err));
		STEP(commit_flags(k, CTR_SNAPSHOT_SYNCED, CTR_OK));
	}
	error_done(&k->err);
	cleaned = k->ops->cleanup(k->self, NULL, &k->err);
	if (cleaned != CTR_UNIMPLEMENTED)
		CALL(k, cleaned);
	if (synced == CTR_UNIMPLEMENTED && cleaned == CTR_UNIMPLEMENTED)
		return kit_skip(k, "the plugin offers neither sync nor cleanup");
	CALL(k, kit_stat(k, "view", &row));
	CALL(k, kit_mounts(k, "view"));
	return 0;
}

/* Unpacked on nothing, committed on a parent: what parallel pulls do. */
static int rebase(struct kit *k)
{
	static const struct change lower[] = { { FILE_, "lower", "lower", 0644, 0 },
					       { .op = END } };
	static const struct change upper[] = { { FILE_, "upper", "upper", 0644, 0 },
					       { .op = END } };
	const struct ctr_snapshot_commit commit = { sizeof(commit), 0,     "two",
						    "active",       "one", { NULL, 0 } };
	const struct ctr_snapshot_commit other = { sizeof(other), 0,     "three",
						   "child",       "two", { NULL, 0 } };
	char path[KIT_PATH], flat[KIT_PATH];
	struct kit_row row;

	if (!world_has_capability(k, "rebase"))
		return kit_skip(k, "the plugin has no capability 'rebase'");
	CALL(k, kit_prepare(k, "active", ""));
	STEP(kit_mount(k, "active", path));
	STEP(tree_change(k, path, upper));
	STEP(kit_umount(k, path));
	REFUSED(k, CTR_NOT_FOUND, kit_commit_args(k, &commit)); /* no such parent yet */

	CALL(k, kit_prepare(k, "parent", ""));
	STEP(kit_mount(k, "parent", path));
	STEP(tree_change(k, path, lower));
	STEP(kit_umount(k, path));
	CALL(k, kit_commit(k, "one", "parent"));
	CALL(k, kit_commit_args(k, &commit));
	CALL(k, kit_stat(k, "two", &row));
	MUST(k, str_eq(row.parent, "one"), "the parent given at commit was 'one', it is '%s'",
	     row.parent);

	STEP(work_dir(k, "flat", flat));
	STEP(tree_change(k, flat, lower));
	STEP(tree_change(k, flat, upper));
	CALL(k, kit_view(k, "view", "two"));
	STEP(kit_mount(k, "view", path));
	STEP(tree_equal(k, flat, path, 0));
	STEP(kit_umount(k, path));

	/* A snapshot that has a parent keeps it. */
	CALL(k, kit_prepare(k, "child", "one"));
	REFUSED(k, CTR_FAILED_PRECONDITION, kit_commit_args(k, &other));
	return 0;
}

const struct kit_case cases_contract[] = {
	{ "Refusals", refusals, 0 },
	{ "UnknownFlags", unknown_flags, 0 },
	{ "NullArguments", null_arguments, 0 },
	{ "FailingSinks", failing_sinks, 0 },
	{ "Cancelled", cancelled, 0 },
	{ "Usage", usage, 0 },
	{ "Threads", threads, 0 },
	{ "OpenTree", open_tree_, 0 },
	{ "SyncAndCleanup", sync_and_cleanup, 0 },
	{ "Rebase", rebase, 0 },
	{ NULL, NULL, 0 },
};
