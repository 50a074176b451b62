/* SPDX-License-Identifier: Apache-2.0
 *
 * SDK 1.0, member by member, for machines without abidiff: size, offset, and the type of each function. Also the
 * numbers and names that no debug information holds. Never edited: what is here has been promised to plugins.
 */
#define CTR_SDK_MINOR 0
#include <ctr/error.h>
#include <ctr/types.h>
#include <ctr/call.h>
#include <ctr/config.h>
#include <ctr/plugin.h>
#include <ctr/snapshotter.h>
#include <ctr/content.h>
#include <ctr/differ.h>
#include <ctr/store.h>
#include <ctr/snapgraph.h>
#include <ctr/spawn.h>
#include <ctr/mount.h>

/* Pointers of 8 bytes, as on every machine that we build for. */
#define SIZE(s, n)  _Static_assert(sizeof(struct s) == (n), "size of struct " #s)
#define AT(s, m, n) _Static_assert(offsetof(struct s, m) == (n), "place of " #s "." #m)
#define FN(s, m, ...)                                                                              \
	_Static_assert(_Generic(((struct s *)0)->m, __VA_ARGS__ : 1, default : 0),                 \
		       "type of " #s "." #m)
#define IS(c, n) _Static_assert((c) == (n), "value of " #c)
#define TEXT(c, t)                                                                                 \
	_Static_assert(sizeof(c) == sizeof(t) && __builtin_strcmp(c, t) == 0, "text of " #c)

SIZE(ctr_label, 16);
AT(ctr_label, key, 0);
AT(ctr_label, value, 8);

SIZE(ctr_labels, 16);
AT(ctr_labels, items, 0);
AT(ctr_labels, n, 8);

SIZE(ctr_any, 24);
AT(ctr_any, type_url, 0);
AT(ctr_any, value, 8);
AT(ctr_any, n, 16);

SIZE(ctr_mount, 40);
AT(ctr_mount, type, 0);
AT(ctr_mount, source, 8);
AT(ctr_mount, target, 16);
AT(ctr_mount, options, 24);
AT(ctr_mount, n_options, 32);

SIZE(ctr_descriptor, 48);
AT(ctr_descriptor, size, 0);
AT(ctr_descriptor, reserved, 4);
AT(ctr_descriptor, media_type, 8);
AT(ctr_descriptor, digest, 16);
AT(ctr_descriptor, length_bytes, 24);
AT(ctr_descriptor, annotations, 32);

SIZE(ctr_source, 32);
AT(ctr_source, size, 0);
AT(ctr_source, reserved, 4);
AT(ctr_source, fd, 8);
AT(ctr_source, event_fd, 12);
AT(ctr_source, status, 16);
FN(ctr_source, status,
   ctr_code (*)(const struct ctr_source *src, int64_t *ret_available, int32_t *ret_complete,
		struct ctr_error *err));
AT(ctr_source, self, 24);

SIZE(ctr_call_ops, 56);
AT(ctr_call_ops, size, 0);
AT(ctr_call_ops, reserved, 4);
AT(ctr_call_ops, ns, 8);
FN(ctr_call_ops, ns, const char *(*)(const struct ctr_call *call));
AT(ctr_call_ops, lease, 16);
FN(ctr_call_ops, lease, const char *(*)(const struct ctr_call *call));
AT(ctr_call_ops, trace_id, 24);
FN(ctr_call_ops, trace_id, const char *(*)(const struct ctr_call *call));
AT(ctr_call_ops, deadline_ns, 32);
FN(ctr_call_ops, deadline_ns, int64_t (*)(const struct ctr_call *call));
AT(ctr_call_ops, check, 40);
FN(ctr_call_ops, check, ctr_code (*)(const struct ctr_call *call, struct ctr_error *err));
AT(ctr_call_ops, cancel_fd, 48);
FN(ctr_call_ops, cancel_fd, int32_t (*)(const struct ctr_call *call));

SIZE(ctr_config_ops, 80);
AT(ctr_config_ops, size, 0);
AT(ctr_config_ops, reserved, 4);
AT(ctr_config_ops, str, 8);
FN(ctr_config_ops, str,
   ctr_code (*)(const struct ctr_table *t, const char *key, const char *fallback, const char **ret,
		struct ctr_error *err));
AT(ctr_config_ops, integer, 16);
FN(ctr_config_ops, integer,
   ctr_code (*)(const struct ctr_table *t, const char *key, int64_t fallback, int64_t min,
		int64_t max, int64_t *ret, struct ctr_error *err));
AT(ctr_config_ops, boolean, 24);
FN(ctr_config_ops, boolean,
   ctr_code (*)(const struct ctr_table *t, const char *key, int32_t fallback, int32_t *ret,
		struct ctr_error *err));
AT(ctr_config_ops, duration, 32);
FN(ctr_config_ops, duration,
   ctr_code (*)(const struct ctr_table *t, const char *key, int64_t fallback_ns, int64_t *ret_ns,
		struct ctr_error *err));
AT(ctr_config_ops, bytes, 40);
FN(ctr_config_ops, bytes,
   ctr_code (*)(const struct ctr_table *t, const char *key, int64_t fallback_bytes,
		int64_t *ret_bytes, struct ctr_error *err));
AT(ctr_config_ops, strv, 48);
FN(ctr_config_ops, strv,
   ctr_code (*)(const struct ctr_table *t, const char *key, const char *const **ret,
		uint64_t *ret_n, struct ctr_error *err));
AT(ctr_config_ops, table, 56);
FN(ctr_config_ops, table,
   ctr_code (*)(const struct ctr_table *t, const char *key, const struct ctr_table **ret,
		struct ctr_error *err));
AT(ctr_config_ops, keys, 64);
FN(ctr_config_ops, keys,
   ctr_code (*)(const struct ctr_table *t, const char *const **ret, uint64_t *ret_n,
		struct ctr_error *err));
AT(ctr_config_ops, fail, 72);
FN(ctr_config_ops, fail,
   ctr_code (*)(const struct ctr_table *t, const char *key, struct ctr_error *err, const char *fmt,
		...));

SIZE(ctr_host, 160);
AT(ctr_host, size, 0);
AT(ctr_host, minor, 4);
AT(ctr_host, alloc, 8);
FN(ctr_host, alloc, void *(*)(size_t n));
AT(ctr_host, free, 16);
FN(ctr_host, free, void (*)(void *p));
AT(ctr_host, fail, 24);
FN(ctr_host, fail, ctr_code (*)(struct ctr_error *err, ctr_code code, const char *fmt, ...));
AT(ctr_host, fail_errno, 32);
FN(ctr_host, fail_errno, ctr_code (*)(struct ctr_error *err, int32_t errnum, const char *fmt, ...));
AT(ctr_host, wrap, 40);
FN(ctr_host, wrap, ctr_code (*)(struct ctr_error *err, const char *fmt, ...));
AT(ctr_host, error_new, 48);
FN(ctr_host, error_new, struct ctr_error *(*)(void));
AT(ctr_host, error_free, 56);
FN(ctr_host, error_free, void (*)(struct ctr_error *err));
AT(ctr_host, error_text, 64);
FN(ctr_host, error_text, const char *(*)(const struct ctr_error *err));
AT(ctr_host, log, 72);
FN(ctr_host, log, void (*)(const struct ctr_host *h, int32_t level, const char *fmt, ...));
AT(ctr_host, service, 80);
FN(ctr_host, service,
   const void *(*)(const struct ctr_host *h, const char *name, uint32_t *ret_size));
AT(ctr_host, call, 88);
AT(ctr_host, config, 96);
AT(ctr_host, root_dir, 104);
AT(ctr_host, state_dir, 112);
AT(ctr_host, add_capability, 120);
FN(ctr_host, add_capability, void (*)(const struct ctr_host *h, const char *name));
AT(ctr_host, add_export, 128);
FN(ctr_host, add_export, void (*)(const struct ctr_host *h, const char *key, const char *value));
AT(ctr_host, add_platform, 136);
FN(ctr_host, add_platform, void (*)(const struct ctr_host *h, const char *platform));
AT(ctr_host, async, 144);
FN(ctr_host, async,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_call *call, void (*job)(void *ud),
		void *ud, struct ctr_error *err));
AT(ctr_host, dep, 152);
FN(ctr_host, dep,
   ctr_code (*)(const struct ctr_deps *deps, const char *kind, const char *id, uint32_t i,
		const void **ret_ops, void **ret_self, const char **ret_id, struct ctr_error *err));

SIZE(ctr_require, 24);
AT(ctr_require, kind, 0);
AT(ctr_require, id, 8);
AT(ctr_require, flags, 16);
AT(ctr_require, reserved, 20);

SIZE(ctr_plugin, 88);
AT(ctr_plugin, size, 0);
AT(ctr_plugin, flags, 4);
AT(ctr_plugin, kind, 8);
AT(ctr_plugin, id, 16);
AT(ctr_plugin, needs, 24);
AT(ctr_plugin, ops, 32);
AT(ctr_plugin, check, 40);
FN(ctr_plugin, check,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_table *cfg, struct ctr_error *err));
AT(ctr_plugin, init, 48);
FN(ctr_plugin, init,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_table *cfg, const struct ctr_deps *deps,
		void **ret_self, struct ctr_error *err));
