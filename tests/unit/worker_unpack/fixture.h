/* SPDX-License-Identifier: Apache-2.0
 *
 * A throwaway tree and the calls that tests of unpacking repeat. Setup and teardown are cmocka's.
 */
#ifndef CTR_TEST_UNPACK_FIXTURE_H
#define CTR_TEST_UNPACK_FIXTURE_H

#include <sys/stat.h>

#include "base/buf.h"
#include "worker/unpack/unpack.h"

#define OPAQUE_MAX 16

struct fixture {
	char dir[64];
	int fd;                    /* of dir/root, made anew by fixture_fresh() */
	struct unpack_options opt; /* changed by a test before unpack() */
	struct unpack_result res;
	char message[1024];
	ino_t opaque[OPAQUE_MAX]; /* inodes of directories that were made opaque */
	size_t n_opaque;
};

int fixture_possible(void);      /* 0: nothing here can run (valgrind 3.19 does not know openat2) */
int fixture_setup(void **state); /* sets LC_CTYPE as the worker does */
int fixture_teardown(void **state);
void fixture_fresh(struct fixture *f); /* an empty tree and default options */

ctr_code unpack(struct fixture *f, const struct buf *tar);
void unpacks(struct fixture *f, const struct buf *tar);
/* It fails with code, and its message holds each of the parts (NULL: ignored). */
void unpack_fails(struct fixture *f, const struct buf *tar, ctr_code code, const char *part,
		  const char *part2);

struct stat stat_of(struct fixture *f,
		    const char *path); /* not followed; fails the test when missing */
int missing(struct fixture *f, const char *path);
void expect_text(struct fixture *f, const char *path, const char *text);
void put_text(struct fixture *f, const char *path, const char *text);
int is_opaque(struct fixture *f, const char *path);
void need_root(void); /* skip() unless devices and owners can be made */

#endif
