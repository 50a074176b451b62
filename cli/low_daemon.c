/* SPDX-License-Identifier: Apache-2.0
 *
 * The groups "lease", "namespace" and "plugin".
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/str.h"
#include "cli/pbjson.h"
#include "cli/pbutil.h"
#include "cli/verbs.h"
#include "oci/json.h"

#define PAIRS_MAX 64

static json_t *labels_json(void *entries, size_t n)
{
	ProtobufCMessage **list = entries;
	json_t *o = json_object();

	for (size_t i = 0; i < n; i++) {
		AUTO_JSON e = pb_to_json(list[i]);
		const char *value = json_string_value(json_object_get(e, "value"));

		(void)json_put_str(o, str_or(json_string_value(json_object_get(e, "key")), ""),
				   value ? value : "");
	}
	return o;
}

/* "key=value" words; the vector owns the keys. */
static ctr_code label_words(char *const *words, struct pair *pairs, size_t *ret_n, char ***keys,
			    struct ctr_error *err)
{
	size_t n = 0;

	for (; words[n]; n++) {
		const char *equals = strchr(words[n], '=');
		AUTO_FREE char *key =
			equals ? str_ndup(words[n], (size_t)(equals - words[n])) : NULL;

		if (n >= PAIRS_MAX || !key || !key[0] || !label_valid(key, equals + 1))
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"label '%s' is not of the form key=value", words[n]);
		if (strv_push(keys, key) < 0)
			return ctr_fail_errno(err, ENOMEM, "labels");
		pairs[n] = (struct pair){ (*keys)[n], equals + 1 };
	}
	*ret_n = n;
	return CTR_OK;
}

ctr_code verb_lease_ls(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = { { "ID", "ID" },
						 { "CreatedAt", "CREATED AT" },
						 { "Labels", "LABELS" } };
	LEASES(ListRequest) req = LEASES_INIT(LIST_REQUEST);
	AUTO_PB LEASES(ListResponse) *resp = NULL;
	AUTO_JSON rows = json_array();
	ctr_code code = cli_call(c, LEASES_SERVICE, "List", &req, &resp, err);

	for (size_t i = 0; code == CTR_OK && i < resp->n_leases; i++) {
		const LEASES(Lease) *l = resp->leases[i];
		char when[RFC3339_ROOM];
		json_t *o = json_object();
		int bad = json_put_str(o, "ID", l->id);

		timestamp_text(l->created_at, when, sizeof(when));
		bad |= json_put_str(o, "CreatedAt", when);
		bad |= json_put(o, "Labels", labels_json(l->labels, l->n_labels));
		if (json_array_append_new(rows, o) != 0 || bad)
			code = ctr_fail_errno(err, ENOMEM, "list");
	}
	return code == CTR_OK ? out_rows(&c->args, columns, ARRAY_SIZE(columns), "ID", rows, err)
			      : code;
}

ctr_code verb_lease_create(struct cli *c, struct ctr_error *err)
{
	LEASES(CreateRequest) req = LEASES_INIT(CREATE_REQUEST);
	AUTO_PB LEASES(CreateResponse) *resp = NULL;
	AUTO_BUF out = BUF_INIT(4096);
	AUTO_STRV keys = NULL;
	AUTO_FREE char *until = NULL;
	struct pair pairs[PAIRS_MAX + 1];
	const char *expires = arg_text(&c->args, "expires");
	int64_t ns;
	size_t n = 0;
	ctr_code code = label_words(arg_list(&c->args, "label"), pairs, &n, &keys, err);

	if (code == CTR_OK && expires) {
		char when[RFC3339_ROOM];

		if (parse_duration(expires, &ns) < 0 || ns <= 0)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"--expires '%s' is not a duration such as 24h", expires);
		clock_rfc3339(clock_wall_ns() + ns, when);
		until = str_dup(when);
		pairs[n++] = (struct pair){ "containerd.io/gc.expire", until ? until : "" };
	}
	if (code != CTR_OK)
		return code;
	req.id = pb_str(str_or(arg_text(&c->args, "id"), ""));
	req.labels = pb_map_new(
		&containerd__services__leases__v1__create_request__labels_entry__descriptor, pairs,
		n);
	req.n_labels = req.labels ? n : 0;
	code = cli_call(c, LEASES_SERVICE, "Create", &req, &resp, err);
	pb_map_free(req.labels, req.n_labels);
	if (code != CTR_OK)
		return code;
	buf_printf(&out, "%s\n", resp->lease ? resp->lease->id : req.id);
	return out_flush(&out, err);
}