AT(ctr_plugin, start, 56);
FN(ctr_plugin, start, ctr_code (*)(void *self, struct ctr_error *err));
AT(ctr_plugin, health, 64);
FN(ctr_plugin, health, ctr_code (*)(void *self, struct ctr_error *err));
AT(ctr_plugin, stop, 72);
FN(ctr_plugin, stop, void (*)(void *self, int64_t deadline_ns));
AT(ctr_plugin, fini, 80);
FN(ctr_plugin, fini, void (*)(void *self));

SIZE(ctr_module, 48);
AT(ctr_module, magic, 0);
AT(ctr_module, abi_major, 4);
AT(ctr_module, abi_minor, 6);
AT(ctr_module, size, 8);
AT(ctr_module, n_plugins, 12);
AT(ctr_module, plugins, 16);
AT(ctr_module, name, 24);
AT(ctr_module, version, 32);
AT(ctr_module, license, 40);

SIZE(ctr_snapshot_info, 56);
AT(ctr_snapshot_info, size, 0);
AT(ctr_snapshot_info, kind, 4);
AT(ctr_snapshot_info, name, 8);
AT(ctr_snapshot_info, parent, 16);
AT(ctr_snapshot_info, labels, 24);
AT(ctr_snapshot_info, created_ns, 40);
AT(ctr_snapshot_info, updated_ns, 48);

