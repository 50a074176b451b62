/* SPDX-License-Identifier: Apache-2.0
 *
 * Cases of containerd's snapshotter suite that are about bytes: what is changed in one layer is seen through the layers
 * above it, exactly as in a plain folder that went through the same changes. Written from what the cases mean.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "tests/conformance/kit.h"

#define LAYERS 128

/* A layer on parent, committed, and seen again through a view: it must look like the folder flat. */
static int add_layer(struct kit *k, const char *name, const char *parent,
		     const struct change *changes, const char *flat, int flags)
{
	char path[KIT_PATH];

	CALL(k, kit_prepare(k, "layer", parent));
	STEP(kit_mount(k, "layer", path));
	STEP(tree_equal(k, flat, path, flags));
	STEP(tree_change(k, path, changes));
	STEP(tree_change(k, flat, changes));
	STEP(tree_equal(k, flat, path, flags));
	STEP(kit_umount(k, path));
	CALL(k, kit_commit(k, name, "layer"));

	CALL(k, kit_view(k, "view", name));
	STEP(kit_mount(k, "view", path));
	STEP(tree_equal(k, flat, path, flags));
	STEP(kit_umount(k, path));
	CALL(k, kit_remove(k, "view"));
	return 0;
}

/* run: tells the runs of one case apart. */
static int check_layers(struct kit *k, int run, const struct change *const *layers, int flags)
{
	char flat[KIT_PATH], name[32], parent[32] = "", flat_name[32];

	snprintf(flat_name, sizeof(flat_name), "flat-%d", run);
	STEP(work_dir(k, flat_name, flat));
	for (int i = 0; layers[i]; i++) {
		snprintf(name, sizeof(name), "run-%d-layer-%d", run, i);
		STEP(add_layer(k, name, parent, layers[i], flat, flags));
		strcpy(parent, name);
	}
	return 0;
}

static int layer_file_update(struct kit *k)
{
	static const struct change one[] = {
		{ DIR_, "etc", NULL, 0700, 0 },
		{ FILE_, "etc/hosts", "mydomain 10.0.0.1", 0644, 0 },
		{ FILE_, "etc/profile", "PATH=/usr/bin", 0644, 0 },
		{ .op = END },
	};
	static const struct change two[] = {
		{ FILE_, "etc/hosts", "mydomain 10.0.0.2", 0644, 0 },
		{ FILE_, "etc/profile", "PATH=/usr/bin", 0666, 0 },
		{ DIR_, "root", NULL, 0700, 0 },
		{ FILE_, "root/.bashrc", "PATH=/usr/sbin:/usr/bin", 0644, 0 },
		{ .op = END },
	};

	for (int run = 0; run < 5; run++)
		STEP(check_layers(k, run, (const struct change *const[]){ one, two, NULL }, 0));
	return 0;
}

static int remove_directory_in_lower(struct kit *k)
{
	static const struct change one[] = {
		{ DIR_, "lib", NULL, 0700, 0 },
		{ FILE_, "lib/hidden", "", 0644, 0 },
		{ .op = END },
	};
	static const struct change two[] = {
		{ REMOVE, "lib", NULL, 0, 0 },
		{ DIR_, "lib", NULL, 0700, 0 },
		{ FILE_, "lib/not-hidden", "", 0644, 0 },
		{ .op = END },
	};
	static const struct change three[] = { { FILE_, "lib/newfile", "", 0644, 0 },
					       { .op = END } };

	return check_layers(k, 0, (const struct change *const[]){ one, two, three, NULL }, 0);
}

static int change_owner(struct kit *k)
{
	static const struct change one[] = {
		{ DIR_, "opt", NULL, 0700, 0 },
		{ DIR_, "opt/a", NULL, 0700, 0 },
		{ DIR_, "opt/a/b", NULL, 0700, 0 },
		{ FILE_, "opt/a/b/file.txt", "hello", 0644, 0 },
		{ .op = END },
	};
	static const struct change two[] = {
		{ CHOWN, "opt", NULL, 0, 1 },
		{ CHOWN, "opt/a", NULL, 0, 1 },
		{ CHOWN, "opt/a/b", NULL, 0, 1 },
		{ CHOWN, "opt/a/b/file.txt", NULL, 0, 1 },
		{ .op = END },
	};

	return check_layers(k, 0, (const struct change *const[]){ one, two, NULL }, 0);
}

