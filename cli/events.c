/* SPDX-License-Identifier: Apache-2.0
 *
 * events: what happens in the daemon, as it happens. By default of this namespace alone.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/pbjson.h"
#include "cli/pbutil.h"
#include "cli/verbs.h"
#include "oci/json.h"

static json_t *event_json(const TYPES(Envelope) *e)
{
	AUTO_JSON whole = pb_to_json(&e->base);
	json_t *event = json_object_get(whole, "event");
	json_t *o = json_object();

	(void)json_put(o, "Timestamp", json_incref(json_object_get(whole, "timestamp")));
	(void)json_put_str(o, "Namespace", e->namespace_);
	(void)json_put_str(o, "Topic", e->topic);
	(void)json_put(o, "Event", event ? json_incref(event) : json_object());
	return o;
}

static ctr_code print(struct cli *c, const TYPES(Envelope) *e, struct ctr_error *err)
{
	const char *format = arg_text(&c->args, "format");
	AUTO_JSON o = event_json(e);
	AUTO_BUF out = BUF_INIT(16 * 1024 * 1024);
	AUTO_FREE char *text = NULL;
	char when[RFC3339_ROOM];
	ctr_code code = CTR_OK;

	if (format && !str_eq(format, "json")) {
		code = out_template(format, o, &out, err);
	} else if (format || arg_on(&c->args, "json")) {
		text = json_dumps(o, JSON_COMPACT);
		buf_puts(&out, text ? text : "");
	} else {
		text = json_dumps(json_object_get(o, "Event"), JSON_COMPACT);
		timestamp_text(e->timestamp, when, sizeof(when));
		buf_printf(&out, "%s %s %s %s", when, e->namespace_, e->topic, text ? text : "");
	}
	buf_putc(&out, '\n');
	return code == CTR_OK ? out_flush(&out, err) : code;
}

static ctr_code collect_filters(struct cli *c, char ***ret, struct ctr_error *err)
{
	char *const *given = arg_list(&c->args, "filter");
	int bad = 0;

	if (!given[0] && !arg_on(&c->args, "all-namespaces")) {
		AUTO_FREE char *own = str_printf("namespace==%s", c->ns);

		return own && strv_push(ret, own) == 0 ? CTR_OK
						       : ctr_fail_errno(err, ENOMEM, "events");
	}
	for (size_t i = 0; given[i]; i++)
		bad |= strv_push(ret, given[i]);
	return bad ? ctr_fail_errno(err, ENOMEM, "events") : CTR_OK;
}

ctr_code verb_events(struct cli *c, struct ctr_error *err)
{
	EVENTS(SubscribeRequest) req = EVENTS_INIT(SUBSCRIBE_REQUEST);
	AUTO_STREAM stream = NULL;
	AUTO_STRV filters = NULL;
	struct rpc *rpc;
	ctr_code code = collect_filters(c, &filters, err);

	if (code == CTR_OK)
		code = cli_rpc(c, &rpc, err);
	if (code == CTR_OK)
		code = rpc_stream_open(rpc, EVENTS_SERVICE, "Subscribe", NULL, &stream, err);
	if (code != CTR_OK)
		return code;
	req.filters = filters;
	req.n_filters = strv_len(filters);
	code = rpc_stream_send(stream, &req, err);
	rpc_stream_half_close(stream);
	while (code == CTR_OK) {
		AUTO_PB TYPES(Envelope) *e = NULL;

		code = rpc_stream_recv(stream, &e, err);
		if (code == CTR_OK && !e)
			return CTR_OK;
		if (code == CTR_OK)
			code = print(c, e, err);
	}
	return code;
}