SIZE(ctr_usage, 24);
AT(ctr_usage, size, 0);
AT(ctr_usage, reserved, 4);
AT(ctr_usage, inodes, 8);
AT(ctr_usage, bytes, 16);

SIZE(ctr_snapshot_new, 40);
AT(ctr_snapshot_new, size, 0);
AT(ctr_snapshot_new, flags, 4);
AT(ctr_snapshot_new, key, 8);
AT(ctr_snapshot_new, parent, 16);
AT(ctr_snapshot_new, labels, 24);

SIZE(ctr_snapshot_commit, 48);
AT(ctr_snapshot_commit, size, 0);
AT(ctr_snapshot_commit, flags, 4);
AT(ctr_snapshot_commit, name, 8);
AT(ctr_snapshot_commit, key, 16);
AT(ctr_snapshot_commit, parent, 24);
AT(ctr_snapshot_commit, labels, 32);

SIZE(ctr_tree, 16);
AT(ctr_tree, size, 0);
AT(ctr_tree, whiteouts, 4);
AT(ctr_tree, fd, 8);
AT(ctr_tree, reserved, 12);

SIZE(ctr_snapshotter_ops, 104);
AT(ctr_snapshotter_ops, size, 0);
AT(ctr_snapshotter_ops, reserved, 4);
AT(ctr_snapshotter_ops, stat, 8);
FN(ctr_snapshotter_ops, stat,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *key, ctr_snapshot_sink sink,
		void *ud, struct ctr_error *err));
AT(ctr_snapshotter_ops, update, 16);
FN(ctr_snapshotter_ops, update,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *key, struct ctr_labels labels,
		struct ctr_error *err));
AT(ctr_snapshotter_ops, usage, 24);
FN(ctr_snapshotter_ops, usage,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *key, struct ctr_usage *ret,
		struct ctr_error *err));
AT(ctr_snapshotter_ops, mounts, 32);
FN(ctr_snapshotter_ops, mounts,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *key, ctr_mounts_sink sink,
		void *ud, struct ctr_error *err));
AT(ctr_snapshotter_ops, prepare, 40);
FN(ctr_snapshotter_ops, prepare,
   ctr_code (*)(void *self, const struct ctr_call *call, const struct ctr_snapshot_new *args,
		ctr_mounts_sink sink, void *ud, struct ctr_error *err));