static int permission_on_commit(struct kit *k)
{
	static const struct change one[] = {
		{ DIR_, "dir1", NULL, 0700, 0 },
		{ DIR_, "dir2", NULL, 0700, 0 },
		{ DIR_, "dir3", NULL, 0700, 0 },
		{ DIR_, "dir4", NULL, 0700, 0 },
		{ FILE_, "dir4/f1", "...", 0644, 0 },
		{ DIR_, "dir5", NULL, 0700, 0 },
		{ FILE_, "dir5/f1", "...", 0644, 0 },
		{ CHOWN, "dir1", NULL, 0, 1 },
		{ CHOWN, "dir2", NULL, 0, 1 },
		{ CHOWN, "dir3", NULL, 0, 1 },
		{ CHOWN, "dir5", NULL, 0, 1 },
		{ CHOWN, "dir5/f1", NULL, 0, 1 },
		{ .op = END },
	};
	static const struct change two[] = {
		{ CHOWN, "dir2", NULL, 0, 0 },
		{ REMOVE, "dir3", NULL, 0, 0 },
		{ CHOWN, "dir4", NULL, 0, 1 },
		{ CHOWN, "dir4/f1", NULL, 0, 1 },
		{ .op = END },
	};
	static const struct change three[] = {
		{ DIR_, "dir3", NULL, 0700, 0 }, { CHOWN, "dir3", NULL, 0, 1 },
		{ REMOVE, "dir5", NULL, 0, 0 },  { DIR_, "dir5", NULL, 0700, 0 },
		{ CHOWN, "dir5", NULL, 0, 1 },   { .op = END },
	};

	return check_layers(k, 0, (const struct change *const[]){ one, two, three, NULL }, 0);
}

static int deleted_files(struct kit *k)
{
	static const struct change one[] = {
		{ FILE_, "foo", "foo\n", 0777, 0 },
		{ FILE_, "foobar", "foobar\n", 0777, 0 },
		{ .op = END },
	};
	static const struct change two[] = { { REMOVE, "foobar", NULL, 0, 0 }, { .op = END } };
	static const struct change three[] = { { .op = END } };

	return check_layers(k, 0, (const struct change *const[]){ one, two, three, NULL }, 0);
}

static int move_file(struct kit *k)
{
	static const struct change one[] = {
		{ DIR_, "dir1", NULL, 0700, 0 },
		{ FILE_, "dir1/f1", "Hello", 0644, 0 },
		{ DIR_, "dir2", NULL, 0700, 0 },
		{ FILE_, "dir2/f2", "...", 0644, 0 },
		{ .op = END },
	};
	static const struct change two[] = {
		{ DIR_, "dir3", NULL, 0700, 0 },   { FILE_, "dir3/f1", "Hello", 0644, 0 },
		{ REMOVE, "dir1", NULL, 0, 0 },    { LINK, "dir2/f2", "dir3/f2", 0, 0 },
		{ REMOVE, "dir2/f2", NULL, 0, 0 }, { .op = END },
	};

	return check_layers(k, 0, (const struct change *const[]){ one, two, NULL }, 0);
}

/* A directory of a lower layer need not be renamed in place: mv(1) copies after EXDEV. */
static int rename_files(struct kit *k)
{
	static const struct change one[] = {
		{ DIR_, "dir1", NULL, 0700, 0 },
		{ DIR_, "somefiles", NULL, 0700, 0 },
		{ FILE_, "somefiles/f1", "was here first!", 0644, 0 },
		{ FILE_, "somefiles/f2", "nothing interesting", 0644, 0 },
		{ .op = END },
	};
	static const struct change two[] = {
		{ RENAME_DIR, "dir1", "dir2", 0, 0 },
		{ FILE_, "somefiles/f1-overwrite", "new content 1", 0644, 0 },
		{ RENAME, "somefiles/f1-overwrite", "somefiles/f1", 0, 0 },
		{ RENAME, "somefiles/f2", "somefiles/f3", 0, 0 },
		{ .op = END },
	};

	return check_layers(k, 0, (const struct change *const[]){ one, two, NULL }, 0);
}

