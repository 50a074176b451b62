/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd.services.introspection.v1: the plugins and what became of them, the server's identity,
 * its deprecations. The strings of a reply are borrowed from the core, which keeps them for ever;
 * only arrays are allocated here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "containerd/services/introspection/v1/introspection.pb-c.h"
#include "plugins/api-grpc/api.h"

#include <ctr/unstable/introspection.h>

typedef Containerd__Services__Introspection__V1__Plugin plugin_message;
typedef Containerd__Services__Introspection__V1__Plugin__ExportsEntry export_entry;
typedef Containerd__Services__Introspection__V1__DeprecationWarning warning_message;
typedef Containerd__Types__Platform platform_message;

struct introspection {
	struct api *api;
	const struct ctr_introspection_ops *ops;
};

/* protobuf-c wants char *, and only reads through it. */
static char *lent(const char *s)
{
	return (char *)(uintptr_t)s;
}

static char **lent_strv(const char *const *v, size_t *ret_n)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	*ret_n = n;
	return (char **)(uintptr_t)v;
}

/* A plugin's message with all that it needs, in a list so that it can be released at once. */
struct row {
	struct row *next;
	plugin_message message;
	Google__Rpc__Status status;
	platform_message *platforms, **platform_ptrs;
	char **platform_words;
	export_entry *exports, **export_ptrs;
	char *skip_text;
};

struct rows {
	struct row *first, **last;
	size_t n;
};

static void rows_done(struct rows *rows)
{
	for (struct row *row = rows->first, *next; row; row = next) {
		next = row->next;
		for (size_t i = 0; row->platform_words && i < row->message.n_platforms; i++)
			free(row->platform_words[i]);
		free(row->platform_words);
		free(row->platforms);
		free(row->platform_ptrs);
		free(row->exports);
		free(row->export_ptrs);
		free(row->skip_text);
		free(row);
	}
}

/* "linux/arm64/v8": the words are cut out of a copy. */
static int fill_platform(struct row *row, size_t i, const char *text)
{
	platform_message *p = &row->platforms[i];
	char *words = str_dup(text), *at;

	if (!words)
		return -1;
	row->platform_words[i] = words;
	containerd__types__platform__init(p);
	p->os = words;
	at = strchr(words, '/');
	if (!at)
		return 0;
	*at++ = '\0';
	p->architecture = at;
	at = strchr(at, '/');
	if (!at)
		return 0;
	*at++ = '\0';
	p->variant = at;
	return 0;
}

static int fill_platforms(struct row *row, const char *const *platforms)
{
	size_t n;

	(void)lent_strv(platforms, &n);
	if (n == 0)
		return 0;
	row->platforms = calloc(n, sizeof(*row->platforms));
	row->platform_ptrs = calloc(n, sizeof(*row->platform_ptrs));
	row->platform_words = calloc(n, sizeof(*row->platform_words));
	if (!row->platforms || !row->platform_ptrs || !row->platform_words)
		return -1;
	row->message.platforms = row->platform_ptrs;
	for (size_t i = 0; i < n; i++) {
		row->message.n_platforms = i + 1;
		row->platform_ptrs[i] = &row->platforms[i];
		if (fill_platform(row, i, platforms[i]) < 0)
			return -1;
	}
	return 0;
}

static int fill_exports(struct row *row, struct ctr_labels exports)
{
	size_t n = (size_t)exports.n;

	if (n == 0)
		return 0;
	row->exports = calloc(n, sizeof(*row->exports));
	row->export_ptrs = calloc(n, sizeof(*row->export_ptrs));
	if (!row->exports || !row->export_ptrs)
		return -1;
	for (size_t i = 0; i < n; i++) {
		containerd__services__introspection__v1__plugin__exports_entry__init(
			&row->exports[i]);
		row->exports[i].key = lent(exports.items[i].key);
		row->exports[i].value = lent(exports.items[i].value);
		row->export_ptrs[i] = &row->exports[i];
	}
	row->message.exports = row->export_ptrs;
	row->message.n_exports = n;
	return 0;
}