AT(ctr_snapshotter_ops, view, 48);
FN(ctr_snapshotter_ops, view,
   ctr_code (*)(void *self, const struct ctr_call *call, const struct ctr_snapshot_new *args,
		ctr_mounts_sink sink, void *ud, struct ctr_error *err));
AT(ctr_snapshotter_ops, commit, 56);
FN(ctr_snapshotter_ops, commit,
   ctr_code (*)(void *self, const struct ctr_call *call, const struct ctr_snapshot_commit *args,
		struct ctr_error *err));
AT(ctr_snapshotter_ops, remove, 64);
FN(ctr_snapshotter_ops, remove,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *key, struct ctr_error *err));
AT(ctr_snapshotter_ops, walk, 72);
FN(ctr_snapshotter_ops, walk,
   ctr_code (*)(void *self, const struct ctr_call *call, ctr_snapshot_sink sink, void *ud,
		struct ctr_error *err));
AT(ctr_snapshotter_ops, cleanup, 80);
FN(ctr_snapshotter_ops, cleanup,
   ctr_code (*)(void *self, const struct ctr_call *call, struct ctr_error *err));
AT(ctr_snapshotter_ops, open_tree, 88);
FN(ctr_snapshotter_ops, open_tree,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *key, struct ctr_tree *ret,
		struct ctr_error *err));
AT(ctr_snapshotter_ops, sync, 96);
FN(ctr_snapshotter_ops, sync,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *const *keys, uint64_t n,
		struct ctr_error *err));

SIZE(ctr_blob_info, 40);
AT(ctr_blob_info, size, 0);
AT(ctr_blob_info, reserved, 4);
AT(ctr_blob_info, digest, 8);
AT(ctr_blob_info, length_bytes, 16);
AT(ctr_blob_info, created_ns, 24);
AT(ctr_blob_info, updated_ns, 32);

SIZE(ctr_ingest_status, 56);
AT(ctr_ingest_status, size, 0);
AT(ctr_ingest_status, reserved, 4);
AT(ctr_ingest_status, ref, 8);
AT(ctr_ingest_status, expected, 16);
AT(ctr_ingest_status, offset_bytes, 24);
AT(ctr_ingest_status, total_bytes, 32);
AT(ctr_ingest_status, started_ns, 40);
AT(ctr_ingest_status, updated_ns, 48);

SIZE(ctr_ingest_open, 32);
AT(ctr_ingest_open, size, 0);
AT(ctr_ingest_open, flags, 4);
AT(ctr_ingest_open, ref, 8);
AT(ctr_ingest_open, expected, 16);
AT(ctr_ingest_open, total_bytes, 24);

SIZE(ctr_content_commit, 32);
AT(ctr_content_commit, size, 0);
AT(ctr_content_commit, flags, 4);
AT(ctr_content_commit, total_bytes, 8);
AT(ctr_content_commit, expected, 16);
AT(ctr_content_commit, digest, 24);

SIZE(ctr_content_ops, 144);
AT(ctr_content_ops, size, 0);
AT(ctr_content_ops, reserved, 4);
AT(ctr_content_ops, info, 8);
FN(ctr_content_ops, info,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *digest, ctr_blob_sink sink,
		void *ud, struct ctr_error *err));
AT(ctr_content_ops, walk, 16);
FN(ctr_content_ops, walk,
   ctr_code (*)(void *self, const struct ctr_call *call, ctr_blob_sink sink, void *ud,
		struct ctr_error *err));
AT(ctr_content_ops, remove, 24);
FN(ctr_content_ops, remove,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *digest,
		struct ctr_error *err));
AT(ctr_content_ops, reader, 32);
FN(ctr_content_ops, reader,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *digest, void **ret_reader,
		int64_t *ret_length_bytes, struct ctr_error *err));
AT(ctr_content_ops, read_at, 40);
FN(ctr_content_ops, read_at,
   ctr_code (*)(void *self, void *reader, void *data, uint64_t n, int64_t offset, uint64_t *ret_n,
		struct ctr_error *err));
AT(ctr_content_ops, reader_close, 48);
FN(ctr_content_ops, reader_close, void (*)(void *self, void *reader));
AT(ctr_content_ops, writer, 56);
FN(ctr_content_ops, writer,
   ctr_code (*)(void *self, const struct ctr_call *call, const struct ctr_ingest_open *args,
		void **ret_writer, struct ctr_error *err));
