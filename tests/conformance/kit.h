/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the kit share: a daemon's core around one plugin on throwaway directories, calls that check what
 * every call promises, trees of files that are changed and compared, and the list of cases. One process a case, one
 * thread but for the cases that are about threads. See docs/plugin-authors.md, "The conformance kit".
 */
#ifndef CTR_TESTS_CONFORMANCE_KIT_H
#define CTR_TESTS_CONFORMANCE_KIT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ctr/snapshotter.h>

#include "base/buf.h"
#include "core/daemon.h"
#include "status/status.h"

#define KIT_PATH 256

/* What the command line says. */
struct kit_args {
	const char *file;   /* the shared object, absolute */
	const char *id;     /* NULL: the first snapshotter in it */
	const char *tables; /* a TOML file with the plugin's table, or NULL */
	const char *dir;    /* where throwaway directories are made */
	int in_process;     /* no process of its own for each case: for a debugger */
	int keep;           /* leave the directories */
};

/* The mounts of the last prepare, view or mounts that succeeded. */
struct kit_mounts {
	struct ctr_mount *items;
	uint64_t n;
};

struct kit {
	const struct kit_args *args;
	char dir[KIT_PATH]; /* holds root/ and state/ of the daemon, work/ of the case */
	struct daemon d;
	const struct ctr_snapshotter_ops
		*ops; /* as the core calls it: through the host's wrappers */
	void *self;
	const char *id;
	struct ctr_error err;        /* of the last call */
	const struct ctr_call *call; /* given to every call; NULL: the daemon's own work */
	struct kit_mounts mounts;
	int no_dir_rename; /* the file system said EXDEV, as overlay does for lower directories */
	char why[1024];    /* the first thing that was wrong; "" while all is well */
	char skip[256];    /* why the case does not apply */
};

/* ---- kit.c: failures ---- */

/* Remember the first failure. -1. */
int kit_fail(struct kit *k, const char *fmt, ...) PRINTF_LIKE(2, 3);
int kit_skip(struct kit *k, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *kit_code(ctr_code code); /* "CTR_NOT_FOUND" */

/* In functions that return 0 or -1: the case ends here when cond does not hold. */
#define MUST(k_, cond_, ...)                                                                       \
	do {                                                                                       \
		if (!(cond_))                                                                      \
			return kit_fail((k_), __VA_ARGS__);                                        \
	} while (0)
/* A step that must succeed, and has said why when it does not. */
#define STEP(call_)                                                                                \
	do {                                                                                       \
		if ((call_) < 0)                                                                   \
			return -1;                                                                 \
	} while (0)
/* A call that must succeed, or must be refused with this code. */
#define CALL(k_, call_)           STEP(kit_expect((k_), (call_), CTR_OK, #call_))
#define REFUSED(k_, code_, call_) STEP(kit_expect((k_), (call_), (code_), #call_))
int kit_expect(struct kit *k, ctr_code code, ctr_code want, const char *what);

/* ---- world.c: the core around the plugin ---- */

int world_open(struct kit *k); /* make what is missing, load, check, init, start. 0 or -1 */
int world_load(struct kit *k); /* the same, but the plugin's init is left to world_init() */
int world_init(struct kit *k, int start);
void world_close(struct kit *k); /* stop, fini; directories stay. Half-open is fine */
int world_has_capability(const struct kit *k, const char *name);

/* ---- calls.c: each checks the promises that all calls make ---- */

ctr_code kit_prepare(struct kit *k, const char *key, const char *parent);
ctr_code kit_view(struct kit *k, const char *key, const char *parent);
ctr_code kit_prepare_labels(struct kit *k, const char *key, const char *parent,
			    struct ctr_labels labels, int view);
ctr_code kit_mounts(struct kit *k, const char *key);
ctr_code kit_commit(struct kit *k, const char *name, const char *key);
ctr_code kit_commit_args(struct kit *k, const struct ctr_snapshot_commit *args);
ctr_code kit_remove(struct kit *k, const char *key);
ctr_code kit_update(struct kit *k, const char *key, struct ctr_labels labels);
ctr_code kit_usage(struct kit *k, const char *key, struct ctr_usage *ret);
ctr_code kit_open_tree(struct kit *k, const char *key, struct ctr_tree *ret);

/* A row as stat and walk tell it; labels as "a=1 b=2", sorted by key. */
struct kit_row {
	uint32_t kind;
	char name[KIT_PATH], parent[KIT_PATH], labels[512];
	int64_t created_ns, updated_ns;
};
ctr_code kit_stat(struct kit *k, const char *key, struct kit_row *ret);
struct kit_rows {
	struct kit_row items[64];
	size_t n;
};
ctr_code kit_walk(struct kit *k, struct kit_rows *ret); /* sorted by name */
int kit_rows_equal(const struct kit_row *a, const struct kit_row *b);
void kit_mounts_done(struct kit *k);

/* ---- mounts.c ---- */

/* Mount what the last call gave on work/<name>, made here. */
int kit_mount(struct kit *k, const char *name, char ret_path[KIT_PATH]);
int kit_umount(struct kit *k, const char *path);

/* ---- tree.c ---- */

enum change_op {
	END,
	FILE_, /* made or overwritten; a: text */
	DIR_,
	REMOVE, /* with all below */
	CHOWN,
	CHMOD,
	RENAME,     /* to a */
	RENAME_DIR, /* the same; may be refused with EXDEV, and is then left out everywhere */
	LINK,       /* a new name, a, for path */
	SYMLINK,    /* to a */
	NODE,       /* a special file: mode says which */
	XATTR,      /* a: the name; its value is "kit" */
	AGE,        /* the modification time becomes 2001-09-09 */
};

struct change {
	enum change_op op;
	const char *path; /* relative */
	const char *a;
	mode_t mode;
	uid_t id;
};

/* Do the changes below dir, in order. */
int tree_change(struct kit *k, const char *dir, const struct change *changes);
/* Both trees hold the same names with the same types, modes, owners, contents, links, attributes and, where told so,
 * modification times. The two top directories are compared by mode and owner alone. */
#define TREE_TIMES 1
int tree_equal(struct kit *k, const char *a, const char *b, int flags);
/* <k->dir>/work/<name>, made. */
int work_dir(struct kit *k, const char *name, char ret[KIT_PATH]);

/* ---- hygiene.c ---- */

/* What a plugin must leave as it was: descriptors, threads, signals, umask, working directory, locale, environment,
 * credentials, each a line; and mounts, of which none may be added (those of others go when their folders go). */
struct hygiene {
	struct buf state, mounts;
};
int hygiene_take(struct hygiene *ret);
void hygiene_done(struct hygiene *h);
/* -1, and what differs. Waits a moment for threads that are ending. */
int hygiene_compare(struct kit *k, const struct hygiene *before);

/* ---- cases ---- */

struct kit_case {
	const char *name;
	int (*run)(struct kit *k);
	int own_world; /* it opens and closes the world itself */
};
extern const struct kit_case cases_rows[], cases_layers[], cases_contract[],
	cases_life[]; /* end with name NULL */

#endif