/*
 * A skip has no number of its own on the wire: clients tell it by these words at the end of an
 * unknown error.
 */
static int fill_status(struct row *row, const struct ctr_plugin_info *info)
{
	if (info->code == CTR_OK)
		return 0;

	google__rpc__status__init(&row->status);
	row->message.init_err = &row->status;
	if (info->code != CTR_SKIP) {
		row->status.code = CTR_GRPC_CODE(info->code);
		row->status.message = lent(info->error);
		return 0;
	}
	row->skip_text = str_printf("%s: skip plugin", info->error);
	row->status.code = CTR_UNKNOWN;
	row->status.message = row->skip_text;
	return row->skip_text ? 0 : -1;
}

static ctr_code add_row(void *ud, const struct ctr_plugin_info *info)
{
	struct rows *rows = ud;
	struct row *row = calloc(1, sizeof(*row));

	if (!row)
		return CTR_RESOURCE_EXHAUSTED;
	*rows->last = row;
	rows->last = &row->next;
	rows->n++;
	containerd__services__introspection__v1__plugin__init(&row->message);
	row->message.type = lent(info->kind);
	row->message.id = lent(info->id);
	row->message.requires = lent_strv(info->needs, &row->message.n_requires);
	row->message.capabilities = lent_strv(info->capabilities, &row->message.n_capabilities);
	if (fill_status(row, info) < 0 || fill_platforms(row, info->platforms) < 0 ||
	    fill_exports(row, info->exports) < 0)
		return CTR_RESOURCE_EXHAUSTED;
	return CTR_OK;
}

static ctr_code reply_rows(struct introspection *in, struct ctr_rpc_call *rc, struct rows *rows,
			   struct ctr_error *err)
{
	Containerd__Services__Introspection__V1__PluginsResponse reply =
		CONTAINERD__SERVICES__INTROSPECTION__V1__PLUGINS_RESPONSE__INIT;
	plugin_message **list = calloc(rows->n + 1, sizeof(plugin_message *));
	size_t i = 0;
	ctr_code code;

	if (!list)
		return in->api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	for (struct row *row = rows->first; row; row = row->next)
		list[i++] = &row->message;
	reply.plugins = list;
	reply.n_plugins = rows->n;
	code = api_reply(in->api, rc, &reply.base, err);
	free(list);
	return code;
}

