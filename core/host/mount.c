/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.mount.v1": a tree as a descriptor that is attached nowhere, made by open_tree(2) for
 * binds and by fsopen(2), fsconfig(2) and fsmount(2) for file systems. Gone when its last
 * descriptor closes. Any thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "core/daemon.h"
#include "core/host/internal.h"

#define FS_TEXT_MAX   512
#define FS_VALUE_MAX  255 /* bytes of a value that fsconfig takes */
#define FS_LAYERS_MAX 500 /* what overlay takes */

/* The kernel's own message about a file system context, "e overlay: ...", or else the errno. */
static ctr_code fail_context(int fs, int errnum, const struct ctr_mount *m, struct ctr_error *err)
{
	char text[FS_TEXT_MAX];
	ssize_t n = read(fs, text, sizeof(text) - 1);
	ctr_code code = code_from_errno(errnum);

	if (n <= 2)
		return ctr_fail_errno(err, errnum, "mount %s '%s'", m->type, m->source);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return ctr_fail(err, code, "mount %s '%s': %s: %s", m->type, m->source, text + 2,
			strerrordesc_np(errnum));
}

/* Private, so that nothing mounted below travels, and with the attributes asked for. */
static ctr_code set_attributes(int tree, const struct ctr_mount *m, const struct mount_words *w,
			       struct ctr_error *err)
{
	struct mount_attr attr = {
		.attr_set = w->set,
		.attr_clr = w->clear,
		.propagation = MS_PRIVATE,
	};
	unsigned flags = AT_EMPTY_PATH | (w->recursive ? AT_RECURSIVE : 0);

	if (mount_setattr(tree, "", flags, &attr, sizeof(attr)) < 0)
		return ctr_fail_errno(err, errno, "set the attributes of mount '%s'", m->source);
	return CTR_OK;
}

static ctr_code open_bind(const struct ctr_mount *m, const struct mount_words *w, int *ret_fd,
			  struct ctr_error *err)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (w->recursive ? AT_RECURSIVE : 0);
	AUTO_CLOSE int tree = -1;
	ctr_code code;

	if (w->n_data > 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "bind '%s': unknown option '%s'",
				m->source, w->data[0]);
	tree = open_tree(AT_FDCWD, m->source, flags);
	if (tree < 0)
		return ctr_fail_errno(err, errno, "bind '%s'", m->source);
	code = set_attributes(tree, m, w, err);
	if (code != CTR_OK)
		return code;
	*ret_fd = take_fd(&tree);
	return CTR_OK;
}

/* "top:..:bottom", one by one. -ENOSYS: the kernel is older than the option. 0 or -errno. */
static int add_layers(int fs, const char *layers)
{
	AUTO_STRV parts = strv_split(layers, ':');
	int first = 1;

	if (!parts)
		return -ENOMEM;
	if (strv_len(parts) > FS_LAYERS_MAX)
		return -E2BIG;
	for (char **part = parts; *part; part++, first = 0) {
		if (fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", *part, 0) < 0)
			return first && errno == EINVAL && strlen(*part) <= FS_VALUE_MAX ? -ENOSYS
											 : -errno;
	}
	return 0;
}

/* One word. 0 or -errno; -ENOSYS as add_layers(). */
static int add_word(int fs, const char *word)
{
	static const char lower[] = "lowerdir=";
	const char *eq = strchr(word, '=');
	AUTO_FREE char *key = NULL;

	if (!eq)
		return fsconfig(fs, FSCONFIG_SET_FLAG, word, NULL, 0) < 0 ? -errno : 0;
	/* A colon behind a backslash belongs to a name: only the one-string form knows that. */
	if (str_starts(word, lower) && !strstr(word, "\\:") && !strstr(word, "::"))
		return add_layers(fs, word + strlen(lower));
	key = str_ndup(word, (size_t)(eq - word));
	if (!key)
		return -ENOMEM;
	return fsconfig(fs, FSCONFIG_SET_STRING, key, eq + 1, 0) < 0 ? -errno : 0;
}

static ctr_code configure(int fs, const struct ctr_mount *m, const struct mount_words *w,
			  int *ret_too_old, struct ctr_error *err)
{
	int r = 0;

	*ret_too_old = 0;
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", m->source, 0) < 0)
		return fail_context(fs, errno, m, err);
	if (w->read_only && fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
		return fail_context(fs, errno, m, err);
	for (uint64_t i = 0; i < w->n_data && r == 0; i++)
		r = add_word(fs, w->data[i]);
	if (r == -ENOSYS) {
		*ret_too_old = 1;
		return CTR_UNIMPLEMENTED;
	}
	if (r < 0)
		return fail_context(fs, -r, m, err);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_context(fs, errno, m, err);
	return CTR_OK;
}

static ctr_code open_fs(const struct ctr_mount *m, const struct mount_words *w, const char *scratch,
			int *ret_fd, struct ctr_error *err)
{
	AUTO_CLOSE int fs = fsopen(m->type, FSOPEN_CLOEXEC);
	AUTO_CLOSE int tree = -1;
	int too_old;
	ctr_code code;

	if (fs < 0)
		return ctr_fail_errno(err, errno, "file system type '%s'", m->type);
	code = configure(fs, m, w, &too_old, err);
	if (too_old)
		return mount_old_overlay(m, w, scratch, ret_fd, err);
	if (code != CTR_OK)
		return code;

	tree = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)w->set);
	if (tree < 0)
		return fail_context(fs, errno, m, err);
	*ret_fd = take_fd(&tree);
	return CTR_OK;
}

ctr_code mount_tree_open(const struct ctr_mount *mounts, uint64_t n, const char *scratch,
			 int *ret_fd, struct ctr_error *err)
{
	AUTO_FREE const char **data = NULL;
	const struct ctr_mount *m = mounts;
	struct mount_words w;
	ctr_code code;

	if (n == 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "no mount is given");
	if (n > 1 || (m->target && *m->target))
		return ctr_fail(err, CTR_UNIMPLEMENTED,
				"mounts below one another need the mount manager");
	if (strchr(m->type, '/') || str_starts(m->type, "fuse.") || str_starts(m->type, "fuse3."))
		return ctr_fail(err, CTR_UNIMPLEMENTED, "mount type '%s' needs the mount manager",
				m->type);

	data = calloc((size_t)MIN(m->n_options, (uint64_t)MOUNT_OPTIONS_MAX) + 1, sizeof(*data));
	if (!data)
		return ctr_fail_errno(err, ENOMEM, "mount '%s'", m->source);
	code = mount_words_read(m, data, &w, err);
	if (code != CTR_OK)
		return code;
	if (w.bind || str_eq(m->type, "bind"))
		return open_bind(m, &w, ret_fd, err);
	return open_fs(m, &w, scratch, ret_fd, err);
}

static ctr_code ops_open(const struct ctr_host *h, const struct ctr_mount *mounts, uint64_t n,
			 int32_t *ret_fd, struct ctr_error *err)
{
	int fd;
	ctr_code code = mount_tree_open(mounts, n, host_daemon(h)->state, &fd, err);

	if (code == CTR_OK)
		*ret_fd = fd;
	return code;
}

const struct ctr_mount_ops host_mount_ops = {
	.size = sizeof(host_mount_ops),
	.open = ops_open,
};
