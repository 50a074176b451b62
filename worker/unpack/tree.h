/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree that a layer is applied to: parent directories by descriptor (the last one is kept open, since
 * entries of a tar come directory by directory), replacement, owners and modes, whiteouts. Private to this folder.
 */
#ifndef CTR_WORKER_TREE_H
#define CTR_WORKER_TREE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "worker/tar/name.h"
#include "worker/tar/reader.h"
#include "worker/unpack/seen.h"
#include "worker/unpack/unpack.h"

struct tree {
	const struct unpack_options *opt;
	int root_fd;
	/* The parent kept open: valid when parent_fd >= 0. "" is the root. */
	char parent[NAME_PATH_MAX];
	size_t parent_n;
	int parent_fd;
	bool stale; /* something was removed: the parent's path may lead elsewhere for the next entry */
	uint64_t parent_ino; /* UNPACK_NATIVE only */
	/* What a file gets that open(2) makes here with all permission bits; nothing is assumed when explicit. */
	uid_t made_uid;
	gid_t made_gid;
	mode_t made_perm;
	bool explicit; /* a setgid directory or a default ACL is about: set owner and mode always */
	bool implied;  /* a directory has been marked with XATTR_IMPLIED */
	struct seen seen; /* UNPACK_NATIVE only */
	uint64_t entries; /* seen so far */
	struct buf dirs;  /* directories named by the layer, with their times: see times.c */
};

/* A place in the tree: a parent's descriptor (borrowed from the tree) and a name in it. */
struct place {
	int dir_fd;
	const char *name; /* inside path */
	const char *path; /* clean; for messages */
};

/* unpack.c: report progress when it is time; an error ends the work. */
ctr_code tree_tell(struct tree *t, struct ctr_error *err);
ctr_code tree_open(struct tree *t, const struct unpack_options *opt, struct ctr_error *err);
void tree_done(struct tree *t);

/* The place of a clean, non-empty path. Missing parents are made. */
ctr_code tree_place(struct tree *t, const char *path, struct place *ret, struct ctr_error *err);
/* The same, but CTR_NOT_FOUND (without a message) when a parent is missing. */
ctr_code tree_find(struct tree *t, const char *path, struct place *ret, struct ctr_error *err);
/* Keep fd (taken over) as the directory of path, for the entries that follow. */
void tree_enter(struct tree *t, const char *path, int fd);
/* A directory or symlink went: nothing that was resolved through it may be used again. */
void tree_forget(struct tree *t);

/*
 * Something is at p where an entry of another kind must go: remove it. *ret_kept: it is a directory and so is
 * the new entry (want_dir), and it stays. *ret_hides: a directory will stand where something else stood,
 * so it must hide a directory of the layers below.
 */
ctr_code tree_replace(struct tree *t, const struct place *p, bool want_dir, bool *ret_kept,
		      bool *ret_hides, struct ctr_error *err);
/* UNPACK_NATIVE: remember that this layer put p there. */
ctr_code tree_mark(struct tree *t, const struct place *p, struct ctr_error *err);

/* parent.c: walk path below the root, making what is missing; an O_PATH descriptor or -errno. */
int parent_make(struct tree *t, const char *path);

/* make.c */
ctr_code make_entry(struct tree *t, struct tar_reader *r, const struct tar_entry *e,
		    const struct place *p, struct ctr_error *err);

/* meta.c: owner, mode, attributes and times. is_new: just made by mkdir or open, with made_*. */
ctr_code meta_fd(struct tree *t, int fd, struct tar_reader *r, const struct tar_entry *e,
		 const char *path, bool is_new, struct ctr_error *err);
/* For what is not opened: symlinks and special files. Attributes are not set. */
ctr_code meta_at(struct tree *t, const struct tar_entry *e, const struct place *p,
		 struct ctr_error *err);
/* Owners through the maps. */
ctr_code meta_owner(const struct tree *t, const struct tar_entry *e, uid_t *ret_uid, gid_t *ret_gid,
		    struct ctr_error *err);

/* whiteout.c: of a path whose last component is a whiteout's name, or the opaque marker. */
ctr_code whiteout_apply(struct tree *t, const struct tar_entry *e, const struct place *p,
			struct ctr_error *err);
ctr_code whiteout_opaque(struct tree *t, const struct place *p, struct ctr_error *err);
ctr_code whiteout_make_opaque(struct tree *t, int dir_fd, const char *path, struct ctr_error *err);

/* times.c: times of directories, set at the end because every file made in one changes them. */
ctr_code times_keep(struct tree *t, const struct tar_entry *e, const char *path,
		    struct ctr_error *err);
ctr_code times_set(struct tree *t, struct ctr_error *err);

/* "<what> '<path>': <errno text>". What only the layer itself can have caused is CTR_INVALID_ARGUMENT. */
ctr_code tree_fail(struct ctr_error *err, int errnum, const char *what, const char *path);

#endif