static ctr_code plugins_list(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			     struct ctr_error *err)
{
	struct introspection *in = self;
	Containerd__Services__Introspection__V1__PluginsRequest *req;
	struct rows rows = { .n = 0 };
	ProtobufCMessage *message;
	ctr_code code;

	code = api_unpack(in->api,
			  &containerd__services__introspection__v1__plugins_request__descriptor,
			  data, n, &message, err);
	if (code != CTR_OK)
		return code;
	req = (void *)message;
	rows.last = &rows.first;
	code = in->ops->plugins(in->api->host, (const char *const *)req->filters, req->n_filters,
				add_row, &rows, err);
	if (code == CTR_OK)
		code = reply_rows(in, rc, &rows, err);
	rows_done(&rows);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

#define WARNINGS_MAX 16

struct warnings {
	warning_message items[WARNINGS_MAX], *ptrs[WARNINGS_MAX];
	Google__Protobuf__Timestamp times[WARNINGS_MAX];
	size_t n;
};

static ctr_code add_warning(void *ud, const struct ctr_deprecation *dep)
{
	struct warnings *w = ud;
	warning_message *m = &w->items[w->n];
	Google__Protobuf__Timestamp *at = &w->times[w->n];

	if (w->n == WARNINGS_MAX)
		return CTR_OK;
	containerd__services__introspection__v1__deprecation_warning__init(m);
	google__protobuf__timestamp__init(at);
	m->id = lent(dep->id);
	m->message = lent(dep->message);
	at->seconds = dep->last_ns / NS_PER_SEC;
	at->nanos = (int32_t)(dep->last_ns % NS_PER_SEC);
	m->last_occurrence = at;
	w->ptrs[w->n++] = m;
	return CTR_OK;
}

static ctr_code server_get(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			   struct ctr_error *err)
{
	struct introspection *in = self;
	struct ctr_server_info info = { .size = sizeof(info) };
	Containerd__Services__Introspection__V1__ServerResponse reply =
		CONTAINERD__SERVICES__INTROSPECTION__V1__SERVER_RESPONSE__INIT;
	struct warnings warnings = { .n = 0 };
	ctr_code code;

	(void)data;
	(void)n;
	code = in->ops->server(in->api->host, &info, err);
	if (code == CTR_OK)
		code = in->ops->deprecations(in->api->host, add_warning, &warnings, err);
	if (code != CTR_OK)
		return code;

	reply.uuid = lent(info.uuid);
	reply.pid = info.pid;
	reply.pidns = info.pidns;
	reply.deprecations = warnings.ptrs;
	reply.n_deprecations = warnings.n;
	return api_reply(in->api, rc, &reply.base, err);
}

/* The one plugin of a type and id; all rows are in rows. */
static ctr_code find_one(struct introspection *in, const char *type, const char *id,
			 struct rows *rows, plugin_message **ret, struct ctr_error *err)
{
	ctr_code code = in->ops->plugins(in->api->host, NULL, 0, add_row, rows, err);

	if (code != CTR_OK)
		return code;
	for (struct row *row = rows->first; row; row = row->next) {
		if (str_eq(row->message.type, type) && str_eq(row->message.id, id)) {
			*ret = &row->message;
			return CTR_OK;
		}
	}
	return in->api->host->fail(err, CTR_NOT_FOUND, "plugin %s.%s", type, id);
}

static ctr_code plugin_info(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			    struct ctr_error *err)
{
	struct introspection *in = self;
	Containerd__Services__Introspection__V1__PluginInfoRequest *req;
	Containerd__Services__Introspection__V1__PluginInfoResponse reply =
		CONTAINERD__SERVICES__INTROSPECTION__V1__PLUGIN_INFO_RESPONSE__INIT;
	struct rows rows = { .n = 0 };
	ProtobufCMessage *message;
	ctr_code code;

	code = api_unpack(in->api,
			  &containerd__services__introspection__v1__plugin_info_request__descriptor,
			  data, n, &message, err);
	if (code != CTR_OK)
		return code;
	req = (void *)message;
	rows.last = &rows.first;
	code = find_one(in, req->type, req->id, &rows, &reply.plugin, err);
	if (code == CTR_OK && req->options)
		code = in->api->host->fail(err, CTR_UNIMPLEMENTED, "plugin %s.%s takes no options",
					   req->type, req->id);
	if (code == CTR_OK)
		code = api_reply(in->api, rc, &reply.base, err);
	rows_done(&rows);
	protobuf_c_message_free_unpacked(message, NULL);
	return code;
}

#define FLAGS (CTR_RPC_INLINE | CTR_RPC_NO_NAMESPACE)

static const struct ctr_rpc_method methods[] = {
	{ .name = "Plugins", .flags = FLAGS, .message = plugins_list },
	{ .name = "Server", .flags = FLAGS, .message = server_get },
	{ .name = "PluginInfo", .flags = FLAGS, .message = plugin_info },
};

static const struct ctr_rpc_service service = {
	.size = sizeof(service),
	.n_methods = sizeof(methods) / sizeof(methods[0]),
	.name = "containerd.services.introspection.v1.Introspection",
	.methods = methods,
};

ctr_code api_introspection_init(struct api *api, struct ctr_error *err)
{
	const struct ctr_introspection_ops *ops;
	struct introspection *in;
	uint32_t size;

	ops = api->host->service(api->host, CTR_SERVICE_INTROSPECTION, &size);
	if (!ops)
		return CTR_OK;

	in = malloc(sizeof(*in));
	if (!in)
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*in = (struct introspection){ .api = api, .ops = ops };
	return api_add(api, &service, in, err);
}
