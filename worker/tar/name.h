/* SPDX-License-Identifier: Apache-2.0
 *
 * Names in a layer: what a path in a tar entry means, and the reserved names of whiteouts. Names are
 * bytes, never characters. Pure functions.
 */
#ifndef CTR_WORKER_TAR_NAME_H
#define CTR_WORKER_TAR_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_PATH_MAX 4096 /* with NUL */
#define NAME_PART_MAX 255  /* of one component, without the prefix of a whiteout */

#define WHITEOUT_PREFIX                                                                            \
	"."                                                                                        \
	"wh."
#define WHITEOUT_META   WHITEOUT_PREFIX WHITEOUT_PREFIX /* AUFS bookkeeping */
#define WHITEOUT_OPAQUE WHITEOUT_META ".opq"

/*
 * The path relative to the root: "/a//./b/" gives "a/b", "a/../b" gives "b" and "./" gives "". 0 and the length,
 * -EXDEV when ".." leaves the root, -ENAMETOOLONG for a path or component over the limit.
 */
int name_clean(const char *path, char ret[NAME_PATH_MAX], size_t *ret_n);

enum name_kind {
	NAME_PLAIN,
	NAME_WHITEOUT, /* ".wh.x" in its last component */
	NAME_OPAQUE,   /* last component ".wh..wh..opq" */
	NAME_META,     /* any component starts with ".wh..wh.": not part of the tree */
	NAME_BAD,      /* a whiteout of nothing, of "." or of ".." */
};
/* Of a clean path. */
enum name_kind name_kind(const char *path);

/* A copy with control characters and what is no UTF-8 as \xNN, for messages; NULL when out of memory. */
char *name_printable(const char *s);

/* Position of the last component: after the last '/', or 0. */
size_t name_base(const char *path);

/*
 * Set on a directory that a layer needs but does not name, and on the root of a tree that holds one, when the trees below
 * are not known yet: who joins the tree to its parent gives it the parent's metadata (docs/unpack.md).
 */
#define XATTR_IMPLIED "user.ctr.implied"

/*
 * Is this extended attribute part of an image? Not what steers overlayfs or only the host's root may
 * set: trusted.*, *.overlay.*, security.* but capability, system.* but POSIX ACLs.
 */
bool name_xattr_kept(const char *name);

#endif