AT(ctr_content_ops, write, 64);
FN(ctr_content_ops, write,
   ctr_code (*)(void *self, void *writer, const void *data, uint64_t n, struct ctr_error *err));
AT(ctr_content_ops, truncate, 72);
FN(ctr_content_ops, truncate,
   ctr_code (*)(void *self, void *writer, int64_t length_bytes, struct ctr_error *err));
AT(ctr_content_ops, writer_status, 80);
FN(ctr_content_ops, writer_status,
   ctr_code (*)(void *self, void *writer, ctr_ingest_sink sink, void *ud,
		char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err));
AT(ctr_content_ops, commit, 88);
FN(ctr_content_ops, commit,
   ctr_code (*)(void *self, void *writer, const struct ctr_content_commit *args,
		char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err));
AT(ctr_content_ops, writer_close, 96);
FN(ctr_content_ops, writer_close, void (*)(void *self, void *writer));
AT(ctr_content_ops, statuses, 104);
FN(ctr_content_ops, statuses,
   ctr_code (*)(void *self, const struct ctr_call *call, ctr_ingest_sink sink, void *ud,
		struct ctr_error *err));
AT(ctr_content_ops, abort, 112);
FN(ctr_content_ops, abort,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *ref, struct ctr_error *err));
AT(ctr_content_ops, reader_fd, 120);
FN(ctr_content_ops, reader_fd,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *digest, int32_t *ret_fd,
		int64_t *ret_length_bytes, struct ctr_error *err));
AT(ctr_content_ops, writer_fd, 128);
FN(ctr_content_ops, writer_fd,
   ctr_code (*)(void *self, void *writer, int32_t *ret_fd, struct ctr_error *err));
AT(ctr_content_ops, sync, 136);
FN(ctr_content_ops, sync,
   ctr_code (*)(void *self, const struct ctr_call *call, const char *const *digests, uint64_t n,
		struct ctr_error *err));

SIZE(ctr_apply, 64);
AT(ctr_apply, size, 0);
AT(ctr_apply, flags, 4);
AT(ctr_apply, layer, 8);
AT(ctr_apply, source, 16);
AT(ctr_apply, tree, 24);
AT(ctr_apply, mounts, 32);
AT(ctr_apply, n_mounts, 40);
AT(ctr_apply, progress, 48);
FN(ctr_apply, progress, void (*)(void *ud, int64_t offset));
AT(ctr_apply, progress_ud, 56);

SIZE(ctr_applied, 160);
AT(ctr_applied, size, 0);
AT(ctr_applied, reserved, 4);
AT(ctr_applied, media_type, 8);
AT(ctr_applied, digest, 16);
AT(ctr_applied, length_bytes, 152);

SIZE(ctr_compare, 64);
AT(ctr_compare, size, 0);
AT(ctr_compare, flags, 4);
AT(ctr_compare, lower, 8);
AT(ctr_compare, upper, 16);
AT(ctr_compare, n_lower, 24);
AT(ctr_compare, n_upper, 32);
AT(ctr_compare, media_type, 40);
AT(ctr_compare, out_fd, 48);
AT(ctr_compare, reserved, 52);
AT(ctr_compare, source_date_ns, 56);

SIZE(ctr_compared, 288);
AT(ctr_compared, size, 0);
AT(ctr_compared, reserved, 4);
AT(ctr_compared, digest, 8);
AT(ctr_compared, diff_id, 144);
AT(ctr_compared, length_bytes, 280);

SIZE(ctr_differ_ops, 24);
AT(ctr_differ_ops, size, 0);
AT(ctr_differ_ops, reserved, 4);
AT(ctr_differ_ops, apply, 8);
FN(ctr_differ_ops, apply,
   ctr_code (*)(void *self, const struct ctr_call *call, const struct ctr_apply *args,
		struct ctr_applied *ret, struct ctr_error *err));
AT(ctr_differ_ops, compare, 16);
FN(ctr_differ_ops, compare,
   ctr_code (*)(void *self, const struct ctr_call *call, const struct ctr_compare *args,
		struct ctr_compared *ret, struct ctr_error *err));

SIZE(ctr_store_ops, 56);
AT(ctr_store_ops, size, 0);
AT(ctr_store_ops, reserved, 4);
AT(ctr_store_ops, update, 8);
FN(ctr_store_ops, update,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_call *call, ctr_txn_fn fn, void *ud,
		struct ctr_error *err));
