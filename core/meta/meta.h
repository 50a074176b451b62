/* SPDX-License-Identifier: Apache-2.0
 *
 * Metadata: what the objects of all kinds have in common. An object is a node (namespace, kind,
 * sub, key) with a row of its kind's table; references are edges between nodes, written in the same
 * transaction as the record that has them. All functions with a txn run inside a closure
 * (core/store/store.h). See docs/metadata.md.
 */
#ifndef CTR_CORE_META_H
#define CTR_CORE_META_H

#include <protobuf-c/protobuf-c.h>

#include <ctr/types.h>

#include "core/store/store.h"

/* Numbers are in the database: never reuse one. */
enum meta_kind {
	META_CONTENT = 1,   /* key: digest */
	META_SNAPSHOT = 2,  /* sub: snapshotter, key: the client's key or name */
	META_IMAGE = 3,     /* key: name */
	META_CONTAINER = 4, /* key: id */
	META_LEASE = 5,     /* key: id */
	META_INGEST = 6,    /* key: the client's ref */
	META_SANDBOX = 7,   /* key: id */
};

enum meta_why {
	META_FIXED = 0, /* the record: image to target, snapshot to parent, container to snapshot */
	META_LABEL = 1, /* containerd.io/gc.ref.* of src */
	META_BACK = 2,  /* containerd.io/gc.bref.* of dst */
	META_HOLD = 3,  /* src is a lease */
	META_HOLD_FLAT =
		4, /* the same with containerd.io/gc.flat: labels of dst are not followed */
};

/* ---- labels: sorted by key, no empty value ---- */

struct meta_labels {
	struct ctr_label *items; /* each string from malloc */
	size_t n, cap;
};

#define META_LABELS_INIT                                                                           \
	{                                                                                          \
		0                                                                                  \
	}
void meta_labels_done(struct meta_labels *l);
#define AUTO_LABELS AUTO(meta_labels_done) struct meta_labels
/* "" removes. 0 or -ENOMEM. */
int meta_labels_set(struct meta_labels *l, const char *key, const char *value);
int meta_labels_copy(struct meta_labels *l,
		     struct ctr_labels from); /* replaces what l had; a later key wins */
static inline struct ctr_labels meta_labels_view(const struct meta_labels *l)
{
	return (struct ctr_labels){ .items = l->items, .n = l->n };
}
const char *meta_label(struct ctr_labels l, const char *key); /* NULL when absent */
/*
 * Key and value within the limit, else CTR_INVALID_ARGUMENT with containerd's text behind "<what>:
 * ".
 */
ctr_code meta_labels_check(const char *what, struct ctr_labels l, struct ctr_error *err);
/* The column's form. *ret_data (caller frees) may be NULL when empty. 0 or -ENOMEM. */
int meta_labels_pack(const struct meta_labels *l, void **ret_data, size_t *ret_n);
int meta_labels_unpack(const void *data, size_t n,
		       struct meta_labels *ret); /* 0, -ENOMEM, -EBADMSG */
/* The labels in a column of the current row. */
ctr_code meta_labels_column(sqlite3_stmt *stmt, int column, struct meta_labels *ret,
			    struct ctr_error *err);

/*
 * Apply one path of a mask. 1 when path is "labels" or "labels.<key>" (root is "labels"); 0 when it
 * is another; -ENOMEM.
 */
int meta_labels_apply(struct meta_labels *l, struct ctr_labels wanted, const char *root,
		      const char *path);

/* ---- names ---- */

/* CTR_INVALID_ARGUMENT with containerd's text, "<what>: " before it unless what is "". */
ctr_code meta_ident_check(const char *what, const char *id, struct ctr_error *err);
ctr_code meta_digest_check(const char *digest, struct ctr_error *err);
/* call's namespace must be there and well-formed: CTR_FAILED_PRECONDITION, CTR_INVALID_ARGUMENT. */
ctr_code meta_namespace_check(const struct ctr_call *call, struct ctr_error *err);
/*
 * The row of call's namespace. create: made when missing (first write). Otherwise 0 when there is
 * none.
 */
ctr_code meta_namespace(struct ctr_txn *txn, const struct ctr_call *call, int create,
			int64_t *ret_ns, struct ctr_error *err);
ctr_code meta_namespace_named(struct ctr_txn *txn, const char *name, int create, int64_t *ret_ns,
			      struct ctr_error *err);
/*
 * A label of the namespace, for example containerd.io/defaults/snapshotter. *ret from malloc, NULL
 * when absent.
 */
ctr_code meta_namespace_label(struct ctr_txn *txn, const char *name, const char *key, char **ret,
			      struct ctr_error *err);

/* ---- nodes and edges ---- */

#define META_KEY_MAX 4096 /* bytes of any object's name */

/*
 * The number of a name. create: interned when missing (it may never come to exist); otherwise
 * *ret_id is 0.
 */
ctr_code meta_node(struct ctr_txn *txn, int64_t ns, enum meta_kind kind, const char *sub,
		   const char *key, int create, int64_t *ret_id, struct ctr_error *err);
/* The same, and the object must exist: CTR_NOT_FOUND "<kind> \"<key>\"" in containerd's words. */
ctr_code meta_find(struct ctr_txn *txn, int64_t ns, enum meta_kind kind, const char *sub,
		   const char *key, int64_t *ret_id, struct ctr_error *err);

/* A reference that stands in the record itself; target "" or NULL is skipped. */
struct meta_ref {
	enum meta_kind kind;
	const char *sub, *key;
};

struct meta_object {
	int64_t ns, node;
	enum meta_kind kind;
	struct ctr_labels labels;
	const struct meta_ref *refs;
	size_t n_refs;
	int root; /* a root by its kind: container, image, lease, unleased ingest, sandbox */
	int64_t expires_ns; /* wall clock, then it is no root any more; 0: by label or never */
};
/*
 * The object exists from now on, or has changed: sets its roots (gc.root, gc.expire), its grace
 * time when call holds no lease, and replaces its edges by refs and those that its labels name.
 * Does not touch the kind's own table.
 */
ctr_code meta_object_set(struct ctr_txn *txn, const struct ctr_call *call,
			 const struct meta_object *o, struct ctr_error *err);
/*
 * The object is gone, and its row in its kind's table before it: its edges and its node go. While
 * something still refers to it the node stays, as a name.
 */
ctr_code meta_object_remove(struct ctr_txn *txn, int64_t node, struct ctr_error *err);
/* Is it the parent of a snapshot? */
ctr_code meta_has_child(struct ctr_txn *txn, int64_t parent_snapshot, int *ret,
			struct ctr_error *err);

/*
 * call's lease must exist: CTR_NOT_FOUND "lease does not exist"; *ret_lease its node, 0 when call
 * names none.
 */
ctr_code meta_lease(struct ctr_txn *txn, const struct ctr_call *call, int64_t *ret_lease,
		    struct ctr_error *err);
/* Put node under call's lease; nothing when call names none. */
ctr_code meta_lease_add(struct ctr_txn *txn, const struct ctr_call *call, int64_t node,
			struct ctr_error *err);

/* The next number of a named counter ("snapshot"): never given out before. */
ctr_code meta_counter(struct ctr_txn *txn, const char *name, int64_t *ret, struct ctr_error *err);

/*
 * Publish a message after the fsync, in the namespace of that name; its type URL is its full name.
 */
ctr_code meta_publish(struct ctr_txn *txn, const char *ns, const char *topic,
		      const ProtobufCMessage *message, struct ctr_error *err);

#endif