static ctr_code lease_rm_one(struct cli *c, const char *id, struct ctr_error *err)
{
	LEASES(DeleteRequest) req = LEASES_INIT(DELETE_REQUEST);

	req.id = pb_str(id);
	req.sync = arg_on(&c->args, "sync");
	return cli_call(c, LEASES_SERVICE, "Delete", &req, NULL, err);
}

ctr_code verb_lease_rm(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, lease_rm_one, err);
}

ctr_code verb_namespace_ls(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = { { "Name", "NAME" }, { "Labels", "LABELS" } };
	NAMESPACES(ListNamespacesRequest) req = NAMESPACES_INIT(LIST_NAMESPACES_REQUEST);
	AUTO_PB NAMESPACES(ListNamespacesResponse) *resp = NULL;
	AUTO_JSON rows = json_array();
	ctr_code code = cli_call(c, NAMESPACES_SERVICE, "List", &req, &resp, err);

	for (size_t i = 0; code == CTR_OK && i < resp->n_namespaces; i++) {
		json_t *o = json_object();
		int bad = json_put_str(o, "Name", resp->namespaces[i]->name);

		bad |= json_put(
			o, "Labels",
			labels_json(resp->namespaces[i]->labels, resp->namespaces[i]->n_labels));
		if (json_array_append_new(rows, o) != 0 || bad)
			code = ctr_fail_errno(err, ENOMEM, "list");
	}
	return code == CTR_OK ? out_rows(&c->args, columns, ARRAY_SIZE(columns), "Name", rows, err)
			      : code;
}

/* A message of the name and the labels that follow it on the command line. */
static ctr_code namespace_message(struct cli *c, NAMESPACES(Namespace) *ret, char ***keys,
				  struct ctr_error *err)
{
	struct pair pairs[PAIRS_MAX];
	size_t n = 0;
	ctr_code code = label_words(c->args.rest + 1, pairs, &n, keys, err);

	if (code != CTR_OK)
		return code;
	ret->name = c->args.rest[0];
	ret->labels = pb_map_new(
		&containerd__services__namespaces__v1__namespace__labels_entry__descriptor, pairs,
		n);
	ret->n_labels = ret->labels ? n : 0;
	return ret->labels ? CTR_OK : ctr_fail_errno(err, ENOMEM, "labels");
}

ctr_code verb_namespace_create(struct cli *c, struct ctr_error *err)
{
	NAMESPACES(CreateNamespaceRequest) req = NAMESPACES_INIT(CREATE_NAMESPACE_REQUEST);
	NAMESPACES(Namespace) ns = NAMESPACES_INIT(NAMESPACE);
	AUTO_STRV keys = NULL;
	ctr_code code;

	c->subject = c->args.rest[0];
	code = namespace_message(c, &ns, &keys, err);
	req.namespace_ = &ns;
	if (code == CTR_OK)
		code = cli_call(c, NAMESPACES_SERVICE, "Create", &req, NULL, err);
	pb_map_free(ns.labels, ns.n_labels);
	return code;
}

ctr_code verb_namespace_label(struct cli *c, struct ctr_error *err)
{
	NAMESPACES(UpdateNamespaceRequest) req = NAMESPACES_INIT(UPDATE_NAMESPACE_REQUEST);
	NAMESPACES(Namespace) ns = NAMESPACES_INIT(NAMESPACE);
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	AUTO_STRV keys = NULL;
	AUTO_STRV paths = NULL;
	ctr_code code;

	c->subject = c->args.rest[0];
	code = namespace_message(c, &ns, &keys, err);
	for (size_t i = 0; code == CTR_OK && keys && keys[i]; i++) {
		AUTO_FREE char *path = str_printf("labels.%s", keys[i]);

		if (!path || strv_push(&paths, path) < 0)
			code = ctr_fail_errno(err, ENOMEM, "labels");
	}
	mask.paths = paths;
	mask.n_paths = strv_len(paths);
	req.namespace_ = &ns;
	req.update_mask = &mask;
	if (code == CTR_OK)
		code = cli_call(c, NAMESPACES_SERVICE, "Update", &req, NULL, err);
	pb_map_free(ns.labels, ns.n_labels);
	return code;
}

