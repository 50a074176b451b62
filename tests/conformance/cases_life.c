/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a plugin: check without effects, init without start, close twice, and a daemon that comes back and finds
 * everything as it was. These cases make and end their world themselves.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "core/registry/registry.h"
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

const struct kit_case cases_life[] = {
	{ "CloseTwice", close_twice, 1 },
	{ "CheckTwice", check_twice, 1 },
	{ "InitWithoutStart", init_without_start, 1 },
	{ "Restart", restart, 1 },
	{ NULL, NULL, 0 },
};
