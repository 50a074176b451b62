/* SPDX-License-Identifier: Apache-2.0
 *
 * Copy a tree as it is: owners, modes, times, xattrs, hard links, devices, holes. Names are taken as bytes and only ever
 * used below directory descriptors, without following symlinks, for the tree is an image's.
 */
#ifndef CTR_NATIVE_COPYTREE_H
#define CTR_NATIVE_COPYTREE_H

/* Asked for each directory: 0 to go on, or a value that ends the copy with it. */
typedef int (*copytree_check)(void *ud);

/* Copy what is in from_fd, and its own metadata, into the empty directory to_fd. 0, -errno, or check's value. */
int copytree(int from_fd, int to_fd, copytree_check check, void *ud);

#endif
