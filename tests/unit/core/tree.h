/* SPDX-License-Identifier: Apache-2.0
 *
 * Remove a test's folder with plain calls: valgrind does not know openat2, which base/path.h stands
 * on.
 */
#ifndef CTR_TEST_CORE_TREE_H
#define CTR_TEST_CORE_TREE_H

#include <ftw.h>
#include <stdio.h>

static inline int tree_remove_one(const char *path, const struct stat *st, int type,
				  struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static inline int tree_remove(const char *dir)
{
	return nftw(dir, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
