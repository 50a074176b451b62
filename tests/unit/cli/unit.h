/* SPDX-License-Identifier: Apache-2.0
 *
 * What every test of this folder includes.
 */
#ifndef CTR_TESTS_CLI_UNIT_H
#define CTR_TESTS_CLI_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

/* Remove a flat directory. Not path_remove_tree(): valgrind does not know openat2. */
static inline int remove_flat(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		(void)closedir(dir);
	return rmdir(path);
}

#endif
