/* SPDX-License-Identifier: Apache-2.0
 *
 * The one path module: every path that an image, a bundle or a client controls is resolved here
 * through openat2, below a directory descriptor. No other file joins such paths by hand.
 */
#ifndef CTR_BASE_PATH_H
#define CTR_BASE_PATH_H

#include <stddef.h>
#include <sys/types.h>

#define PATH_BENEATH     1 /* leaving the root, even by a symlink, is an error (-EXDEV) */
#define PATH_IN_ROOT     2 /* the root is '/' for absolute paths, symlinks and '..' */
#define PATH_NO_SYMLINKS 4 /* any symlink on the way is -ELOOP; or'ed to one of the two */

/*
 * Open path below root_fd. how is PATH_BENEATH or PATH_IN_ROOT, never across magic links. flags as
 * open(2); O_CLOEXEC is added. Descriptor or -errno.
 */
int path_open(int root_fd, const char *path, int how, int flags, mode_t mode);
/*
 * Open the directory that holds path's last component and give that component. For "a/b/c" the
 * descriptor of a/b and "c". *ret_name points into path. -EINVAL when the last component is empty,
 * "." or "..".
 */
int path_open_parent(int root_fd, const char *path, int how, const char **ret_name);
/*
 * Make each missing directory of path below root_fd, mode as given; the descriptor of the last or
 * -errno.
 */
int path_mkdirs(int root_fd, const char *path, int how, mode_t mode);

/*
 * Make (parents too) an absolute directory of our own and open it: mode at creation, and an
 * existing one must be a directory owned by the effective user and not writable by anyone else,
 * else -EPERM. Symlinks on the way must be root's or our own.
 */
int path_own_dir(const char *path, mode_t mode);

/*
 * Remove name below dir_fd with all it holds, however deep; never follows a symlink. A mount in it
 * stays, with -EBUSY; what can be removed beside a failure is. Missing is 0. name is one component;
 * with AT_FDCWD it may be a path of our own.
 */
int path_remove_tree(int dir_fd, const char *name);

/*
 * 0 if every component of the absolute path is owned by root and not writable by group or others (a
 * sticky root-owned directory passes), symlinks followed and their targets checked too; else
 * -EPERM, or -errno when one is missing. *ret_bad (caller frees; NULL on OOM) names the component;
 * ret_bad may be NULL.
 */
int path_check_trusted(const char *path, char **ret_bad);

/* fsync the directory that fd is. */
int path_sync_dir(int dir_fd);

#endif