/* The option word is not enough: a write must fail. */
static int view_readonly(struct kit *k)
{
	char path[KIT_PATH];
	int fd, e;

	CALL(k, kit_prepare(k, "active", ""));
	CALL(k, kit_commit(k, "committed", "active"));
	CALL(k, kit_view(k, "view", "committed"));
	STEP(kit_mount(k, "view", path));
	AUTO_CLOSE int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	MUST(k, dir >= 0, "open '%s': %s", path, strerrordesc_np(errno));
	fd = openat(dir, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	e = errno;
	if (fd >= 0)
		close(fd);
	MUST(k, fd < 0, "a view can be written to");
	MUST(k, e == EROFS, "a write to a view fails with '%s', not EROFS", strerrordesc_np(e));
	fd_close(&dir);
	STEP(kit_umount(k, path));
	CALL(k, kit_remove(k, "view"));
	CALL(k, kit_remove(k, "committed"));
	return 0;
}

static int root_permission(struct kit *k)
{
	static const struct change top[] = { { CHMOD, ".", NULL, 01777, 0 },
					     { CHOWN, ".", NULL, 0, 3 },
					     { .op = END } };
	char path[KIT_PATH];
	struct stat st;

	CALL(k, kit_prepare(k, "active", ""));
	STEP(kit_mount(k, "active", path));
	MUST(k, stat(path, &st) == 0, "stat '%s': %s", path, strerrordesc_np(errno));
	MUST(k, (st.st_mode & 07777) == 0755, "the top of an empty snapshot has mode %o, not 755",
	     st.st_mode & 07777);
	MUST(k, st.st_uid == 0 && st.st_gid == 0, "the top of an empty snapshot belongs to %u",
	     st.st_uid);

	/* What a layer makes of its top is what its children see. */
	STEP(tree_change(k, path, top));
	STEP(kit_umount(k, path));
	CALL(k, kit_commit(k, "committed", "active"));
	CALL(k, kit_prepare(k, "child", "committed"));
	STEP(kit_mount(k, "child", path));
	MUST(k, stat(path, &st) == 0, "stat '%s': %s", path, strerrordesc_np(errno));
	MUST(k, (st.st_mode & 07777) == 01777 && st.st_uid == 3,
	     "the top was 1777 of user 3, in the child it is %o of user %u", st.st_mode & 07777,
	     st.st_uid);
	return kit_umount(k, path);
}

/* As many layers as images are allowed to have. */
static int layers_128(struct kit *k)
{
	static const struct change bottom[] = {
		{ FILE_, "bottom", "way at the bottom\n", 0777, 0 },
		{ FILE_, "overwriteme", "FIRST!\n", 0777, 0 },
		{ DIR_, "addhere", NULL, 0755, 0 },
		{ DIR_, "onlyme", NULL, 0755, 0 },
		{ FILE_, "onlyme/bottom", "bye!\n", 0777, 0 },
		{ .op = END },
	};
	char flat[KIT_PATH], name[32], parent[32] = "layer-0", said[32], added[32], only[32];

	STEP(work_dir(k, "flat", flat));
	STEP(add_layer(k, parent, "", bottom, flat, 0));
	for (int i = 1; i < LAYERS; i++) {
		const struct change next[] = {
			{ FILE_, "overwriteme", said, 0777, 0 },
			{ FILE_, added, "same\n", 0755, 0 },
			{ REMOVE, "onlyme", NULL, 0, 0 },
			{ DIR_, "onlyme", NULL, 0755, 0 },
			{ FILE_, only, "only me!\n", 0777, 0 },
			{ .op = END },
		};

		snprintf(said, sizeof(said), "%d WAS HERE!\n", i);
		snprintf(added, sizeof(added), "addhere/file-%d", i);
		snprintf(only, sizeof(only), "onlyme/file-%d", i);
		snprintf(name, sizeof(name), "layer-%d", i);
		STEP(add_layer(k, name, parent, next, flat, 0));
		strcpy(parent, name);
	}
	return 0;
}

/* ---- beyond containerd's ---- */

/* What tar layers carry beside names and bytes. */
static int metadata(struct kit *k)
{
	static const struct change one[] = {
		{ FILE_, "plain", "plain", 04755, 0 },
		{ LINK, "plain", "second-name", 0, 0 },
		{ DIR_, "deep", NULL, 01777, 0 },
		{ LINK, "plain", "deep/third-name", 0, 0 },
		{ SYMLINK, "deep/up", "../plain", 0, 0 },
		{ SYMLINK, "dangling", "/no/where", 0, 0 },
		{ NODE, "fifo", NULL, S_IFIFO | 0640, 0 },
		{ NODE, "null", NULL, S_IFCHR | 0666, 0 },
		{ NODE, "block", NULL, S_IFBLK | 0600, 0 },
		{ FILE_, "\xc3\xa4 \xe2\x82\xac", "name", 0600, 0 },
		{ XATTR, "plain", "trusted.kit", 0, 0 },
		{ XATTR, "deep", "trusted.kit", 0, 0 },
		{ CHOWN, "deep/up", NULL, 0, 1000 },
		{ AGE, "plain", NULL, 0, 0 },
		{ AGE, "deep/up", NULL, 0, 0 },
		{ AGE, "fifo", NULL, 0, 0 },
		{ AGE, "deep", NULL, 0, 0 },
		{ .op = END },
	};
	static const struct change two[] = {
		{ FILE_, "new", "new", 0644, 0 },
		{ AGE, "new", NULL, 0, 0 },
		{ .op = END },
	};
	static const struct change three[] = { { .op = END } };
	char flat[KIT_PATH];

	/* Times of what both sides just made may fall on either side of a second; aged ones are compared. */
	STEP(work_dir(k, "flat", flat));
	STEP(add_layer(k, "one", "", one, flat, 0));
	STEP(add_layer(k, "two", "one", two, flat, 0));
	STEP(add_layer(k, "three", "two", three, flat, 0));
	static const char *const aged[] = { "plain", "deep", "deep/up", "fifo", "new" };
	char path[KIT_PATH];

	CALL(k, kit_view(k, "view", "three"));
	STEP(kit_mount(k, "view", path));
	for (size_t i = 0; i < ARRAY_SIZE(aged); i++) {
		AUTO_FREE char *name = str_printf("%s/%s", path, aged[i]);
		struct stat st;

		MUST(k, name && lstat(name, &st) == 0, "stat '%s': %s", aged[i],
		     strerrordesc_np(errno));
		MUST(k, st.st_mtim.tv_sec == 1000000000,
		     "'%s' was changed at %lld, not at 1000000000", aged[i],
		     (long long)st.st_mtim.tv_sec);
	}
	return kit_umount(k, path);
}

/* Two active snapshots of one parent do not see each other, nor does the parent see them. */
static int siblings(struct kit *k)
{
	static const struct change one[] = { { FILE_, "shared", "parent", 0644, 0 },
					     { .op = END } };
	static const struct change two[] = { { FILE_, "shared", "changed", 0644, 0 },
					     { FILE_, "mine", "mine", 0644, 0 },
					     { .op = END } };
	char flat[KIT_PATH], a[KIT_PATH], b[KIT_PATH], v[KIT_PATH];

	STEP(work_dir(k, "flat", flat));
	STEP(add_layer(k, "parent", "", one, flat, 0));
	CALL(k, kit_prepare(k, "a", "parent"));
	STEP(kit_mount(k, "a", a));
	CALL(k, kit_prepare(k, "b", "parent"));
	STEP(kit_mount(k, "b", b));
	STEP(tree_change(k, a, two));
	STEP(tree_equal(k, flat, b, 0));
	CALL(k, kit_view(k, "v", "parent"));
	STEP(kit_mount(k, "v", v));
	STEP(tree_equal(k, flat, v, 0));
	STEP(kit_umount(k, v));
	STEP(kit_umount(k, b));
	STEP(kit_umount(k, a));

	/* mounts() gives the same again: what was written is still there. */
	CALL(k, kit_mounts(k, "a"));
	STEP(kit_mount(k, "a", a));
	STEP(tree_change(k, flat, two));
	STEP(tree_equal(k, flat, a, 0));
	return kit_umount(k, a);
}

const struct kit_case cases_layers[] = {
	{ "LayerFileupdate", layer_file_update, 0 },
	{ "RemoveDirectoryInLowerLayer", remove_directory_in_lower, 0 },
	{ "Chown", change_owner, 0 },
	{ "DirectoryPermissionOnCommit", permission_on_commit, 0 },
	{ "DeletedFilesInChildSnapshot", deleted_files, 0 },
	{ "MoveFileFromLowerLayer", move_file, 0 },
	{ "ViewReadonly", view_readonly, 0 },
	{ "RootPermission", root_permission, 0 },
	{ "Rename", rename_files, 0 },
	{ "128LayersMount", layers_128, 0 },
	{ "Metadata", metadata, 0 },
	{ "Siblings", siblings, 0 },
	{ NULL, NULL, 0 },
};