AT(ctr_store_ops, view, 16);
FN(ctr_store_ops, view,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_call *call, ctr_txn_fn fn, void *ud,
		struct ctr_error *err));
AT(ctr_store_ops, get, 24);
FN(ctr_store_ops, get,
   ctr_code (*)(struct ctr_txn *txn, const char *key, ctr_row_sink sink, void *ud,
		struct ctr_error *err));
AT(ctr_store_ops, put, 32);
FN(ctr_store_ops, put,
   ctr_code (*)(struct ctr_txn *txn, const char *key, const void *value, uint64_t n,
		struct ctr_error *err));
AT(ctr_store_ops, del, 40);
FN(ctr_store_ops, del, ctr_code (*)(struct ctr_txn *txn, const char *key, struct ctr_error *err));
AT(ctr_store_ops, walk, 48);
FN(ctr_store_ops, walk,
   ctr_code (*)(struct ctr_txn *txn, const char *prefix, ctr_row_sink sink, void *ud,
		struct ctr_error *err));

SIZE(ctr_graph_node, 96);
AT(ctr_graph_node, size, 0);
AT(ctr_graph_node, kind, 4);
AT(ctr_graph_node, id, 8);
AT(ctr_graph_node, key, 16);
AT(ctr_graph_node, parent, 24);
AT(ctr_graph_node, chain, 32);
AT(ctr_graph_node, n_chain, 40);
AT(ctr_graph_node, labels, 48);
AT(ctr_graph_node, inodes, 64);
AT(ctr_graph_node, bytes, 72);
AT(ctr_graph_node, created_ns, 80);
AT(ctr_graph_node, updated_ns, 88);

SIZE(ctr_snapgraph_ops, 80);
AT(ctr_snapgraph_ops, size, 0);
AT(ctr_snapgraph_ops, reserved, 4);
AT(ctr_snapgraph_ops, reserve, 8);
FN(ctr_snapgraph_ops, reserve,
   ctr_code (*)(const struct ctr_host *h, uint64_t *ret_id, struct ctr_error *err));
AT(ctr_snapgraph_ops, create, 16);
FN(ctr_snapgraph_ops, create,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_call *call, uint64_t id, uint32_t kind,
		const struct ctr_snapshot_new *args, ctr_graph_sink sink, void *ud,
		struct ctr_error *err));
AT(ctr_snapgraph_ops, get, 24);
FN(ctr_snapgraph_ops, get,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_call *call, const char *key,
		ctr_graph_sink sink, void *ud, struct ctr_error *err));
AT(ctr_snapgraph_ops, update, 32);
FN(ctr_snapgraph_ops, update,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_call *call, const char *key,
		struct ctr_labels labels, struct ctr_error *err));
AT(ctr_snapgraph_ops, commit, 40);
FN(ctr_snapgraph_ops, commit,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_call *call,
		const struct ctr_snapshot_commit *args, const struct ctr_usage *usage,
		struct ctr_error *err));
AT(ctr_snapgraph_ops, remove, 48);
FN(ctr_snapgraph_ops, remove,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_call *call, const char *key,
		uint64_t *ret_id, struct ctr_error *err));
AT(ctr_snapgraph_ops, walk, 56);
FN(ctr_snapgraph_ops, walk,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_call *call, ctr_graph_sink sink,
		void *ud, struct ctr_error *err));
AT(ctr_snapgraph_ops, has, 64);
FN(ctr_snapgraph_ops, has,
   ctr_code (*)(const struct ctr_host *h, uint64_t id, int32_t *ret, struct ctr_error *err));
AT(ctr_snapgraph_ops, release, 72);
FN(ctr_snapgraph_ops, release, void (*)(const struct ctr_host *h, uint64_t id));

SIZE(ctr_spawn_fd, 8);
AT(ctr_spawn_fd, from, 0);
AT(ctr_spawn_fd, to, 4);

SIZE(ctr_spawn_args, 56);
AT(ctr_spawn_args, size, 0);
AT(ctr_spawn_args, flags, 4);
AT(ctr_spawn_args, path, 8);
AT(ctr_spawn_args, argv, 16);
AT(ctr_spawn_args, envp, 24);
AT(ctr_spawn_args, fds, 32);
AT(ctr_spawn_args, n_fds, 40);
AT(ctr_spawn_args, cwd_fd, 48);
AT(ctr_spawn_args, reserved, 52);

