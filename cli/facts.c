/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's defaults: a label of the namespace, and exports of plugins: "default-snapshotter" of
 * any, and "log-uri-schemes" of the runtime.
 */
#include "cli/facts.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "cli/pbutil.h"

#define NS_LABEL "containerd.io/defaults/snapshotter"

void facts_done(struct facts *f)
{
	rpc_cancel(f->plugins);
	rpc_cancel(f->ns);
	free(f->snapshotter);
	*f = (struct facts){ 0 };
}

static ctr_code ask_plugins(struct rpc *rpc, struct facts *f, struct ctr_error *err)
{
	char runtime[] = "type==io.containerd.runtime.v2,id==task";
	char snapshots[] = "type==io.containerd.service.v1,id==snapshots-service";
	char *filters[] = { runtime, snapshots };
	INTROSPECTION(PluginsRequest) req = INTROSPECTION_INIT(PLUGINS_REQUEST);

	req.filters = filters;
	req.n_filters = ARRAY_SIZE(filters);
	return rpc_start(rpc, INTROSPECTION_SERVICE, "Plugins", &req, &f->plugins, err);
}

static ctr_code ask_ns(struct cli *c, struct rpc *rpc, struct facts *f, struct ctr_error *err)
{
	NAMESPACES(GetNamespaceRequest) req = NAMESPACES_INIT(GET_NAMESPACE_REQUEST);

	req.name = pb_str(c->ns);
	return rpc_start(rpc, NAMESPACES_SERVICE, "Get", &req, &f->ns, err);
}

ctr_code facts_ask(struct cli *c, const char *snapshotter, int logs, struct facts *f,
		   struct ctr_error *err)
{
	struct rpc *rpc;
	ctr_code code = cli_rpc(c, &rpc, err);

	if (!snapshotter)
		snapshotter = cli_env(c, "CONTAINERD_SNAPSHOTTER");
	if (snapshotter) {
		f->snapshotter = str_dup(snapshotter);
		if (!f->snapshotter)
			return ctr_fail_errno(err, ENOMEM, "snapshotter");
	}
	if (code == CTR_OK && (!snapshotter || logs))
		code = ask_plugins(rpc, f, err);
	if (code == CTR_OK && !snapshotter)
		code = ask_ns(c, rpc, f, err);
	return code;
}

static int has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p; p += *p == ',') {
		size_t len = strcspn(p, ",");

		if (len == n && strncmp(p, word, n) == 0)
			return 1;
		p += len;
	}
	return 0;
}

static ctr_code take_plugins(struct facts *f, struct ctr_error *err)
{
	AUTO_PB INTROSPECTION(PluginsResponse) *resp = NULL;
	ctr_code code = rpc_finish(take_ptr(&f->plugins), &resp, err);

	for (size_t i = 0; code == CTR_OK && i < resp->n_plugins; i++) {
		const INTROSPECTION(Plugin) *p = resp->plugins[i];
		const char *schemes = pb_map_get(p->exports, p->n_exports, "log-uri-schemes");
		const char *snapshotter =
			pb_map_get(p->exports, p->n_exports, "default-snapshotter");

		f->ctrlog |= schemes && has_word(schemes, "ctrlog");
		if (snapshotter && !f->snapshotter)
			f->snapshotter = str_dup(snapshotter);
	}
	return code;
}

/* A namespace need not exist before its first object: NOT_FOUND is no failure. */
static ctr_code take_ns(struct facts *f, struct ctr_error *err)
{
	AUTO_PB NAMESPACES(GetNamespaceResponse) *resp = NULL;
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = rpc_finish(take_ptr(&f->ns), &resp, &why);
	const char *label = NULL;

	if (code == CTR_NOT_FOUND)
		return CTR_OK;
	if (code != CTR_OK)
		return ctr_move_error(err, &why);
	if (resp->namespace_)
		label = pb_map_get(resp->namespace_->labels, resp->namespace_->n_labels, NS_LABEL);
	if (label && label[0]) {
		free(f->snapshotter);
		f->snapshotter = str_dup(label);
	}
	return CTR_OK;
}

ctr_code facts_take(struct facts *f, struct ctr_error *err)
{
	ctr_code code = CTR_OK;

	if (f->plugins)
		code = take_plugins(f, err);
	if (code == CTR_OK && f->ns)
		code = take_ns(f, err);
	if (code == CTR_OK && !f->snapshotter) {
		f->snapshotter = str_dup(FALLBACK_SNAPSHOTTER);
		if (!f->snapshotter)
			code = ctr_fail_errno(err, ENOMEM, "snapshotter");
	}
	return code;
}
