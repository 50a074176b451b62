/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a plugin: check without effects, init without start, close twice, a daemon that comes back and finds
 * everything as it was, one that died in between, and a full disk. These cases make and end their world themselves.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/str.h"
#include "core/registry/registry.h"
#include "core/store/service.h"
#include "tests/conformance/kit.h"

/* What powers `ctrd config check`: asked as often as one likes, it touches nothing. */
static int check_twice(struct kit *k)
{
	AUTO_FREE char *root = str_printf("%s/root", k->dir);
	struct stat st;

	STEP(world_load(k));
	for (int i = 0; i < 2; i++)
		MUST(k, registry_check(k->d.registry, &k->err) == CTR_OK, "check: %s",
		     error_text(&k->err));
	MUST(k, root && stat(root, &st) < 0, "check made '%s'", root);
	world_close(k);
	return 0;
}

/* A daemon that fails between init and start ends plugins that never started. */
static int init_without_start(struct kit *k)
{
	STEP(world_load(k));
	STEP(world_init(k, 0));
	world_close(k);
	STEP(world_open(k));
	CALL(k, kit_prepare(k, "active", ""));
	world_close(k);
	return 0;
}

/* Stop comes before fini, and a second stop harms nobody. */
static int close_twice(struct kit *k)
{
	STEP(world_open(k));
	CALL(k, kit_prepare(k, "active", ""));
	CALL(k, kit_commit(k, "committed", "active"));
	CALL(k, kit_remove(k, "committed"));
	registry_stop(k->d.registry, 0);
	registry_stop(k->d.registry, 0);
	world_close(k);
	world_close(k);
	return 0;
}

/* Rows and bytes outlive the daemon; work that was going on may go on. */
static int restart(struct kit *k)
{
	static const struct change one[] = { { FILE_, "one", "1", 0644, 0 }, { .op = END } };
	static const struct change two[] = { { FILE_, "two", "2", 0644, 0 }, { .op = END } };
	char path[KIT_PATH], flat[KIT_PATH];
	static struct kit_rows before, after;

	STEP(world_open(k));
	STEP(work_dir(k, "flat", flat));
	CALL(k, kit_prepare(k, "tmp", ""));
	STEP(kit_mount(k, "tmp", path));
	STEP(tree_change(k, path, one));
	STEP(kit_umount(k, path));
	CALL(k, kit_commit(k, "committed", "tmp"));
	CALL(k, kit_prepare(k, "active", "committed"));
	STEP(kit_mount(k, "active", path));
	STEP(tree_change(k, path, two));
	STEP(kit_umount(k, path));
	CALL(k, kit_walk(k, &before));
	world_close(k);

	STEP(world_open(k));
	CALL(k, kit_walk(k, &after));
	MUST(k, before.n == 2 && after.n == 2, "%zu snapshots before, %zu after the restart",
	     before.n, after.n);
	for (size_t i = 0; i < before.n; i++)
		MUST(k, kit_rows_equal(&before.items[i], &after.items[i]),
		     "the restart changed '%s'", before.items[i].name);
	STEP(tree_change(k, flat, one));
	STEP(tree_change(k, flat, two));
	CALL(k, kit_mounts(k, "active"));
	STEP(kit_mount(k, "active", path));
	STEP(tree_equal(k, flat, path, 0));
	STEP(kit_umount(k, path));
	CALL(k, kit_commit(k, "second", "active"));
	CALL(k, kit_remove(k, "second"));
	CALL(k, kit_remove(k, "committed"));
	world_close(k);
	return 0;
}

#define MARK "ctr-kit-mark"

static int is_mark(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return str_eq(path + at->base, MARK);
}

/* The row is gone and the daemon dies before the bytes are: the next start finds and removes them. */
static int orphans(struct kit *k)
{
	static const struct change mark[] = { { FILE_, MARK, "", 0644, 0 }, { .op = END } };
	AUTO_FREE char *root = str_printf("%s/root", k->dir);
	char path[KIT_PATH];
	uint64_t id;
	ctr_code code;

	STEP(world_open(k));
	CALL(k, kit_prepare(k, "active", ""));
	STEP(kit_mount(k, "active", path));
	STEP(tree_change(k, path, mark));
	STEP(kit_umount(k, path));
	MUST(k, root && nftw(root, is_mark, 16, FTW_PHYS) == 1,
	     "the bytes of a snapshot are not below '%s'", root);
	error_done(&k->err);
	code = snapgraph_ops.remove(registry_host(k->d.registry), NULL, "active", &id, &k->err);
	if (code == CTR_NOT_FOUND) {
		world_close(k);
		return kit_skip(k, "the plugin keeps its rows elsewhere than in ctr.snapgraph.v1");
	}
	CALL(k, code);
	CALL(k, kit_prepare(k, "other", ""));
	STEP(kit_mount(k, "other", path));
	STEP(tree_change(k, path, mark));
	STEP(kit_umount(k, path));
	world_close(k);

	STEP(world_open(k));
	CALL(k, kit_remove(k, "other"));
	world_close(k);
	MUST(k, nftw(root, is_mark, 16, FTW_PHYS) == 0,
	     "bytes without a row are still there after a start");
	return 0;
}

/* Prepare until the disk is full, then make room: 0, or -1 */
static int fill(struct kit *k)
{
	static struct kit_rows rows;
	char key[32];
	ctr_code code = CTR_OK;
	size_t n = 0;

	for (; n < ARRAY_SIZE(rows.items) && code == CTR_OK; n++) {
		snprintf(key, sizeof(key), "key-%zu", n);
		code = kit_prepare(k, key, "");
	}
	MUST(k, code == CTR_RESOURCE_EXHAUSTED,
	     "prepare on a full disk gives %s (%s), not CTR_RESOURCE_EXHAUSTED", kit_code(code),
	     code == CTR_OK ? "success" : error_text(&k->err));
	n--;
	STEP(*k->why ? -1 : 0);
	CALL(k, kit_walk(k, &rows));
	MUST(k, rows.n == n, "%zu snapshots were made until the disk was full, there are %zu", n,
	     rows.n);
	while (n-- > 0) {
		snprintf(key, sizeof(key), "key-%zu", n);
		CALL(k, kit_remove(k, key));
	}
	CALL(k, kit_prepare(k, key, ""));
	return 0;
}

/* A disk with room for a few inodes: what cannot be made leaves nothing, and there is room again after a remove. */
static int disk_full(struct kit *k)
{
	AUTO_FREE char *place = NULL;
	AUTO_FREE char *root = str_printf("%s/root", k->dir);
	int r;

	/* Once for the plugin's name, which names its folder. */
	STEP(world_open(k));
	place = str_printf("%s/root/" CTR_KIND_SNAPSHOTTER ".%s", k->dir, k->id);
	world_close(k);
	MUST(k, root && place, "out of memory");
	MUST(k, mount("tmpfs", place, "tmpfs", 0, "nr_inodes=48,size=16m,mode=700") == 0,
	     "mount '%s': %s", place, strerrordesc_np(errno));
	STEP(world_open(k));
	r = fill(k);
	world_close(k);
	STEP(r);
	return kit_umount(k, place);
}

const struct kit_case cases_life[] = {
	{ "CloseTwice", close_twice, 1 },
	{ "CheckTwice", check_twice, 1 },
	{ "InitWithoutStart", init_without_start, 1 },
	{ "Restart", restart, 1 },
	{ "Orphans", orphans, 1 },
	{ "DiskFull", disk_full, 1 },
	{ NULL, NULL, 0 },
};
