/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees of the tests, without openat2, which Debian 12's valgrind does not know.
 */
#ifndef CTR_TESTS_SHIM_TREE_H
#define CTR_TESTS_SHIM_TREE_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static inline int tree_remove_one(const char *path, const struct stat *st, int type,
				  struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int tree_remove(const char *path)
{
	return nftw(path, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
