/* SPDX-License-Identifier: Apache-2.0
 *
 * The group "snapshot".
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/facts.h"
#include "cli/pbjson.h"
#include "cli/pbutil.h"
#include "cli/verbs.h"
#include "oci/json.h"

static ctr_code snapshotter(struct cli *c, struct facts *f, struct ctr_error *err)
{
	ctr_code code = facts_ask(c, arg_text(&c->args, "snapshotter"), 0, f, err);

	return code == CTR_OK ? facts_take(f, err) : code;
}

static json_t *row(const SNAPSHOTS(Info) *info)
{
	static const char *const kinds[] = { "unknown", "view", "active", "committed" };
	char when[RFC3339_ROOM];
	json_t *o = json_object();
	json_t *labels = json_object();
	int kind = (int)info->kind;
	int bad = json_put_str(o, "Key", info->name);

	timestamp_text(info->created_at, when, sizeof(when));
	bad |= json_put_str(o, "Parent", info->parent);
	bad |= json_put_str(
		o, "Kind", kind >= 0 && (size_t)kind < ARRAY_SIZE(kinds) ? kinds[kind] : "unknown");
	bad |= json_put_str(o, "CreatedAt", when);
	for (size_t i = 0; i < info->n_labels; i++)
		bad |= json_put_str(labels, info->labels[i]->key, info->labels[i]->value);
	bad |= json_put(o, "Labels", labels);
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static ctr_code list(struct cli *c, const char *name, json_t *rows, struct ctr_error *err)
{
	SNAPSHOTS(ListSnapshotsRequest) req = SNAPSHOTS_INIT(LIST_SNAPSHOTS_REQUEST);
	AUTO_STREAM stream = NULL;
	struct rpc *rpc;
	ctr_code code = cli_rpc(c, &rpc, err);

	req.snapshotter = pb_str(name);
	if (code == CTR_OK)
		code = rpc_stream_open(rpc, SNAPSHOTS_SERVICE, "List", NULL, &stream, err);
	if (code == CTR_OK)
		code = rpc_stream_send(stream, &req, err);
	if (code != CTR_OK)
		return code;
	rpc_stream_half_close(stream);
	for (;;) {
		AUTO_PB SNAPSHOTS(ListSnapshotsResponse) *part = NULL;

		code = rpc_stream_recv(stream, &part, err);
		if (code != CTR_OK || !part)
			return code;
		for (size_t i = 0; i < part->n_info; i++) {
			if (json_array_append_new(rows, row(part->info[i])) != 0)
				return ctr_fail_errno(err, ENOMEM, "list");
		}
	}
}

ctr_code verb_snapshot_ls(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = {
		{ "Key", "KEY" },
		{ "Parent", "PARENT" },
		{ "Kind", "KIND" },
	};
	AUTO_FACTS f = { 0 };
	AUTO_JSON rows = json_array();
	ctr_code code = snapshotter(c, &f, err);

	if (code == CTR_OK)
		code = list(c, f.snapshotter, rows, err);
	return code == CTR_OK ? out_rows(&c->args, columns, ARRAY_SIZE(columns), "Key", rows, err)
			      : code;
}

static ctr_code rm_one(struct cli *c, const char *key, struct ctr_error *err)
{
	SNAPSHOTS(RemoveSnapshotRequest) req = SNAPSHOTS_INIT(REMOVE_SNAPSHOT_REQUEST);
	AUTO_BUF out = BUF_INIT(4096);
	AUTO_FACTS f = { 0 };
	ctr_code code = snapshotter(c, &f, err);

	if (code != CTR_OK)
		return code;
	req.snapshotter = f.snapshotter;
	req.key = pb_str(key);
	code = cli_call(c, SNAPSHOTS_SERVICE, "Remove", &req, NULL, err);
	buf_printf(&out, "%s\n", key);
	return code == CTR_OK ? out_flush(&out, err) : code;
}

ctr_code verb_snapshot_rm(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, rm_one, err);
}

static ctr_code usage_row(struct cli *c, const char *name, const char *key, json_t *rows,
			  struct ctr_error *err)
{
	SNAPSHOTS(UsageRequest) req = SNAPSHOTS_INIT(USAGE_REQUEST);
	AUTO_PB SNAPSHOTS(UsageResponse) *resp = NULL;
	json_t *o;
	int bad;
	ctr_code code;

	req.snapshotter = pb_str(name);
	req.key = pb_str(key);
	code = cli_call(c, SNAPSHOTS_SERVICE, "Usage", &req, &resp, err);
	if (code != CTR_OK)
		return ctr_wrap(err, "snapshot '%s'", key);
	o = json_object();
	bad = json_put_str(o, "Key", key);
	bad |= json_put(o, "Size", human_size((uint64_t)MAX(resp->size, 0)));
	bad |= json_put_int(o, "Bytes", resp->size);
	bad |= json_put_int(o, "Inodes", resp->inodes);
	bad |= json_array_append_new(rows, o);
	return bad ? ctr_fail_errno(err, ENOMEM, "usage") : CTR_OK;
}

ctr_code verb_snapshot_usage(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = { { "Key", "KEY" },
						 { "Size", "SIZE" },
						 { "Inodes", "INODES" } };
	AUTO_FACTS f = { 0 };
	AUTO_JSON rows = json_array();
	AUTO_JSON all = json_array();
	json_t *one;
	size_t i;
	ctr_code code = snapshotter(c, &f, err);

	for (size_t k = 0; code == CTR_OK && k < c->args.n_rest; k++)
		code = usage_row(c, f.snapshotter, c->args.rest[k], rows, err);
	if (code == CTR_OK && c->args.n_rest == 0)
		code = list(c, f.snapshotter, all, err);
	json_array_foreach(all, i, one)
	{
		if (code == CTR_OK)
			code = usage_row(c, f.snapshotter,
					 json_string_value(json_object_get(one, "Key")), rows, err);
	}
	return code == CTR_OK ? out_rows(&c->args, columns, ARRAY_SIZE(columns), "Key", rows, err)
			      : code;
}

ctr_code verb_snapshot_mounts(struct cli *c, struct ctr_error *err)
{
	SNAPSHOTS(MountsRequest) req = SNAPSHOTS_INIT(MOUNTS_REQUEST);
	AUTO_PB SNAPSHOTS(MountsResponse) *resp = NULL;
	AUTO_FACTS f = { 0 };
	AUTO_BUF out = BUF_INIT(1 << 20);
	ctr_code code;

	c->subject = c->args.rest[0];
	code = snapshotter(c, &f, err);
	if (code != CTR_OK)
		return code;
	req.snapshotter = f.snapshotter;
	req.key = c->args.rest[0];
	code = cli_call(c, SNAPSHOTS_SERVICE, "Mounts", &req, &resp, err);
	for (size_t i = 0; code == CTR_OK && i < resp->n_mounts; i++) {
		const TYPES(Mount) *m = resp->mounts[i];

		/* as a command, with the target left to the reader */
		buf_printf(&out, "mount -t %s %s", m->type, m->source);
		for (size_t k = 0; k < m->n_options; k++)
			buf_printf(&out, "%s%s", k ? "," : " -o ", m->options[k]);
		buf_printf(&out, " %s\n", c->args.n_rest > 1 ? c->args.rest[1] : "TARGET");
	}
	return code == CTR_OK ? out_flush(&out, err) : code;
}

ctr_code verb_snapshot_info(struct cli *c, struct ctr_error *err)
{
	SNAPSHOTS(StatSnapshotRequest) req = SNAPSHOTS_INIT(STAT_SNAPSHOT_REQUEST);
	AUTO_PB SNAPSHOTS(StatSnapshotResponse) *resp = NULL;
	AUTO_FACTS f = { 0 };
	AUTO_JSON o = NULL;
	ctr_code code;

	c->subject = c->args.rest[0];
	code = snapshotter(c, &f, err);
	if (code != CTR_OK)
		return code;
	req.snapshotter = f.snapshotter;
	req.key = c->args.rest[0];
	code = cli_call(c, SNAPSHOTS_SERVICE, "Stat", &req, &resp, err);
	if (code != CTR_OK)
		return code;
	o = resp->info ? pb_to_json(&resp->info->base) : json_object();
	return out_json(o, err);
}
