/* SPDX-License-Identifier: Apache-2.0
 *
 * The group "content": blobs and ingests.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/content.h"
#include "cli/pbjson.h"
#include "cli/pbutil.h"
#include "cli/verbs.h"
#include "oci/json.h"

static json_t *blob_row(const CONTENT(Info) *info)
{
	AUTO_BUF labels = BUF_INIT(65536);
	json_t *o = json_object();
	int bad = json_put_str(o, "Digest", info->digest);

	for (size_t i = 0; i < info->n_labels; i++)
		buf_printf(&labels, "%s%s=%s", i ? "," : "", info->labels[i]->key,
			   info->labels[i]->value);
	bad |= json_put(o, "Size", human_size((uint64_t)MAX(info->size, 0)));
	bad |= json_put_int(o, "Bytes", info->size);
	bad |= json_put(o, "Age", human_age(pb_timestamp_ns(info->created_at)));
	bad |= json_put_str(o, "Labels", labels.data ? labels.data : "");
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

ctr_code verb_content_ls(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = {
		{ "Digest", "DIGEST" },
		{ "Size", "SIZE" },
		{ "Age", "AGE" },
		{ "Labels", "LABELS" },
	};
	CONTENT(ListContentRequest) req = CONTENT_INIT(LIST_CONTENT_REQUEST);
	AUTO_JSON rows = json_array();
	AUTO_STREAM stream = NULL;
	struct rpc *rpc;
	ctr_code code = cli_rpc(c, &rpc, err);

	req.filters = c->args.rest;
	req.n_filters = c->args.n_rest;
	if (code == CTR_OK)
		code = rpc_stream_open(rpc, CONTENT_SERVICE, "List", NULL, &stream, err);
	if (code == CTR_OK)
		code = rpc_stream_send(stream, &req, err);
	if (code != CTR_OK)
		return code;
	rpc_stream_half_close(stream);
	for (;;) {
		AUTO_PB CONTENT(ListContentResponse) *part = NULL;

		code = rpc_stream_recv(stream, &part, err);
		if (code != CTR_OK)
			return code;
		if (!part)
			break;
		for (size_t i = 0; i < part->n_info; i++) {
			if (json_array_append_new(rows, blob_row(part->info[i])) != 0)
				return ctr_fail_errno(err, ENOMEM, "list");
		}
	}
	return out_rows(&c->args, columns, ARRAY_SIZE(columns), "Digest", rows, err);
}

ctr_code verb_content_ingests(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = {
		{ "Ref", "REF" }, { "Size", "SIZE" },         { "Total", "TOTAL" },
		{ "Age", "AGE" }, { "Expected", "EXPECTED" },
	};
	CONTENT(ListStatusesRequest) req = CONTENT_INIT(LIST_STATUSES_REQUEST);
	AUTO_PB CONTENT(ListStatusesResponse) *resp = NULL;
	AUTO_JSON rows = json_array();
	ctr_code code = cli_call(c, CONTENT_SERVICE, "ListStatuses", &req, &resp, err);

	for (size_t i = 0; code == CTR_OK && i < resp->n_statuses; i++) {
		const CONTENT(Status) *s = resp->statuses[i];
		json_t *o = json_object();
		int bad = json_put_str(o, "Ref", s->ref);

		bad |= json_put(o, "Size", human_size((uint64_t)MAX(s->offset, 0)));
		bad |= json_put(o, "Total",
				s->total > 0 ? human_size((uint64_t)s->total) : json_string("?"));
		bad |= json_put_int(o, "Bytes", s->offset);
		bad |= json_put(o, "Age", human_age(pb_timestamp_ns(s->started_at)));
		bad |= json_put_str(o, "Expected", s->expected);
		if (json_array_append_new(rows, o) != 0 || bad)
			code = ctr_fail_errno(err, ENOMEM, "list");
	}
	return code == CTR_OK ? out_rows(&c->args, columns, ARRAY_SIZE(columns), "Ref", rows, err)
			      : code;
}

ctr_code verb_content_get(struct cli *c, struct ctr_error *err)
{
	const char *path = arg_text(&c->args, "output");
	AUTO_CLOSE int file = -1;

	c->subject = c->args.rest[0];
	if (path) {
		file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (file < 0)
			return ctr_fail_errno(err, errno, "open '%s'", path);
	}
	return content_copy(c, c->args.rest[0], path ? file : STDOUT_FILENO, err);
}

ctr_code verb_content_info(struct cli *c, struct ctr_error *err)
{
	CONTENT(InfoRequest) req = CONTENT_INIT(INFO_REQUEST);
	AUTO_PB CONTENT(InfoResponse) *resp = NULL;
	AUTO_JSON o = NULL;
	ctr_code code;

	c->subject = c->args.rest[0];
	req.digest = c->args.rest[0];
	code = cli_call(c, CONTENT_SERVICE, "Info", &req, &resp, err);
	if (code != CTR_OK)
		return code;
	o = resp->info ? pb_to_json(&resp->info->base) : json_object();
	return out_json(o, err);
}

static ctr_code rm_one(struct cli *c, const char *digest, struct ctr_error *err)
{
	CONTENT(DeleteContentRequest) req = CONTENT_INIT(DELETE_CONTENT_REQUEST);
	AUTO_BUF out = BUF_INIT(4096);
	ctr_code code;

	req.digest = pb_str(digest);
	code = cli_call(c, CONTENT_SERVICE, "Delete", &req, NULL, err);
	buf_printf(&out, "%s\n", digest);
	return code == CTR_OK ? out_flush(&out, err) : code;
}

ctr_code verb_content_rm(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, rm_one, err);
}
