/* SPDX-License-Identifier: Apache-2.0
 *
 * Extended attributes from one file to another. A file system without them is no error.
 */
#ifndef CTR_NATIVE_XATTRS_H
#define CTR_NATIVE_XATTRS_H

int xattrs_copy(int from_fd, int to_fd); /* 0 or -errno */
int xattrs_copy_at(int from_dir, int to_dir,
		   const char *name); /* of a symlink or special file itself */

#endif