static ctr_code namespace_rm_one(struct cli *c, const char *name, struct ctr_error *err)
{
	NAMESPACES(DeleteNamespaceRequest) req = NAMESPACES_INIT(DELETE_NAMESPACE_REQUEST);

	req.name = pb_str(name);
	return cli_call(c, NAMESPACES_SERVICE, "Delete", &req, NULL, err);
}

ctr_code verb_namespace_rm(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, namespace_rm_one, err);
}

static json_t *plugin_row(const INTROSPECTION(Plugin) *p)
{
	AUTO_BUF platforms = BUF_INIT(4096);
	json_t *o = json_object();
	const char *why = p->init_err ? p->init_err->message : "";
	/* a plugin that left itself out says so in its error */
	int skipped = p->init_err && strstr(why, "skip");
	int bad = json_put_str(o, "Type", p->type);

	for (size_t i = 0; i < p->n_platforms; i++)
		buf_printf(&platforms, "%s%s/%s", i ? "," : "", p->platforms[i]->os,
			   p->platforms[i]->architecture);
	bad |= json_put_str(o, "ID", p->id);
	bad |= json_put_str(o, "Platforms", platforms.len ? platforms.data : "-");
	bad |= json_put_str(o, "Status", !p->init_err ? "ok" : skipped ? "skip" : "error");
	bad |= json_put_str(o, "Error", why);
	bad |= json_put(o, "Exports", labels_json(p->exports, p->n_exports));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static ctr_code plugins(struct cli *c, char **filters, size_t n,
			INTROSPECTION(PluginsResponse) **ret, struct ctr_error *err)
{
	INTROSPECTION(PluginsRequest) req = INTROSPECTION_INIT(PLUGINS_REQUEST);

	req.filters = filters;
	req.n_filters = n;
	return cli_call(c, INTROSPECTION_SERVICE, "Plugins", &req, ret, err);
}

ctr_code verb_plugin_ls(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = {
		{ "Type", "TYPE" },
		{ "ID", "ID" },
		{ "Platforms", "PLATFORMS" },
		{ "Status", "STATUS" },
	};
	AUTO_PB INTROSPECTION(PluginsResponse) *resp = NULL;
	AUTO_JSON rows = json_array();
	ctr_code code = plugins(c, c->args.rest, c->args.n_rest, &resp, err);

	for (size_t i = 0; code == CTR_OK && i < resp->n_plugins; i++) {
		if (json_array_append_new(rows, plugin_row(resp->plugins[i])) != 0)
			code = ctr_fail_errno(err, ENOMEM, "list");
	}
	return code == CTR_OK ? out_rows(&c->args, columns, ARRAY_SIZE(columns), "ID", rows, err)
			      : code;
}

ctr_code verb_plugin_info(struct cli *c, struct ctr_error *err)
{
	AUTO_PB INTROSPECTION(PluginsResponse) *resp = NULL;
	AUTO_FREE char *filter =
		str_printf("type==\"%s\",id==\"%s\"", c->args.rest[0], c->args.rest[1]);
	AUTO_JSON o = NULL;
	char *filters[] = { filter };
	ctr_code code;

	c->subject = c->args.rest[1];
	if (!filter)
		return ctr_fail_errno(err, ENOMEM, "plugin");
	code = plugins(c, filters, 1, &resp, err);
	if (code == CTR_OK && resp->n_plugins == 0)
		code = ctr_fail(err, CTR_NOT_FOUND, "there is no such plugin");
	if (code != CTR_OK)
		return code;
	o = pb_to_json(&resp->plugins[0]->base);
	return out_json(o, err);
}