SIZE(ctr_spawn_ops, 32);
AT(ctr_spawn_ops, size, 0);
AT(ctr_spawn_ops, reserved, 4);
AT(ctr_spawn_ops, start, 8);
FN(ctr_spawn_ops, start,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_spawn_args *args, int32_t *ret_pid,
		int32_t *ret_pidfd, struct ctr_error *err));
AT(ctr_spawn_ops, watch, 16);
FN(ctr_spawn_ops, watch,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_spawn_args *args,
		void (*done)(void *ud, int32_t how, int32_t status), void *ud, int32_t *ret_pid,
		struct ctr_error *err));
AT(ctr_spawn_ops, helper, 24);
FN(ctr_spawn_ops, helper, const char *(*)(const struct ctr_host *h, const char *name));

SIZE(ctr_mount_ops, 16);
AT(ctr_mount_ops, size, 0);
AT(ctr_mount_ops, reserved, 4);
AT(ctr_mount_ops, open, 8);
FN(ctr_mount_ops, open,
   ctr_code (*)(const struct ctr_host *h, const struct ctr_mount *mounts, uint64_t n,
		int32_t *ret_fd, struct ctr_error *err));

IS(CTR_OK, 0);
IS(CTR_CANCELLED, 1);
IS(CTR_UNKNOWN, 2);
IS(CTR_INVALID_ARGUMENT, 3);
IS(CTR_DEADLINE_EXCEEDED, 4);
IS(CTR_NOT_FOUND, 5);
IS(CTR_ALREADY_EXISTS, 6);
IS(CTR_PERMISSION_DENIED, 7);
IS(CTR_RESOURCE_EXHAUSTED, 8);
IS(CTR_FAILED_PRECONDITION, 9);
IS(CTR_ABORTED, 10);
IS(CTR_OUT_OF_RANGE, 11);
IS(CTR_UNIMPLEMENTED, 12);
IS(CTR_INTERNAL, 13);
IS(CTR_UNAVAILABLE, 14);
IS(CTR_DATA_LOSS, 15);
IS(CTR_UNAUTHENTICATED, 16);
IS(CTR_CONFLICT, 265);
IS(CTR_NOT_MODIFIED, 521);
IS(CTR_SKIP, 65536);
IS(CTR_DIGEST_ROOM, 136);
IS(CTR_NO_DEADLINE, INT64_C(9223372036854775807));
IS(CTR_LOG_ERROR, 0);
IS(CTR_LOG_WARN, 1);
IS(CTR_LOG_INFO, 2);
IS(CTR_LOG_DEBUG, 3);
IS(CTR_NEED_OPTIONAL, 1);
IS(CTR_NEED_ALL, 2);
IS(CTR_PLUGIN_SERIALIZED, 1);
IS(CTR_MODULE_MAGIC, 827479107);
IS(CTR_ABI_MAJOR, 1);
TEXT(CTR_KIND_SNAPSHOTTER, "io.containerd.snapshotter.v1");
IS(CTR_SNAPSHOT_VIEW, 1);
IS(CTR_SNAPSHOT_ACTIVE, 2);
IS(CTR_SNAPSHOT_COMMITTED, 3);
IS(CTR_SNAPSHOT_SYNCED, 1);
IS(CTR_WHITEOUT_OVERLAY, 1);
IS(CTR_WHITEOUT_REMOVE, 2);
TEXT(CTR_KIND_CONTENT, "io.containerd.content.v1");
IS(CTR_COMMIT_NO_SYNC, 1);
TEXT(CTR_KIND_DIFFER, "io.containerd.differ.v1");
IS(CTR_APPLY_SYNC, 1);
TEXT(CTR_SERVICE_STORE, "ctr.store.v1");
IS(CTR_STORE_KEY_MAX, 512);
IS(CTR_STORE_VALUE_MAX, 1048576);
TEXT(CTR_SERVICE_SNAPGRAPH, "ctr.snapgraph.v1");
TEXT(CTR_SERVICE_SPAWN, "ctr.spawn.v1");
IS(CTR_SPAWN_CWD, 1);
IS(CTR_SPAWN_GROUP, 2);
TEXT(CTR_SERVICE_MOUNT, "ctr.mount.v1");
